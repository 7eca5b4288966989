"""The registry of layouts: `sources.register("<name>")` on a reader, `sources.open_source(name, root)` to use it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

from spondyl.core.errors import NotFoundError, describe_unknown
from spondyl.datasets.records import DiscSlice

MODULES = ("dicom_folder", "spider", "spider_pack")
"""Modules of this room that register a layout. A test compares the list with the folder."""

SourceReader = Callable[[Path], Iterator[DiscSlice]]
_readers: dict[str, SourceReader] = {}


def register(name: str) -> Callable[[SourceReader], SourceReader]:
    """Claim a layout name for a reader, which takes the root folder and yields its slices.

    Raises:
        ValueError: If the name is already claimed by another reader.
    """

    def claim(reader: SourceReader) -> SourceReader:
        if name in _readers:
            raise ValueError(f"the layout {name!r} is claimed twice: by {_readers[name].__module__} and {reader.__module__}")
        _readers[name] = reader
        return reader

    return claim


def names() -> tuple[str, ...]:
    """Every registered layout, sorted."""
    for module in MODULES:
        importlib.import_module(f"spondyl.datasets.{module}")
    return tuple(sorted(_readers))


def open_source(name: str, root: Path) -> Iterator[DiscSlice]:
    """The slices of the data set at `root`, read as layout `name`, one at a time; tables are checked before the first.

    Raises:
        NotFoundError: If no such layout is registered; the sentence offers the nearest one.
        InputError: If the folder is not in that layout.
    """
    if name not in names():
        raise NotFoundError("unknown-layout", describe_unknown("layout", name, _readers))
    return _readers[name](root)
