"""From the network's numbers to calibrated probabilities, sets, the weighted posterior and points: serving and measuring alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.inference.calibration import softmax
from spondyl.inference.conformal import ordinal_set

CANAL, FORAMEN, RECESS = "spinal_canal_stenosis", "neural_foraminal_narrowing", "subarticular_stenosis"
CONDITIONS = (CANAL, FORAMEN, RECESS)
TARGETS = ((CANAL, None), (FORAMEN, "left"), (FORAMEN, "right"), (RECESS, "left"), (RECESS, "right"))
"""(condition, side) of the network's five answers about a level, in its order."""
SEVERITIES = ("normal_mild", "moderate", "severe")
WEIGHTS = (1.0, 2.0, 4.0)
"""What the challenge's score counts a case of each severity as (FORMATS)."""
MEASURES = ("thecal_sac_area", "thecal_sac_ap_diameter")
UNITS = {"thecal_sac_area": "mm2", "thecal_sac_ap_diameter": "mm"}
NEIGHBOURS_MM = 7.0
"""Slices that lie nearer than this to another one show the same thing."""
PATTERNS = {
    (True, True, True): "all", (False, True, True): "no_t1", (True, False, True): "no_t2", (True, True, False): "no_axial",
    (True, False, False): "t1_only", (False, True, False): "t2_only",
}
"""By which of (T1, T2 or STIR, axial) a level is seen on: each is calibrated by itself."""


def pattern_of(seen: NDArray[np.bool_]) -> str:
    """Name of the series that a level is seen on; "t2_only" is the widest and stands for what else there may be."""
    return PATTERNS.get((bool(seen[0]), bool(seen[1]), bool(seen[2])), "t2_only")


def calibrated(logits: NDArray[np.floating[Any]], condition: str, own: Mapping[str, Any]) -> NDArray[np.float64]:
    """Probabilities (n, 3) from logits (n, 3): offsets, then a temperature, of one pattern of series.

    Args:
        own: The pattern's part of the bundle's `answers`, by condition.
    """
    part = own[condition]
    return softmax(np.asarray(logits, np.float64) + np.asarray(part["offsets"]), part["temperature"])


def weighted(probabilities: NDArray[np.float64],
             weights: NDArray[np.float64] | tuple[float, ...] | list[float] = WEIGHTS) -> NDArray[np.float64]:
    """The posterior that minimises a log loss in which severity k counts weights[k]: p_k w_k / sum_j p_j w_j (FORMATS). Shape (..., 3).

    Example:
        >>> weighted(np.array([0.5, 0.25, 0.25])).tolist()
        [0.25, 0.25, 0.5]
    """
    scaled = np.asarray(probabilities, np.float64) * np.asarray(weights, np.float64)
    return np.asarray(scaled / scaled.sum(axis=-1, keepdims=True))


def prediction_set(probabilities: NDArray[np.float64], condition: str, own: Mapping[str, Any]) -> tuple[str, ...]:
    """Severities of the 90 % set of one case, contiguous; the likeliest is always in it."""
    inside = ordinal_set(probabilities, own[condition]["sets"])
    return tuple(SEVERITIES[k] for k in inside)


def place_in_map(attention: NDArray[np.floating[Any]], allowed: NDArray[np.bool_], places_mm: NDArray[np.floating[Any]], size: int
                 ) -> tuple[int, float, float] | None:  # fmt: skip
    """(slot, x, y) of what an answer rests on: the slice nearest to the middle of its attention, and the middle there.

    The slice that holds most of the attention and those within NEIGHBOURS_MM of it count together.

    Args:
        attention: (slots, h, w).
        allowed: (slots,) slots that may be named.
        places_mm: (slots,) where their slices lie along the stack.
        size: Of a crop in pixels; x and y are pixels of the crop.

    Returns:
        None where no slot is allowed.
    """
    if not allowed.any():
        return None
    near = _neighbours(attention, allowed, places_mm)
    middle = middle_of_attention(attention, allowed, places_mm)
    slot = int(np.argmin(np.where(allowed, np.abs(places_mm - middle), np.inf)))
    x, y = _peak(np.asarray(attention[near].sum(axis=0), np.float64))
    scale = size / attention.shape[2]
    return slot, x * scale, y * scale


def middle_of_attention(attention: NDArray[np.floating[Any]], allowed: NDArray[np.bool_], places_mm: NDArray[np.floating[Any]]) -> float:
    """Where along the stack the attention (slots, h, w) lies: mean place of the slot that holds most of it and of its neighbours, mm."""
    near = _neighbours(attention, allowed, places_mm)
    each = np.asarray(attention.sum(axis=(1, 2)), np.float64)
    return float((each * places_mm)[near].sum()) / max(float(each[near].sum()), 1e-12)


def _neighbours(attention: NDArray[np.floating[Any]], allowed: NDArray[np.bool_], places_mm: NDArray[np.floating[Any]]
                ) -> NDArray[np.bool_]:  # fmt: skip
    """Which slots (slots,) show the same as the one with most attention."""
    top = int(np.argmax(np.where(allowed, attention.sum(axis=(1, 2)), -1.0)))
    return np.asarray(allowed & (np.abs(places_mm - places_mm[top]) < NEIGHBOURS_MM))


def _peak(here: NDArray[np.float64]) -> tuple[float, float]:
    """(x, y) mean of a map's highest cell and its neighbours, in cells."""
    row, column = (int(at) for at in np.unravel_index(int(np.argmax(here)), here.shape))
    rows, columns = slice(max(row - 2, 0), row + 3), slice(max(column - 2, 0), column + 3)
    around = here[rows, columns]
    total = max(float(around.sum()), 1e-12)
    y = float((around.sum(axis=1) * (np.arange(around.shape[0]) + rows.start + 0.5)).sum()) / total
    x = float((around.sum(axis=0) * (np.arange(around.shape[1]) + columns.start + 0.5)).sum()) / total
    return x, y
