"""The check before any training: how many films of what, what cannot be used, what is in two splits, what is written in the pictures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.core import InputError
from spondyl.imaging import apply_affine
from spondyl.lab.films.burnt_text import SUSPICIOUS
from spondyl.lab.films.cache import FilmCache, LeftOut
from spondyl.lab.films.duplicates import Pair, identical_pairs, near_pairs, thumbnails
from spondyl.lab.films.records import SPLITS, FilmSet
from spondyl.lab.films.rows import WHITE
from spondyl.reports.contact_sheet import SHORT
from spondyl.reports.film_sheet import SheetFilm, film_sheet

LISTED = 200
"""So many pairs, or films with writing, are listed; all are counted."""
SHOWN = 2
"""Films of each class on the sheet."""
FILE, SHEET = "data_check.json", "classes.png"


@dataclass(frozen=True, slots=True)
class Alike:
    """Two films that are one picture: their names, splits and labels, how they are alike, and the correlation of their thumbnails."""

    first: str
    second: str
    splits: tuple[str, str]
    labels: tuple[str, str]
    kind: str
    likeness: float


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What was found.

    Attributes:
        task, grouped_by: As in FilmSet.
        groups, studies: By split.
        films: Usable ones, by split and label.
        share: Of the films with each label, by split.
        views: Films by split and view.
        boxes: Films that have a box of the class, and boxes, as "films" and "boxes" by split and class.
        shapes: (rows, columns) of the smallest and of the largest film.
        skipped: Films that cannot be used.
        near: Films of two splits that are nearly the same picture, the likest first; and how many there are.
        repeated: Films of one split with the same content.
        blank: Films of one grey.
        written: Films where writing is suspected; and how many there are by split and label.
        notices: What the reader of any figure must know.
    """

    task: str
    grouped_by: str
    groups: Mapping[str, int]
    studies: Mapping[str, int]
    films: Mapping[str, Mapping[str, int]]
    share: Mapping[str, Mapping[str, float]]
    views: Mapping[str, Mapping[str, int]]
    boxes: Mapping[str, Mapping[str, Mapping[str, int]]]
    shapes: tuple[tuple[int, int], tuple[int, int]]
    skipped: tuple[LeftOut, ...]
    near: tuple[Alike, ...]
    near_count: int
    repeated: tuple[Alike, ...]
    blank: tuple[str, ...]
    written: tuple[str, ...]
    written_count: Mapping[str, Mapping[str, int]]
    notices: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"schema": "spondyl.data-check/1", **asdict(self)}


def check_data(films: FilmSet, cache: FilmCache, folder: Path) -> DataCheck:
    """What there is to learn from; also written to folder/data_check.json, with a picture of each class in folder/classes.png.

    Args:
        films: The set.
        cache: Its films, in any frame.

    Raises:
        InputError: `dataset-split-empty` without films to learn from or to choose on, `dataset-one-class` where all of train has one
            label, `dataset-leak` where one picture is in two splits.
    """
    _check_enough(films, cache)
    check = _found(films, cache)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SHEET).write_bytes(_sheet(films, cache))
    (folder / FILE).write_text(json.dumps(check.as_json(), indent=1) + "\n", encoding="utf-8")
    return check


def _found(films: FilmSet, cache: FilmCache) -> DataCheck:
    repeated = [_alike(films, cache, pair) for pair in identical_pairs(cache.image_ids)]
    _check_leaks([pair for pair in repeated if pair.splits[0] != pair.splits[1]])
    thumbs = thumbnails(cache.pixels, cache.to_frame, cache.shapes)
    near = near_pairs(thumbs, [film.split for film in cache.films], cache.image_ids)
    written = [place for place, length in enumerate(cache.text) if length >= SUSPICIOUS]
    by_size = sorted(map(tuple, cache.shapes.tolist()), key=lambda shape: shape[0] * shape[1])
    labels = _labels(films, cache, range(len(cache.films)))
    return DataCheck(
        task=films.task, grouped_by=films.grouped_by, groups=_distinct(cache, "group"), studies=_distinct(cache, "study"), films=labels,
        share={split: {name: round(count / max(sum(row.values()), 1), 4) for name, count in row.items()} for split, row in labels.items()},
        views=_tally(((film.split, film.view or "unknown") for film in cache.films), ("frontal", "lateral", "unknown")),
        boxes=_boxes(films, cache), shapes=(by_size[0], by_size[-1]), skipped=cache.skipped,
        near=tuple(_alike(films, cache, pair) for pair in near[:LISTED]), near_count=len(near), repeated=tuple(repeated[:LISTED]),
        blank=tuple(film.name for film, thumb in zip(cache.films, thumbs, strict=True) if not thumb.any()),
        written=tuple(cache.films[place].name for place in written[:LISTED]), written_count=_labels(films, cache, written),
        notices=films.notices,
    )


def _check_enough(films: FilmSet, cache: FilmCache) -> None:
    for split in ("train", "val"):
        if not len(cache.places(split)):
            raise InputError("dataset-split-empty", f"{split} has no usable film", "Add films, or ask for a share of train with val_share")
    seen = {film.target for film in cache.films if film.split == "train"}
    if len(seen) < 2:
        raise InputError("dataset-one-class", f"every film of train is {films.targets[seen.pop()]}, so there is nothing to tell apart",
                         "Add films of the other classes")


def _check_leaks(leaks: Sequence[Alike]) -> None:
    if leaks:
        first = leaks[0]
        said = f"{first.first} in {first.splits[0]} is {first.second} in {first.splits[1]}"
        raise InputError("dataset-leak", f"two splits share {_many(len(leaks), 'picture')}; the first: {said}",
                         "Keep one of each, or name their patient, so that they stay together")


def _alike(films: FilmSet, cache: FilmCache, pair: Pair) -> Alike:
    one, other = cache.films[pair.first], cache.films[pair.second]
    return Alike(one.name, other.name, (one.split, other.split), (films.targets[one.target], films.targets[other.target]), pair.kind,
                 round(pair.likeness, 3))


def _labels(films: FilmSet, cache: FilmCache, places: Iterable[int]) -> dict[str, dict[str, int]]:
    """How many of those films have each label, by split."""
    chosen = (cache.films[place] for place in places)
    return _tally(((film.split, films.targets[film.target]) for film in chosen), films.targets)


def _tally(pairs: Iterable[tuple[str, str]], names: Iterable[str]) -> dict[str, dict[str, int]]:
    """How often each name comes with each split."""
    table = Counter(pairs)
    return {split: {name: table[split, name] for name in names} for split in SPLITS}


def _distinct(cache: FilmCache, field: str) -> dict[str, int]:
    return {split: len({getattr(film, field) for film in cache.films if film.split == split}) for split in SPLITS}


def _boxes(films: FilmSet, cache: FilmCache) -> dict[str, dict[str, dict[str, int]]]:
    table = {split: {name: {"films": 0, "boxes": 0} for name in films.classes} for split in SPLITS}
    for film in cache.films:
        for label, count in Counter(box.label for box in film.boxes).items():
            row = table[film.split][films.classes[label]]
            row["films"] += 1
            row["boxes"] += count
    return table


def _sheet(films: FilmSet, cache: FilmCache) -> bytes:
    """Films of train with each label and all their boxes; for lesions one more column for each class, with the boxes of that class."""
    train = [int(place) for place in cache.places("train")]
    columns = []
    for label, name in enumerate(films.targets):
        own = [place for place in train if cache.films[place].target == label]
        columns.append((f"{name} ({len(own)})", [_pictured(films, cache, place) for place in _of_different_groups(cache, own)]))
    for label, name in enumerate(films.classes if films.classes != films.targets else ()):
        own = [place for place in train if any(box.label == label for box in cache.films[place].boxes)]
        columns.append((f"{name} ({len(own)})", [_pictured(films, cache, place, label) for place in _of_different_groups(cache, own)]))
    return film_sheet(columns)


def _of_different_groups(cache: FilmCache, places: Sequence[int]) -> list[int]:
    first = {cache.films[place].group: place for place in reversed(places)}
    return sorted(first.values())[:SHOWN]


def _pictured(films: FilmSet, cache: FilmCache, place: int, label: int | None = None) -> SheetFilm:
    """A film with all its boxes and their names, or with those of one class, whose name is that of the column."""
    boxes = [box for box in cache.films[place].boxes if label is None or box.label == label]
    corners = np.asarray([box.box for box in boxes], np.float64).reshape(-1, 2, 2)
    names = () if label is not None else tuple(SHORT.get(films.classes[box.label], films.classes[box.label]) for box in boxes)
    return SheetFilm(np.asarray(cache.pixels[place] / np.float32(WHITE), np.float32),
                     apply_affine(cache.to_frame[place], corners).reshape(-1, 4), names)


def words(check: DataCheck) -> str:
    """The check in lines for a terminal."""
    names = list(next(iter(check.films.values())))
    lines = [f"{split}: {_many(sum(row.values()), 'film')} of {_many(check.groups[split], check.grouped_by)}; "
             + ", ".join(f"{name} {row[name]} ({check.share[split][name]:.0%})" for name in names)
             for split, row in check.films.items() if sum(row.values())]
    lines += [f"Left out: {one.name}: {one.message} ({one.code})" for one in check.skipped]
    if check.near_count:
        first = check.near[0]
        lines.append(f"Nearly the same picture in two splits: {_many(check.near_count, 'pair')}, the likest {first.first} and "
                     f"{first.second} ({first.kind}, {first.likeness:.2f}): look at them before you believe any figure")
    if check.repeated:
        lines.append(f"The same picture again within a split: {_many(len(check.repeated), 'film')}")
    if check.blank:
        lines.append(f"Of one grey: {_many(len(check.blank), 'film')}, the first {check.blank[0]}")
    suspected = sum(count for row in check.written_count.values() for count in row.values())
    if suspected:
        lines.append(f"Writing may be burnt into {_many(suspected, 'film')}, the first {check.written[0]}: it can name a person, and "
                     "mislead a network")
    return "\n".join([*lines, *check.notices])


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word[:-1]}ies" if word.endswith("y") else f"{count} {word}s"
