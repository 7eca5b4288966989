"""What a cohort is asked to be: everything that decides the bytes of its subjects, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from spondyl.core.errors import InputError, describe_unknown
from spondyl.datasets.cohort import ROLES, subject_rng
from spondyl.phantom import PROFILES, Profile, draw_subject
from spondyl.phantom.spec import SubjectSpec

LABELS = ("truth", "read")
STYLES = ("train", "eval")
READER = 1
"""Third part of a reader's spawn key; subjects have two."""
SCALES = {"fine_mm": (0.3, 3.0), "trunk_mm": (0.5, 10.0), "film_mm": (0.05, 3.0), "slices": (1, 200), "matrix_mm": (0.2, 5.0)}
"""Least and most of what a scale asks for: outside, bones are lost between voxels or pixels, or memory runs out."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How finely subjects are built and pictured; the defaults are full size. Coarser is quicker, for tests and for a first look.

    Attributes:
        fine_mm, trunk_mm: Voxel edges of the built volume; 0 is the builder's own.
        film_mm: Pixel of films and DXA pictures; 0 is the acquisition's own.
        slices: Most slices in an MR series; 0 is the acquisition's own. A single stack keeps its extent by wider gaps.
        matrix_mm: Pixel of MR slices; 0 is the acquisition's own.

    Raises:
        InputError: `setting-invalid` outside SCALES.
    """

    fine_mm: float = 0.0
    trunk_mm: float = 0.0
    film_mm: float = 0.0
    slices: int = 0
    matrix_mm: float = 0.0

    def __post_init__(self) -> None:
        for name, (least, most) in SCALES.items():
            value = getattr(self, name)
            if value and not least <= value <= most:
                raise InputError("setting-invalid", f"{name} lies in {least:g} to {most:g}, or is 0 for the usual, got {value}",
                                 "Choose a value in that range")


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for. Subject i of an order is the same whatever the number of subjects and of workers.

    Attributes:
        layout, seed: Which layout, and the seed of the cohort.
        role: Which stream of subjects: "train", "val", "test" or "twin"; "" mixes them as the layout's own splits do.
        profile: What kind of people, by name.
        labels: "truth" (measured) or "read" (as readers write them, with their published noise).
        wild: Files as they come from archives rather than as they ought to be; for layouts that have such a form.
        style: "train", or "eval" for the acquisitions of the judging cohorts.
        settings: (name, value) pairs that replace fields of the profile.
        scale: How finely.
        pattern: Roles of subjects 0, 1, ... where `role` is ""; it repeats.
    """

    layout: str
    seed: int
    role: str = ""
    profile: str = "symptomatic"
    labels: str = "truth"
    wild: bool = False
    style: str = "train"
    settings: tuple[tuple[str, str], ...] = ()
    scale: Scale = Scale()
    pattern: tuple[str, ...] = ("train",)

    def subject(self, rng: np.random.Generator) -> SubjectSpec:
        """A subject of the order's profile."""
        return draw_subject(rng, profile_of(self))

    def role_of(self, index: int) -> str:
        """The role of that subject: the order's own, or the pattern's, which repeats."""
        return self.role or self.pattern[index % len(self.pattern)]

    def rng(self, index: int) -> np.random.Generator:
        """The generator of that subject: cohorts, roles and subjects never share a stream."""
        return subject_rng(self.seed, self.role_of(index), index)

    def reader(self, index: int, part: int) -> np.random.Generator:
        """The generator of what a reader makes of that subject; `part` tells its pictures apart. No subject is drawn from it."""
        role = ROLES[self.role_of(index)]
        return np.random.default_rng(np.random.SeedSequence(entropy=self.seed, spawn_key=(role, index, READER, part)))

    def owner(self, index: int) -> str:
        """What the subject's identifiers derive from: all that decides the person and the pictures, so that no two of either share them."""
        asked = {name: value for name, value in self.as_json().items() if name not in ("seed", "role", "pattern", "labels", "wild")}
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
        return f"{self.seed}/{self.role_of(index)}/{index}/{digest}"

    def as_json(self) -> dict[str, Any]:
        """Plain values; equal orders give equal ones."""
        return {**asdict(self), "settings": [list(pair) for pair in self.settings], "pattern": list(self.pattern)}


def make_order(layout: str, seed: int, layouts: Sequence[str], sets: Sequence[str] = (), **given: Any) -> Order:
    """An order whose every name is known.

    Args:
        layouts: Layouts that can be made.
        sets: "name=value" texts: fields of the profile or of Scale.
        given: The other fields of Order.

    Raises:
        InputError: `unknown-layout`, `unknown-role`, `unknown-profile`, `unknown-labels`, `unknown-style`, `unknown-setting` (the
            sentence offers the nearest one) or `setting-invalid`.
    """
    order = Order(layout, seed, **given)
    known = {"layout": layouts, "role": ("", *ROLES), "profile": tuple(PROFILES), "labels": LABELS, "style": STYLES}
    for kind, names in known.items():
        if getattr(order, kind) not in names:
            raise InputError(f"unknown-{kind}", describe_unknown(kind, getattr(order, kind), names))
    scale, settings = scale_of(sets, order.scale)
    order = replace(order, settings=tuple(sorted(settings)), scale=scale)
    profile_of(order)
    return order


def scale_of(sets: Sequence[str], scale: Scale) -> tuple[Scale, list[tuple[str, str]]]:
    """The scale with those "name=value" texts in it that name a field of it, and the (name, value) pairs of the others.

    Raises:
        InputError: `setting-invalid`.
    """
    others = []
    for text in sets:
        name, value = _pair(text)
        if name in SCALES:
            scale = replace(scale, **{name: _parsed(name, value, getattr(scale, name))})
        else:
            others.append((name, value))
    return scale, others


def profile_of(order: Order) -> Profile:
    """The profile with the order's settings in it, all at once: some are right only together.

    Raises:
        InputError: `unknown-setting`, `setting-invalid` or `phantom-profile-invalid`.
    """
    profile, values = PROFILES[order.profile], {}
    names = [field.name for field in fields(profile) if field.name != "name"]
    for name, value in order.settings:
        if name not in names:
            raise InputError("unknown-setting", describe_unknown("setting", name, [*names, *(field.name for field in fields(Scale))]))
        values[name] = _parsed(name, value, getattr(profile, name))
    return replace(profile, **values)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise InputError("setting-invalid", f"{text!r} is not name=value", "Write for example --set fine_mm=1.0")
    return name.strip(), value.strip()


def _parsed(name: str, text: str, now: Any) -> Any:
    """The text as a value of the kind that the field holds now."""
    try:
        if isinstance(now, bool):
            return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
        if isinstance(now, tuple):
            return tuple(type(now[0] if now else 0.0)(part) for part in text.split(","))
        return type(now)(text) if isinstance(now, int | float | str) else float(text)
    except (ValueError, KeyError):
        raise InputError("setting-invalid", f"{name} = {text!r} is no {_kind_of(now)}", "Correct the value") from None


def _kind_of(value: Any) -> str:
    kinds = {bool: "yes or no (true, false)", int: "whole number", float: "number", str: "word", tuple: "list of numbers with commas"}
    return kinds.get(type(value), "number")
