"""Which pictures of a study are looked at: density pictures and whole pairs, and a word for each that is left out."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.core import Beam, Image, NotFoundError, Refusal, Series, Study
from spondyl.tasks.dxa_osteoporosis.task import MOST_PICTURES, DxaOsteoporosis
from tasks.dxa.density_scans import grey, image, scan

PICTURE = image(grey(scan(0).picture))
BEAMS = (Beam(40.0, 0.99, 0.27, 26.0), Beam(70.0, 0.31, 0.19, 26.0))


def study(*images: Image, modality: str = "BMD") -> Study:
    """Each image is a series of its own."""
    return Study("k" * 20, tuple(Series(f"s{k}", modality, (one,)) for k, one in enumerate(images)))


def noisy(seed: int, **changes: object) -> Image:
    return image(np.random.default_rng(seed).random((80, 70), np.float32), **changes)


def frames(spacing: tuple[float, float] | None = (0.8, 0.8)) -> tuple[Image, Image]:
    low, high = (noisy(k, beam=beam, spacing_mm=spacing) for k, beam in enumerate(BEAMS))
    return low, high


def refused(whose: Study) -> str:
    with pytest.raises(Refusal) as caught:
        DxaOsteoporosis().select(whose)
    assert caught.value.hint
    return caught.value.code


def test_a_misspelt_reference_is_found_before_any_study_is():
    with pytest.raises(NotFoundError, match="Did you mean 'hologic'"):
        DxaOsteoporosis("hologik")


def test_a_picture_is_taken_and_another_modality_is_refused_by_name():
    assert DxaOsteoporosis().select(study(PICTURE, modality="")).images == (PICTURE,)
    assert refused(study(PICTURE, modality="MR")) == "not-a-density-picture"
    assert refused(study(image(PICTURE.pixels, colour=True))) == "colour-picture"


def test_what_is_left_out_is_said_with_its_reason():
    slice_ = noisy(3)
    whose = Study("k" * 20, (Series("a", "MR", (slice_,)), Series("b", "BMD", (PICTURE,))))
    selection = DxaOsteoporosis().select(whose)
    assert selection.images == (PICTURE,)
    assert [(notice.reason, notice.images) for notice in selection.notices] == [("not-a-density-picture", (slice_.id,))]


def test_a_whole_pair_is_taken_however_little_contrast_its_frames_have():
    low, high = (image(np.full((80, 70), 0.2 + k / 10, np.float32), beam=beam, spacing_mm=(0.8, 0.8)) for k, beam in enumerate(BEAMS))
    whose = Study("k" * 20, (Series("a", "BMD", (high, low)),))
    assert {one.id for one in DxaOsteoporosis().select(whose).images} == {low.id, high.id}


def test_half_a_pair_and_a_pair_without_spacing_are_refused_by_name():
    low, high = frames()
    assert refused(study(low)) == "pair-incomplete"
    assert refused(study(low, high)) == "pair-incomplete", "of two series"
    assert refused(Study("k" * 20, (Series("a", "BMD", frames(None)),))) == "pair-incomplete"
    selection = DxaOsteoporosis().select(study(low, PICTURE))
    assert selection.images == (PICTURE,)
    assert [notice.reason for notice in selection.notices] == ["pair-incomplete"]


def test_of_two_pairs_one_answers_and_the_other_is_said():
    first, second = frames(), tuple(noisy(5 + k, beam=beam, spacing_mm=(0.8, 0.8)) for k, beam in enumerate(BEAMS))
    selection = DxaOsteoporosis().select(Study("k" * 20, (Series("a", "BMD", first), Series("b", "BMD", second))))
    assert {one.id for one in selection.images} in ({one.id for one in first}, {one.id for one in second})
    assert len(selection.notices) == 1


def test_the_same_picture_twice_is_looked_at_once_and_too_many_are_cut_with_a_word():
    assert DxaOsteoporosis().select(study(PICTURE, PICTURE)).images == (PICTURE,)
    many = [noisy(seed) for seed in range(MOST_PICTURES + 3)]
    low, high = frames()
    whose = Study("k" * 20, (*study(*many).series, Series("p", "BMD", (low, high))))
    for order in (whose.series, whose.series[::-1]):
        selection = DxaOsteoporosis().select(Study("k" * 20, order))
        assert len(selection.images) == MOST_PICTURES
        assert {low.id, high.id} <= {one.id for one in selection.images}, "a pair is never cut off"
        rest = {one.id for one in many} - {one.id for one in selection.images}
        assert {name for notice in selection.notices for name in notice.images} == rest
