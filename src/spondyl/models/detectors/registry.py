"""The detectors by name. A library that a detector needs is imported when that detector is asked for, never before."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spondyl.core.errors import NotFoundError, describe_unknown
from spondyl.models.detectors.contract import Detector

MODULES = ("fcos", "torchvision_fcos", "yolo")
"""Modules of this room that register a detector. A test compares the list with the folder."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A detector that can be asked for.

    Attributes:
        name: What recipes call it.
        licence: Of its code; weights trained here take nothing from elsewhere.
        extra: The optional part of this package that it needs, or "".
        make: Takes the number of classes and the detector's own settings.
    """

    name: str
    licence: str
    extra: str
    make: Callable[..., Detector]


_listed: dict[str, Listed] = {}


def register(name: str, licence: str, extra: str = "") -> Callable[[Callable[..., Detector]], Callable[..., Detector]]:
    """Claim a name for a function that takes the number of classes and settings and makes a detector.

    Raises:
        ValueError: If the name is already claimed.
    """

    def claim(make: Callable[..., Detector]) -> Callable[..., Detector]:
        if name in _listed:
            raise ValueError(f"the detector {name!r} is claimed twice: by {_listed[name].make.__module__} and {make.__module__}")
        _listed[name] = Listed(name, licence, extra, make)
        return make

    return claim


def names() -> tuple[str, ...]:
    """Every registered detector, sorted."""
    for module in MODULES:
        importlib.import_module(f"spondyl.models.detectors.{module}")
    return tuple(sorted(_listed))


def listed(name: str) -> Listed:
    """What is known of a detector without making it.

    Raises:
        NotFoundError: `unknown-detector`; the sentence offers the nearest name.
    """
    known = names()
    if name not in known:
        raise NotFoundError("unknown-detector", describe_unknown("detector", name, known))
    return _listed[name]


def create(name: str, classes: int, **settings: Any) -> Detector:
    """A detector with random weights.

    Raises:
        NotFoundError: `unknown-detector`.
        InputError: `detector-not-installed` where its optional library is missing, with the line that installs it.
    """
    return listed(name).make(classes, **settings)
