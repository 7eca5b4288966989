"""Whether the peak of a map lies where the lesion is, beside a map that always points at the best fixed place, and beside chance.

The peak is the middle of the map's largest cell, in pixels of the film. "Strict" asks that it lies in the box; otherwise it may lie outside
by half a cell, so that the cell touches the box: what a map cannot resolve is not held against it. The baselines get the same tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging.affine import apply_affine
from spondyl.lab.films.gate_figures import as_figure
from spondyl.metrics import bootstrap_interval, share_interval

GRID = (48, 32)
"""Rows and columns of the fixed places that the centre prior chooses from."""
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Pointed:
    """One film with lesions of one place.

    Attributes:
        group: The patient.
        view: The prior knows it.
        shape: (rows, columns) of the film.
        boxes: Of the lesion.
        peak: (x, y) of the map's peak, pixels of the film.
        cell: (width, height) of a cell of the map, pixels of the film.
    """

    group: str
    view: str
    shape: tuple[int, int]
    boxes: tuple[Box, ...]
    peak: tuple[float, float]
    cell: tuple[float, float]


def peak_of(values: NDArray[np.floating[Any]], to_image: NDArray[np.float64]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The middle of the largest cell and the size of a cell, in pixels of the film.

    Args:
        values: (h, w).
        to_image: (2, 3), from (x, y) of the map to (x, y) of the film, as in `core.HeatMap`; a cell is 1 wide there, the first from 0 to 1.
    """
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    x, y = apply_affine(to_image, np.array([float(column) + 0.5, float(row) + 0.5]))
    across, down = np.linalg.norm(to_image[:, 0]), np.linalg.norm(to_image[:, 1])
    return (float(x), float(y)), (float(across), float(down))


def hits(points: NDArray[np.float64], boxes: Sequence[Box], spare: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.bool_]:
    """Whether each point (n, 2), (x, y), lies in any of the boxes, or outside it by no more than `spare` (across, down)."""
    found = np.zeros(len(points), bool)
    for x0, y0, x1, y1 in boxes:
        inside = (points >= np.array([x0 - spare[0], y0 - spare[1]])) & (points <= np.array([x1 + spare[0], y1 + spare[1]]))
        found |= inside.all(axis=1)
    return found


def pointing(films: Sequence[Pointed], rng: np.random.Generator) -> dict[str, Any]:
    """Shares of films: `pointing`, `pointing_strict`, `pointing_centre` (the prior), `pointing_area` (chance), and how many there were.

    Of films with exactly one box, where there are any: `pointing_one_box` and `pointing_one_box_strict`.
    """
    if not films:
        return {"pointing_films": 0}
    groups = np.array([film.group for film in films])
    strict, near = (np.array([hits(np.array([film.peak]), film.boxes, _half(film) if half else (0.0, 0.0))[0] for film in films])
                    for half in (False, True))
    area = np.array([covered(film) for film in films])
    one = np.array([len(film.boxes) == 1 for film in films])
    table: dict[str, Any] = {
        "pointing": as_figure(share_interval(near, groups)), "pointing_strict": as_figure(share_interval(strict, groups)),
        "pointing_centre": as_figure(share_interval(fixed_place(films), groups)),
        "pointing_area": as_figure(bootstrap_interval(lambda part: float(np.mean(part)), groups, area, rng=rng)),
        "pointing_films": len(films),
    }
    if one.any():
        table["pointing_one_box"] = as_figure(share_interval(near[one], groups[one]))
        table["pointing_one_box_strict"] = as_figure(share_interval(strict[one], groups[one]))
    return table


def covered(film: Pointed) -> float:
    """Share of fixed places that would count as hits: what a peak anywhere would reach by chance."""
    return float(hits(_places(film.shape), film.boxes, _half(film)).mean())


def fixed_place(films: Sequence[Pointed]) -> NDArray[np.bool_]:
    """Whether each film is hit by the fixed place, for its view, that hits most films of all other patients: cross-fitted by patient."""
    masks = np.stack([hits(_places(film.shape), film.boxes, _half(film)) for film in films]).astype(np.int64)
    groups, views = np.array([film.group for film in films]), np.array([film.view for film in films])
    totals = {view: masks[views == view].sum(axis=0) for view in np.unique(views)}
    return np.array([bool(masks[at, int(np.argmax(totals[view] - masks[(views == view) & (groups == group)].sum(axis=0)))])
                     for at, (view, group) in enumerate(zip(views, groups, strict=True))])


def _half(film: Pointed) -> tuple[float, float]:
    return film.cell[0] / 2, film.cell[1] / 2


def _places(shape: tuple[int, int]) -> NDArray[np.float64]:
    """(x, y) of GRID places spread evenly over a film."""
    rows, columns = GRID
    y, x = np.meshgrid((np.arange(rows) + 0.5) * shape[0] / rows, (np.arange(columns) + 0.5) * shape[1] / columns, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1)
