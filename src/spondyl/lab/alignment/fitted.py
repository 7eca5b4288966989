"""What the folds teach each other: what a score is worth, how sure names are, how much to smooth, how long error bars are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.lab.alignment.asking import Asked, Read, matched, read
from spondyl.metrics.logistic import fit_logistic, logit
from spondyl.metrics.spine_curves import aasce_angles, cobb_angles, smoothed, smoothed_plates
from spondyl.tasks.xray_alignment.angles import curve_sds, mid_sd
from spondyl.tasks.xray_alignment.corners import Corners
from spondyl.tasks.xray_alignment.detect import Seen
from spondyl.tasks.xray_alignment.frames import widths
from spondyl.tasks.xray_alignment.naming import NAMES, name_column
from spondyl.tasks.xray_alignment.reading import Column, named
from spondyl.tasks.xray_alignment.shapes import SHAPES, shape_sds, shapes

SHARPNESSES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5)
LEAST_NAMED = 0.6
"""Confidence from which on names are said [O]."""
LEVEL = 0.9
FEWEST_PAIRS = 3
FEWEST_FILMS = 5
"""Films with a column, without which smoothing and error bars stay as they were."""
FIRST: dict[str, Any] = {
    "score": {"slope": 1.0, "shift": 0.5}, "seen": {"slope": 1.0, "shift": 1.0}, "naming": {"sharpness": 0.5, "least": LEAST_NAMED},
    "measures": dict.fromkeys(SHAPES, 1.6449),
    "angles": {"plate_strength": 0.1, "mid_strength": 0.05, "plate_factor": 1.6449, "mid_factor": 1.6449},
}
"""Settings before anything was fitted."""


def fit_settings(asked: Sequence[Asked], strengths: Sequence[float]) -> dict[str, Any]:
    """`score`, `seen`, `naming`, `measures` and `angles` of a bundle's settings.

    Args:
        asked: Films that were read by networks that had not seen them.
        strengths: Of smoothing, to choose from.
    """
    settings = {**FIRST, "score": _logistic("score", [(film.raw, film.truth) for film in asked])}
    settings["naming"] = _naming(asked, settings)
    settings["seen"] = _logistic("seen", [(named(film.raw, settings)[0], film.truth) for film in asked])
    readings = [one for one in (read(film, settings) for film in asked) if len(one.column) >= 3]
    if len(readings) < FEWEST_FILMS:
        return settings
    settings["measures"] = _measures(readings)
    columns = [(one.column.corners, one.asked) for one in readings]
    mid_true = np.array([aasce_angles(film.truth, film.rows)[0] for _, film in columns])
    cobb_true = np.array([widest(film.truth) for _, film in columns])
    mids = {s: np.array([aasce_angles(smoothed(c.points, s), film.rows)[0] for c, film in columns]) for s in strengths}
    cobbs = {s: np.array([widest(smoothed_plates(c.points, s)) for c, _ in columns]) for s in strengths}
    mid, plate = _best(mids, mid_true), _best(cobbs, cobb_true)
    mid_sds = np.array([mid_sd(c, smoothed(c.points, mid), mid) for c, _ in columns])
    sds = np.array([_first_sd(c, plate) for c, _ in columns])
    settings["angles"] = {"plate_strength": plate, "mid_strength": mid, "plate_factor": _factor(cobbs[plate] - cobb_true, sds),
                          "mid_factor": _factor(mids[mid] - mid_true, mid_sds)}
    return settings


def _measures(readings: Sequence[Read]) -> dict[str, float]:
    """Of each number of a vertebra, standard deviations in the half-width of its interval."""
    told = [shape_gaps(one) for one in readings]
    found = {name: [row[name] for row in told if name in row] for name in SHAPES}
    if not all(found.values()):
        return dict(FIRST["measures"])
    return {name: _factor(*(np.concatenate(part) for part in zip(*rows, strict=True))) for name, rows in found.items()}


def shape_gaps(one: Read) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """By name, (errors, standard deviations) of the vertebrae that were found; the first and the last make the line, and have no shift.

    Shifts are in widths of a vertebra. Empty where fewer than three were found.
    """
    pairs = [(k, place) for k, place in enumerate(one.match) if place >= 0]
    if len(pairs) < FEWEST_PAIRS:
        return {}
    true, own = (list(part) for part in zip(*pairs, strict=True))
    part = Corners(one.column.corners.points[own], one.column.corners.spread[own])
    told, truth, unsure = shapes(part.points), shapes(one.asked.truth[true]), shape_sds(part)
    width = float(np.median(widths(part.points)))
    rows = {name: (told[name] - truth[name], unsure[name]) for name in SHAPES[:2]}
    shift = SHAPES[2]
    return {**rows, shift: ((told[shift] - truth[shift])[1:-1] / width, unsure[shift][1:-1] / width)}


def widest(corners: NDArray[np.float64]) -> float:
    """Largest angle by Cobb's method, degrees; 0 where there is no curve."""
    return max((curve.angle_deg for curve in cobb_angles(corners)), default=0.0)


def _first_sd(corners: Any, strength: float) -> float:
    curves = tuple(cobb_angles(smoothed_plates(corners.points, strength)))
    return curve_sds(corners, curves, strength)[0] if curves else 1.0


def _logistic(name: str, columns: Sequence[tuple[Column, NDArray[np.float64]]]) -> dict[str, float]:
    """Logistic curve from the log odds of scores to whether there is a vertebra, of columns with the true corners beside them; FIRST's of
    that name where they do not tell."""
    scores, true = [], []
    for column, truth in columns:
        match, _ = matched(column.corners.points, truth)
        for place, one in enumerate(column.seen):
            scores.append(one.score)
            true.append(place in match)
    if not 0 < sum(true) < len(true):
        return dict(FIRST[name])
    odds = logit(np.array(scores), 1e-4)
    slope, shift = fit_logistic(np.column_stack([odds, np.ones_like(odds)]), np.array(true, np.float64))
    return {"slope": round(float(slope), 4), "shift": round(float(shift), 4)} if np.isfinite(slope) else dict(FIRST[name])


def _naming(asked: Sequence[Asked], settings: dict[str, Any]) -> dict[str, float]:
    """The sharpness under which the true names are likeliest, of whole films and of films that were cut in the mind."""
    parts = [part for film in asked for first, last in ((0, None), (5, None), (0, -5)) if (part := _part(film, first, last)) is not None]
    if not parts:
        return dict(FIRST["naming"])
    told = []
    for sharpness in SHARPNESSES:
        own = {**settings, "naming": {"sharpness": sharpness, "least": LEAST_NAMED}}
        chances = [dict(name_column(seen, slots, own).starts).get(true, 0.0) for seen, slots, true in parts]
        told.append(float(np.log(np.maximum(chances, 1e-3)).mean()))
    return {"sharpness": SHARPNESSES[int(np.argmax(told))], "least": LEAST_NAMED}


def _part(film: Asked, first: int, last: int | None) -> tuple[Sequence[Seen], list[int], int] | None:
    """(what is seen of part of a column, places, true start); None where no vertebra of it was found."""
    seen, slots = film.raw.seen[first:last], film.raw.slots[first:last]
    if not seen or len(film.truth) != len(NAMES):
        return None
    match, _ = matched(film.raw.corners.points[first:last], film.truth)
    starts = [k - (slots[place] - slots[0]) for k, place in enumerate(match) if place >= 0]
    return (seen, [slot - slots[0] for slot in slots], int(np.median(starts))) if starts else None


def _best(values: dict[float, NDArray[np.float64]], truth: NDArray[np.float64]) -> float:
    """Strength with the least mean absolute error and bias together; of equals the weaker."""
    gaps = {strength: own - truth for strength, own in values.items()}
    return min(gaps, key=lambda s: (round(float(np.abs(gaps[s]).mean() + abs(gaps[s].mean())), 3), s))


def _factor(errors: NDArray[np.float64], sds: NDArray[np.float64]) -> float:
    """Standard deviations in a half-width that holds LEVEL of the errors (conformal quantile)."""
    ratio = np.sort(np.abs(errors) / sds)
    rank = min(int(np.ceil(LEVEL * (len(ratio) + 1))), len(ratio)) - 1
    return round(float(ratio[rank]), 4)
