"""The result as a table for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from spondyl.core import StudyResult
from spondyl.core.result import DISCLAIMER
from spondyl.reports.curves import NOT_SEEN, curve_span, curve_words
from spondyl.reports.rows import PLACES

COLUMNS = (
    "kind", "name", "level", "level_from_bottom", "level_confidence", "side", "value", "unit", "error", "probability", "set", "refer",
    "probabilities", "image", "x0", "y0", "x1", "y1", "words", "evidence", "bundle", "disclaimer",
)
"""Columns of a result's findings.csv, in order. `words` is the sentence of a curve."""
BATCH_COLUMNS = (
    "study_key", "task", "finding", "level", "side", "value", "probability", "set", "refer", "image", "box", "evidence", "disclaimer",
)
"""Columns of the findings.csv of many studies, in order."""


def findings_csv(result: StudyResult) -> str:
    """One line a finding, measurement, curve, warning and refusal, with the numbers of result.json. Lines end with a line feed."""
    body = result.as_dict()
    bundle = body["bundle"] or {}
    common = {
        "evidence": bundle.get("evidence", ""),
        "bundle": f"{bundle['name']} {bundle['version']}" if bundle else "",
        "disclaimer": DISCLAIMER,
    }
    buffer = StringIO()
    table = csv.DictWriter(buffer, COLUMNS, restval="", lineterminator="\n")
    table.writeheader()
    for row in _rows(body):
        table.writerow({**{name: "" if value is None else value for name, value in row.items()}, **common})
    return buffer.getvalue()


def batch_rows(result: StudyResult) -> list[dict[str, str]]:
    """One line a finding and a curve, as words, for the table of many studies.

    `probability` is that of the value; `box` is "x0 y0 x1 y1"; a curve has its degrees as value and its end vertebrae as level.
    """
    body = result.as_dict()
    common = {"study_key": body["study"]["key"], "task": body["task"], "evidence": (body["bundle"] or {}).get("evidence", ""),
              "disclaimer": DISCLAIMER}
    items = [_batch_row(_finding(item), item["box"]) for item in body["findings"]]
    items += [_batch_row(_curve(item), None) for item in body["curves"]]
    return [{name: _cell(value) for name, value in {**item, **common}.items()} for item in items]


def _batch_row(row: Mapping[str, Any], box: Sequence[float] | None) -> dict[str, Any]:
    kept = {name: row.get(name) for name in ("level", "side", "value", "probability", "set", "refer", "image")}
    return {"finding": row["name"], **kept, "box": " ".join(map(str, box or ()))}


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _rows(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [_finding(item) for item in body["findings"]]
    rows += [_measurement(item) for item in body["measurements"]]
    rows += [_curve(item) for item in body["curves"]]
    rows += [{"kind": "warning", "name": item["code"], "value": item["message"]} for item in body["warnings"]]
    if body["refusal"]:
        rows.append({"kind": body["status"], "name": body["refusal"]["code"], "value": body["refusal"]["message"]})
    return rows


def _finding(item: Mapping[str, Any]) -> dict[str, Any]:
    probabilities = item["probabilities"] or {}
    return {
        "kind": "finding",
        "name": item["finding"],
        **{name: item[name] for name in ("level", "level_from_bottom", "level_confidence", "side", "image")},
        "value": NOT_SEEN if item["value"] is None and item["finding"] in PLACES else item["value"],
        "probability": probabilities.get(str(item["value"])),
        "set": " ".join(str(value) for value in item["set"]),
        "refer": "yes" if item["refer"] else "no",
        "probabilities": " ".join(f"{key}={value}" for key, value in probabilities.items()),
        **dict(zip(("x0", "y0", "x1", "y1"), item["box"] or (), strict=False)),
    }


def _measurement(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": "measurement",
        **{name: item[name] for name in ("name", "level", "level_from_bottom", "value", "unit", "error", "image")},
    }


def _curve(item: Mapping[str, Any]) -> dict[str, Any]:
    """Its level is its end vertebrae, "T5-T12", where both have a name, and its place "13 to 6" from the bottom."""
    numbers = [item.get(f"{role}_from_bottom") for role in ("upper", "lower")]
    named = item.get("upper") and item.get("lower")
    return {
        "kind": "curve", "name": item.get("name", ""), "level": curve_span(item) if named else "",
        "level_from_bottom": "" if None in numbers else " to ".join(map(str, numbers)),
        "side": item.get("side"), "value": item.get("angle_deg"), "unit": "deg", "error": item.get("error_deg"), "image": item.get("image"),
        "words": curve_words(item).line,
    }
