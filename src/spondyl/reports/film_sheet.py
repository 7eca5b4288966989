"""A sheet of films: small pictures of a data set in columns by class, boxes drawn in, for a person to look at before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from spondyl.reports.panel import AMBER, BACKGROUND, MUTED, WHITE, font
from spondyl.reports.slice_png import encode

HEIGHT, GAP, WORDS = 360, 10, 26
"""Pixels: height of a film on the sheet, space around it, height of a line of words."""


@dataclass(frozen=True, slots=True, eq=False)
class SheetFilm:
    """One film of a sheet.

    Attributes:
        pixels: float32 (rows, columns), 0..1.
        boxes: (k, 4), (x0, y0, x1, y1) in pixels of `pixels`.
        names: What each box shows; "" draws the box alone.
    """

    pixels: NDArray[np.float32]
    boxes: NDArray[np.float64]
    names: tuple[str, ...] = ()


def film_sheet(columns: Sequence[tuple[str, Sequence[SheetFilm]]]) -> bytes:
    """PNG bytes: one column a class under its title, films one below the other, at one height."""
    drawn = [(title, [_drawn(film) for film in films]) for title, films in columns]
    widths = [max([picture.width for picture in pictures], default=0) or HEIGHT // 2 for _, pictures in drawn]
    widths = [max(width, int(font(18).getlength(title))) for width, (title, _) in zip(widths, drawn, strict=True)]
    deepest = max((len(pictures) for _, pictures in drawn), default=0)
    size = sum(widths) + GAP * (len(widths) + 1), WORDS + GAP + max(deepest, 1) * (HEIGHT + GAP)
    sheet = Picture.new("RGB", size, BACKGROUND)
    draw, left = ImageDraw.Draw(sheet), GAP
    for width, (title, pictures) in zip(widths, drawn, strict=True):
        draw.text((left, 4), title, font=font(18), fill=WHITE)
        for place, picture in enumerate(pictures):
            sheet.paste(picture, (left, WORDS + GAP + place * (HEIGHT + GAP)))
        if not pictures:
            draw.text((left, WORDS + GAP), "no film", font=font(16), fill=MUTED)
        left += width + GAP
    return encode(sheet)


def _drawn(film: SheetFilm) -> Picture.Image:
    levels = np.rint(np.clip(film.pixels, 0, 1) * 255).astype(np.uint8)
    scale = HEIGHT / levels.shape[0]
    size = max(round(levels.shape[1] * scale), 1), HEIGHT
    picture = Picture.fromarray(levels).resize(size, Picture.Resampling.LANCZOS).convert("RGB")
    draw = ImageDraw.Draw(picture)
    said: set[str] = set()
    for place, box in enumerate(film.boxes * scale):
        x0, y0, x1, y1 = (float(value) for value in box)
        draw.rectangle((x0, y0, max(x1 - 1, x0), max(y1 - 1, y0)), outline=AMBER)
        name = film.names[place] if place < len(film.names) else ""
        if name and name not in said:
            left = min(x1 + 2, size[0] - font(13).getlength(name))
            draw.text((left, y0), name, font=font(13), fill=AMBER, stroke_width=2, stroke_fill=(0, 0, 0))
        said.add(name)
    return picture
