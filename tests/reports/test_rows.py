from __future__ import annotations

import pytest

from reports.make_result import done, picture
from spondyl.core import Finding, vocabulary
from spondyl.core.result import StudyResult
from spondyl.reports import answer_text, level_rows, measure_text, set_text, yes_no_text


def result_of(*findings: Finding) -> StudyResult:
    return StudyResult("mri-discs", "done", {"key": "k"}, None, {}, findings=findings)


def test_levels_stand_from_the_top_of_the_picture_down():
    rows = level_rows(done(picture(), count=6))
    assert [row.label for row in rows] == ["#6", "L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1"]


def test_a_level_without_a_sure_name_shows_its_candidates():
    row = level_rows(done(picture(), count=6))[0]
    assert row.heading == "#6 (T12/L1 or L1/L2?)"


def test_left_and_right_stand_in_one_row_and_say_their_side():
    chances = {"normal_mild": 0.1, "moderate": 0.2, "severe": 0.7}
    sides = [Finding("subarticular_stenosis", "severe", chances, level="L4/L5", level_from_bottom=2, side=side, set=("moderate", "severe"))
             for side in ("left", "right")]
    (row,) = level_rows(result_of(*sides))
    assert row.label == "L4/L5"
    assert [answer_text(finding) for finding in row.graded] == [f"Subarticular stenosis {side} severe (0.70)" for side in ("left", "right")]


def test_words_of_a_set_read_as_words():
    chances = {"normal_mild": 0.4, "moderate": 0.3, "severe": 0.3}
    wide = Finding("subarticular_stenosis", "normal_mild", chances, side="left", set=("normal_mild", "moderate", "severe"))
    assert set_text(wide) == "normal mild to severe"


def test_every_finding_of_the_result_is_in_just_one_row():
    result = done(picture(), count=6)
    listed = [finding for row in level_rows(result) for finding in row.findings]
    assert len(listed) == len(result.findings)
    assert all(any(finding is other for other in listed) for finding in result.findings)


def test_only_present_and_doubtful_findings_are_put_in_words():
    rows = {row.label: row for row in level_rows(done(picture()))}
    assert yes_no_text(rows["L4/L5"]) == "Disc narrowing 0.90"
    assert yes_no_text(rows["L5/S1"]) == "Disc narrowing 0.90, no Disc bulging 0.45?"


def test_a_measurement_carries_its_unit_and_interval():
    assert measure_text(level_rows(done(picture()))[-1]) == "disc height 7.9 ± 0.8 mm"


def test_a_level_is_referred_when_one_of_its_findings_is():
    assert {row.label for row in level_rows(done(picture())) if row.refer} == {"L5/S1", "L4/L5"}


@pytest.mark.parametrize(("values", "text"), [((3, 4), "3-4"), ((4,), "4"), ((2, 4), "2, 4"), ((4, 2, 3), "2-4"), ((), "")])
def test_a_set_is_a_run_only_where_it_has_no_gap(values: tuple[int, ...], text: str):
    probabilities = {str(grade): 0.2 for grade in range(1, 6)}
    assert set_text(Finding("pfirrmann_grade", 3, probabilities, set=values)) == text


@pytest.mark.parametrize("name", vocabulary())
def test_every_finding_of_the_vocabulary_can_be_shown(name: str):
    term = vocabulary()[name]
    probabilities = {key: 1.0 if key == term.keys[-1] else 0.0 for key in term.keys}
    value = term.value_of(term.keys[-1])
    finding = Finding(name, value, probabilities, level="L4/L5", level_from_bottom=2, set=(value,))
    row = level_rows(result_of(finding))[0]
    assert row.findings == (finding,)
    assert term.keys[-1] in set_text(finding)
