"""Data sets of films as the laboratory wants them: one record a film, split by patient or study, the same split from the same seed.

A task is one row of `TASKS`. VinDr-SpineXR knows train and test only, and graded folders may lack val: it is then carved from train.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.core import InputError, NotFoundError
from spondyl.core.errors import describe_unknown
from spondyl.datasets import sources
from spondyl.datasets.film_records import GradedFilm, LesionFilm
from spondyl.datasets.grades import GRADES, class_folders
from spondyl.lab.films.records import SPLITS, FilmRecord, FilmSet, LabelledBox
from spondyl.phantom.measured import LESIONS

GROUPED = ("patient", "study", "image")
"""What groups can be, the weakest last."""
MOST_SHARE = 0.5
"""More than this of train is not given to validation."""


@dataclass(frozen=True, slots=True)
class TaskFilms:
    """How the films of one task are read.

    Attributes:
        layout: The layout that a recipe need not name.
        kind: What the layout hands out.
        record: One of those as a record.
        targets, classes: As in FilmSet.
    """

    layout: str
    kind: type[Any]
    record: Callable[[Any], FilmRecord]
    targets: tuple[str, ...]
    classes: tuple[str, ...]


def _lesion_film(film: LesionFilm) -> FilmRecord:
    boxes = tuple(LabelledBox(LESIONS.index(one.lesion), one.box) for one in film.lesions)
    return FilmRecord(film.image, film.path, film.where, film.study, film.study, film.split, None, int(film.abnormal), boxes)


def _graded_film(film: GradedFilm) -> FilmRecord:
    """A film whose study is unknown is a study of its own; a patient who is unknown is their study, or their film."""
    study = f"study {film.study}" if film.study else f"image {film.file}"
    boxes = tuple(LabelledBox(disc.grade, disc.box) for disc in film.discs)
    where = f"a film of grade {film.grade} in {film.split}/"
    return FilmRecord(film.file, film.path, where, film.patient or study, study, film.split, film.view, film.grade, boxes)


TASKS: Mapping[str, TaskFilms] = {
    "xray-lesions": TaskFilms("vindr", LesionFilm, _lesion_film, ("normal", "abnormal"), LESIONS),
    "xray-grade": TaskFilms("grades", GradedFilm, _graded_film, *[tuple(f"grade {grade}" for grade in GRADES)] * 2),
}
"""The tasks that learn from films, by name."""


def film_set(task: str, root: Path, layout: str, val_share: float, seed: int) -> FilmSet:
    """The films of a data set, each in its split.

    Args:
        task: One of TASKS.
        layout: "" takes the task's own.
        val_share: Share of train's groups that become validation where the source has none.
        seed: Decides which groups those are; the same seed and films give the same split.

    Raises:
        NotFoundError: `unknown-task`, `unknown-layout`.
        InputError: Where the folder is not in the layout, a class of train has no folder, a group is in two splits, no film is there.
    """
    if task not in TASKS:
        raise NotFoundError("unknown-task", describe_unknown("task of films", task, TASKS))
    if not 0 <= val_share <= MOST_SHARE:
        raise InputError("setting-invalid", f"val_share lies in 0 to {MOST_SHARE}, got {val_share}", "Choose a value in that range")
    how = TASKS[task]
    layout = layout or how.layout
    films = tuple(map(how.record, sources.open_as(how.kind, layout, root)))
    if not any(film.path.is_file() for film in films):
        raise InputError("dataset-file-missing", f"none of the {len(films)} films that the tables name is in the data folder",
                         "Copy the images beside the tables, or name the folder that holds both")
    grouped_by, notices = _grouping(films)
    if sources.plain(layout) == "grades":
        notices += _check_folders(root)
    notices += [f"There is no {split} split." for split in ("train", "test") if all(film.split != split for film in films)]
    if val_share and not any(film.split == "val" for film in films) and any(film.split == "train" for film in films):
        films = _carved(films, val_share, seed)
        count = sum(film.split == "val" for film in films)
        notices.append(f"The source has no validation films: {count} were carved from train by {grouped_by}, seed {seed}.")
    return FilmSet(task, films, how.targets, how.classes, grouped_by, tuple(notices))


def with_more(films: FilmSet, more: FilmSet) -> FilmSet:
    """The films of a set in their splits, and all of another's to learn from.

    Raises:
        InputError: `dataset-film-twice`, `dataset-group-split` where the two share films, or patients of val or test.
    """
    own = tuple(replace(film, split="train") for film in more.films)
    said = f"{len(own)} more films, of a second data set, are learnt from only: they choose and judge nothing."
    weaker = max(films.grouped_by, more.grouped_by, key=GROUPED.index)
    return replace(films, films=films.films + own, grouped_by=weaker, notices=(*films.notices, said))


def _grouping(films: Sequence[FilmRecord]) -> tuple[str, list[str]]:
    """What groups are, at the weakest, and what must be said of it."""
    by_image = sum(film.group == f"image {film.name}" for film in films)
    by_study = sum(film.group == film.study for film in films) - by_image
    if by_image:
        said = f"The patients of {by_image} of {len(films)} films are unknown: results are image-level, and intervals may be too narrow."
        return "image", [said]
    if by_study:
        said = f"The patients of {by_study} of {len(films)} films are unknown: their studies are kept together in their stead."
        return "study", [said]
    return "patient", []


def _check_folders(root: Path) -> list[str]:
    """What must be said of class folders that lack in val and test.

    Raises:
        InputError: `dataset-class-missing` where train lacks one.
    """
    notices = []
    for split, found in class_folders(root).items():
        missing = [f"grade_{grade}" for grade in GRADES if grade not in found]
        if missing and split == "train":
            raise InputError("dataset-class-missing", f"train/ has no folder {', '.join(missing)}", "Add it; it may be empty")
        if missing:
            notices.append(f"{split}/ has no folder {', '.join(missing)}.")
    return notices


def _carved(films: tuple[FilmRecord, ...], share: float, seed: int) -> tuple[FilmRecord, ...]:
    """The films with whole groups of train moved to val: every so many groups along a list of them that is sorted by stratum."""
    train: dict[str, list[FilmRecord]] = {}
    for film in films:
        if film.split == "train":
            train.setdefault(film.group, []).append(film)
    rng = np.random.default_rng(seed)
    start, names = float(rng.random()), sorted(train)
    groups = [names[index] for index in rng.permutation(len(names))]
    rarity = Counter(label for own in train.values() for film in own for label in {box.label for box in film.boxes})
    groups.sort(key=lambda group: _stratum(train[group], rarity))
    places = np.floor((start + np.arange(len(groups))) / share)
    chosen = {groups[int(place)] for place in places[places < len(groups)]} or {groups[0]}
    if len(chosen) == len(groups):
        raise InputError("dataset-group-alone", f"train has {len(groups)} group of films, so none can be spared for validation",
                         "Add a val folder, or more patients")
    return tuple(replace(film, split="val") if film.split == "train" and film.group in chosen else film for film in films)


def _stratum(films: Sequence[FilmRecord], rarity: Mapping[int, int]) -> tuple[int, int]:
    """(worst label of a film, rarest class of a box; -1 where there is none)."""
    labels = {box.label for film in films for box in film.boxes}
    return max(film.target for film in films), min(labels, key=lambda label: (rarity[label], label), default=-1)


def save_splits(films: FilmSet, file: Path) -> None:
    """Keep which film is in which split."""
    body = {"schema": "spondyl.splits/1", "task": films.task, "grouped_by": films.grouped_by,
            "films": {film.name: film.split for film in films.films}}
    part = file.with_suffix(".part")
    part.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    part.replace(file)


def load_splits(films: FilmSet, file: Path) -> FilmSet:
    """The films in the splits that were kept.

    Raises:
        InputError: `splits-unreadable`, or `splits-differ` if the data set has other films now.
    """
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
        kept = {str(name): str(split) for name, split in body["films"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        raise InputError("splits-unreadable", "the file of splits is missing, damaged or another kind of file",
                         "Restore it, or begin a new run") from None
    names = {film.name for film in films.films}
    if body.get("task") != films.task or kept.keys() != names or not set(kept.values()) <= set(SPLITS):
        gone, new = len(kept.keys() - names), len(names - kept.keys())
        raise InputError("splits-differ", f"the splits were kept for other films: {gone} of them are gone and {new} are new",
                         "Go on with the data set that the run began with, or begin a new run")
    return replace(films, films=tuple(replace(film, split=kept[film.name]) for film in films.films))
