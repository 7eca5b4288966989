"""result.json read back into the words of `core`."""

from __future__ import annotations

import json
from typing import Any

from spondyl.core import BundleNote, Finding, ImageNote, Measurement, Notice, StudyResult
from spondyl.core.result import SCHEMA


def parse_result(text: str) -> StudyResult:
    """The result whose `to_json` is this text.

    Raises:
        ValueError: If the text is not a `spondyl.result/1`.
    """
    body = json.loads(text)
    if body.get("schema") != SCHEMA:
        raise ValueError(f"the schema is {body.get('schema')!r}, this build reads {SCHEMA!r}")
    body = {key: value for key, value in body.items() if key not in ("schema", "disclaimer")}
    return StudyResult(**{
        **body,
        "bundle": BundleNote(**body["bundle"]) if body["bundle"] else None,
        "images": tuple(ImageNote(**{**note, "spacing_mm": _tuple(note["spacing_mm"])}) for note in body["images"]),
        "findings": tuple(_finding(row) for row in body["findings"]),
        "measurements": tuple(Measurement(**{**row, "points": _points(row["points"])}) for row in body["measurements"]),
        "curves": tuple(body["curves"]),
        "warnings": tuple(Notice(**{**row, "images": tuple(row.get("images", ()))}) for row in body["warnings"]),
    })


def _finding(row: dict[str, Any]) -> Finding:
    return Finding(**{**row, "set": tuple(row["set"]), "box": _tuple(row["box"]), "points": _points(row["points"])})


def _tuple(value: list[Any] | None) -> tuple[Any, ...] | None:
    return None if value is None else tuple(value)


def _points(value: list[list[float]] | None) -> tuple[tuple[float, float], ...] | None:
    return None if value is None else tuple((x, y) for x, y in value)
