"""A study's parts are valid once built."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.core import Geometry, Image, Series, Study

PIXELS = np.zeros((4, 5), np.float32)


@pytest.mark.parametrize(
    "changes",
    [
        {"pixels": np.zeros((4, 5), np.float64)},
        {"pixels": np.zeros((4, 5, 3), np.float32)},
        {"view": "oblique"},
        {"sequence": "t3"},
        {"spacing_mm": (0.0, 1.0)},
        {"spacing_mm": (1.0, -1.0)},
        {"spacing_mm": (float("nan"), 1.0)},
        {"left_at": "top"},
    ],
)
def test_an_image_that_makes_no_sense_cannot_be_built(changes: dict[str, object]):
    with pytest.raises(ValueError, match=r"pixels|vocabulary|spacing|left"):
        Image(**{"id": "i" * 32, "pixels": PIXELS, **changes})  # type: ignore[arg-type]


def test_a_series_without_images_cannot_be_built():
    with pytest.raises(ValueError, match="at least one image"):
        Series("k", "MR", ())


def test_a_study_lists_its_images_in_order_and_takes_the_first_modality_it_has():
    images = [Image(str(i), PIXELS) for i in range(3)]
    study = Study("k", (Series("a", "", (images[0],)), Series("b", "MR", (images[1], images[2]))))
    assert study.images == tuple(images)
    assert study.modality == "MR"
    assert images[0].shape == (4, 5)


def test_slices_are_ordered_by_their_distance_along_the_normal():
    def sagittal(x: float) -> Geometry:
        return Geometry((x, -50.0, 100.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0))

    assert np.allclose(sagittal(0).normal, (-1, 0, 0))
    assert [sagittal(x).offset_mm for x in (-4.0, 0.0, 4.0)] == [4.0, 0.0, -4.0]
