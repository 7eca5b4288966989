"""What is drawn on a picture of the page: boxes, points, and where their words go, in pixels of the original image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spondyl.core import Finding, ImageNote, Measurement, term
from spondyl.reports import LevelRow, Rectangle, box_text, outlined, place_labels, present_probability

UNITS = 160
"""Words are sized in units of the picture's longer side divided by this."""
MOST_LABELS = 40
"""Boxes that get words, the likeliest first; the others have their colour, and their words where the pointer rests."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A box with its words, or points.

    Attributes:
        row: Label of the row it belongs to, which lights up with it.
        label: The words beside it.
        title: What is said when the pointer rests on it.
        refer: Whether a person should look at it.
        box: x0, y0, x1, y1.
        points: (x, y).
        colour: "#rrggbb" of what was found, "" where it is a level of which more is said.
        pill: Where the words go (x0, y0, x1, y1), None where they are not shown.
        size: Height of the words.
    """

    row: str
    label: str
    title: str
    refer: bool
    box: Rectangle | None
    points: tuple[tuple[float, float], ...] = ()
    colour: str = ""
    pill: Rectangle | None = None
    size: float = 0.0

    @property
    def line(self) -> str:
        """The points as SVG writes them."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


def marks_of(rows: Sequence[LevelRow], note: ImageNote) -> tuple[Mark, ...]:
    """Everything that the rows say to draw on one image."""
    boxes, points = [], []
    for row in rows:
        found = [finding for finding in row.findings if finding.image == note.id]
        boxes += _found(row, found) if row.whole else _levels(row, found)
        items: list[Finding | Measurement] = [*found, *(item for item in row.measured if item.image == note.id)]
        lines = dict.fromkeys(item.points for item in items if item.points and not outlined(item))
        points += [Mark(row.label, row.label, row.heading, False, None, line) for line in lines]
    return (*_labelled(boxes, note), *points)


def _levels(row: LevelRow, found: Sequence[Finding]) -> list[Mark]:
    """One mark a box of a level, with all that was said there; in its own colour where that is one thing, and it is present."""
    marks = []
    for box in dict.fromkeys(finding.box for finding in found if finding.box):
        here = [finding for finding in found if finding.box == box]
        title = ", ".join(f"{term(f.finding).text} {str(f.value).replace('_', ' ')}" for f in here if f.value not in (None, "absent"))
        colour = term(here[0].finding).colour if len(here) == 1 and here[0].value == "present" else ""
        marks.append(Mark(row.label, row.label, f"{row.heading} {title}".strip(), any(f.refer for f in here), box, colour=colour))
    return marks


def _found(row: LevelRow, found: Sequence[Finding]) -> list[Mark]:
    """One mark a finding that has a box and no level, the likeliest first."""
    boxed = sorted((finding for finding in found if finding.box), key=lambda finding: -(present_probability(finding) or 0))
    return [Mark(row.label, box_text(finding), box_text(finding), finding.refer, finding.box, colour=term(finding.finding).colour)
            for finding in boxed]


def _labelled(marks: Sequence[Mark], note: ImageNote) -> list[Mark]:
    """The marks with their words in free places."""
    unit = max(note.rows, note.columns) / UNITS
    spoken = marks[:MOST_LABELS]
    sizes = [2.6 * unit if mark.colour else 3.8 * unit for mark in spoken]
    areas = [(len(mark.label) * size * 0.63 + 2 * unit, size * 1.3) for mark, size in zip(spoken, sizes, strict=True)]
    boxes = [mark.box or (0.0, 0.0, 0.0, 0.0) for mark in spoken]
    pills = place_labels(boxes, areas, (note.columns, note.rows), gap=unit, beside=[not mark.colour for mark in spoken])
    shown = [replace(mark, pill=pill, size=size) for mark, pill, size in zip(spoken, pills, sizes, strict=True)]
    return [*shown, *marks[MOST_LABELS:]]
