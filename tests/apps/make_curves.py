"""Results of xray-alignment with curves, as the task writes them, for the tests that follow them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spondyl.core import BundleNote, ImageNote, Notice, StudyResult
from spondyl.core.level import VERTEBRAE_UP
from spondyl.metrics.curve_change import BULGES
from spondyl.reports.curve_series import COBB, RESEARCH_ONLY, TASK

LEFT, RIGHT = BULGES
NOTE = BundleNote(TASK, "1.0.0", "a" * 64, "real", "AASCE 2019", "research use only")


def curve(
    angle_deg: float = 32.1, error_deg: float = 4.0, upper: str | None = "T5", lower: str | None = "T12", **more: Any,
) -> dict[str, Any]:
    """A Cobb curve as result.json holds it."""
    ends = (("upper", upper), ("lower", lower))
    places = {name + "_from_bottom": VERTEBRAE_UP.index(at) if at in VERTEBRAE_UP else 9 for name, at in ends}
    return {"name": "cobb_1", "convention": COBB, "angle_deg": angle_deg, "error_deg": error_deg, "upper": upper, "lower": lower, **places,
            "apex": "T8", "apex_from_bottom": 10, "bulges_to": RIGHT, "side": None, "image": "i", "points": [[0, 0]] * 4, **more}


AASCE = {"name": "aasce_1", "convention": "AASCE, mid-lines", "angle_deg": 80.0, "error_deg": 1.0}


def result(key: str, *curves: dict[str, Any], note: BundleNote | None = NOTE, codes: Sequence[str] = (RESEARCH_ONLY,)) -> StudyResult:
    """A film with these curves, and an AASCE angle that is none of them."""
    image = ImageNote(key * 32, 8, 6, None, "ap", "unknown")
    return StudyResult(TASK, "done", {"key": key * 20, "modality": "DX"}, note, {"spondyl": "0"}, images=(image,), curves=(*curves, AASCE),
                       warnings=tuple(Notice(code, "said") for code in codes))


def refused() -> StudyResult:
    """A result that is none."""
    refusal = {"code": "not-frontal", "message": "a lateral film", "hint": "Give a frontal one"}
    return StudyResult(TASK, "refused", {"key": "b" * 20, "modality": "DX"}, None, {}, refusal=refusal)
