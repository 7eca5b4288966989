"""The panel beside an annotated picture: lines of words, laid out first and drawn afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from spondyl.core import StudyResult
from spondyl.core.result import DISCLAIMER
from spondyl.reports.curves import VertebraTable, curve_colours, curve_words, only_place, vertebra_table
from spondyl.reports.rows import EVIDENCE, LevelRow, answer_text, level_rows, measure_text, set_text, yes_no_text

Colour = tuple[int, int, int]
BACKGROUND: Colour = (16, 20, 26)
WHITE: Colour = (240, 243, 246)
MUTED: Colour = (160, 170, 182)
AMBER: Colour = (255, 190, 92)
RED: Colour = (255, 128, 116)
TEAL: Colour = (68, 170, 153)
PANEL_WIDTH, MARGIN = 440, 18
NAME_WIDTH = 100
"""Of the first column of a table of vertebrae."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of words: size in pixels, colour, a swatch before it, a filled badge behind it, space above it; or cells of a table."""

    text: str
    size: int = 15
    colour: Colour = WHITE
    swatch: Colour | None = None
    badge: Colour | None = None
    above: int = 4
    indent: int = 0
    cells: tuple[str, ...] = ()


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow carries, so that the picture is the same on every machine."""
    loaded = ImageFont.load_default(size)
    assert isinstance(loaded, ImageFont.FreeTypeFont)
    return loaded


def panel_lines(result: StudyResult, rows: Sequence[LevelRow], colours: Mapping[str, Colour]) -> list[Line]:
    """Everything the reader must know, wrapped to the panel."""
    lines = [Line(result.task, 22, above=0), *_evidence(result)]
    if result.refusal is not None:
        lines.append(Line(f"{result.status.capitalize()}: {result.refusal['message']}", 16, RED, above=16))
        lines.append(Line(result.refusal["hint"], 15, MUTED))
    for row in rows:
        lines += [] if only_place(row) else _row(row, colours[row.label])
    lines += [*_curves(result), *_vertebrae(vertebra_table(rows)), *_legend(result)]
    lines += [Line(f"Warning: {warning.message}", 15, AMBER, above=12) for warning in result.warnings]
    lines.append(Line(DISCLAIMER, 16, WHITE, above=18))
    return [piece for line in lines if line.text for piece in _wrap(line)]


def panel_height(lines: Sequence[Line]) -> int:
    """Pixels that the lines need, margins included."""
    return sum(_step(line) for line in lines) + 2 * MARGIN


def draw_panel(canvas: Picture.Image, left: int, lines: Sequence[Line]) -> None:
    """Draw the lines from the top, starting `left` pixels into the canvas."""
    draw = ImageDraw.Draw(canvas)
    y = MARGIN
    for line in lines:
        x = left + MARGIN + line.indent
        top = y + line.above
        if line.badge is not None:
            draw.rounded_rectangle((x - 6, top - 3, x + font(line.size).getlength(line.text) + 6, top + line.size + 5), 4, fill=line.badge)
        if line.swatch is not None:
            draw.rectangle((x, top + 3, x + 11, top + 14), fill=line.swatch)
            x += 18
        for left_of, cell in _cells(line):
            draw.text((x + left_of, top), cell, font=font(line.size), fill=line.colour)
        y += _step(line)


def _step(line: Line) -> int:
    return line.above + line.size + 4


def _evidence(result: StudyResult) -> list[Line]:
    if result.bundle is None:
        return []
    bundle = result.bundle
    real = bundle.evidence == "real"
    words = EVIDENCE.get(bundle.evidence, bundle.evidence)
    return [
        Line(f"{bundle.name} {bundle.version}, trained on {bundle.trained_on}", 13, MUTED),
        Line(f"Licence of the weights: {bundle.licence}" if bundle.licence else "", 13, MUTED, above=1),
        Line(words[0].upper() + words[1:], 14, BACKGROUND, badge=TEAL if real else AMBER, above=10, indent=6),
    ]


def _row(row: LevelRow, colour: Colour) -> list[Line]:
    grades = [answer_text(finding) + (f"  90 % set {spread}" if (spread := set_text(finding)) else "") for finding in row.graded]
    heading = "   ".join(words for words in (row.heading, *grades[:1]) if words)
    extra = [*grades[1:], yes_no_text(row), measure_text(row)]
    lines = [Line(heading, 16, WHITE, swatch=colour, above=12)]
    if row.refer:
        lines.append(Line(f"refer: a person should look at this {'picture' if row.whole else 'level'}", 13, AMBER, above=1, indent=18))
    return lines + [Line(text, 14, MUTED, above=1, indent=18) for text in extra]


def _curves(result: StudyResult) -> list[Line]:
    """Each curve in a sentence, with the colour it is drawn in."""
    kept = zip(map(curve_words, result.curves), curve_colours(result.curves), strict=True)
    return [Line(words.line, 15 if colour else 14, WHITE if colour else MUTED, swatch=_rgb(colour) if colour else None,
                 above=12 if colour else 6, indent=0 if colour else 18) for words, colour in kept]


def _rgb(colour: str) -> Colour:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _vertebrae(table: VertebraTable | None) -> list[Line]:
    """A line a vertebra; one at which a person should look in amber, with a question mark."""
    if table is None:
        return []
    heads = [Line(" ".join(cells), 12, MUTED, above=above, cells=cells) for cells, above in ((table.head, 16), (table.units, 0))]
    lines = [((f"{cells[0]} ?", *cells[1:]) if refer else cells, refer) for cells, refer in zip(table.lines, table.refer, strict=True)]
    return [*heads, *(Line(" ".join(cells), 13, AMBER if refer else WHITE, above=2, cells=cells) for cells, refer in lines)]


def _cells(line: Line) -> list[tuple[float, str]]:
    """(pixels from the left, words) of the cells of a line; the first is as wide as a name with its candidates."""
    step = (PANEL_WIDTH - 2 * MARGIN - NAME_WIDTH) / max(len(line.cells) - 1, 1)
    return [(NAME_WIDTH + step * (at - 1) if at else 0, cell) for at, cell in enumerate(line.cells)] or [(0, line.text)]


def _legend(result: StudyResult) -> list[Line]:
    if not level_rows(result):
        return []
    words = "In brackets: probability. ?: worth a second look. 90 % set: the values that hold the right one in nine of ten."
    return [Line(words, 12, MUTED, above=16)]


def _wrap(line: Line) -> list[Line]:
    """The line broken at spaces so that each piece fits the panel; only the first keeps its swatch and the space above."""
    if line.cells:
        return [line]
    width = PANEL_WIDTH - 2 * MARGIN - line.indent - (18 if line.swatch else 0)
    pieces, current = [], ""
    for word in line.text.split(" "):
        longer = f"{current} {word}" if current else word
        if current and font(line.size).getlength(longer) > width:
            pieces.append(current)
            longer = word
        current = longer
    pieces.append(current)
    first = Line(pieces[0], line.size, line.colour, line.swatch, line.badge, line.above, line.indent)
    hang = line.indent + (18 if line.swatch else 0)
    return [first, *(Line(piece, line.size, line.colour, None, line.badge, 1, hang) for piece in pieces[1:])]
