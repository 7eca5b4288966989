"""One film twice: with the boxes that are true and the boxes that were found, and under its heat map. For pages about a model."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image as Picture
from PIL import ImageDraw

from spondyl.core import HeatMap, Image
from spondyl.reports.heatmap import overlay
from spondyl.reports.panel import AMBER, BACKGROUND, TEAL, font
from spondyl.reports.slice_png import encode, grey

HEIGHT, GAP = 380, 6
WIDEST = 520
Box = tuple[float, float, float, float]
Words = tuple[str, Box]
"""What stands beside a box, and the box: (x0, y0, x1, y1), pixels of the film."""


def case_png(image: Image, maps: Sequence[HeatMap] = (), true: Sequence[Words] = (), found: Sequence[Words] = ()) -> bytes:
    """PNG: the film with true boxes (teal, dashed) and found boxes (amber), and the film under its heat maps, side by side.

    Films are shown at one height. Maps keep their fixed scale. Without maps the second picture is left out.
    """
    scale = min(HEIGHT / image.shape[0], WIDEST / image.shape[1])
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    base = Picture.fromarray(grey(image))
    left = base.resize(size, Picture.Resampling.LANCZOS).convert("RGB")
    _mark(left, true, found, scale)
    own = [heat for heat in maps if heat.image == image.id]
    canvas = Picture.new("RGB", (size[0] * (2 if own else 1) + (GAP if own else 0), size[1]), BACKGROUND)
    canvas.paste(left, (0, 0))
    if own:
        under = base.convert("RGBA")
        for heat in own:
            under.alpha_composite(Picture.fromarray(overlay(heat, image.shape)))
        canvas.paste(under.convert("RGB").resize(size, Picture.Resampling.LANCZOS), (size[0] + GAP, 0))
    return encode(canvas)


def _mark(picture: Picture.Image, true: Sequence[Words], found: Sequence[Words], scale: float) -> None:
    draw = ImageDraw.Draw(picture)
    for _, box in true:
        _dashed(draw, _scaled(box, scale))
    for _, box in found:
        draw.rectangle(_scaled(box, scale), outline=AMBER, width=1)
    for words, box in (*((f"true: {name}", box) for name, box in true), *found):
        x0, y0, _, _ = _scaled(box, scale)
        width = font(10).getlength(words)
        at = min(max(x0, 0), max(picture.width - width, 0)), max(y0 - 12, 0)
        colour = TEAL if words.startswith("true: ") else AMBER
        draw.text(at, words.removeprefix("true: "), font=font(10), fill=colour, stroke_width=1, stroke_fill=(0, 0, 0))


def _scaled(box: Box, scale: float) -> Box:
    x0, y0, x1, y1 = (value * scale for value in box)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def _dashed(draw: ImageDraw.ImageDraw, box: Box, dash: int = 4) -> None:
    x0, y0, x1, y1 = (round(value) for value in box)
    for x in range(x0, x1, 2 * dash):
        for y in (y0, y1):
            draw.line((x, y, min(x + dash, x1), y), fill=TEAL, width=1)
    for y in range(y0, y1, 2 * dash):
        for x in (x0, x1):
            draw.line((x, y, x, min(y + dash, y1)), fill=TEAL, width=1)
