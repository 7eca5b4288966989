"""The mirror image of a study of RSNA 2024's layout: left and right exchanged in labels, in marks and in pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spondyl.datasets.film_records import MrSeries, StenosisPoint

V = TypeVar("V")
SIDES = {"left": "right", "right": "left"}
AXIAL = "Axial T2"


def other_side(target: str) -> str:
    """The target on the other side; the canal's is its own.

    Example:
        >>> other_side("left_subarticular_stenosis_l4_l5"), other_side("spinal_canal_stenosis_l4_l5")
        ('right_subarticular_stenosis_l4_l5', 'spinal_canal_stenosis_l4_l5')
    """
    side, _, rest = target.partition("_")
    return f"{SIDES[side]}_{rest}" if side in SIDES else target


def flipped_labels(grades: Mapping[str, V]) -> dict[str, V]:
    """Grades by target with left and right exchanged, in the order in which they came."""
    return {target: grades[other_side(target)] for target in grades}


def flipped_stack(pixels: NDArray[np.float32], description: str) -> NDArray[np.float32]:
    """A stack (slices, rows, columns), as `rsna2024.read_stack` gives it, of the mirrored patient in the same places.

    Axial slices are mirrored along their columns; sagittal ones come in the other order, since a slice of the left is one of the right.
    """
    return pixels[:, :, ::-1] if description == AXIAL else pixels[::-1]


def flipped_point(point: StenosisPoint, series: MrSeries, columns: int) -> StenosisPoint:
    """A mark on the stack that `flipped_stack` makes.

    Args:
        series: That it lies in.
        columns: Of its slices.
    """
    target = other_side(point.target)
    if series.description == AXIAL:
        return StenosisPoint(target, point.series, point.instance, columns - 1 - point.x, point.y)
    place = series.index_of(point.instance)
    return StenosisPoint(target, point.series, series.instances[len(series.instances) - 1 - place].number, point.x, point.y)
