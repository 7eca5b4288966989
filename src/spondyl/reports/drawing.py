"""A small drawing of lines, filled shapes and words, laid out once and written as SVG or PNG. Points are (x, y) in pixels, y down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from PIL import Image as Picture
from PIL import ImageDraw

from spondyl.reports.panel import font
from spondyl.reports.slice_png import encode

Point = tuple[float, float]
PAPER = "#ffffff"
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
"""Where the words stand to their point, as SVG says it and as Pillow does."""
FINE = 2
"""Pixels of the PNG to a unit of the drawing; it is painted twice as fine and then made smaller, so that slanted lines are smooth."""
BRUSH = 2 * FINE


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points."""

    points: tuple[Point, ...]
    colour: str
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Area:
    """A closed shape, filled and outlined."""

    points: tuple[Point, ...]
    fill: str
    outline: str


@dataclass(frozen=True, slots=True)
class Words:
    """One line of words on its baseline; `anchor` is "start", "middle" or "end"."""

    at: Point
    text: str
    size: int = 13
    colour: str = "#222222"
    anchor: str = "start"

    @property
    def extent(self) -> tuple[float, float]:
        """Left and right end, in the font of the PNG."""
        width, (x, _) = words_width(self.text, self.size), self.at
        left = {"start": x, "middle": x - width / 2, "end": x - width}[self.anchor]
        return left, left + width


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn, in this order, and what it says to those who do not see it."""

    width: int
    height: int
    title: str
    description: str
    parts: tuple[Stroke | Area | Words, ...]


def words_width(text: str, size: int) -> float:
    """Pixels that a line of words takes in the font of the PNG."""
    return float(font(size).getlength(text))


def wrapped(text: str, size: int, width: float) -> list[str]:
    """The words broken at spaces into lines of that width."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and words_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def as_svg(drawing: Drawing) -> str:
    """The drawing as one SVG file, UTF-8, that loads nothing from anywhere."""
    body = "\n".join(map(_svg, drawing.parts))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawing.width}" height="{drawing.height}" '
        f'viewBox="0 0 {drawing.width} {drawing.height}" role="img" aria-labelledby="title desc" font-family="sans-serif">\n'
        f'<title id="title">{escape(drawing.title)}</title>\n<desc id="desc">{escape(drawing.description)}</desc>\n'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>\n{body}\n</svg>\n'
    )


def as_png(drawing: Drawing) -> bytes:
    """The same picture as PNG."""
    picture = Picture.new("RGB", (drawing.width * BRUSH, drawing.height * BRUSH), PAPER)
    draw = ImageDraw.Draw(picture)
    for part in drawing.parts:
        _paint(draw, part)
    return encode(picture.resize((drawing.width * FINE, drawing.height * FINE), Picture.Resampling.BOX))


def _svg(part: Stroke | Area | Words) -> str:
    if isinstance(part, Words):
        x, y = part.at
        return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{part.size}" fill="{part.colour}" text-anchor={quoteattr(part.anchor)}>'
                f"{escape(part.text)}</text>")
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in part.points)
    if isinstance(part, Area):
        return f'<polygon points="{points}" fill="{part.fill}" stroke="{part.outline}" stroke-width="2"/>'
    return f'<polyline points="{points}" fill="none" stroke="{part.colour}" stroke-width="{part.width:g}"/>'


def _paint(draw: ImageDraw.ImageDraw, part: Stroke | Area | Words) -> None:
    if isinstance(part, Words):
        draw.text(_fine([part.at])[0], part.text, font=font(part.size * BRUSH), fill=part.colour, anchor=ANCHORS[part.anchor])
    elif isinstance(part, Area):
        draw.polygon(_fine(part.points), fill=part.fill, outline=part.outline, width=2 * BRUSH)
    else:
        draw.line(_fine(part.points), fill=part.colour, width=round(part.width * BRUSH))


def _fine(points: Sequence[Point]) -> list[Point]:
    return [(x * BRUSH, y * BRUSH) for x, y in points]
