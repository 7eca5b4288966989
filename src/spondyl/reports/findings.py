"""The result as a table for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from io import StringIO
from typing import Any

from spondyl.core import StudyResult
from spondyl.core.result import DISCLAIMER

COLUMNS = (
    "kind", "name", "level", "level_from_bottom", "level_confidence", "side", "value", "unit", "error", "probability", "set", "refer",
    "probabilities", "image", "x0", "y0", "x1", "y1", "evidence", "bundle", "disclaimer",
)
"""Columns of a result's findings.csv, in order."""
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
    """One line a finding, as words, for the table of many studies. `probability` is that of the value; `box` is "x0 y0 x1 y1"."""
    body = result.as_dict()
    common = {"study_key": body["study"]["key"], "task": body["task"], "evidence": (body["bundle"] or {}).get("evidence", ""),
              "disclaimer": DISCLAIMER}
    return [{name: _cell(value) for name, value in {**_batch_row(item), **common}.items()} for item in body["findings"]]


def _batch_row(item: Mapping[str, Any]) -> dict[str, Any]:
    row = _finding(item)
    kept = {name: row[name] for name in ("level", "side", "value", "probability", "set", "refer", "image")}
    return {"finding": item["finding"], **kept, "box": " ".join(map(str, item["box"] or ()))}


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _rows(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [_finding(item) for item in body["findings"]]
    rows += [_measurement(item) for item in body["measurements"]]
    rows += [{"kind": "curve", "name": item.get("name", ""), "value": item.get("angle_deg")} for item in body["curves"]]
    rows += [{"kind": "warning", "name": item["code"], "value": item["message"]} for item in body["warnings"]]
    if body["refusal"]:
        rows.append({"kind": body["status"], "name": body["refusal"]["code"], "value": body["refusal"]["message"]})
    return rows


def _finding(item: Mapping[str, Any]) -> dict[str, Any]:
    probabilities = item["probabilities"] or {}
    return {
        "kind": "finding",
        "name": item["finding"],
        **{name: item[name] for name in ("level", "level_from_bottom", "level_confidence", "side", "value", "image")},
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
