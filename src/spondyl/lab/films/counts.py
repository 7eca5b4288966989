"""Who is in the data: counts of films, groups, labels, views and boxes by split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from spondyl.lab.films.cache import FilmCache
from spondyl.lab.films.records import SPLITS, FilmRecord, FilmSet, counts


def data_counts(films: FilmSet, cache: FilmCache, cohort: Mapping[str, Any], also: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`data` of metrics.json: what was used, by split, and what must be said of it.

    Args:
        cohort: What the data set says of itself.
        also: The same of a second data set that is learnt from only.
    """
    splits = {split: split_counts(films, [film for film in cache.films if film.split == split]) for split in SPLITS}
    return {"splits": splits, "grouped_by": films.grouped_by, "notices": list(films.notices), "cohort": dict(cohort),
            **({"also": dict(also)} if also else {}), "skipped": [asdict(row) for row in cache.skipped]}


def split_counts(films: FilmSet, own: Sequence[FilmRecord]) -> dict[str, Any]:
    """Films, groups, and films of each label and view, and boxes of each class, of one split."""
    return {
        "films": len(own), "groups": len({film.group for film in own}), "studies": len({film.study for film in own}),
        "targets": dict(zip(films.targets, counts(own, len(films.targets)), strict=True)),
        "views": dict(sorted(Counter(film.view or "unknown" for film in own).items())),
        "boxes": {name: sum(box.label == label for film in own for box in film.boxes) for label, name in enumerate(films.classes)},
        "targets_by_view": {view: counts([film for film in own if (film.view or "unknown") == view], len(films.targets))
                            for view in sorted({film.view or "unknown" for film in own})},
    }  # fmt: skip
