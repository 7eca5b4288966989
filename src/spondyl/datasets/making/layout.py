"""What a layout has to say so that cohorts can be made in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spondyl.datasets.making.order import Order
from spondyl.phantom import SubjectSpec

Record = Mapping[str, Any]
"""What the tables need of one subject, as JSON has it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One subject with all chance drawn.

    Attributes:
        index: Its number in the cohort.
        spec: The subject.
        scans: Acquisitions by name: frozen dataclasses of plain numbers.
        choices: Further plain values that were drawn: identifiers, which split, which file type.
    """

    index: int
    spec: SubjectSpec
    scans: Mapping[str, Any]
    choices: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values; equal plans give equal ones."""
        body = {"index": self.index, "spec": asdict(self.spec), "scans": {name: asdict(scan) for name, scan in self.scans.items()},
                "choices": dict(self.choices)}
        return dict(json.loads(json.dumps(body)))


Draw = Callable[[Order, int], Plan]
"""All the chance of one subject."""
Write = Callable[[Path, Plan, Order], Record]
"""Writes the subject's files under a folder, in the places they have under the root, and returns its record."""
Finish = Callable[[Path, Iterator[tuple[int, Record]], Order], None]
"""Writes the tables of the root from (index, record) of all complete subjects, in the order of their index."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a layout is made.

    Attributes:
        wild: Whether it has a wild form.
        measured: Whether it is made from a built volume; without one there are no readers' labels and no styles.
        pattern: Roles of subjects 0, 1, ... where none is asked for: its splits.
    """

    name: str
    draw: Draw
    write: Write
    finish: Finish
    wild: bool = False
    measured: bool = True
    pattern: tuple[str, ...] = ("train",)
