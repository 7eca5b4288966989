"""Pictures that a DXA reader must refuse: drawn by kind, and made from a vendor's picture of a spine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from spondyl.core import InputError, NotFoundError
from spondyl.phantom.dxa_others import DXA_KINDS, draw_dxa_other, kind
from spondyl.phantom.dxa_pages import report
from spondyl.phantom.dxa_shadows import resized, tube
from spondyl.phantom.dxa_turned import inverted, on_its_side, photographed, report_with, text_rows, upside_down
from spondyl.phantom.rays.acquisition import DxaAcquisition
from spondyl.phantom.rays.dxa_picture import picture as vendor_picture

ASKED = {"hip_dxa", "forearm_dxa", "body_dxa", "chest", "hand", "knee", "report_page", "text_only", "photo", "noise", "flat_shapes"}
WORDS = ("L1 0.812", "L2 0.845", "T -1.90")
Turn = Callable[..., NDArray[np.uint8]]


def vendor(text: bool, seed: int = 0) -> NDArray[np.uint8]:
    """A bright column on a slope, as the vendor's picture shows it."""
    bmd = np.zeros((140, 90), np.float32)
    bmd[:, 35:55] = np.linspace(0.6, 1.0, 140)[:, None]
    bmd += 0.02 * np.random.default_rng(seed).standard_normal(bmd.shape, dtype=np.float32)
    return vendor_picture(bmd, np.full_like(bmd, 15), DxaAcquisition(140, 90, text=text), WORDS)


def test_every_kind_that_was_asked_for_is_there():
    assert set(DXA_KINDS) >= ASKED
    assert any(name.startswith("brain") for name in DXA_KINDS)


@pytest.mark.parametrize("name", sorted(DXA_KINDS))
def test_every_picture_is_varied_and_replayable(name: str):
    for seed in (1, 2):
        first, again, other = (draw_dxa_other(np.random.default_rng(s), name) for s in (seed, seed, seed + 10))
        assert first.dtype == np.float32
        assert first.ndim == 2
        assert 60 <= min(first.shape) <= max(first.shape) <= 900
        assert np.isfinite(first).all()
        assert first.min() >= 0
        assert first.max() <= 1
        assert np.array_equal(first, again)
        assert first.shape != other.shape or not np.array_equal(first, other)


@pytest.mark.parametrize("name", ["hip_dxa", "forearm_dxa", "body_dxa", "report_page", "photo", "text_only", "flat_shapes"])
def test_sizes_range_from_small_to_large(name: str):
    sides = [min(draw_dxa_other(np.random.default_rng(seed), name).shape) for seed in range(24)]
    assert min(sides) < 180
    assert max(sides) > 260
    assert len(set(sides)) > 12


@pytest.mark.parametrize("name", ["photo", "report_page"])
def test_a_given_picture_is_what_is_shown(name: str):
    drawn = [draw_dxa_other(np.random.default_rng(4), name, picture) for picture in (vendor(True), 255 - vendor(True), vendor(True))]
    assert np.array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], drawn[1])


def test_a_report_shows_the_picture_on_a_tenth_to_a_quarter_of_the_page():
    for seed in range(6):
        bright, dark = (report(np.random.default_rng(seed), np.full((200, 120), grey, np.float32)) for grey in (1.0, 0.0))
        assert 0.09 <= float((bright != dark).mean()) <= 0.26


def test_a_misspelt_kind_is_told_the_right_one_and_a_name_is_claimed_once():
    with pytest.raises(NotFoundError, match="Did you mean 'hip_dxa'"):
        draw_dxa_other(np.random.default_rng(0), "hip_dex")
    with pytest.raises(ValueError, match="claimed twice"):
        kind("hip_dxa")(lambda rng, picture: np.zeros((2, 2), np.float32))


@pytest.mark.parametrize("wrong", [np.zeros((9, 9), np.float32), np.zeros((9, 9, 3), np.uint8), np.zeros((0, 4), np.uint8)])
def test_a_picture_of_another_type_is_refused(wrong: NDArray[np.generic]):
    with pytest.raises(InputError, match="the picture to show is"):
        draw_dxa_other(np.random.default_rng(0), "photo", wrong)  # type: ignore[arg-type]


def test_lines_of_text_are_found_where_the_vendor_sets_them():
    with_text, without = vendor(True), vendor(False)
    assert text_rows(with_text) == with_text.shape[0] - without.shape[0] > 0
    assert text_rows(without) == 0
    assert text_rows(np.zeros((5, 5), np.uint8)) == 0


@pytest.mark.parametrize("turn", [inverted, upside_down])
@pytest.mark.parametrize("text_too", [False, True])
def test_turned_twice_is_as_before(turn: Turn, text_too: bool):
    for picture in (vendor(True), vendor(False)):
        once = turn(picture, text_too=text_too)
        assert once.dtype == np.uint8
        assert not np.array_equal(once, picture)
        assert np.array_equal(turn(once, text_too=text_too), picture)


@pytest.mark.parametrize("turn", [inverted, upside_down, on_its_side])
def test_text_stays_upright_below_unless_asked_otherwise(turn: Turn):
    picture = vendor(True)
    rows = text_rows(picture)
    kept, turned = turn(picture), turn(picture, text_too=True)
    shared = min(picture.shape[1], kept.shape[1])
    assert np.array_equal(kept[-rows:, :shared], picture[-rows:, :shared])
    assert text_rows(turned) == 0


def test_a_quarter_turn_lays_the_head_end_to_a_side():
    scan = vendor(False)
    right, left = on_its_side(scan), on_its_side(scan, clockwise=False)
    assert np.array_equal(right[:, -1], scan[0])
    assert np.array_equal(left[::-1, 0], scan[0])
    assert np.array_equal(on_its_side(right, clockwise=False), scan)


@pytest.mark.parametrize("make", [photographed, report_with])
def test_a_page_or_photograph_is_grey_and_replayable(make: Turn):
    for seed, picture in enumerate((vendor(True), vendor(False), vendor(True)[:60, :40])):
        first, again, other = (make(picture, np.random.default_rng(s)) for s in (seed, seed, seed + 50))
        assert first.dtype == np.uint8
        assert 60 <= min(first.shape) <= max(first.shape) <= 900
        assert first.std() > 2
        assert np.array_equal(first, again)
        assert first.shape != other.shape or not np.array_equal(first, other)


@pytest.mark.parametrize("shape", [(31, 17), (90, 200), (50, 40)])
def test_a_picture_keeps_its_mean_at_another_size(shape: tuple[int, int]):
    pixels = np.random.default_rng(0).random((50, 40), np.float32)
    assert resized(pixels, shape).shape == shape
    assert resized(pixels, shape).mean() == pytest.approx(pixels.mean(), abs=0.02)
    assert resized(np.full_like(pixels, 0.3), shape) == pytest.approx(np.full(shape, 0.3), abs=1e-5)


def test_a_round_bone_s_shadow_is_its_chord_through_cortex_and_marrow():
    x = np.linspace(-14, 14, 57)
    slow = 0.2 * (1.0 * np.sqrt(np.maximum(12**2 - x**2, 0)) + (0.2 - 1.0) * np.sqrt(np.maximum(9**2 - x**2, 0)))
    assert tube((np.abs(x) - 12, 12.0, 3.0)) == pytest.approx(slow, abs=1e-5)
