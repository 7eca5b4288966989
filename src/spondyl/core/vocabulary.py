"""The closed list of findings, read once from `vocabulary.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from spondyl.core.errors import NotFoundError, describe_unknown

SEQUENCES = ("t1", "t2", "t2_space", "stir", "axial_t2", "other", "unknown")
"""MR sequences: "other" where the header names something else (a scout, diffusion, a gradient echo...), "unknown" where it is silent."""


@dataclass(frozen=True, slots=True)
class Term:
    """One finding of the vocabulary.

    Attributes:
        name: As in result.json, e.g. "pfirrmann_grade".
        keys: Probability keys, in order.
        integer: Whether the value is written as a number.
        where: What its level names: "disc", "vertebra" or "image".
        sides: Whether left and right are told apart.
        cut: `refer` is set when the 90 % set has keys on both sides of this one (it counts as past the cut).
        ordered: Whether the keys are an ordered scale.
        text: The words a person reads.
        abstains: Whether a referred answer is none: faces then say that it cannot be told.
        colour: "#rrggbb" that boxes of it are drawn in where a picture has boxes of several findings, or "".
    """

    name: str
    keys: tuple[str, ...]
    where: str
    sides: bool
    cut: str
    ordered: bool
    text: str
    integer: bool = False
    colour: str = ""
    abstains: bool = False

    def __post_init__(self) -> None:
        if self.cut not in self.keys:
            raise ValueError(f"{self.name}: the cut {self.cut!r} is not one of {self.keys}")

    def value_of(self, key: str) -> int | str:
        """The value result.json carries for a probability key."""
        return int(key) if self.integer else key

    def spans_cut(self, keys: tuple[str, ...] | list[str]) -> bool:
        """Whether these keys lie on both sides of the cut, so that the answer is worth a second look."""
        at = self.keys.index(self.cut)
        sides = {self.keys.index(key) >= at for key in keys}
        return len(sides) == 2


@cache
def vocabulary() -> dict[str, Term]:
    """Every finding by name, in the order of the file."""
    table = tomllib.loads((files("spondyl.core") / "vocabulary.toml").read_text("utf-8"))
    return {name: Term(name=name, **{**row, "keys": tuple(row["keys"])}) for name, row in table.items()}


def term(name: str) -> Term:
    """The finding of that name.

    Raises:
        NotFoundError: If the vocabulary has no such finding; the sentence offers the nearest one.
    """
    try:
        return vocabulary()[name]
    except KeyError:
        raise NotFoundError("unknown-finding", describe_unknown("finding", name, vocabulary())) from None
