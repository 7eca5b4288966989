"""Which slices are looked at, how they are turned upright, and what is refused before any network runs."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.core import Geometry, Image, Refusal, Series, Study
from spondyl.imaging import apply_affine
from spondyl.tasks.mri_discs.frame import normalised
from spondyl.tasks.mri_discs.slices import candidates, middle_slice, upright
from spondyl.tasks.mri_discs.task import MriDiscs
from tasks.spines import UPRIGHT, image, pixels_of, study

PICTURE = np.random.default_rng(0).uniform(0.1, 1, (120, 100)).astype(np.float32)
TURNS = tuple(product((False, True), repeat=3))


def turned(pixels: np.ndarray, swap: bool, flip_x: bool, flip_y: bool, spacing_mm: tuple[float, float] = (0.79, 0.8)) -> Image:
    """The upright picture as a file might hold it: its axes swapped, then mirrored; the geometry says so."""
    across, down = (np.array(v) for v in UPRIGHT)
    row, column = spacing_mm
    if swap:
        pixels, across, down, row, column = pixels.T, down, across, column, row
    if flip_x:
        pixels, across = pixels[:, ::-1], -across
    if flip_y:
        pixels, down = pixels[::-1], -down
    geometry = Geometry((0.0, 0.0, 0.0), tuple(map(float, across)), tuple(map(float, down)))  # type: ignore[arg-type]
    return image(pixels, spacing_mm=(row, column), geometry=geometry)


@pytest.mark.parametrize(("swap", "flip_x", "flip_y"), TURNS)
def test_any_of_the_eight_ways_to_store_a_slice_is_turned_upright_by_its_geometry(swap: bool, flip_x: bool, flip_y: bool):
    part = upright(turned(PICTURE, swap, flip_x, flip_y))
    assert part.pixels == pytest.approx(normalised(PICTURE), abs=1e-6)
    assert part.spacing_mm == (0.79, 0.8)


@given(st.sampled_from(TURNS), st.integers(0, 119), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_place_in_the_upright_slice_is_found_again_in_the_file(turn: tuple[bool, bool, bool], row: int, column: int):
    stored = turned(PICTURE, *turn)
    x, y = apply_affine(upright(stored).to_image, np.array([column + 0.5, row + 0.5])) - 0.5
    assert stored.pixels[round(y), round(x)] == PICTURE[row, column]
    assert (x, y) == pytest.approx((round(x), round(y)))


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("spacing_mm", [(0.5, 1.0), (1.2, 0.8)])
def test_pixels_that_are_not_square_are_made_square_and_places_are_still_found(
    turn: tuple[bool, bool, bool], spacing_mm: tuple[float, float]
):
    rows, columns = np.mgrid[0:120, 0:100] + 0.5
    blob = np.exp(-(((columns - 30) / 9) ** 2) - ((rows - 80) / 9) ** 2).astype(np.float32) + PICTURE * 0.01
    stored = turned(blob, *turn, spacing_mm=spacing_mm)
    part = upright(stored)
    assert part.spacing_mm == pytest.approx((min(spacing_mm),) * 2, rel=0.01)
    y, x = np.argwhere(part.pixels > 0.5).mean(axis=0) + 0.5
    assert (x, y) == pytest.approx((30 * spacing_mm[1] / part.spacing_mm[1], 80 * spacing_mm[0] / part.spacing_mm[0]), abs=0.5)
    file_x, file_y = apply_affine(part.to_image, np.array([x, y]))
    assert stored.pixels[int(file_y), int(file_x)] >= 0.95


def test_a_slightly_oblique_slice_is_turned_as_a_straight_one():
    tilt = np.radians(12)
    oblique = Geometry((0.0, 0.0, 0.0), (0.0, -np.cos(tilt), np.sin(tilt)), (0.0, -np.sin(tilt), -np.cos(tilt)))
    assert upright(image(PICTURE[:, ::-1], geometry=oblique)).pixels == pytest.approx(normalised(PICTURE), abs=1e-6)


def test_a_picture_without_geometry_is_left_as_it_is():
    part = upright(image(PICTURE[::-1], geometry=None, view="unknown", spacing_mm=None))
    assert part.pixels == pytest.approx(normalised(PICTURE[::-1]))
    assert part.to_image.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert part.spacing_mm is None


def series_of(offsets: tuple[float, ...], **changes: object) -> Series:
    """Sagittal slices at those places from right to left."""
    images = [image(PICTURE, id=f"{x:+.1f}", geometry=Geometry((x, -80.0, 120.0), *UPRIGHT), **changes) for x in offsets]
    return Series("s", "MR", tuple(images))


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_the_middle_slice_is_chosen_by_geometry_whatever_the_order(order: tuple[int, ...]):
    places = (-20.0, -8.0, 1.0, 20.0)
    middle, place = middle_slice(series_of(tuple(places[i] for i in order)).images)
    assert middle.id == "+1.0"
    assert place in (1, 2)


def test_the_middle_is_between_the_ends_and_not_of_the_count():
    middle, _ = middle_slice(series_of((0.0, 1.0, 2.0, 3.0, 20.0, 38.0)).images)
    assert middle.id == "+20.0"


def test_one_slice_of_each_series_is_read_and_the_reader_is_told_which():
    chosen, notices = candidates(Study("k", (series_of((-4.0, 0.0, 4.0)), series_of((1.0, 2.0, 3.0), sequence="t1"))))
    assert sorted(one.id for one in chosen) == ["+0.0", "+2.0"]
    assert [notice.code for notice in notices] == ["slice-chosen"] * 2
    assert "slice 2 of 3" in notices[0].message
    assert candidates(study(image(PICTURE)))[1] == []


def test_other_series_of_a_study_do_not_get_in_the_way():
    axial = image(PICTURE, view="axial", sequence="axial_t2", id="axial")
    chosen, notices = candidates(study(axial, image(PICTURE, id="t2"), image(PICTURE, sequence="stir", id="stir")))
    assert [one.id for one in chosen] == ["t2"]
    assert [notice.code for notice in notices] == ["series-left-out"] * 2


def test_the_order_of_the_series_does_not_matter():
    parts = [image(PICTURE, id=name, sequence=name) for name in ("t1", "t2", "t2_space")]
    orders = [[one.id for one in candidates(study(*order))[0]] for order in permutations(parts)]
    assert all(order == orders[0] for order in orders)


def test_frames_whose_places_are_not_known_are_taken_in_their_order():
    frames = tuple(image(PICTURE, id=str(i), geometry=None) for i in range(5))
    chosen, notices = candidates(Study("k", (Series("s", "MR", frames),)))
    assert [one.id for one in chosen] == ["2"]
    assert "not known" in notices[0].message


COLOUR = {"colour": True, "geometry": None, "view": "unknown"}


@pytest.mark.parametrize(
    ("case", "code"),
    [
        (study(image(PICTURE), modality="CR"), "not-an-mr"),
        (study(image(PICTURE), modality="DR"), "not-an-mr"),
        (study(image(PICTURE), modality="RG"), "not-an-mr"),
        (study(image(PICTURE), modality="CT"), "not-an-mr"),
        (study(image(PICTURE), modality="US"), "not-an-mr"),
        (study(image(PICTURE, view="axial")), "view-not-sagittal"),
        (study(image(PICTURE, view="coronal")), "view-not-sagittal"),
        (study(image(PICTURE, sequence="stir")), "sequence-not-measured"),
        (study(image(np.zeros((200, 200)))), "all-black"),
        (study(image(np.full((200, 200), 0.4))), "no-contrast"),
        (study(image(PICTURE[:95])), "picture-too-small"),
        (study(image(PICTURE[:, :95])), "picture-too-small"),
        (study(image(PICTURE, **COLOUR), modality=""), "colour-picture"),
        (Study("k", ()), "no-images"),
    ],
)
def test_what_cannot_be_a_sagittal_lumbar_slice_is_refused_with_its_reason(case: Study, code: str):
    with pytest.raises(Refusal) as caught:
        MriDiscs().select(case)
    assert caught.value.code == code
    assert caught.value.message
    assert caught.value.hint


def test_a_slice_that_can_be_read_outweighs_one_that_cannot():
    selection = MriDiscs().select(study(image(np.zeros((200, 200)), id="black"), image(PICTURE, id="good")))
    assert [one.id for one in selection.images] == ["good"]


def test_a_phantom_slice_is_selected_with_and_without_tags():
    tagged = image(pixels_of(0))
    bare = replace(tagged, geometry=None, view="unknown", sequence="unknown", spacing_mm=None)
    assert MriDiscs().select(study(tagged)).images == (tagged,)
    assert MriDiscs().select(study(bare, modality="")).images == (bare,)
