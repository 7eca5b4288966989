"""One row a measurement, printed as they come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Attributes:
        what: What was measured.
        value: The figure with its unit, or why there is none.
        target: What it should be, or "".
        reached: Whether it is, or None where there is no target or nothing was measured.
        note: What the reader needs beside it.
    """

    what: str
    value: str
    target: str = ""
    reached: bool | None = None
    note: str = ""


HEAD = f"{'what':<46} {'measured':>16} {'target':>12}  {'':<6} note"


def line(row: Row) -> str:
    """The row as one line of the table."""
    mark = {True: "yes", False: "NO", None: ""}[row.reached]
    return f"{row.what:<46} {row.value:>16} {row.target:>12}  {mark:<6} {row.note}".rstrip()


def at_most(what: str, value: float, most: float, unit: str, note: str = "") -> Row:
    """A row whose figure should not be larger than `most`."""
    return Row(what, f"{value:.3g} {unit}", f"<= {most:g} {unit}", value <= most, note)


def at_least(what: str, value: float, least: float, unit: str, note: str = "") -> Row:
    """A row whose figure should not be smaller than `least`."""
    return Row(what, f"{value:.2f} {unit}", f">= {least:g} {unit}", value >= least, note)
