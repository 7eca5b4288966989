"""The layouts that `spondyl phantom make` can write, by name."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from spondyl.core.errors import InputError, describe_unknown
from spondyl.datasets.making.layout import Layout
from spondyl.datasets.making.order import Order, Scale, make_order
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


def make(layout: str, root: Path, subjects: int, seed: int, *, role: str = "", profile: str = "", labels: str = "truth", wild: bool = False,
         style: str = "train", sets: Sequence[str] = (), scale: Scale | None = None, workers: int = 1, resume: bool = False,
         on_subject: OnSubject | None = None) -> Order:
    """Write a cohort in that layout, and answer what was made.

    Args:
        role: "" mixes roles as the layout's own splits do.
        profile: "" takes the one that the layout's real data set looks like.
        labels, wild, style: As in `Order`.
        sets: "name=value" texts: fields of the profile or of `Scale`.
        workers: Processes; the bytes do not depend on their number.

    Raises:
        InputError: `unknown-layout`, as `make_order`, and as `make_cohort`.
    """
    how = layout_named(layout)
    order = make_order(how.name, seed, LAYOUTS, sets, role=role, profile=profile or PROFILE.get(how.name, "symptomatic"), labels=labels,
                       wild=wild, style=style, scale=scale or Scale(), pattern=how.pattern)
    make_cohort(how, root, subjects, order, workers=workers, resume=resume, on_subject=on_subject)
    return order


def made(root: Path) -> int:
    """How many subjects of a cohort are whole."""
    return len(notes(root))
