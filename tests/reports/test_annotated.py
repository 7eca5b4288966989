from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from reports.make_result import BUNDLE, done, picture, refused
from spondyl.core import HeatMap, Image, Series, Study
from spondyl.core.result import DISCLAIMER, StudyResult
from spondyl.reports import annotated_png, level_rows, shown_image, slice_png
from spondyl.reports.annotated import MAX_SIDE, MIN_HEIGHT, row_colour
from spondyl.reports.panel import PANEL_WIDTH, Line, _wrap, font, panel_lines


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Picture.open(BytesIO(data)))


def words(result: StudyResult) -> str:
    rows = level_rows(result)
    return " ".join(line.text for line in panel_lines(result, rows, {row.label: row_colour(row) for row in rows}))


@pytest.mark.parametrize("shape", [(8, 8), (160, 120), (448, 448), (3000, 1200), (200, 1500)])
def test_words_are_legible_and_pictures_of_a_handy_size_whatever_came_in(shape: tuple[int, int]):
    image = picture(*shape)
    drawn = opened(annotated_png(image, done(image)))
    assert drawn.shape[0] >= min(MIN_HEIGHT, MAX_SIDE * shape[0] // max(shape))
    assert drawn.shape[1] - PANEL_WIDTH <= MAX_SIDE
    assert drawn.shape[0] <= max(MAX_SIDE, 1000)


def test_a_box_is_drawn_where_the_finding_is():
    image = Image("image-a", np.zeros((720, 600), np.float32))
    result = done(image, count=1)
    drawn = opened(annotated_png(image, result)).astype(int)
    x0, y0, x1, y1 = (round(value) for value in result.findings[0].box)
    colour = row_colour(level_rows(result)[0])
    assert (np.abs(drawn[y0, x0 + 3 : x1 - 3] - colour) < 8).all()
    assert (np.abs(drawn[y0 + 3 : y1 - 3, x0] - colour) < 8).all()
    assert drawn[y0 + 5 : y1 - 5, x0 + 5 : x1 - 5].max() == 0


def test_findings_of_another_image_are_not_drawn_on_this_one():
    image = Image("image-b", np.zeros((720, 600), np.float32))
    assert opened(annotated_png(image, done(picture())))[:, :600].max() < 40


def test_heat_maps_are_drawn_only_when_given():
    image = picture(300, 300)
    frame = np.array([[10.0, 0, 20], [0, 10.0, 20]])
    heat = HeatMap("pfirrmann_grade", image.id, np.ones((4, 4), np.float32), frame)
    assert annotated_png(image, refused(), [heat]) != annotated_png(image, refused())


def test_the_same_result_is_the_same_picture():
    assert annotated_png(picture(), done(picture())) == annotated_png(picture(), done(picture()))


def test_everything_the_reader_must_know_stands_on_the_picture():
    said = words(done(picture(), count=6))
    for wanted in (DISCLAIMER, "Measured on patients", "L5/S1", "#6", "Pfirrmann grade 2 (0.60)", "90 % set 3-4", "refer", "7.9 ± 0.8 mm",
                   "Warning: the spacing is unknown", BUNDLE.licence, BUNDLE.trained_on):
        assert wanted in said


def test_a_refusal_says_what_was_seen_and_what_to_do():
    said = words(refused())
    assert 'Refused: the image is axial, "sagittal" is wanted' in said
    assert "Choose the sagittal series" in said
    assert DISCLAIMER in said


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("abcdefgh", min_size=1, max_size=20), min_size=1, max_size=40), st.integers(12, 22), st.booleans())
def test_wrapped_lines_fit_the_panel_and_lose_no_word(text: list[str], size: int, swatch: bool):
    lines = _wrap(Line(" ".join(text), size, swatch=(1, 2, 3) if swatch else None))
    assert " ".join(line.text for line in lines).split(" ") == text
    for line in lines:
        assert font(size).getlength(line.text) + line.indent + (18 if line.swatch else 0) <= PANEL_WIDTH


def test_the_image_shown_is_the_one_the_findings_point_at():
    first, second = picture(name="first"), picture(name="second")
    study = Study("k", (Series("s", "MR", (first, second)),))
    assert shown_image(study, done(second)) is second
    assert shown_image(study, refused()) is first


def test_a_slice_is_the_picture_itself():
    pixels = np.linspace(0, 1, 35, dtype=np.float32).reshape(5, 7)
    assert np.array_equal(opened(slice_png(Image("a", pixels))), np.rint(pixels * 255))


def test_values_that_are_no_numbers_are_black_or_white():
    pixels = np.array([[np.nan, np.inf], [-np.inf, 0.5]], np.float32)
    assert opened(slice_png(Image("a", pixels))).tolist() == [[0, 255], [0, 128]]
