"""The registry of layouts: `sources.register("<name>", Kind)` on a reader of records of that kind, `open_source`/`open_as` to use it.

A layout's name may be written with hyphens or underscores: `spider-pack` is `spider_pack`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from spondyl.core.errors import NotFoundError, describe_unknown
from spondyl.datasets.records import DiscSlice

MODULES = ("aasce", "aasce_pack", "dicom_folder", "dicom_truth", "dxa", "grades", "rsna2024", "spider", "spider_pack", "vindr")
"""Modules of this room that register a layout. A test compares the list with the folder."""

Record = TypeVar("Record")
SourceReader = Callable[[Path], Iterator[Record]]
_readers: dict[tuple[str, type[Any]], SourceReader[Any]] = {}


def register(name: str, kind: type[Record]) -> Callable[[SourceReader[Record]], SourceReader[Record]]:
    """Claim a layout name for a reader, which takes the root folder and yields records of that kind. A layout may hold several kinds.

    Raises:
        ValueError: If name and kind are already claimed by another reader.
    """

    def claim(reader: SourceReader[Record]) -> SourceReader[Record]:
        if (name, kind) in _readers:
            first = _readers[name, kind].__module__
            raise ValueError(f"{kind.__name__} of the layout {name!r} is claimed twice: by {first} and {reader.__module__}")
        _readers[name, kind] = reader
        return reader

    return claim


def names(kind: type[Any] | None = None) -> tuple[str, ...]:
    """Every registered layout, or those whose records are of that kind; sorted."""
    for module in MODULES:
        importlib.import_module(f"spondyl.datasets.{module}")
    return tuple(sorted({name for name, own in _readers if kind is None or own is kind}))


def plain(name: str) -> str:
    """The name as it is registered."""
    return name.replace("-", "_")


def open_as(kind: type[Record], name: str, root: Path) -> Iterator[Record]:
    """Records of the data set at `root`, read as layout `name`, one at a time; tables are checked before the first.

    Raises:
        NotFoundError: If no layout of that kind has that name; the sentence offers the nearest one.
        InputError: If the folder is not in that layout.
    """
    known = names(kind)
    if plain(name) not in known:
        raise NotFoundError("unknown-layout", describe_unknown("layout", name, known))
    reader: SourceReader[Record] = _readers[plain(name), kind]
    return reader(root)


def open_source(name: str, root: Path) -> Iterator[DiscSlice]:
    """The slices of a lumbar data set, as `open_as` with DiscSlice.

    Raises:
        NotFoundError, InputError: As `open_as`.
    """
    return open_as(DiscSlice, name, root)
