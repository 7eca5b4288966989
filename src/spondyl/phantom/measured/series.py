"""Where the readings of a study are marked in an MR series: RSNA's points.

Canal stenosis is marked on sagittal T2 or STIR, foraminal narrowing on sagittal T1, subarticular stenosis on axial T2.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.measured.film_records import SeriesPoint
from spondyl.phantom.measured.records import SubjectTruth

MARKED_ON = {
    "Sagittal T2/STIR": "spinal_canal_stenosis", "Sagittal T1": "neural_foraminal_narrowing", "Axial T2": "subarticular_stenosis",
}


class Scan(Protocol):
    """How a series was taken: its sequence, its plane and the size of its pictures."""

    @property
    def sequence(self) -> str: ...
    @property
    def plane(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def columns(self) -> int: ...
    @property
    def slices(self) -> int: ...
    @property
    def step_mm(self) -> float: ...


class Series(Protocol):
    """A finished series that knows where points of the patient lie in it."""

    @property
    def acquisition(self) -> Scan: ...

    def to_image(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (n, 3) mm as (x, y, slice), (n, 3)."""


def series_name(scan: Scan) -> str | None:
    """RSNA's name of such a series, or None where it is none of its three."""
    if scan.plane == "axial":
        return "Axial T2" if scan.sequence == "t2" else None
    return "Sagittal T1" if scan.sequence == "t1" else "Sagittal T2/STIR"


def series_points(truth: SubjectTruth, series: Series) -> tuple[SeriesPoint, ...]:
    """The points that are marked in that series; readings whose place it does not show are left out."""
    scan = series.acquisition
    name = series_name(scan)
    readings = [one for one in truth.stenosis if name and one.condition == MARKED_ON[name]]
    if not readings or not name:
        return ()
    found = []
    for one, (x, y, at) in zip(readings, series.to_image(np.array([r.point_mm for r in readings])), strict=True):
        if np.isnan(at) or not (-0.5 <= at <= scan.slices - 0.5 and 0 <= x <= scan.columns - 1 and 0 <= y <= scan.rows - 1):
            continue
        nearest = int(np.clip(np.rint(at), 0, scan.slices - 1))
        found.append(SeriesPoint(one.condition, one.side, one.level, one.from_bottom, name, nearest, float(x), float(y),
                                 float(abs(at - nearest) * scan.step_mm)))
    return tuple(found)
