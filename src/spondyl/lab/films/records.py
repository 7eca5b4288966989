"""A film to learn from, whatever layout it came in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spondyl.core import InputError
from spondyl.datasets.records import Box

SPLITS = ("train", "val", "test")
GRADES = 5
"""Grades of a film, 0 to 4."""


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A place on a film and its class: an index into `FilmSet.classes`. Pixels of the original file, (x0, y0, x1, y1)."""

    label: int
    box: Box


@dataclass(frozen=True, slots=True)
class FilmRecord:
    """One film.

    Attributes:
        name: What the data set calls it; unique in the set.
        path: Its file.
        where: How messages call it (a table and a line, or a folder).
        group: The patient, or the study where patients are unknown: what a split keeps together and a bootstrap draws.
        study: Films of one study are answered together.
        split: One of SPLITS.
        view: "frontal", "lateral", or None where the source does not say.
        target: The film's own label: for lesions 0 normal, 1 abnormal; for grades 0 to 4.
        boxes: Lesions, or discs with their grades. Empty also where the source has none.
    """

    name: str
    path: Path
    where: str
    group: str
    study: str
    split: str
    view: str | None
    target: int
    boxes: tuple[LabelledBox, ...] = ()


@dataclass(frozen=True, slots=True)
class FilmSet:
    """The films of a data set, split.

    Attributes:
        task: "xray-lesions" or "xray-grade".
        films: In the order of the source.
        targets: Names of the film's labels, by number.
        classes: Names of the boxes' classes, by number.
        grouped_by: "patient", "study" or "image": what the split keeps together.
        notices: What the reader of any figure must know (patients unknown, split carved from train...).

    Raises:
        InputError: `dataset-group-split` where one group is in two splits, `dataset-film-twice` where a name comes twice.
    """

    task: str
    films: tuple[FilmRecord, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...]
    grouped_by: str = "study"
    notices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        twice = [name for name, count in Counter(film.name for film in self.films).items() if count > 1]
        if twice:
            raise InputError("dataset-film-twice", f"{len(twice)} films come twice, the first is {twice[0]}", "Keep one of each")
        splits: dict[str, str] = {}
        for film in self.films:
            if splits.setdefault(film.group, film.split) != film.split:
                raise InputError("dataset-group-split", f"{self.grouped_by} {film.group} is in {splits[film.group]} and in {film.split}",
                                 f"Keep all films of one {self.grouped_by} in one split")

    def of(self, split: str) -> tuple[int, ...]:
        """Places in `films` of one split."""
        return tuple(index for index, film in enumerate(self.films) if film.split == split)


def counts(films: Sequence[FilmRecord], classes: int) -> list[int]:
    """How many films have each target."""
    table = Counter(film.target for film in films)
    return [table[label] for label in range(classes)]
