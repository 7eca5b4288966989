"""What a caller calls the examinations of a series, and where they stand on an axis of time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from spondyl.core import InputError

MOST_LETTERS = 16
DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


def labels_of(at: str, count: int) -> tuple[str, ...]:
    """`count` labels from a list with commas; their numbers where the list is empty.

    Raises:
        InputError: If there are more or fewer, one is empty or too long, or all are dates and do not ascend.
    """
    if not at.strip():
        return tuple(str(number) for number in range(1, count + 1))
    labels = tuple(part.strip() for part in at.split(","))
    if len(labels) != count:
        raise InputError("change-labels", f"{len(labels)} labels were given for {count} examinations", "Give one label an examination")
    if not all(0 < len(label) <= MOST_LETTERS and label.isprintable() for label in labels):
        raise InputError("change-labels", f"a label is empty or longer than {MOST_LETTERS} letters", "Write 2019-03,2021-04")
    days = dates_of(labels)
    if days is not None and any(later <= earlier for earlier, later in pairwise(days)):
        raise InputError("change-order", f"the examinations are not in the order of time: {', '.join(labels)}",
                         "Name the earliest first: the order decides what is a gain and what a loss")
    return labels


def dates_of(labels: Sequence[str]) -> tuple[float, ...] | None:
    """Years as numbers, where every label is a date (2019, 2019-03, 2019-03-21); else None."""
    years = [_year(label) for label in labels]
    return tuple(year for year in years if year is not None) if None not in years else None


def _year(label: str) -> float | None:
    found = DATE.fullmatch(label)
    if found is None:
        return None
    year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
    return year + (month - 1) / 12 + (day - 1) / 372 if 1 <= month <= 12 and 1 <= day <= 31 else None
