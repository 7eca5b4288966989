"""Films read by the engine that serves, each by networks that have not seen its group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.inference import Engine
from spondyl.lab.alignment.cases import Case, OnStep
from spondyl.tasks.xray_alignment.angles import Angled, measure_angles
from spondyl.tasks.xray_alignment.corners import Corners
from spondyl.tasks.xray_alignment.frames import Frames, reduced, scaled, widths
from spondyl.tasks.xray_alignment.naming import Naming
from spondyl.tasks.xray_alignment.reading import Column, named, networks_of, read_column

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A film and what was seen on it.

    Attributes:
        name, group: Of the data set.
        fold: Of the cross-validation; -1 where it taught nobody.
        rows: Height in pixels.
        truth: (n, 4, 2) corners.
        raw: The column before names are given.
    """

    name: str
    group: str
    fold: int
    rows: int
    truth: NDArray[np.float64]
    raw: Column


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What is said of a film.

    Attributes:
        asked: The film.
        column, naming, angled: As the task has them.
        match: By true vertebra, the place in the column of the one that was seen there, or -1.
        false: How many in the column are no vertebra, or one that was found already.
        factors: `measures` of the settings.
    """

    asked: Asked
    column: Column
    naming: Naming
    angled: Angled
    match: tuple[int, ...]
    false: int
    factors: Mapping[str, float]


def ask(cases: Sequence[Case], folds: Sequence[int], engine: Engine, on_step: OnStep) -> list[Asked]:
    """Every film, by the networks that its fold taught nothing (all, for -1)."""
    frames = Frames.of(engine.bundle.settings["frames"])
    rows = []
    for number, (case, fold) in enumerate(zip(cases, folds, strict=True), start=1):
        pixels, factor = reduced(case.plain)
        column = read_column(scaled(pixels), engine, networks_of(engine, None if fold < 0 else [fold]), frames)
        corners = Corners(column.corners.points * factor, column.corners.spread * factor**2)
        raw = Column(column.seen, corners, column.slots, column.beside)
        rows.append(Asked(case.name, case.group, int(fold), case.pixels.shape[0], case.corners, raw))
        if number % 20 == 0 or number == len(cases):
            on_step("Reading films", number, len(cases))
    return rows


def read(asked: Asked, settings: Settings) -> Read:
    """What the task says of it with these settings."""
    column, naming = named(asked.raw, settings)
    angled = measure_angles(column.corners, asked.rows, settings["angles"])
    match, false = matched(column.corners.points, asked.truth)
    return Read(asked, column, naming, angled, match, false, settings["measures"])


def matched(found: NDArray[np.float64], truth: NDArray[np.float64]) -> tuple[tuple[int, ...], int]:
    """(by true vertebra the place of the one whose centre lies inside it, or -1; how many are left over)."""
    match = [-1] * len(truth)
    for place, box in enumerate(found):
        middle = box.mean(axis=0)
        inside = [k for k, true in enumerate(truth) if match[k] < 0 and within(middle, true)]
        if inside:
            nearest = min(inside, key=lambda k: float(np.linalg.norm(truth[k].mean(axis=0) - middle)))
            match[nearest] = place
    return tuple(match), len(found) - sum(place >= 0 for place in match)


def within(point: NDArray[np.float64], corners: NDArray[np.float64]) -> bool:
    """Whether a point lies in a quadrilateral given as top-left, top-right, bottom-left, bottom-right."""
    ring = corners[[0, 1, 3, 2]]
    along, to = np.roll(ring, -1, axis=0) - ring, point - ring
    side = along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0]
    return bool((side >= 0).all() or (side <= 0).all())


def corner_errors(read: Read) -> NDArray[np.float64]:
    """(m, 4) distances of matched corners from the true ones, in widths of the true vertebra."""
    places = [(k, place) for k, place in enumerate(read.match) if place >= 0]
    if not places:
        return np.zeros((0, 4))
    true, own = np.array(places).T
    truth = read.asked.truth[true]
    return np.asarray(np.linalg.norm(read.column.corners.points[own] - truth, axis=2) / widths(truth)[:, None])
