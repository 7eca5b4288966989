"""What is said of a column: vertebrae, angles, scoliosis, offsets; each with how far it may be off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from spondyl.core import Finding, Image, Measurement
from spondyl.metrics.spine_curves import LEAST_CURVE_DEG, Curve
from spondyl.tasks.xray_alignment.angles import Angled
from spondyl.tasks.xray_alignment.frames import Points, widths
from spondyl.tasks.xray_alignment.naming import Naming, chances_of
from spondyl.tasks.xray_alignment.reading import Column
from spondyl.tasks.xray_alignment.shapes import shape_sds, shapes

SCOLIOSIS, VERTEBRA = "scoliosis", "vertebra"
Z90 = 1.6449
COBB, MID_LINES = "Cobb, end plates", "AASCE, mid-lines"
LEFT_OF, RIGHT_OF = "left of the picture", "right of the picture"
TILT = "of the mid-line, positive where the right of the picture is lower"
HEIGHTS = "left edge over right edge, as in the picture"
SHIFT = "middle from the line between the highest and the lowest that were seen, positive to the right of the picture"
LIKELY = 0.5
CALIBRATED = "PixelSpacing"
"""Source of a spacing that holds in the patient; at the detector the magnification is not known, and there are no millimetres."""


def vertebra_findings(column: Column, naming: Naming, image: Image, settings: Mapping[str, Any], doubtful: bool) -> list[Finding]:
    """One finding a place of the column, from the top down; a place where none was seen has no value."""
    sure = naming.confidence >= settings["naming"]["least"]
    at = {slot: k for k, slot in enumerate(column.slots)}
    chances = chances_of([one.score for one in column.seen], settings["seen"])
    rows = []
    for slot in range(column.slots[-1] + 1):
        named: dict[str, Any] = {
            "level": naming.name(slot) if sure else None, "level_from_bottom": column.slots[-1] - slot + 1,
            "level_confidence": naming.confidence, "level_alternatives": _alternatives(naming, slot, sure), "image": image.id}
        if slot not in at:
            rows.append(Finding(VERTEBRA, None, None, refer=True, **named))
            continue
        k = at[slot]
        p = float(chances[k])
        rows.append(Finding(VERTEBRA, "present", {"absent": 1 - p, "present": p}, refer=doubtful or p < LIKELY,
                            points=tuple((float(x), float(y)) for x, y in column.corners.points[k]), **named))
    return rows


def scoliosis_finding(angled: Angled, image: Image, doubtful: bool) -> Finding:
    """Whether the largest angle is 10 degrees or more: "absent" only where the upper end of its 90 % interval is below that, and nothing
    makes a person look: on part of a spine, or on one with gaps, no curve is ruled out."""
    angle, error = angled.widest
    p = NormalDist(angle, max(error, 1e-3) / Z90).cdf(LEAST_CURVE_DEG)
    kept = (*(["absent"] if angle - error < LEAST_CURVE_DEG else []), *(["present"] if angle + error >= LEAST_CURVE_DEG else []))
    value = "present" if angle >= LEAST_CURVE_DEG else "absent" if "present" not in kept and not doubtful else None
    return Finding(SCOLIOSIS, value, {"absent": p, "present": 1 - p}, set=kept, refer=doubtful or len(kept) > 1, image=image.id)


def curve_rows(angled: Angled, column: Column, naming: Naming, image: Image, sure: bool) -> list[dict[str, Any]]:
    """`curves` of result.json: Cobb's, then the three of the AASCE convention."""
    rows = [_cobb(number, curve, error, angled.plates, column, naming, image, sure)
            for number, (curve, error) in enumerate(zip(angled.curves, angled.errors_deg, strict=True), start=1)]
    for number, angle in enumerate(angled.mid_lines or (), start=1):
        rows.append({"name": f"mid_line_{number}", "convention": MID_LINES, "angle_deg": angle,
                     "error_deg": angled.mid_error_deg if number == 1 else None, "image": image.id})
    return rows


def _cobb(number: int, curve: Curve, error: float, plates: Points, column: Column, naming: Naming, image: Image, sure: bool
          ) -> dict[str, Any]:
    lowest = column.slots[-1]
    row: dict[str, Any] = {"name": f"cobb_{number}", "convention": COBB, "angle_deg": curve.angle_deg, "error_deg": error}
    for role, place in (("upper", curve.upper), ("lower", curve.lower), ("apex", curve.apex)):
        slot = column.slots[place]
        row[role], row[f"{role}_from_bottom"] = (naming.name(slot) if sure else None), lowest - slot + 1
    points = [*plates[curve.upper][:2], *plates[curve.lower][2:]]
    return {**row, "bulges_to": RIGHT_OF if curve.bulge > 0 else LEFT_OF, "side": side_of(curve.bulge, image), "image": image.id,
            "points": [[float(x), float(y)] for x, y in points]}


def side_of(bulge: int, image: Image) -> str | None:
    """The patient's side that a curve bulges to, where the file says which side of the picture is which."""
    if image.left_at is None:
        return None
    return "left" if (image.left_at == "right") == (bulge > 0) else "right"


def measurements_of(column: Column, naming: Naming, image: Image, factors: Mapping[str, float], sure: bool) -> list[Measurement]:
    """Tilt, heights and shift of each vertebra, and how far the highest lies beside the lowest.

    Args:
        factors: `measures` of a bundle: by name, half-widths of 90 % intervals in standard deviations.
    """
    scale, unit = unit_of(image, column.corners.points)
    values, sds = shapes(column.corners.points), shape_sds(column.corners)
    rows = []
    for k, slot in enumerate(column.slots):
        where: dict[str, Any] = {"level": naming.name(slot) if sure else None, "level_from_bottom": column.slots[-1] - slot + 1,
                                 "image": image.id}
        for name, (how, own, times) in {"vertebra_tilt": ("deg", TILT, 1.0), "height_ratio": ("ratio", HEIGHTS, 1.0),
                                        "lateral_shift": (unit, SHIFT, scale)}.items():
            error = float(factors[name] * sds[name][k]) * times
            rows.append(Measurement(name, float(values[name][k]) * times, how, own, error=error, **where))
    return [*rows, *_offset(column, naming, image, sure, factors["lateral_shift"])]


def _offset(column: Column, naming: Naming, image: Image, sure: bool, factor: float) -> list[Measurement]:
    """T1 beside L5, where both were seen under these names."""
    names = [naming.name(slot) for slot in column.slots]
    if not sure or "T1" not in names or "L5" not in names:
        return []
    ends = [names.index("T1"), names.index("L5")]
    scale, unit = unit_of(image, column.corners.points)
    middle = column.corners.points[ends].mean(axis=1)
    sd = float(np.sqrt(column.corners.spread[ends][..., 0, 0].sum() / 16))
    return [Measurement("t1_l5_offset", float(middle[0, 0] - middle[1, 0]) * scale, unit,
                        "middle of T1 beside that of L5, positive to the right of the picture", error=factor * sd * scale, image=image.id,
                        points=tuple((float(x), float(y)) for x, y in middle))]


def unit_of(image: Image, points: Points) -> tuple[float, str]:
    """What a pixel across is: millimetres where they hold in the patient, else a share of the median width of a vertebra."""
    if image.spacing_mm is not None and image.spacing_source == CALIBRATED:
        return image.spacing_mm[1], "mm"
    return 1 / max(float(np.median(widths(points))), 1e-6), "ratio"


def _alternatives(naming: Naming, slot: int, sure: bool) -> dict[str, float]:
    others = naming.others(slot)
    return others if sure else {naming.name(slot): naming.confidence, **others}


def missing_slots(slots: Sequence[int]) -> list[int]:
    """Places between those that were seen."""
    return [slot for slot in range(slots[-1] + 1) if slot not in slots] if slots else []
