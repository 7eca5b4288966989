from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spondyl.core import Refusal, Series, Study
from spondyl.tasks.mri_stenosis.assembly import AXIAL as AXIAL_T2
from spondyl.tasks.mri_stenosis.assembly import FLUID, T1, assemble, offset, plane_of
from tasks.mr_studies import AXIAL, SAGITTAL, blank, row_of, study_of

CORONAL = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))


def tilted(degrees: float) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Axial slices tipped about the left-right axis, as along a steep disc."""
    angle = np.radians(degrees)
    return (1.0, 0.0, 0.0), (0.0, float(np.cos(angle)), float(-np.sin(angle)))


def whole() -> tuple[Series, ...]:
    return row_of("t1", 9), row_of("t2", 9), row_of("t2", 20, AXIAL)


def refusal_of(study: Study) -> str:
    with pytest.raises(Refusal) as refused:
        assemble(study)
    return refused.value.code


def test_series_are_told_by_where_their_slices_lie_and_by_their_weighting():
    found = assemble(study_of(*whole()))
    assert [len(found.of(role)[0].images) for role in (T1, FLUID, AXIAL_T2)] == [9, 9, 20]
    assert found.notices == ()


def test_stir_stands_in_for_t2_and_t2_goes_first():
    stir = row_of("stir", 15)
    assert assemble(study_of(row_of("t1", 9), stir)).of(FLUID)[0].sequence == "stir"
    assert assemble(study_of(row_of("t1", 9), stir, row_of("t2", 9))).of(FLUID)[0].sequence == "t2"


@pytest.mark.parametrize("degrees", [0, 20, 44, 50])
def test_a_block_along_a_steep_disc_is_axial(degrees: float):
    assert plane_of(row_of("t2", 1, tilted(degrees)).images[0]) == "axial"


@pytest.mark.parametrize("degrees", [60, 80])
def test_beyond_that_it_is_coronal(degrees: float):
    assert plane_of(row_of("t2", 1, tilted(degrees)).images[0]) == "coronal"


def test_several_axial_blocks_are_all_taken():
    blocks = [row_of("t2", 5, tilted(angle), key=f"block {angle}") for angle in (0, 15, 30)]
    assert sum(len(stack.images) for stack in assemble(study_of(row_of("t1", 9), *blocks)).of(AXIAL_T2)) == 15


@pytest.mark.parametrize("turned", [SAGITTAL, ((0.0, -1.0, 0.0), (0.0, 0.0, -1.0)), ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0))])
def test_slices_come_from_right_to_left_however_they_are_stored(turned: tuple[tuple[float, float, float], tuple[float, float, float]]):
    series = row_of("t1", 9, turned)
    for images in (series.images, series.images[::-1]):
        stack = assemble(study_of(replace(series, images=images))).stacks[0]
        places = [image.geometry.position[0] for image in stack.images if image.geometry]
        assert places == sorted(places)
        assert [offset(image, "sagittal") for image in stack.images] == pytest.approx(places)


def test_a_slice_that_shows_its_place_again_is_left_out_with_a_word():
    series = row_of("t1", 5)
    again = replace(blank("t1", series.images[2].geometry.position), id="again")  # type: ignore[union-attr]
    found = assemble(study_of(replace(series, images=(*series.images, again))))
    assert len(found.stacks[0].images) == 5
    assert [notice.code for notice in found.notices] == ["slices-left-out"]


@pytest.mark.parametrize(("series", "reason"), [
    (row_of("other", 3), "sequence-not-measured"), (row_of("t2", 9, CORONAL), "view-not-read"),
    (row_of("t1", 9, AXIAL), "sequence-not-measured"),
])
def test_what_is_none_of_the_three_is_left_out_with_its_reason(series: Series, reason: str):
    found = assemble(study_of(*whole(), series))
    assert len(found.stacks) == 3
    assert [(notice.code, notice.reason) for notice in found.notices] == [("series-left-out", reason)]


def test_a_localiser_alone_is_refused():
    assert refusal_of(study_of(row_of("other", 3))) == "sequence-not-measured"


def test_axial_slices_alone_are_refused_since_levels_cannot_be_found_on_them():
    assert refusal_of(study_of(row_of("t2", 20, AXIAL))) == "no-sagittal-series"


def test_a_series_without_orientation_is_refused_since_left_and_right_cannot_be_told():
    series = row_of("t1", 5)
    lost = tuple(replace(image, geometry=None) for image in series.images)
    assert refusal_of(study_of(replace(series, images=lost))) == "geometry-missing"


def test_single_slices_without_a_place_are_left_out_with_a_word():
    series = row_of("t1", 5)
    images = (replace(series.images[0], geometry=None), *series.images[1:])
    found = assemble(study_of(replace(series, images=images)))
    assert len(found.stacks[0].images) == 4
    assert found.notices[0].code == "slices-left-out"


def test_a_picture_of_another_kind_is_refused_by_name():
    assert refusal_of(Study("k", (replace(row_of("t1", 3), modality="CT"),))) == "not-an-mr"


def test_a_series_in_another_frame_of_reference_is_left_out():
    found = assemble(study_of(row_of("t1", 9), row_of("t2", 9), row_of("t2", 20, AXIAL, frame="moved")))
    assert not found.of(AXIAL_T2)
    assert [notice.code for notice in found.notices] == ["frame-differs"]


def test_sagittal_slices_decide_on_the_frame_of_reference_however_many_axial_ones_there_are():
    found = assemble(study_of(row_of("t1", 1, frame="here"), row_of("t2", 1100, AXIAL, step=0.5, frame="there")))
    assert [stack.plane for stack in found.stacks] == ["sagittal"]


@pytest.mark.parametrize(("sagittal", "axial"), [("", "frame"), ("frame", ""), ("", "")])
def test_a_series_that_names_no_frame_fits_the_only_one_that_is_named(sagittal: str, axial: str):
    found = assemble(study_of(row_of("t1", 9, frame=sagittal), row_of("t2", 20, AXIAL, frame=axial)))
    assert len(found.stacks) == 2


def test_of_two_frames_the_same_one_is_taken_whatever_their_names():
    def slices(one: str, other: str) -> list[str]:
        study = study_of(row_of("t1", 9, frame=one), row_of("t2", 9, frame=other))
        return [stack.images[0].id for stack in assemble(study).stacks]

    assert slices("a", "b") == slices("b", "a")


def test_a_sagittal_series_without_a_place_is_the_reason_where_only_axial_slices_are_left():
    lost = row_of("t1", 5)
    lost = replace(lost, images=tuple(replace(image, geometry=None) for image in lost.images))
    assert refusal_of(study_of(lost, row_of("t2", 20, AXIAL))) == "geometry-missing"


def test_one_slice_is_a_stack_too():
    assert len(assemble(study_of(row_of("t2", 1))).of(FLUID)[0].images) == 1


def test_the_fuller_of_two_series_goes_first():
    cut, full = row_of("t1", 2, key="cut"), row_of("t1", 12, key="full")
    assert assemble(study_of(cut, full)).of(T1)[0].series == "full"


def test_a_repeat_with_contrast_agent_is_set_aside_however_full_it_is():
    series = row_of("t1", 20, key="enhanced")
    given = replace(series, images=tuple(replace(image, enhanced=True, id=image.id + "c") for image in series.images))
    found = assemble(study_of(given, row_of("t1", 12, step=4.1, key="plain")))
    assert [stack.series for stack in found.of(T1)] == ["plain", "enhanced"]


def test_the_order_of_series_changes_nothing():
    series = whole()
    one, other = (assemble(study_of(*order)) for order in (series, series[::-1]))
    for role in (T1, FLUID, AXIAL_T2):
        assert [image.id for image in one.of(role)[0].images] == [image.id for image in other.of(role)[0].images]
