"""One picture that can be passed on: the slice with its levels marked, and beside it what was said, how sure, and on what evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from spondyl.core import Finding, HeatMap, Image, Measurement, Study, StudyResult, term
from spondyl.reports.heatmap import overlay
from spondyl.reports.panel import BACKGROUND, PANEL_WIDTH, draw_panel, font, panel_height, panel_lines
from spondyl.reports.rows import LevelRow, level_rows
from spondyl.reports.slice_png import encode, grey

MIN_HEIGHT, MAX_SIDE = 720, 1400
SCALE_COLOURS = ((68, 170, 153), (136, 204, 238), (221, 204, 119), (238, 153, 85), (204, 102, 119))
"""From the first key of a scale to the last; told apart without red-green vision (after P. Tol's "muted")."""
CHIP_SIZE = 15


def annotated_png(image: Image, result: StudyResult, maps: Sequence[HeatMap] = ()) -> bytes:
    """The image with boxes, levels, grades and heat maps, and a panel with the findings, the evidence and the warnings, as PNG.

    Small slices are enlarged so that the words can be read, large films are reduced; the picture is only drawn from what
    `result` says about this image. "Research software. Not a diagnosis." stands on it.
    """
    scale = _scale(image.shape)
    picture = _picture(image, [heat for heat in maps if heat.image == image.id], scale)
    rows = level_rows(result)
    _mark(picture, [_on_image(row, image.id) for row in rows], scale)
    lines = panel_lines(result, rows, {row.label: row_colour(row) for row in rows})
    height = max(picture.height, panel_height(lines))
    canvas = Picture.new("RGB", (picture.width + PANEL_WIDTH, height), BACKGROUND)
    canvas.paste(picture, (0, (height - picture.height) // 2))
    draw_panel(canvas, picture.width, lines)
    return encode(canvas)


def shown_image(study: Study, result: StudyResult) -> Image:
    """The image a picture of this result is drawn on: the one most findings point at, else the first that was used, else the first."""
    images = {image.id: image for image in study.images}
    counts = Counter(finding.image for finding in result.findings if finding.image in images)
    wanted = [*(name for name, _ in counts.most_common(1)), *(note.id for note in result.images if note.id in images)]
    return images[wanted[0]] if wanted and wanted[0] is not None else study.images[0]


def row_colour(row: LevelRow) -> tuple[int, int, int]:
    """Where the first answer of the row stands on its scale, as a colour; grey where no value is said."""
    for finding in (*row.graded, *row.yes_no):
        if finding.value is not None:
            keys = term(finding.finding).keys
            at = keys.index(str(finding.value)) / max(len(keys) - 1, 1)
            return SCALE_COLOURS[round(at * (len(SCALE_COLOURS) - 1))]
    return (150, 150, 150)


def _scale(shape: tuple[int, int]) -> float:
    enlarged = max(1.0, MIN_HEIGHT / shape[0])
    return min(enlarged, MAX_SIDE / max(shape))


def _picture(image: Image, maps: Sequence[HeatMap], scale: float) -> Picture.Image:
    base = Picture.fromarray(grey(image)).convert("RGBA")
    for heat in maps:
        base.alpha_composite(Picture.fromarray(overlay(heat, image.shape)))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return base.convert("RGB").resize(size, Picture.Resampling.LANCZOS)


def _on_image(row: LevelRow, image_id: str) -> LevelRow:
    """What the row says about this image."""
    return replace(
        row,
        graded=tuple(finding for finding in row.graded if finding.image == image_id),
        yes_no=tuple(finding for finding in row.yes_no if finding.image == image_id),
        measured=tuple(item for item in row.measured if item.image == image_id),
    )


def _mark(picture: Picture.Image, rows: Sequence[LevelRow], scale: float) -> None:
    """Outlines first, then the words, so that no outline runs through a word."""
    draw = ImageDraw.Draw(picture)
    chips = []
    for row in rows:
        colour = row_colour(row)
        places = dict.fromkeys(finding.box for finding in row.findings if finding.box is not None)
        for number, box in enumerate(places):
            x0, y0, x1, y1 = (value * scale for value in box)
            draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colour, width=2)
            chips.append((_chip_text(row, box, number), colour, (x0, y0, x1, y1)))
        for points in _polylines(row):
            _draw_points(draw, points * scale, colour)
    taken: list[tuple[float, float, float, float]] = []
    for text, colour, (x0, y0, x1, y1) in chips:
        taken.append(_draw_chip(draw, picture.size, text, colour, (x0, y0, x1, y1), taken))


def _polylines(row: LevelRow) -> list[NDArray[np.float64]]:
    items: list[Finding | Measurement] = [*row.findings, *row.measured]
    return [np.asarray(points, np.float64) for points in dict.fromkeys(item.points for item in items if item.points)]


def _draw_points(draw: ImageDraw.ImageDraw, points: NDArray[np.float64], colour: tuple[int, int, int]) -> None:
    if len(points) == 2:
        draw.line([tuple(point) for point in points], fill=colour, width=2)
    for x, y in points:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline=colour, width=2)


def _chip_text(row: LevelRow, box: tuple[float, float, float, float], number: int) -> str:
    here = [finding for finding in row.findings if finding.box == box]
    grades = [str(finding.value) for finding in here if len(term(finding.finding).keys) > 2 and finding.value is not None]
    words = grades or _present(here)
    return "  ".join([row.label, *words[:2]]).strip() + ("  ?" if any(finding.refer for finding in here) else "")


def _present(findings: Sequence[Finding]) -> list[str]:
    return [term(finding.finding).text for finding in findings if finding.value == "present"]


def _draw_chip(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    text: str,
    colour: tuple[int, int, int],
    box: tuple[float, float, float, float],
    taken: Sequence[tuple[float, float, float, float]],
) -> tuple[float, float, float, float]:
    """Words beside the box, inside the picture, below any words that stand there already. Returns where they went."""
    x0, y0, x1, y1 = box
    width, height = font(CHIP_SIZE).getlength(text) + 12, CHIP_SIZE + 8
    left = x1 + 6 if x1 + 6 + width <= size[0] else x0 - 6 - width
    left = min(max(left, 0), max(size[0] - width, 0))
    top = min(max((y0 + y1 - height) / 2, 0), max(size[1] - height, 0))
    for other in sorted(taken, key=lambda rectangle: rectangle[1]):
        if left < other[2] and other[0] < left + width and top < other[3] and other[1] < top + height:
            top = other[3] + 2
    draw.rounded_rectangle((left, top, left + width, top + height), radius=4, fill=BACKGROUND, outline=colour)
    draw.text((left + 6, top + height / 2), text, font=font(CHIP_SIZE), fill=(255, 255, 255), anchor="lm")
    return left, top, left + width, top + height
