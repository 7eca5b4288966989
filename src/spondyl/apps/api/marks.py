"""What is drawn on a picture of the page: boxes, points, and where their words go, in pixels of the original image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spondyl.core import Finding, ImageNote, Measurement, term
from spondyl.reports import Curve, LevelRow, Rectangle, box_text, outlined, place_labels, plan_alignment, present_probability

UNITS = 160
"""Words are sized in units of the picture's longer side divided by this."""
CURVE_SIZE, BOLD = 2.4, 0.85
"""Height of the words of a curve in those units; the page's bold letters are so much smaller for the same width."""
MOST_LABELS = 40
"""Boxes that get words, the likeliest first; the others have their colour, and their words where the pointer rests."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A box with its words, points, or a line of the plan of a spine.

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
        shape: "" for a box or points; of the plan of a spine "polygon" or "polyline" for a line through the points, or "words".
        style: Classes of that line: "strong", "dashed", "filled".
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
    shape: str = ""
    style: str = ""

    @property
    def line(self) -> str:
        """The points as SVG writes them."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


def marks_of(rows: Sequence[LevelRow], note: ImageNote, curves: Sequence[Curve] = ()) -> tuple[Mark, ...]:
    """Everything that the rows and curves say to draw on one image."""
    boxes, points = [], []
    for row in rows:
        found = [finding for finding in row.findings if finding.image == note.id]
        boxes += _found(row, found) if row.whole else _levels(row, found)
        items: list[Finding | Measurement] = [*found, *(item for item in row.measured if item.image == note.id)]
        lines = dict.fromkeys(item.points for item in items if item.points and not outlined(item))
        points += [Mark(row.label, row.label, row.heading, False, None, line) for line in lines]
    return (*_spine(rows, note, curves), *_labelled(boxes, note), *points)


def _spine(rows: Sequence[LevelRow], note: ImageNote, curves: Sequence[Curve]) -> list[Mark]:
    """Outlines of vertebrae and lines of curves as the annotated picture has them, shapes first."""
    plan = plan_alignment(rows, curves, note.id, (note.columns, note.rows), CURVE_SIZE * max(note.rows, note.columns) / UNITS)
    marks = []
    for shape in plan.shapes:
        style = " ".join(name for name in ("strong", "dashed", "filled") if getattr(shape, name))
        marks.append(Mark(shape.row, "", shape.title, False, None, tuple((round(x, 2), round(y, 2)) for x, y in shape.points), shape.colour,
                          shape="polygon" if shape.closed else "polyline", style=style))
    return marks + [Mark(spoken.row, spoken.text, spoken.title, False, None, (), spoken.colour, spoken.place, spoken.size * BOLD, "words")
                    for spoken in plan.words]


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
