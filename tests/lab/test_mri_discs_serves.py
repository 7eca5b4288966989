"""A bundle fresh from the laboratory answers studies: whole results, in pixels of the file, the same every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lab.conftest import Tiny
from lab.small_pack import subject_slices
from spondyl.core import Finding, Geometry, Image, Study, StudyResult, TaskOutput, disc_name
from spondyl.core.identity import pixel_hash
from spondyl.imaging import apply_affine, invert
from spondyl.inference import Shelf
from spondyl.tasks.mri_discs import MriDiscs
from spondyl.tasks.mri_discs.answers import GRADE, QUESTIONS
from spondyl.tasks.port import process_study
from tasks.spines import UPRIGHT, image, study


@pytest.fixture(scope="module")
def shelf(lenient: Path) -> Shelf:
    return Shelf([lenient], precision="f32")


def slice_of(sequence: str, index: int = 0, **changes: object) -> Image:
    slice_ = subject_slices(index)[sequence]
    own = {"id": pixel_hash(slice_.pixels), "sequence": sequence, "spacing_mm": slice_.spacing_mm,
           "geometry": Geometry((0.0, -60.0, 40.0), *UPRIGHT)}
    return image(slice_.pixels, **{**own, **changes})


def answered(case: Study, shelf: Shelf) -> TaskOutput:
    output = process_study(case, MriDiscs(), shelf)
    assert output.result.status == "done", output.result.refusal
    assert output.result.findings
    return output


@pytest.fixture(scope="module")
def on_t2(shelf: Shelf) -> TaskOutput:
    return answered(study(slice_of("t2")), shelf)


def test_a_bundle_as_it_was_packed_answers_or_refuses_with_a_reason(tiny: Tiny, tmp_path: Path):
    (tmp_path / "mri-discs").symlink_to(tiny.run / "bundle")
    result = process_study(study(slice_of("t2")), MriDiscs(), Shelf([tmp_path])).result
    assert result.bundle is not None
    assert result.bundle.sha256 == tiny.bundle.sha256
    if result.status == "refused":
        assert result.refusal is not None
        assert result.refusal["code"]
    else:
        assert result.status == "done"
        assert result.findings
    assert result.to_json()


def test_every_disc_has_an_answer_to_every_question_from_the_bottom_up(on_t2: TaskOutput):
    findings = on_t2.result.findings
    discs = sorted({finding.level_from_bottom for finding in findings})
    assert discs == list(range(1, len(discs) + 1))
    assert [(f.level_from_bottom, f.finding) for f in findings] == [(disc, question) for disc in discs for question in QUESTIONS]
    for finding in findings:
        check_row(finding, on_t2.result)


def check_row(finding: Finding, result: StudyResult) -> None:
    assert finding.value in finding.set
    assert finding.probabilities is not None
    assert sum(finding.probabilities.values()) == pytest.approx(1)
    assert set(finding.members) == {"grader-01", "grader-02", "grader-12"}
    assert finding.image == result.images[0].id
    assert finding.level is None or finding.level == disc_name(finding.level_from_bottom or 0)
    assert finding.box is not None
    x0, y0, x1, y1 = finding.box
    assert 0 <= x0 < x1 <= result.images[0].columns
    assert 0 <= y0 < y1 <= result.images[0].rows


def test_every_answer_has_a_map_that_lies_on_its_disc(on_t2: TaskOutput):
    result = on_t2.result
    boxes = {(f.finding, f.level_from_bottom): f.box for f in result.findings if f.value is not None}
    assert {(m.finding, m.level_from_bottom) for m in on_t2.maps} == set(boxes)
    for one in on_t2.maps:
        assert one.values.dtype == np.float32
        assert one.values.min() >= 0
        assert one.values.max() <= 1
        rows, columns = one.values.shape
        x0, y0, x1, y1 = boxes[one.finding, one.level_from_bottom]  # type: ignore[misc]
        x, y = apply_affine(invert(one.to_image), np.array([(x0 + x1) / 2, (y0 + y1) / 2]))
        assert 0.2 * columns < x < 0.8 * columns
        assert 0.3 * rows < y < 0.7 * rows


def test_t1_and_t2_are_judged_together_and_both_are_named(shelf: Shelf, on_t2: TaskOutput):
    together = answered(study(slice_of("t1"), slice_of("t2")), shelf).result
    assert [note.sequence for note in together.images] == ["t2", "t1"]
    alone = {(f.finding, f.level_from_bottom): f.members for f in on_t2.result.findings}
    assert any(f.members != alone[f.finding, f.level_from_bottom] for f in together.findings)
    assert {f.image for f in together.findings} == {on_t2.result.images[0].id}


def test_the_order_of_the_series_does_not_change_the_answer(shelf: Shelf):
    first, second = (answered(study(*order), shelf).result.without_timings().to_json()
                     for order in ((slice_of("t1"), slice_of("t2")), (slice_of("t2"), slice_of("t1"))))
    assert first == second


def test_on_t1_alone_the_pfirrmann_grade_is_null_and_the_reader_is_told(shelf: Shelf):
    result = answered(study(slice_of("t1")), shelf).result
    grades = [f for f in result.findings if f.finding == GRADE]
    assert grades
    assert all(f.value is None and f.probabilities is None and not f.set and not f.members and f.explanation is None for f in grades)
    assert all(f.value is not None for f in result.findings if f.finding != GRADE)
    assert [notice.code for notice in result.warnings].count("not-said-on-t1") == 1


def test_the_same_study_twice_is_the_same_bytes(lenient: Path, on_t2: TaskOutput):
    again = answered(study(slice_of("t2")), Shelf([lenient], precision="f32")).result
    assert again.without_timings().to_json() == on_t2.result.without_timings().to_json()
    assert {"select", "gate", "locate", "grade", "explain", "total"} >= set(again.timings_ms) >= {"total"}


def test_stages_are_announced_in_order(shelf: Shelf):
    stages: list[str] = []
    process_study(study(slice_of("t2")), MriDiscs(), shelf, stages.append)
    assert [s for s in stages if s in ("select", "gate", "locate", "grade", "explain")] == ["select", "gate", "locate", "grade", "explain"]


@pytest.mark.parametrize("turn", ["mirrored", "upside_down", "half_turn", "transposed"])
def test_a_file_that_stores_the_slice_turned_has_the_same_grades_and_its_boxes_where_the_discs_lie(
    shelf: Shelf, on_t2: TaskOutput, turn: str
):
    upright = slice_of("t2")
    across, down = (np.array(v) for v in UPRIGHT)
    rows, columns = upright.shape
    pixels, there = {
        "mirrored": (upright.pixels[:, ::-1], lambda x, y: (columns - x, y)),
        "upside_down": (upright.pixels[::-1], lambda x, y: (x, rows - y)),
        "half_turn": (upright.pixels[::-1, ::-1], lambda x, y: (columns - x, rows - y)),
        "transposed": (upright.pixels.T, lambda x, y: (y, x)),
    }[turn]
    directions = {"mirrored": (-across, down), "upside_down": (across, -down), "half_turn": (-across, -down), "transposed": (down, across)}
    geometry = Geometry((0.0, 0.0, 0.0), *(tuple(map(float, v)) for v in directions[turn]))  # type: ignore[arg-type]
    stored = replace(upright, pixels=np.ascontiguousarray(pixels), geometry=geometry)
    turned = answered(study(stored), shelf).result
    for first, second in zip(on_t2.result.findings, turned.findings, strict=True):
        assert (second.finding, second.value, second.set) == (first.finding, first.value, first.set)
        assert second.probabilities == pytest.approx(dict(first.probabilities or {}), abs=1e-4)
        x0, y0, x1, y1 = first.box or (0, 0, 0, 0)
        corners = np.array([there(x0, y0), there(x1, y1)])
        assert second.box == pytest.approx((*corners.min(0), *corners.max(0)), abs=0.02)


def test_without_spacing_nothing_is_in_millimetres(shelf: Shelf, on_t2: TaskOutput):
    bare = answered(study(slice_of("t2", spacing_mm=None, geometry=None)), shelf).result
    assert bare.measurements == ()
    assert "spacing-unknown" in [notice.code for notice in bare.warnings]
    assert on_t2.result.measurements
    assert {m.unit for m in on_t2.result.measurements} == {"mm"}
    assert "spacing-unknown" not in [notice.code for notice in on_t2.result.warnings]


def test_a_picture_of_the_same_pixels_is_graded_as_the_file_is(shelf: Shelf, on_t2: TaskOutput):
    bare = slice_of("t2", spacing_mm=None, spacing_source=None, geometry=None, view="unknown")
    picture = answered(study(bare, modality=""), shelf).result
    assert [(f.finding, f.value, f.box) for f in picture.findings] == [(f.finding, f.value, f.box) for f in on_t2.result.findings]


def test_no_word_of_whose_it_is_or_where_it_lay_is_in_the_answer(on_t2: TaskOutput, lenient: Path):
    text = on_t2.result.to_json()
    assert str(lenient) not in text
    assert "/" not in "".join(on_t2.result.study.values())
