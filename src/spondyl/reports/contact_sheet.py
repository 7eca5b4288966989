"""A contact sheet of the digital spine: one subject in all modalities with its truth drawn in, as one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from spondyl.phantom.examination import Examination
from spondyl.phantom.measured import CONDITIONS, GRADES, StenosisTruth, SubjectTruth, film_truth
from spondyl.phantom.rays import DxaScan, Film
from spondyl.phantom.resonance import MrSeries
from spondyl.reports.panel import AMBER, BACKGROUND, MUTED, RED, WHITE, Colour, Line, draw_panel, font
from spondyl.reports.slice_png import encode

WIDTH, PANEL = 1900, 600
FILM_HEIGHT, SAGITTAL_HEIGHT, AXIAL_HEIGHT = 1000, 620, 430
SHORT = {"Osteophytes": "spur", "Disc space narrowing": "narrow", "Surgical implant": "implant", "Foraminal stenosis": "foramen",
         "Spondylolysthesis": "slip", "Vertebral collapse": "collapse", "Other lesions": "other"}
MINT: Colour = (140, 235, 215)
GRADE_COLOURS = (MINT, AMBER, RED)
"""Of normal or mild, moderate, severe."""
Points = NDArray[np.float64]


def contact_sheet(seen: Examination, title: str) -> bytes:
    """PNG bytes: films with corners and lesion boxes, DXA with its regions, sagittal and axial slices with discs and the marked points."""
    films = [_film(seen.films[view], seen.truth, view) for view in ("ap", "lateral")]
    sagittal = [_sagittal(seen.series[name], seen.truth, name, 0.0) for name in ("t2", "t1", "stir")]
    beside = [_foramina(seen.series["t1"], seen.truth, side) for side in ("right", "left")]
    rows = [_row([*films, _dxa(seen.dxa)]), _row([*sagittal, *beside]), _row(_axial(seen.series["axial_t2"], seen.truth))]
    sheet = Picture.new("RGB", (WIDTH + PANEL, sum(row.height for row in rows) + 8 * len(rows)), BACKGROUND)
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height + 8
    draw_panel(sheet, WIDTH, _words(seen, title))
    return encode(sheet)


def side_by_side(sheets: Sequence[bytes]) -> bytes:
    """Pictures stacked from the top, as one PNG."""
    from io import BytesIO

    pictures = [Picture.open(BytesIO(sheet)) for sheet in sheets]
    whole = Picture.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), BACKGROUND)
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height
    return encode(whole)


def _row(pictures: Sequence[Picture.Image]) -> Picture.Image:
    """Pictures of one height side by side, shrunk together to the sheet's width."""
    wide = sum(p.width for p in pictures) + 8 * (len(pictures) - 1)
    scale = min(WIDTH / wide, 1.0)
    row = Picture.new("RGB", (WIDTH, int(max(p.height for p in pictures) * scale)), BACKGROUND)
    left = 0
    for picture in pictures:
        size = max(int(picture.width * scale), 1), max(int(picture.height * scale), 1)
        row.paste(picture.resize(size, Picture.Resampling.LANCZOS), (left, 0))
        left += size[0] + int(8 * scale)
    return row


class _Canvas:
    """A grey picture enlarged to the sheet's height, that is drawn on in its own pixels."""

    def __init__(self, grey: NDArray[np.floating], title: str, height: int = SAGITTAL_HEIGHT) -> None:
        levels = np.rint(np.clip(grey, 0, 1) * 255).astype(np.uint8)
        self.scale = np.full(2, height / grey.shape[0])
        size = max(round(grey.shape[1] * self.scale[0]), 1), height
        self.picture = Picture.fromarray(levels).resize(size, Picture.Resampling.LANCZOS).convert("RGB")
        self.draw = ImageDraw.Draw(self.picture)
        self.write((4, 2), title, WHITE, scaled=False)

    def at(self, points: Points) -> list[tuple[float, float]]:
        return [(float(x), float(y)) for x, y in (np.asarray(points, np.float64) + 0.5) * self.scale]

    def outline(self, points: Points, colour: Colour) -> None:
        self.draw.polygon(self.at(points), outline=colour)

    def mark(self, point: Points, colour: Colour) -> None:
        (x, y), = self.at(point[None])
        self.draw.ellipse((x - 4, y - 4, x + 4, y + 4), outline=colour, width=2)

    def write(self, place: tuple[float, float], words: str, colour: Colour, scaled: bool = True) -> None:
        where = self.at(np.array([place]))[0] if scaled else place
        self.draw.text(where, words, font=font(18), fill=colour, stroke_width=2, stroke_fill=(0, 0, 0))


def _film(film: Film, truth: SubjectTruth, view: str) -> Picture.Image:
    shown = film.pixels / np.float32(2**film.acquisition.bits - 1)
    canvas = _Canvas(1 - shown if film.photometric == "MONOCHROME1" else shown, f"X-ray {view}", FILM_HEIGHT)
    known = film_truth(truth, film.projection, film.pixels.shape)
    for vertebra in known.vertebrae:
        corners = np.array(vertebra.corners)
        canvas.outline(corners[[0, 1, 3, 2]] if known.view == "frontal" else corners, MINT)
        canvas.write((float(corners[:, 0].min()), float(corners[:, 1].min())), vertebra.name, MINT)
    said: set[tuple[str, str]] = set()
    for found in known.boxes:
        x0, y0, x1, y1 = found.box
        canvas.outline(np.array([(x0, y0), (x1 - 1, y0), (x1 - 1, y1 - 1), (x0, y1 - 1)]), AMBER)
        if (found.lesion_type, found.where) not in said:
            canvas.write((x1, y0), SHORT[found.lesion_type], AMBER)
        said.add((found.lesion_type, found.where))
    return canvas.picture


def _dxa(scan: DxaScan) -> Picture.Image:
    canvas = _Canvas(scan.picture / 255.0, f"DXA, as the machine reads it: T {scan.t_score:.1f}", FILM_HEIGHT)
    for region in scan.regions:
        corners = np.array(region.corners)
        canvas.outline(corners, MINT)
        canvas.write((float(corners[:, 0].max()), float(corners[:, 1].min())), f"{region.level} {region.bmd_g_cm2:.2f} g/cm2", MINT)
    return canvas.picture


def _grey(series: MrSeries, index: int) -> NDArray[np.float64]:
    return np.asarray(series.pixels[index] / max(float(np.quantile(series.pixels, 0.995)), 1.0))


def _sagittal(series: MrSeries, truth: SubjectTruth, name: str, x_mm: float) -> Picture.Image:
    """The slice nearest to the mid-line at L3, with the discs' corners and their grades."""
    middle = truth.discs[min(2, len(truth.discs) - 1)]
    at = series.to_image(np.mean(middle.corners_mm, axis=0)[None] + np.array([[x_mm, 0, 0]]))[0, 2]
    index = int(np.clip(np.rint(at), 0, len(series.pixels) - 1))
    canvas = _Canvas(_grey(series, index), f"MR sagittal {name.upper()}")
    for disc in truth.discs:
        seen = series.in_slices(np.array(disc.corners_mm))[:, index, :2]
        canvas.outline(seen, MINT)
        canvas.write((float(seen[:, 0].min()) - 70, float(seen[0, 1])), f"{disc.level} {_roman(disc.pfirrmann)}", MINT)
    return canvas.picture


def _foramina(series: MrSeries, truth: SubjectTruth, side: str) -> Picture.Image:
    rows = [row for row in truth.stenosis if row.condition == "neural_foraminal_narrowing" and row.side == side]
    marks = series.to_image(np.array([row.point_mm for row in rows]))
    index = int(np.clip(np.rint(np.nanmedian(marks[:, 2])), 0, len(series.pixels) - 1))
    canvas = _Canvas(_grey(series, index), f"MR sagittal T1, {side} foramina")
    for row, (x, y, _) in zip(rows, marks, strict=True):
        canvas.mark(np.array([x, y]), GRADE_COLOURS[row.grade])
    return canvas.picture


def _axial(series: MrSeries, truth: SubjectTruth) -> list[Picture.Image]:
    """The slice nearest to each disc, with the points of canal and recesses."""
    pictures = []
    for level in dict.fromkeys(row.level for row in truth.stenosis):
        rows = [row for row in truth.stenosis if row.level == level and row.condition != "neural_foraminal_narrowing"]
        marks = series.to_image(np.array([row.point_mm for row in rows]))
        if np.isnan(marks[:, 2]).all():
            continue
        index = int(np.clip(np.rint(np.nanmedian(marks[:, 2])), 0, len(series.pixels) - 1))
        side = slice(series.pixels.shape[1] // 5, series.pixels.shape[1] * 4 // 5)
        across = slice(series.pixels.shape[2] // 5, series.pixels.shape[2] * 4 // 5)
        canvas = _Canvas(_grey(series, index)[side, across], f"MR axial T2 {level}", AXIAL_HEIGHT)
        for row, (x, y) in zip(rows, series.in_slices(np.array([r.point_mm for r in rows]))[:, index, :2], strict=True):
            canvas.mark(np.array([x - across.start, y - side.start]), GRADE_COLOURS[row.grade])
        pictures.append(canvas.picture)
    return pictures


def _roman(grade: int) -> str:
    return ("I", "II", "III", "IV", "V")[grade - 1]


def _words(seen: Examination, title: str) -> list[Line]:
    truth = seen.truth
    lines = [Line(title, 34, above=0), Line("In-silico: a digital spine, no patient", 22, AMBER),
             Line(f"{truth.sex}, {truth.age_years:.0f} years, {truth.lumbar} lumbar vertebrae", 24)]
    if truth.density:
        said = truth.density.who_class or "no class at this age"
        lines.append(Line(f"BMD {truth.density.bmd_g_cm2:.2f} g/cm2, T {truth.density.t_score:.1f}: {said}", 22))
    for curve in truth.curves[:2]:
        lines.append(Line(f"Curve {curve.cobb_deg:.0f} degrees, {curve.upper} to {curve.lower}, to the {curve.side}", 22))
    for disc in reversed(truth.discs[:6]):
        findings = [name for name in ("narrowing", "bulging", "herniation", "spondylolisthesis") if getattr(disc, name)]
        findings += [f"Modic {disc.modic}"] if disc.modic else []
        grade = f"{disc.level}  Pfirrmann {_roman(disc.pfirrmann)}, {disc.height_mm:.1f} mm, film grade {disc.grade}"
        lines += [Line(grade, 23, above=16), *([Line(", ".join(findings), 20, MUTED)] if findings else [])]
        lines += [_stenosis_line(row) for row in truth.stenosis if row.level == disc.level and row.grade]
    lines += [Line(f"{v.name}: {v.genant_kind} fracture, Genant {v.genant}", 23, RED, above=10) for v in truth.vertebrae if v.genant]
    lines += [Line(f"{thing.kind}: {thing.name}", 20, MUTED) for thing in truth.objects[:6]]
    lines += [Line("Points: " + ", ".join(GRADES).replace("_", " or "), 18, MUTED, above=16)]
    return lines


def _stenosis_line(row: StenosisTruth) -> Line:
    name = ("canal", "foramen", "recess")[CONDITIONS.index(row.condition)]
    where = f"{row.side} {name}" if row.side else name
    return Line(f"{where}: {GRADES[row.grade]}", 20, GRADE_COLOURS[row.grade], indent=14)
