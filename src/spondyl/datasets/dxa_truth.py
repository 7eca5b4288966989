"""What is true of the vertebrae on the pictures of a digital spine cohort in DXA folders. Real sets have no such table.

    digital_spine.csv    file, vertebra, from_bottom, eight corner coordinates (pixels of the picture: top-left, top-right, bottom-right,
                         bottom-left), bmd_g_cm2, area_cm2, genant, metal_share, metal_over, spur_mm, cobb_deg; one row a vertebra
    raw/<path>.dcm       the calibrated pair of a picture
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.datasets.tables import number, read_table
from spondyl.phantom.measured import SubjectTruth
from spondyl.phantom.rays import DxaScan

TABLE, RAW = "digital_spine.csv", "raw"
CORNERS = tuple(f"{axis}{k}" for k in range(4) for axis in "xy")
NUMBERS = ("bmd_g_cm2", "area_cm2", "genant", "metal_share", "metal_over", "spur_mm", "cobb_deg")
COLUMNS = ("file", "vertebra", "from_bottom", *CORNERS, *NUMBERS)
LARGE_SPUR_MM = 5.0
"""From which reach beyond the wall at its side a vertebra counts as changed by osteophytes [O]."""
METAL_SHARE = 0.02
HALF = 0.5
"""Projections count from the middle of the first pixel, boxes and points of a picture from its edge."""
SIDES = ("right", "left")


@dataclass(frozen=True, slots=True, eq=False)
class VertebraOnPicture:
    """One vertebra whose centre lies on the picture.

    Attributes:
        name, from_bottom: By the true count; 1 is the lowest above the sacrum.
        corners: (4, 2) pixels (x, y) of its body: top-left, top-right, bottom-right, bottom-left.
        bmd_g_cm2, area_cm2: True areal density of its region, where known.
        genant: 0 to 3.
        metal_share: Of the body's own voxels.
        metal_over: Share of its region's rays that meet metal anywhere; 0 outside the measured region.
        spur_mm: Longest osteophyte at its sides.
        cobb_deg: Of the subject's largest curve, 0 where straight.
    """

    name: str
    from_bottom: int
    corners: NDArray[np.float64]
    bmd_g_cm2: float | None
    area_cm2: float | None
    genant: int
    metal_share: float
    metal_over: float
    spur_mm: float
    cobb_deg: float

    @property
    def reasons(self) -> tuple[str, ...]:
        """What makes its density unreliable: "fracture", "implant", "osteophytes"; empty where nothing does."""
        seen = {"fracture": self.genant > 0, "implant": max(self.metal_share, self.metal_over) > METAL_SHARE,
                "osteophytes": self.spur_mm >= LARGE_SPUR_MM}
        return tuple(name for name, there in seen.items() if there)


def truth_rows(file: str, truth: SubjectTruth, scan: DxaScan) -> list[list[object]]:
    """Rows of one picture, from the highest vertebra down."""
    cobb = max((curve.cobb_deg for curve in truth.curves), default=0.0)
    metal = {one.index: one.metal_share for one in scan.regions}
    rows: list[list[object]] = []
    for one in reversed(truth.vertebrae):
        corners = scan.projection.to_pixels(np.array(one.coronal_mm))[[0, 1, 3, 2]] + HALF
        middle = corners.mean(axis=0)
        if not (0 <= middle[0] < scan.projection.columns and 0 <= middle[1] < scan.projection.rows):
            continue
        numbers = (one.bmd_g_cm2, one.area_cm2, one.genant, one.numbers["metal_share"],
                   metal.get(one.index, 0.0), _spur(truth, one.index), cobb)
        rows.append([file, one.name, one.index + 1, *(round(float(v), 2) for v in corners.ravel()),
                     *(None if v is None else round(float(v), 4) for v in numbers)])
    return rows


def _spur(truth: SubjectTruth, index: int) -> float:
    """Longest osteophyte at the sides of a vertebra: those above the disc below it, and below the disc above it."""
    own = [spur.length_mm for disc in truth.discs for spur in disc.spurs
           if (disc.from_bottom - 1 == index and spur.site in {f"{side}_above" for side in SIDES})
           or (disc.from_bottom - 2 == index and spur.site in {f"{side}_below" for side in SIDES})]
    return max(own, default=0.0)


def read_truth(root: Path) -> dict[str, tuple[VertebraOnPicture, ...]]:
    """By the picture's file, from the highest vertebra down; empty where the folder has no such table.

    Raises:
        InputError: `dataset-column-missing` or `dataset-cell-invalid`.
    """
    if not (root / TABLE).is_file():
        return {}
    table: dict[str, list[VertebraOnPicture]] = defaultdict(list)
    for line, row in enumerate(read_table(root, TABLE, COLUMNS, None), start=2):
        corners = np.array([number(row, name, TABLE, line) for name in CORNERS]).reshape(4, 2)
        bmd, area = (number(row, name, TABLE, line) if row[name] else None for name in NUMBERS[:2])
        genant, metal, over, spur, cobb = (number(row, name, TABLE, line) for name in NUMBERS[2:])
        below = int(number(row, "from_bottom", TABLE, line))
        table[row["file"]].append(
            VertebraOnPicture(row["vertebra"], below, corners, bmd, area, int(genant), metal, over, spur, cobb))
    return {file: tuple(rows) for file, rows in table.items()}


def raw_of(root: Path, file: str) -> Path | None:
    """The calibrated pair of a picture, where the folder has it."""
    path = (root / RAW / file).with_suffix(".dcm")
    return path if path.is_file() else None
