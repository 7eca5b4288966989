"""One picture that can be passed on: the slice with its levels marked, and beside it what was said, how sure, and on what evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from spondyl.core import Finding, HeatMap, Image, Measurement, Study, StudyResult, term
from spondyl.reports.alignment import plan_alignment
from spondyl.reports.alignment_paint import paint_plan
from spondyl.reports.heatmap import reduced_overlay
from spondyl.reports.labels import Rectangle, place_labels
from spondyl.reports.panel import BACKGROUND, PANEL_WIDTH, Colour, draw_panel, font, panel_height, panel_lines
from spondyl.reports.rows import LevelRow, answer_text, level_rows, outlined, present_probability, set_text
from spondyl.reports.slice_png import encode, grey

MIN_HEIGHT, MAX_SIDE = 720, 1400
MOST_LABELS = 40
"""Boxes that get words, the likeliest first; the others have their colour only."""
SCALE_COLOURS = ((68, 170, 153), (136, 204, 238), (221, 204, 119), (238, 153, 85), (204, 102, 119))
"""From the first key of a scale to the last; told apart without red-green vision (after P. Tol's "muted")."""
CHIP_SIZE = 15


def annotated_png(image: Image, result: StudyResult, maps: Sequence[HeatMap] = ()) -> bytes:
    """The image with boxes, levels, grades and heat maps, and a panel with the findings, the evidence and the warnings, as PNG.

    Small slices are enlarged so that the words can be read, large films are reduced; the picture is only drawn from what
    `result` says about this image. "Research software. Not a diagnosis." stands on it.
    """
    picture = marked_picture(image, result, maps)
    rows = level_rows(result)
    lines = panel_lines(result, rows, {row.label: row_colour(row) for row in rows})
    height = max(picture.height, panel_height(lines))
    canvas = Picture.new("RGB", (picture.width + PANEL_WIDTH, height), BACKGROUND)
    canvas.paste(picture, (0, (height - picture.height) // 2))
    draw_panel(canvas, picture.width, lines)
    return encode(canvas)


def marked_picture(image: Image, result: StudyResult, maps: Sequence[HeatMap] = (), *, words: int = CHIP_SIZE) -> Picture.Image:
    """The image alone at a handy size, with what `result` says about it drawn in and the heat maps of it laid over.

    Args:
        words: Height of the words in pixels of the picture; 0 draws no marks.
    """
    scale = _scale(image.shape)
    picture = _picture(image, [heat for heat in maps if heat.image == image.id], scale)
    if words:
        rows = [_on_image(row, image.id) for row in level_rows(result)]
        frame = (image.shape[1], image.shape[0])
        paint_plan(picture, plan_alignment(rows, result.curves, image.id, frame, words / scale), scale, words)
        _mark(picture, rows, scale, words)
    return picture


def shown_image(study: Study, result: StudyResult) -> Image:
    """The image a picture of this result is drawn on: the one most findings point at, else the first that was used, else the first."""
    images = {image.id: image for image in study.images}
    counts = Counter(finding.image for finding in result.findings if finding.image in images)
    wanted = [*(name for name, _ in counts.most_common(1)), *(note.id for note in result.images if note.id in images)]
    return images[wanted[0]] if wanted and wanted[0] is not None else study.images[0]


def further_images(study: Study, result: StudyResult) -> tuple[Image, ...]:
    """The images beside the shown one that the result says something of, in its order, where it speaks of whole films.

    None where it speaks of levels: these are drawn on one slice, and the others only helped to judge them.
    """
    if any(finding.level is not None or finding.level_from_bottom is not None for finding in result.findings):
        return ()
    shown, images = shown_image(study, result).id, {image.id: image for image in study.images}
    said = {finding.image for finding in result.findings} - {shown}
    return tuple(images[name] for name in dict.fromkeys(note.id for note in result.images) if name in said and name in images)


def row_colour(row: LevelRow) -> Colour:
    """Where the worst grade of the row, or its first other answer, stands on its scale, as a colour; grey where no value is said."""
    places = [_on_scale(finding) for finding in row.graded if finding.value is not None]
    places = places or [_on_scale(finding) for finding in row.yes_no if finding.value is not None][:1]
    return SCALE_COLOURS[round(max(places) * (len(SCALE_COLOURS) - 1))] if places else (150, 150, 150)


def _on_scale(finding: Finding) -> float:
    """0 for the first value of a finding, 1 for its last."""
    keys = term(finding.finding).keys
    return keys.index(str(finding.value)) / max(len(keys) - 1, 1)


def box_text(finding: Finding) -> str:
    """What is written at a box that no level names: the finding and how likely it is there."""
    chance = present_probability(finding)
    return term(finding.finding).text + (f" {chance:.2f}" if chance is not None else "")


def _scale(shape: tuple[int, int]) -> float:
    enlarged = max(1.0, MIN_HEIGHT / shape[0])
    return min(enlarged, MAX_SIDE / max(shape))


def _picture(image: Image, maps: Sequence[HeatMap], scale: float) -> Picture.Image:
    rows, columns = (max(1, round(side * scale)) for side in image.shape)
    base = Picture.fromarray(grey(image)).resize((columns, rows), Picture.Resampling.LANCZOS).convert("RGBA")
    for heat in maps:
        base.alpha_composite(Picture.fromarray(reduced_overlay(heat, image.shape)).resize(base.size, Picture.Resampling.BILINEAR))
    return base.convert("RGB")


def _on_image(row: LevelRow, image_id: str) -> LevelRow:
    """What the row says about this image."""
    return replace(
        row,
        graded=tuple(finding for finding in row.graded if finding.image == image_id),
        yes_no=tuple(finding for finding in row.yes_no if finding.image == image_id),
        places=tuple(finding for finding in row.places if finding.image == image_id),
        measured=tuple(item for item in row.measured if item.image == image_id),
    )


@dataclass(frozen=True, slots=True)
class _Chip:
    """Words beside a box."""

    text: str
    colour: Colour
    box: Rectangle
    beside: bool


def _mark(picture: Picture.Image, rows: Sequence[LevelRow], scale: float, words: int) -> None:
    """Outlines first, then the words, so that no outline runs through a word."""
    draw = ImageDraw.Draw(picture)
    chips = [chip for row in rows for chip in _chips(row, scale)]
    for chip in chips:
        x0, y0, x1, y1 = chip.box
        draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=chip.colour, width=max(2, words // 8))
    for row in rows:
        for points in _polylines(row):
            _draw_points(draw, points * scale, row_colour(row))
    spoken = [*(_corner_chip(row, words, picture.width) for row in rows if row.whole and row.graded), *chips[:MOST_LABELS]]
    sizes = [(_width(chip.text, words), words + 8.0) for chip in spoken]
    places = place_labels([chip.box for chip in spoken], sizes, picture.size, gap=6.0, beside=[chip.beside for chip in spoken])
    for chip, place in zip(spoken, places, strict=True):
        draw.rounded_rectangle(place, radius=4, fill=BACKGROUND, outline=chip.colour)
        draw.text((place[0] + 6, (place[1] + place[3]) / 2), chip.text, font=font(words), fill=(255, 255, 255), anchor="lm")


def _chips(row: LevelRow, scale: float) -> list[_Chip]:
    """One a box: at a level all that was said there, else what was found, the likeliest first."""
    boxed = [finding for finding in row.findings if finding.box is not None]
    if row.whole:
        boxed.sort(key=lambda finding: -(present_probability(finding) or 0))
        marks = [(box_text(finding) + _asked([finding]), colour_of(finding, row), finding.box) for finding in boxed]
    else:
        places = dict.fromkeys(finding.box for finding in boxed)
        marks = [(_level_text(row, [one for one in boxed if one.box == box]), row_colour(row), box) for box in places]
    return [_Chip(text, colour, (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale), not row.whole)
            for text, colour, box in marks if box is not None]


def colour_of(finding: Finding, row: LevelRow) -> Colour:
    """The colour that the vocabulary gives the finding, else that of its row."""
    colour = term(finding.finding).colour
    return (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)) if colour else row_colour(row)


def _corner_chip(row: LevelRow, size: int, room: float) -> _Chip:
    """What is said of the whole picture, for its corner: as much of it as the room is wide."""
    finding, asked = row.graded[0], _asked(row.graded)
    answer = answer_text(finding)
    longest = answer + (f"  90 % set {set_text(finding)}" if finding.set else "")
    texts = [text + asked for text in (longest, answer, answer.removeprefix(term(finding.finding).text).strip())]
    text = next((text for text in texts if _width(text, size) <= room), texts[-1])
    return _Chip(text, row_colour(row), (0.0, 0.0, 0.0, 0.0), False)


def _width(text: str, size: int) -> float:
    """Pixels across of a chip with this text."""
    return float(font(size).getlength(text)) + 12


def _asked(findings: Sequence[Finding]) -> str:
    return "  ?" if any(finding.refer for finding in findings) else ""


def _polylines(row: LevelRow) -> list[NDArray[np.float64]]:
    items: list[Finding | Measurement] = [*row.findings, *row.measured]
    return [np.asarray(points, np.float64) for points in dict.fromkeys(item.points for item in items if item.points and not outlined(item))]


def _draw_points(draw: ImageDraw.ImageDraw, points: NDArray[np.float64], colour: tuple[int, int, int]) -> None:
    if len(points) == 2:
        draw.line([tuple(point) for point in points], fill=colour, width=2)
    for x, y in points:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline=colour, width=2)


def _level_text(row: LevelRow, here: Sequence[Finding]) -> str:
    grades = [f"{finding.side or ''} {finding.value}".strip().replace("_", " ") for finding in here
              if len(term(finding.finding).keys) > 2 and finding.value is not None]
    words = grades or _present(here)
    return "  ".join([row.label, *words[:2]]).strip() + _asked(here)


def _present(findings: Sequence[Finding]) -> list[str]:
    return [term(finding.finding).text.removesuffix(" vertebra") for finding in findings if finding.value == "present"]
