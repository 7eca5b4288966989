"""The plan of a spine, painted on a picture."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import dist

from PIL import Image as Picture
from PIL import ImageDraw

from spondyl.reports.alignment import Plan, Point, Shape, Words
from spondyl.reports.panel import BACKGROUND, font

SHADE = (*BACKGROUND, 100)
"""Under every whole line, so that it is seen on bright bone."""
FINE = 2
"""It is painted so many times as fine and then made smaller, so that slanted lines are smooth."""
THIN, THICK, DASH, GAP, HALO = 1.5, 2.5, 5.0, 3.5, 1.5
"""Of the picture's pixels, where words are 15 high."""


def paint_plan(picture: Picture.Image, plan: Plan, scale: float, words: int) -> None:
    """Paint it, shapes first.

    Args:
        picture: RGB; changed in place.
        scale: Pixels of the picture to one of the original image.
        words: Height in pixels of the words of a curve, by which lines are as thick as they can be told apart.
    """
    if not plan.shapes and not plan.words:
        return
    fine, pen = scale * FINE, FINE * max(1.0, words / 15)
    layer = Picture.new("RGBA", (picture.width * FINE, picture.height * FINE))
    draw = ImageDraw.Draw(layer)
    for shape in plan.shapes:
        _shape(draw, shape, fine, pen)
    for spoken in plan.words:
        _words(draw, spoken, fine, pen)
    layer = layer.resize(picture.size, Picture.Resampling.BOX)
    picture.paste(layer, (0, 0), layer)


def _shape(draw: ImageDraw.ImageDraw, shape: Shape, fine: float, pen: float) -> None:
    points = [(x * fine, y * fine) for x, y in shape.points]
    if shape.filled:
        draw.polygon(points, fill=shape.colour)
        return
    ring = [*points, *points[:2]] if shape.closed else points  # the first edge once more, so that the last corner is joined
    width = round((THICK if shape.strong else THIN) * pen)
    if not shape.dashed:
        draw.line(ring, fill=SHADE, width=width + round(pen), joint="curve")
        draw.line(ring, fill=shape.colour, width=width, joint="curve")
        return
    for start, end in pairwise(ring[:-1] if shape.closed else ring):
        for dash in _dashes(start, end, DASH * pen, GAP * pen):
            draw.line(dash, fill=shape.colour, width=width)


def _dashes(start: Point, end: Point, dash: float, gap: float) -> Iterator[tuple[Point, Point]]:
    length, at = dist(start, end), 0.0
    while at < length:
        near, far = at / length, min(at + dash, length) / length
        yield _between(start, end, near), _between(start, end, far)
        at += dash + gap


def _between(start: Point, end: Point, part: float) -> Point:
    return start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])


def _words(draw: ImageDraw.ImageDraw, spoken: Words, fine: float, pen: float) -> None:
    x0, y0, x1, y1 = spoken.place
    draw.text(((x0 + x1) / 2 * fine, (y0 + y1) / 2 * fine), spoken.text, font=font(max(1, round(spoken.size * fine))), fill=spoken.colour,
              anchor="mm", stroke_width=round(HALO * pen), stroke_fill=BACKGROUND)
