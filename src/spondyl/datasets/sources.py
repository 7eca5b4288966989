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

MODULES = ("aasce", "aasce_pack", "dicom_folder", "dxa", "grades", "rsna2024", "spider", "spider_pack", "vindr")
"""Modules of this room that register a layout. A test compares the list with the folder."""

Record = TypeVar("Record")
SourceReader = Callable[[Path], Iterator[Record]]
_readers: dict[str, tuple[type[Any], SourceReader[Any]]] = {}


def register(name: str, kind: type[Record]) -> Callable[[SourceReader[Record]], SourceReader[Record]]:
    """Claim a layout name for a reader, which takes the root folder and yields its records.

    Raises:
        ValueError: If the name is already claimed by another reader.
    """

    def claim(reader: SourceReader[Record]) -> SourceReader[Record]:
        if name in _readers:
            raise ValueError(f"the layout {name!r} is claimed twice: by {_readers[name][1].__module__} and {reader.__module__}")
        _readers[name] = (kind, reader)
        return reader

    return claim


def names(kind: type[Any] | None = None) -> tuple[str, ...]:
    """Every registered layout, or those whose records are of that kind; sorted."""
    for module in MODULES:
        importlib.import_module(f"spondyl.datasets.{module}")
    return tuple(sorted(name for name, (own, _) in _readers.items() if kind is None or own is kind))


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
    reader: SourceReader[Record] = _readers[plain(name)][1]
    return reader(root)


def open_source(name: str, root: Path) -> Iterator[DiscSlice]:
    """The slices of a lumbar data set, as `open_as` with DiscSlice.

    Raises:
        NotFoundError, InputError: As `open_as`.
    """
    return open_as(DiscSlice, name, root)
