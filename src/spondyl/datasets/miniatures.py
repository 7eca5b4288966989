"""The layouts that `spondyl phantom make` can write, by name."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spondyl.core.errors import InputError, describe_unknown
from spondyl.datasets.judging import judging_cohort
from spondyl.datasets.making.layout import Layout
from spondyl.datasets.making.order import SCALES, Order, Scale, make_order, scale_of
from spondyl.datasets.making.run import OnSubject, make_cohort, notes
from spondyl.datasets.sources import plain

WRITERS = {
    "aasce": "aasce_maker", "aasce_pack": "aasce_maker", "dicom": "dicom_study", "dxa": "dxa_maker", "grades": "grades_maker",
    "rsna2024": "rsna2024_maker", "spider": "spider_maker", "spider_pack": "spider_pack", "vindr": "vindr_maker",
}
"""Module of this room that writes each layout; its `LAYOUTS` holds it by name."""
LAYOUTS = tuple(WRITERS)
PROFILE = {"aasce": "scoliosis", "aasce_pack": "scoliosis", "dxa": "dxa", "grades": "grades", "rsna2024": "rsna", "vindr": "vindr"}
"""Profile of a layout where none is asked for; the others are "symptomatic"."""


def layout_named(name: str) -> Layout:
    """How that layout is made. Hyphens and underscores mean the same.

    Raises:
        InputError: `unknown-layout`; the sentence offers the nearest one.
    """
    if plain(name) not in WRITERS:
        raise InputError("unknown-layout", describe_unknown("layout", name, LAYOUTS))
    layouts: dict[str, Layout] = importlib.import_module(f"spondyl.datasets.{WRITERS[plain(name)]}").LAYOUTS
    return layouts[plain(name)]


def order_of(layout: str, seed: int | None, sets: Sequence[str] = (), *, profile: str = "", **given: Any) -> Order:
    """What a cohort of that layout is asked to be.

    Args:
        profile: "" takes the one that the layout's real data set looks like.
        sets: "name=value" texts: fields of the profile or of `Scale`.
        given: `role` ("" mixes roles as the layout's own splits do), `labels`, `wild`, `style`, `scale`, as in `Order`.

    Raises:
        InputError: `unknown-layout`, `seed-missing`, and as `make_order`.
    """
    how = layout_named(layout)
    if seed is None:
        raise InputError("seed-missing", "a cohort is drawn from a seed, and none was given", "Name one with --seed")
    return make_order(how.name, seed, LAYOUTS, sets, profile=profile or PROFILE.get(how.name, "symptomatic"), pattern=how.pattern, **given)


def judging_order(name: str, scale: Scale | None = None, sets: Sequence[str] = ()) -> tuple[Order, int]:
    """What a judging cohort is asked to be, and of how many subjects.

    Args:
        sets: "name=value" texts: fields of `Scale`. Who is in the cohort is fixed.

    Raises:
        NotFoundError: `unknown-judging-cohort`.
        InputError: `judging-cohort-changed`, `judging-cohort-fixed`, and as `order_of`.
    """
    cohort = judging_cohort(name)
    scale, others = scale_of(sets, scale or Scale())
    if others:
        raise InputError("judging-cohort-fixed", f"{others[0][0]} would change who is in {name}, which is frozen",
                         f"With it only its scale may be set: {', '.join(SCALES)}")
    order = order_of(cohort.layout, cohort.seed, cohort.settings, profile=cohort.profile, role=cohort.role, labels=cohort.labels,
                     wild=cohort.wild, style=cohort.style, scale=scale)
    return order, cohort.subjects


def make_as(order: Order, root: Path, subjects: int, *, workers: int = 1, resume: bool = False,
            on_subject: OnSubject | None = None) -> None:
    """Write the first subjects of an order.

    Raises:
        InputError: As `make_cohort`.
    """
    make_cohort(layout_named(order.layout), root, subjects, order, workers=workers, resume=resume, on_subject=on_subject)


def make(layout: str, root: Path, subjects: int, seed: int, *, workers: int = 1, resume: bool = False, on_subject: OnSubject | None = None,
         **asked: Any) -> Order:
    """Write a cohort in that layout, and answer what was made. `asked` is as in `order_of`.

    Raises:
        InputError: As `order_of` and `make_as`.
    """
    order = order_of(layout, seed, **asked)
    make_as(order, root, subjects, workers=workers, resume=resume, on_subject=on_subject)
    return order


def made(root: Path) -> int:
    """How many subjects of a cohort are whole."""
    return len(notes(root))
