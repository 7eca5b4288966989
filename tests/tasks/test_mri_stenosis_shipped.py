"""The bundle that ships, on studies of the digital spine that nobody trained it on, whole and spoilt. In-silico: no figures of patients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from spondyl.core import Image, Series, Study, StudyResult, TaskOutput
from spondyl.inference import Shelf
from spondyl.phantom.others import draw_other
from spondyl.tasks.mri_stenosis import MriStenosis
from spondyl.tasks.mri_stenosis.answers import SEVERITIES, TARGETS, weighted
from spondyl.tasks.mri_stenosis.space import to_patient, to_pixels
from spondyl.tasks.port import process_study
from tasks.mr_studies import AXIAL, blank, drawn, mirrored, row_of, study_of

SHELF = Shelf(precision="f32")


def answered(study: Study) -> TaskOutput:
    return process_study(study, MriStenosis(), SHELF)


@cache
def whole() -> TaskOutput:
    return answered(drawn().study)


def plane(series: Series) -> str:
    return "axial" if series.key.startswith("series axial") else "sagittal"


def without(*names: str) -> Study:
    """The study less series of those names."""
    own = drawn().study
    return replace(own, series=tuple(one for one in own.series if one.key.removeprefix("series ") not in names))


def changed(study: Study, change: Callable[[Image], Image | None], name: str = "") -> Study:
    """The study with every image of a series changed, or left out where the change is None."""
    series = []
    for one in study.series:
        images = one.images if name and not one.key.endswith(name) else tuple(made for image in one.images if (made := change(image)))
        series += [replace(one, images=images)] if images else []
    return replace(study, series=tuple(series))


def codes(result: StudyResult) -> set[str]:
    return {warning.code for warning in result.warnings}


def refused(study: Study) -> str:
    result = answered(study).result
    assert result.status == "refused"
    assert result.refusal
    assert result.refusal["hint"]
    return result.refusal["code"]


def test_a_whole_study_has_twenty_five_findings_with_both_posteriors():
    result = whole().result
    assert result.status == "done"
    asked = [(one.level_from_bottom, one.finding, one.side) for one in result.findings]
    assert set(asked) == {(number, *target) for number in range(1, 6) for target in TARGETS}
    assert len(asked) == 25
    for one in result.findings:
        assert one.probabilities
        assert one.probabilities_weighted
        assert sum(one.probabilities.values()) == pytest.approx(1)
        assert one.value in one.set
        assert one.level in {"L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1"}
        assert one.level_alternatives
    foramen = next(one for one in result.findings if one.side == "left")
    assert foramen.probabilities_weighted == pytest.approx(
        dict(zip(SEVERITIES, weighted(np.array(list((foramen.probabilities or {}).values()))), strict=True)), abs=1e-6)


def away_mm(result: StudyResult, study: Study) -> dict[str, list[float]]:
    """How far points lie from what was built, mm, by finding."""
    images = {image.id: image for image in study.images}
    built = {(one.condition, one.side, one.from_bottom): np.array(one.point_mm) for one in drawn().truth.stenosis}
    away: dict[str, list[float]] = {}
    for one in result.findings:
        if one.image and one.points:
            place = to_patient(images[one.image], np.array(one.points[0]))
            gap = float(np.linalg.norm(place - built[one.finding, one.side, one.level_from_bottom or 0]))
            away.setdefault(one.finding, []).append(gap)
    return away


def test_points_lie_near_what_was_built():
    """Within a slice and a half: the study is coarse."""
    gaps = [gap for found in away_mm(whole().result, drawn().study).values() for gap in found]
    assert np.median(gaps) < 5
    assert max(gaps) < 16


def test_sizes_of_the_sac_come_with_an_error_bar():
    sizes = [one for one in whole().result.measurements if one.name == "thecal_sac_area"]
    assert len(sizes) == 5
    assert all(one.unit == "mm2" and one.error and 20 < one.value < 500 for one in sizes)


def test_each_answer_has_a_map_on_its_own_slice():
    output = whole()
    assert len(output.maps) == 25
    assert {heat.image for heat in output.maps} <= {note.id for note in output.result.images}


def test_the_order_of_series_and_slices_changes_nothing():
    own = drawn().study
    turned = replace(own, series=tuple(replace(one, images=one.images[::-1]) for one in own.series[::-1]))
    assert answered(turned).result.without_timings().to_json() == whole().result.without_timings().to_json()


def test_a_mirrored_patient_gets_mirrored_answers():
    there = {(one.finding, one.side, one.level_from_bottom): one for one in answered(mirrored(drawn().study)).result.findings}
    for one in whole().result.findings:
        other = {"left": "right", "right": "left"}.get(one.side or "")
        assert there[one.finding, other, one.level_from_bottom].probabilities == pytest.approx(one.probabilities, abs=0.03)


@pytest.mark.parametrize(("name", "word"), [("t1", "T1"), ("t2", "T2"), ("axial_t2", "axial")])
def test_a_missing_series_is_told_and_the_rest_is_answered(name: str, word: str):
    result = answered(without(name)).result
    assert result.status == "done"
    assert len(result.findings) == 25
    assert any(word in warning.message for warning in result.warnings if warning.code == "series-missing")


def test_sets_are_wider_without_the_axial_series():
    sizes = [sum(len(one.set) for one in result.findings if one.finding == "subarticular_stenosis")
             for result in (whole().result, answered(without("axial_t2")).result)]
    assert sizes[1] >= sizes[0]


def test_of_a_field_that_ends_above_the_sacrum_no_level_is_named():
    """Cut between the lowest discs: what is then the lowest one must not become L5/S1."""
    own = drawn()
    low, high = (np.array(disc.corners_mm).mean(axis=0) for disc in own.truth.discs[:2])

    def cut(image: Image) -> Image:
        rows = int(to_pixels(image, (low + high) / 2)[1])
        return replace(image, id=image.id + "cut", pixels=np.ascontiguousarray(image.pixels[:rows]))

    sagittal = [one if plane(one) == "axial" else replace(one, images=tuple(map(cut, one.images))) for one in own.study.series]
    result = answered(replace(own.study, series=tuple(sagittal))).result
    assert result.status == "done"
    assert {one.level for one in result.findings} == {None}
    assert "levels-unsure" in codes(result)
    assert any("L4/L5" in one.level_alternatives for one in result.findings if one.level_from_bottom == 1)


def test_axial_slices_of_two_levels_only_leave_the_others_to_the_sagittal_ones():
    own = drawn()
    heights = sorted(np.array(disc.corners_mm)[:, 2].mean() for disc in own.truth.discs[:5])
    limit = (heights[1] + heights[2]) / 2

    def low(image: Image) -> Image | None:
        middle = to_patient(image, np.array([image.shape[1] / 2, image.shape[0] / 2]))
        return image if middle[2] < limit else None

    result = answered(changed(own.study, low, "axial_t2")).result
    assert result.status == "done"
    assert "level-not-covered" in codes(result)
    assert len(result.findings) == 25


def test_a_header_that_is_silent_about_the_weighting_is_made_up_for_by_the_picture():
    result = answered(changed(drawn().study, lambda image: replace(image, sequence="unknown"))).result
    assert result.status == "done"
    assert "sequence-guessed" in codes(result)
    said = {(one.finding, one.side, one.level_from_bottom): one.value for one in result.findings}
    same = [said[one.finding, one.side, one.level_from_bottom] == one.value for one in whole().result.findings]
    assert np.mean(same) > 0.8


def test_of_one_middle_slice_only_the_canal_is_said():
    own = without("t1", "axial_t2")
    middle = own.series[0].images[len(own.series[0].images) // 2]
    result = answered(study_of(replace(own.series[0], images=(middle,)))).result
    assert result.status == "done"
    assert {"series-missing", "not-shown"} <= codes(result)
    assert len(result.findings) == 25
    assert {one.finding for one in result.findings if one.value is not None} == {"spinal_canal_stenosis"}
    assert not any("recesses judged" in warning.message for warning in result.warnings)
    assert all(one.set == () and one.probabilities is None and not one.refer for one in result.findings if one.value is None)


def test_slices_of_mixed_size_and_spacing_are_read_each_in_its_own_geometry():
    def coarser(image: Image) -> Image:
        assert image.spacing_mm
        rows, columns = (side // 2 * 2 for side in image.shape)
        pixels = image.pixels[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3)).astype(np.float32)
        assert image.geometry
        across, down = np.array(image.geometry.row_direction), np.array(image.geometry.column_direction)
        start = np.array(image.geometry.position) + across * image.spacing_mm[1] / 2 + down * image.spacing_mm[0] / 2
        place = replace(image.geometry, position=tuple(start.tolist()))
        wide = (2 * image.spacing_mm[0], 2 * image.spacing_mm[1])
        return replace(image, id=image.id + "c", pixels=pixels, spacing_mm=wide, geometry=place)

    own = drawn().study
    mixed = [replace(one, images=(*one.images[::2], *map(coarser, one.images[1::2]))) for one in own.series]
    result = answered(replace(own, series=tuple(mixed))).result
    assert result.status == "done"
    assert len(result.findings) == 25


@pytest.mark.parametrize("part", [slice(None, 8), slice(-8, None)])
def test_of_a_series_that_was_cut_short_left_and_right_are_counted_from_the_canal(part: slice):
    """Its middle slice lies beside the canal. What is said lies where it was built, and a word tells."""
    own = drawn().study
    cut = replace(own, series=tuple(one if plane(one) == "axial" else replace(one, images=one.images[part]) for one in own.series))
    result = answered(cut).result
    assert result.status == "done"
    away = away_mm(result, cut)
    assert np.median(away["spinal_canal_stenosis"]) < 8
    assert np.median(away["subarticular_stenosis"]) < 8
    assert "midline-moved" in codes(result)
    assert all(one.refer for one in result.findings if one.value is not None)


def test_a_stray_series_of_thousands_of_slices_is_bounded_and_told():
    stray = row_of("t2", 4000, AXIAL, step=0.5, key="stray")
    result = answered(replace(drawn().study, series=(*drawn().study.series, stray))).result
    assert result.status == "done"
    assert "slices-left-out" in codes(result)


@pytest.mark.parametrize(("study", "code"), [
    (study_of(row_of("other", 3)), "sequence-not-measured"),
    (study_of(row_of("t2", 20, AXIAL)), "no-sagittal-series"),
    (study_of(Series("s", "MR", (replace(blank(), geometry=None),))), "geometry-missing"),
    (study_of(Series("s", "MR", (replace(blank(), spacing_mm=None),))), "geometry-missing"),
    (study_of(Series("s", "CT", (blank(),))), "not-an-mr"),
    (study_of(Series("s", "MR", (replace(blank(), pixels=np.zeros((128, 128), np.float32)),))), "all-black"),
])
def test_what_cannot_be_read_is_refused_by_name(study: Study, code: str):
    assert refused(study) == code


@pytest.mark.parametrize("kind", ["cervical_mr", "brain_sagittal", "knee"])
def test_a_sagittal_series_of_another_part_is_refused(kind: str):
    pixels = draw_other(np.random.default_rng(4), kind)
    image = replace(blank(size=96), id=kind, pixels=np.ascontiguousarray(pixels, np.float32))
    assert refused(study_of(Series("s", "MR", (image,)))) in {"not-a-sagittal-lumbar-mr", "no-discs-found", "slice-upside-down",
                                                              "slice-mirrored", "slice-on-its-side"}


def test_an_upside_down_picture_is_turned_by_its_geometry():
    """Stored head down, with a geometry that says so: the same answers."""
    def stood_on_its_head(image: Image) -> Image:
        assert image.geometry
        assert image.spacing_mm
        down = np.array(image.geometry.column_direction)
        end = np.array(image.geometry.position) + down * image.spacing_mm[0] * (image.shape[0] - 1)
        place = replace(image.geometry, position=tuple(end.tolist()), column_direction=tuple((-down).tolist()))
        return replace(image, pixels=np.ascontiguousarray(image.pixels[::-1]), geometry=place)

    turned = answered(changed(drawn().study, stood_on_its_head)).result
    there = {(one.finding, one.side, one.level_from_bottom): one for one in turned.findings}
    for one in whole().result.findings:
        assert there[one.finding, one.side, one.level_from_bottom].probabilities == pytest.approx(one.probabilities, abs=0.02)


def test_the_levels_are_found_by_the_networks_of_mri_discs():
    ours, theirs = (SHELF.bundle(name).manifest.files for name in ("mri-stenosis", "mri-discs"))
    for name in ("gate-0.onnx", "locator-0.onnx"):
        assert ours[name] == theirs[name]
