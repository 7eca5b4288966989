"""One film twice: with the boxes that are true and the boxes that were found, and under its heat map. For pages about a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw

from spondyl.core import HeatMap, Image
from spondyl.reports.heatmap import overlay
from spondyl.reports.panel import AMBER, BACKGROUND, TEAL, font
from spondyl.reports.slice_png import encode, grey

Box = tuple[float, float, float, float]
HEIGHT, GAP, WORDS = 380, 6, 11
WIDEST = 520


@dataclass(frozen=True, slots=True)
class CaseBox:
    """A box on a film: its class, its place (x0, y0, x1, y1) in pixels of the film, and its score, or None for a true one."""

    name: str
    box: Box
    score: float | None = None


def case_png(image: Image, maps: Sequence[HeatMap] = (), boxes: Sequence[CaseBox] = ()) -> bytes:
    """PNG: the film with true boxes (teal, dashed) and found boxes (amber, with scores), and the film under its heat maps.

    The two stand side by side at one height; without maps of this film there is only the first. Maps keep their fixed scale.
    A class is named at its first box, so that many boxes of one class do not bury the film under words.
    """
    scale = min(HEIGHT / image.shape[0], WIDEST / image.shape[1])
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    base = Picture.fromarray(grey(image))
    pictures = [base.resize(size, Picture.Resampling.LANCZOS).convert("RGB")]
    _mark(pictures[0], boxes, scale)
    if own := [heat for heat in maps if heat.image == image.id]:
        under = base.resize(size, Picture.Resampling.LANCZOS).convert("RGBA")
        for heat in own:
            shown = replace(heat, to_image=np.array([[size[0] / image.shape[1]], [size[1] / image.shape[0]]]) * heat.to_image)
            under.alpha_composite(Picture.fromarray(overlay(shown, (size[1], size[0]))))
        pictures.append(under.convert("RGB"))
    canvas = Picture.new("RGB", (len(pictures) * (size[0] + GAP) - GAP, size[1]), BACKGROUND)
    for place, picture in enumerate(pictures):
        canvas.paste(picture, (place * (size[0] + GAP), 0))
    return encode(canvas)


def _mark(picture: Picture.Image, boxes: Sequence[CaseBox], scale: float) -> None:
    """True boxes below, found ones above them, words on top of both: of true boxes over the box, of found ones under it."""
    draw = ImageDraw.Draw(picture)
    ordered = sorted(boxes, key=lambda row: row.score is not None)
    for row in ordered:
        if row.score is None:
            _dashed(draw, _scaled(row.box, scale))
        else:
            draw.rectangle(_scaled(row.box, scale), outline=AMBER, width=1)
    named: set[tuple[str, bool]] = set()
    for row in ordered:
        true = row.score is None
        known = (row.name, true) in named
        named.add((row.name, true))
        words = " ".join(([] if known else [row.name]) + ([] if row.score is None else [f"{row.score:.2f}"]))
        x0, y0, _, y1 = _scaled(row.box, scale)
        x = min(max(x0, 0), max(picture.width - font(WORDS).getlength(words), 0))
        y = min(max(y0 - WORDS - 3 if true else y1 + 1, 0), picture.height - WORDS - 3)
        draw.text((x, y), words, font=font(WORDS), fill=TEAL if true else AMBER, stroke_width=1, stroke_fill=(0, 0, 0))


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
