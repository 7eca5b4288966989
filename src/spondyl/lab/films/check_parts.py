"""The data check on the page of a run: counts first, then what cannot be used, what is twice, and what may be written in the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spondyl.lab.films.page_parts import facts, heading, plain, quiet, table
from spondyl.lab.films.words import SPLITS, many, number, part, rows_of

Body = Mapping[str, Any]
LISTED = 20
"""Films or pairs that are named; the rest is counted."""
GRIDS = {"films": "films with each label", "share": "share of each label", "views": "views"}
LISTS = {"blank": "Of one grey", "written": "Writing may be burnt in"}
PAIRS = {"near": "Nearly the same picture in two splits", "repeated": "The same picture again within a split"}
ASIDE = ("schema", "task", "grouped_by", "notices", "shapes", "boxes", "skipped", "near_count", "written_count")


def as_metrics(check: Body) -> dict[str, Any]:
    """The counts of a check as `data` of metrics.json, for a run that has no metrics yet."""
    splits = {
        split: {"films": sum(round(number(count)) for count in part(row).values()), "groups": part(check, "groups").get(split),
                "targets": row, "views": part(check, "views", split),
                "boxes": {name: part(own).get("boxes") for name, own in part(check, "boxes", split).items()}}
        for split, row in part(check, "films").items() if isinstance(row, Mapping)
    }  # fmt: skip
    return {"splits": splits, "grouped_by": check.get("grouped_by", "group"), "notices": check.get("notices") or []} if splits else {}


def check_parts(check: Body) -> str:
    """Everything in data_check.json as HTML; a part that is not known here is shown as it is."""
    made = _grids(check) + _boxes(check) + _skipped(check)
    for key, words in PAIRS.items():
        rows = rows_of(check.get(key))
        count = max(round(number(check["near_count"])) if key == "near" and number(check.get("near_count")) >= 0 else 0, len(rows))
        made += _listed(words, count, [[plain(row.get(name)) for name in ("first", "second", "splits", "labels", "kind", "likeness")]
                                       for row in rows[:LISTED]], ("film", "film", "splits", "labels", "how", "likeness"))
    for key, words in LISTS.items():
        names = check.get(key) or []
        count = sum(round(number(cell)) for row in part(check, "written_count").values() for cell in part(row).values())
        count = max(count if key == "written" else 0, len(names))
        made += _listed(words, count, [[plain(name)] for name in names[:LISTED]], ("film",))
    known = {"groups", "studies", *GRIDS, *LISTS, *PAIRS, *ASIDE}
    return made + facts({key: value for key, value in check.items() if key not in known}, 4)


def _grids(check: Body) -> str:
    unit = many(str(check.get("grouped_by", "group")))
    columns = {unit: part(check, "groups"), "studies": part(check, "studies")}
    splits = list(dict.fromkeys(split for own in columns.values() for split in own))
    made = table(("split", *columns),
                 [(SPLITS.get(split, split), *(plain(own.get(split)) for own in columns.values())) for split in splits])
    for key, words in GRIDS.items():
        grid = {split: part(row) for split, row in part(check, key).items()}
        names = list(dict.fromkeys(name for row in grid.values() for name in row))
        made += table((words, *(name.replace("_", " ") for name in names)),
                      [(SPLITS.get(split, split), *(_share(row.get(name), key) for name in names)) for split, row in grid.items()])
    shapes = check.get("shapes") or ()
    sizes = "; ".join(" x ".join(map(plain, shape)) for shape in shapes)
    return made + (quiet(f"Smallest and largest film, rows and columns: {sizes}") if shapes else "")


def _share(value: Any, key: str) -> str:
    return f"{100 * number(value):.1f} %" if key == "share" and number(value) >= 0 else plain(value)


def _boxes(check: Body) -> str:
    splits = part(check, "boxes")
    names = list(dict.fromkeys(name for row in splits.values() for name in part(row)))
    cells = {name: [" in ".join(plain(part(row, name).get(key)) for key in ("boxes", "films")) for row in splits.values()]
             for name in names}
    return table(("boxes, in films", *(SPLITS.get(split, split) for split in splits)),
                 [(name.replace("_", " "), *row) for name, row in cells.items()])


def _skipped(check: Body) -> str:
    rows = rows_of(check.get("skipped"))
    return _listed("Left out", len(rows), [[plain(row.get(name)) for name in ("name", "code", "message")] for row in rows[:LISTED]],
                   ("film", "code", "why"))


def _listed(words: str, count: int, rows: list[list[str]], head: tuple[str, ...]) -> str:
    """A heading with the count, and the first rows; one line where there is none."""
    if not count:
        return quiet(f"{words}: none.")
    more = count - len(rows)
    return heading(f"{words}: {count}", 4) + table(head, rows) + (quiet(f"and {more} more") if more > 0 else "")
