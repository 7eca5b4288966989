"""Films with corners as training sees them: decoded, reduced, split by group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.core.identity import pixel_hash
from spondyl.datasets import sources
from spondyl.datasets.file_pixels import read_file
from spondyl.datasets.film_records import CornerFilm
from spondyl.lab.folds import patient_folds
from spondyl.metrics.spine_curves import aasce_angles
from spondyl.tasks.xray_alignment.frames import scaled

OnStep = Callable[[str, int, int], None]
BROKEN = ("aasce_266", "aasce_477", "aasce_481")
"""Films of the pack whose corners are not those of vertebrae: they were looked at. The other two films above 90 degrees are in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A film with corners.

    Attributes:
        name, group: Of the data set.
        split: "train", "test" or None.
        pixels: uint8 (rows, columns), as stored.
        corners: (n, 4, 2) from the top down: top-left, top-right, bottom-left, bottom-right; pixels (x, y).
        image: Content hash, as results give it.
        drawn: Whether it is of the digital spine.
    """

    name: str
    group: str
    split: str | None
    pixels: NDArray[np.uint8]
    corners: NDArray[np.float64]
    image: str
    drawn: bool = False

    @property
    def plain(self) -> NDArray[np.float32]:
        """0..1."""
        return self.pixels.astype(np.float32) / np.float32(255)


def read_cases(layout: str, data: Path, on_step: OnStep, drawn: bool = False) -> list[Case]:
    """The films of a data set, without the broken ones.

    Raises:
        InputError: The data set cannot be used.
    """
    films = [film for film in sources.open_as(CornerFilm, layout, data) if Path(film.image).stem not in BROKEN]
    cases = []
    for number, film in enumerate(films, start=1):
        cases.append(_case(film, drawn))
        if number % 50 == 0 or number == len(films):
            on_step("Reading films", number, len(films))
    return cases


def _case(film: CornerFilm, drawn: bool) -> Case:
    plain = read_file(film.path, f"film {film.image}").pixels
    scale = np.array([plain.shape[1] / film.shape[1], plain.shape[0] / film.shape[0]])
    grey = np.rint(np.clip(plain, 0, 1) * 255).astype(np.uint8)
    return Case(film.image, film.group, film.split, grey, film.corners * scale, pixel_hash(plain), drawn)


def prepared(case: Case) -> NDArray[np.float32]:
    """The film as it is scaled when it is served."""
    return scaled(case.plain)


def folds_of(cases: Sequence[Case], folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each film: groups stay together, and each fold has small and large angles alike."""
    burden: dict[str, list[float]] = {}
    for case in cases:
        burden.setdefault(case.group, []).append(aasce_angles(case.corners, case.pixels.shape[0])[0])
    table = patient_folds({group: float(np.mean(values)) for group, values in burden.items()}, folds, seed)
    return np.array([table[case.group] for case in cases], np.int64)
