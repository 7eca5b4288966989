"""A result of xray-alignment as its task writes it: a column of vertebrae, one of them not seen, two curves and the data set's angles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.make_result import picture
from spondyl.core import BundleNote, Finding, Image, ImageNote, Measurement, Series, Study, StudyResult
from spondyl.metrics.spine_curves import Curve, aasce_angles, cobb_angles

NOTE = BundleNote("xray-alignment", "1.0.0", "0" * 64, "real", "AASCE 2019 (training films)", "CC BY-NC 4.0")
NAMES = (*(f"T{number}" for number in range(1, 13)), *(f"L{number}" for number in range(1, 6)))
UNSEEN = 2
"""Place of T3, from the top."""


def corners_of(rows: int, columns: int, count: int = len(NAMES)) -> NDArray[np.float64]:
    """(count, 4, 2): a column that bends to the right above and to the left below."""
    t = (np.arange(count) + 0.5) / count
    x = columns / 2 + columns * 0.09 * np.sin(2 * np.pi * t)
    tilt = -np.arctan(columns * 0.09 * 2 * np.pi * np.cos(2 * np.pi * t) / (rows * 0.9))
    high, wide = rows * 0.9 / count * 0.75 / 2, columns * (0.06 + 0.03 * t)
    box = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]]) * np.stack([wide, np.full(count, high)], axis=-1)[:, None]
    turn = np.stack([np.stack([np.cos(tilt), -np.sin(tilt)], axis=-1), np.stack([np.sin(tilt), np.cos(tilt)], axis=-1)], axis=-2)
    return np.einsum("nij,nkj->nki", turn, box) + np.stack([x, rows * (0.05 + 0.9 * t)], axis=-1)[:, None]


def alignment_result(
    shape: tuple[int, int] = (1280, 450), *, named: bool = True, side: str | None = None, image: Image | None = None,
    corners: NDArray[np.float64] | None = None, unseen: int | None = UNSEEN,
) -> tuple[Study, StudyResult]:
    """A study of one film, and what was said of it; without names the vertebrae have numbers and alternatives."""
    image = image or picture(*shape, name="film")
    corners = corners_of(*image.shape) if corners is None else corners
    seen = [place for place in range(len(corners)) if place != unseen]
    study = Study("k" * 20, (Series("s", "DX", (image,)),))
    chances = {"absent": 0.02, "present": 0.98}
    findings = [Finding("scoliosis", "present", chances, set=("present",), image=image.id)]
    findings += [_vertebra(place, corners[place] if place in seen else None, image, named) for place in range(len(corners))]
    note = ImageNote(image.id, *image.shape, None, "ap", "unknown")
    measured = [item for place in seen for item in _measured(place, image, named)]
    measured += [Measurement("t1_l5_offset", 0.31, "ratio", "middle of T1 beside that of L5", error=0.05, image=image.id,
                             points=(_middle(corners[0]), _middle(corners[-1])))] if named else []
    result = StudyResult(
        "xray-alignment", "done", {"key": study.key, "modality": "DX"}, NOTE, {"spondyl": "0"}, images=(note,), findings=tuple(findings),
        measurements=tuple(measured), curves=tuple(curves_of(corners, seen, image, named, side)))
    return study, result


def curves_of(corners: NDArray[np.float64], seen: Sequence[int], image: Image, named: bool, side: str | None) -> list[dict[str, Any]]:
    """As the task lists them: Cobb's, then three of the data set's convention."""
    kept = corners[list(seen)]
    curves = [_cobb(number, curve, kept, seen, image, named, side) for number, curve in enumerate(cobb_angles(kept), 1)]
    return curves + [{"name": f"mid_line_{number}", "convention": "AASCE, mid-lines", "angle_deg": angle,
                      "error_deg": 3.0 if number == 1 else None, "image": image.id}
                     for number, angle in enumerate(aasce_angles(kept, image.shape[0]), 1)]


def _cobb(number: int, curve: Curve, kept: NDArray[np.float64], seen: Sequence[int], image: Image, named: bool, side: str | None
          ) -> dict[str, Any]:
    row: dict[str, Any] = {"name": f"cobb_{number}", "convention": "Cobb, end plates", "angle_deg": curve.angle_deg, "error_deg": 4.0}
    for role, place in (("upper", curve.upper), ("lower", curve.lower), ("apex", curve.apex)):
        row[role], row[f"{role}_from_bottom"] = NAMES[seen[place]] if named else None, len(NAMES) - seen[place]
    return {**row, "bulges_to": f"{'right' if curve.bulge > 0 else 'left'} of the picture", "side": side, "image": image.id,
            "points": [*kept[curve.upper][:2].tolist(), *kept[curve.lower][2:].tolist()]}


def _place(place: int, image: Image, named: bool) -> dict[str, Any]:
    return {"level": NAMES[place] if named else None, "level_from_bottom": len(NAMES) - place, "image": image.id}


def _vertebra(place: int, points: NDArray[np.float64] | None, image: Image, named: bool) -> Finding:
    others = {NAMES[near]: chance for near, chance in ((place, 0.6), (place - 1, 0.4)) if near >= 0}
    where = {**_place(place, image, named), "level_confidence": 0.95 if named else 0.6, "level_alternatives": {} if named else others}
    if points is None:
        return Finding("vertebra", None, None, refer=True, **where)
    return Finding("vertebra", "present", {"absent": 0.03, "present": 0.97}, points=tuple((float(x), float(y)) for x, y in points), **where)


def _measured(place: int, image: Image, named: bool) -> tuple[Measurement, ...]:
    where = _place(place, image, named)
    return (Measurement("vertebra_tilt", 12.34 - place, "deg", "of the mid-line", error=1.5, **where),
            Measurement("height_ratio", 0.974, "ratio", "left edge over right edge", error=0.031, **where),
            Measurement("lateral_shift", 0.0513 * place, "ratio", "from the line between the ends", error=0.02, **where))


def _middle(points: NDArray[np.float64]) -> tuple[float, float]:
    x, y = points.mean(axis=0)
    return float(x), float(y)
