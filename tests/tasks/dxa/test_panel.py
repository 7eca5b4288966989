"""The scan is found on what surrounds it: captions and paper are masked, and of the scan itself nothing is lost."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spondyl.core import Refusal
from spondyl.phantom.dxa_pages import write
from spondyl.phantom.rays.marks import GLYPHS
from spondyl.tasks.dxa_osteoporosis.looking import cut
from spondyl.tasks.dxa_osteoporosis.panel import LEAST_RUN, find_panel
from spondyl.tasks.dxa_osteoporosis.space import Frames
from tasks.dxa.density_scans import captioned, grey, scan

FEW = settings(max_examples=30, deadline=None)
PATIENTS = range(3)
lines = st.text(sorted(GLYPHS), max_size=30)


def noisy(rows: int, columns: int, seed: int = 0, low: float = 0.2, high: float = 0.8) -> NDArray[np.float32]:
    """A picture without a flat row: broad light and shade with a grain, as a scan has them."""
    grain = np.random.default_rng(seed).uniform(-0.1, 0.1, (rows, columns))
    shade = (1 + np.sin(np.arange(columns) / 9)[None] * np.cos(np.arange(rows) / 11)[:, None]) / 2
    return np.clip(low + (high - low) * shade + grain, 0, 1).astype(np.float32)


def compressed(shown: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """The same after a JPEG."""
    return imagecodecs.jpeg8_decode(imagecodecs.jpeg8_encode(shown, level=quality))


def box_of(pixels: NDArray[np.float32]) -> tuple[int, int, int, int] | None:
    panel = find_panel(pixels)
    return panel and panel.box


def whole(shape: tuple[int, int]) -> tuple[int, int, int, int]:
    return 0, 0, shape[1], shape[0]


@pytest.mark.parametrize("style", ["train", "eval"])
@pytest.mark.parametrize("patient", PATIENTS)
def test_a_scan_of_the_digital_spine_is_never_cut(patient: int, style: str):
    for view in range(4):
        shown = scan(patient, view, style).picture
        panel = find_panel(grey(shown))
        assert panel is not None
        assert panel.box == whole(shown.shape)
        assert panel.share == 1
        assert not panel.masked


@pytest.mark.parametrize("metal", ["titanium"])
@pytest.mark.parametrize("view", range(3))
def test_a_scan_that_metal_makes_dark_is_not_cut_to_a_part_of_it(view: int, metal: str):
    own = scan(1, view, "train", metal)
    for shown in (own.picture, captioned(own)):
        assert box_of(grey(shown)) in (whole(own.picture.shape), None)


@pytest.mark.parametrize("patient", PATIENTS)
def test_captions_below_above_and_on_both_sides_are_masked(patient: int):
    own = scan(patient)
    rows, columns = own.picture.shape
    below = captioned(own)
    text = below[rows:]
    for shown, first in ((below, 0), (np.concatenate([text, own.picture]), len(text)), (np.concatenate([text, below]), len(text))):
        panel = find_panel(grey(shown))
        assert panel is not None
        assert panel.box == (0, first, columns, first + rows)
        assert panel.masked
        assert panel.share == pytest.approx(rows / len(shown))


@given(st.lists(lines, min_size=1, max_size=8))
@FEW
def test_whatever_is_written_below_a_scan_the_scan_is_what_is_left(words: list[str]):
    own = scan(1)
    assert box_of(grey(captioned(own, words))) == whole(own.picture.shape)


@pytest.mark.parametrize("patient", PATIENTS)
def test_dark_captions_on_white_paper_around_a_scan_are_masked(patient: int):
    shown = grey(scan(patient).picture)
    rows, columns = shown.shape
    page = np.ones((rows + 90, columns + 50), np.float32)
    page[60:60 + rows, 20:20 + columns] = shown
    for row in (5, 15, 25, 40):
        write(page, (row, 4), "BMD 0.812 T -1.9", 0.05)
    write(page, (rows + 70, 4), "NOT FOR DIAGNOSIS", 0.05)
    assert box_of(page) == (20, 60, 20 + columns, 60 + rows)


@given(st.tuples(*[st.integers(0, 40)] * 4), st.floats(0, 1), st.integers(0, 99))
@FEW
def test_a_border_of_one_grey_is_cut_to_the_pixel(border: tuple[int, int, int, int], paper: float, seed: int):
    top, right, bottom, left = border
    page = np.pad(noisy(120, 90, seed), ((top, bottom), (left, right)), constant_values=np.float32(paper))
    found = box_of(page)
    assert found is not None
    assert np.abs(np.array(found) - (left, top, left + 90, top + 120)).max() <= 2, "a row of pure noise may look like strokes"


@pytest.mark.parametrize("paper", [0.0, 0.25, 0.8, 1.0])
def test_a_scan_in_the_middle_of_a_wide_page_is_found_whole(paper: float):
    shown = grey(scan(2).picture)
    rows, columns = shown.shape
    page = np.full((rows + 40, round(2.5 * columns)), paper, np.float32)
    left = round(0.75 * columns)
    page[20:20 + rows, left:left + columns] = shown
    assert box_of(page) == (left, 20, left + columns, 20 + rows)


@pytest.mark.parametrize("quality", [95, 90, 75])
@pytest.mark.parametrize("view", [0, 3, 4])
def test_captions_are_masked_after_lossy_compression_too(view: int, quality: int):
    own = scan(2, view)
    rows, columns = own.picture.shape
    box = box_of(grey(compressed(captioned(own), quality)))
    assert box is not None
    assert box[:3] == (0, 0, columns)
    assert rows - 4 <= box[3] <= rows + 4, "no line of text can be read on what is left"


@pytest.mark.parametrize("quality", [95, 90, 75])
@pytest.mark.parametrize("patient", PATIENTS)
def test_lossy_compression_cuts_nothing_off_a_scan(patient: int, quality: int):
    for view in range(4):
        shown = scan(patient, view, "eval").picture
        assert box_of(grey(compressed(shown, quality))) == whole(shown.shape)


def test_a_line_drawn_across_a_scan_does_not_cut_it_in_two():
    shown = grey(scan(2).picture).copy()
    shown[70], shown[:, 40] = 1.0, 1.0
    assert box_of(shown) == whole(shown.shape)


@given(st.floats(0, 1), st.integers(1, 300), st.integers(1, 300))
@FEW
def test_blank_paper_holds_no_scan(paper: float, rows: int, columns: int):
    assert find_panel(np.full((rows, columns), paper, np.float32)) is None


@given(st.lists(lines, min_size=3, max_size=12), st.booleans(), st.integers(1, 3))
@FEW
def test_a_page_of_writing_holds_no_scan(words: list[str], dark: bool, size: int):
    paper, ink = (0.05, 0.95) if dark else (1.0, 0.1)
    page = np.full((9 * size * len(words) + 8, 160 * size), paper, np.float32)
    for row, word in enumerate(words):
        write(page, (4 + 9 * size * row, 4), word, ink, size)
    with pytest.raises(Refusal) as refused:
        cut(page, Frames())
    assert refused.value.code in ("text-only", "no-contrast")


def test_a_scan_has_a_least_size():
    assert find_panel(noisy(LEAST_RUN, LEAST_RUN)) is not None
    assert find_panel(noisy(LEAST_RUN - 1, 200)) is None
    assert find_panel(noisy(200, LEAST_RUN - 1)) is None


def test_of_two_scans_the_larger_is_taken():
    page = np.zeros((300, 120), np.float32)
    page[10:90, 10:110], page[120:280, 10:110] = noisy(80, 100), noisy(160, 100, 1)
    assert box_of(page) == (10, 120, 110, 280)
