"""The same disc on two slices: by where it lies in the patient, else by the picture, else by its number."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.core import Geometry, Image
from spondyl.tasks.mri_discs.chain import Disc
from spondyl.tasks.mri_discs.crops import poses
from spondyl.tasks.mri_discs.reading import Located, paired
from spondyl.tasks.mri_discs.slices import upright
from tasks.spines import UPRIGHT, image


def on_slice(one: Image, heights: list[float]) -> Located:
    """Discs at those rows of the upright slice, from the bottom up."""
    discs = [Disc(60.0, y, 40.0, 10.0, 0.9, 0.1) for y in heights]
    return Located(upright(one), discs, poses(discs), np.zeros((len(discs), 4, 4), np.float32))


def picture(rows: int, spacing: float | None = None, top: float | None = None) -> Image:
    geometry = None if top is None else Geometry((0.0, -60.0, top), *UPRIGHT)
    pixels = np.random.default_rng(rows).random((rows, 120), dtype=np.float32)
    return image(pixels, spacing_mm=None if spacing is None else (spacing, spacing), geometry=geometry,
                 view="unknown" if top is None else "sagittal")


DISCS = [260.0, 220.0, 180.0, 140.0, 100.0]


def test_discs_are_matched_in_the_patient_where_both_slices_know_where_they_lie():
    """The second slice has half the pixels, begins 40 mm lower and shows the three lowest discs and one more below."""
    first = on_slice(picture(300, 1.0, 150.0), DISCS)
    second = on_slice(picture(150, 2.0, 110.0), [(300 - 40) / 2, *((y - 40) / 2 for y in DISCS[:3])])
    assert paired(first, second) == [1, 2, 3, None, None]
    assert paired(second, first) == [None, 0, 1, 2]


def test_a_slice_that_is_stored_upside_down_is_matched_by_its_geometry():
    first = on_slice(picture(300, 1.0, 150.0), DISCS)
    down = Geometry((0.0, -60.0, 150.0 - 299.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    flipped = image(picture(300).pixels[::-1], spacing_mm=(1.0, 1.0), geometry=down)
    assert paired(first, on_slice(flipped, DISCS[1:])) == [None, 0, 1, 2, 3]


def test_pictures_of_one_size_are_matched_by_where_the_discs_lie_in_them():
    first = on_slice(picture(300), DISCS)
    assert paired(first, on_slice(picture(300), [y + 3 for y in DISCS[1:4]])) == [None, 0, 1, 2, None]


def test_pictures_of_other_sizes_are_matched_by_number_if_both_show_as_many_discs():
    first = on_slice(picture(300), DISCS)
    assert paired(first, on_slice(picture(200), [y * 2 / 3 for y in DISCS])) == [0, 1, 2, 3, 4]
    assert paired(first, on_slice(picture(200), [150.0, 120.0, 90.0])) == [None] * 5


@pytest.mark.parametrize("other", [picture(300, 1.0, 150.0), picture(300), picture(200)])
def test_no_discs_are_matched_with_none(other: Image):
    assert paired(on_slice(picture(300, 1.0, 150.0), DISCS), on_slice(other, [])) == [None] * 5
