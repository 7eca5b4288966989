"""A bone density scan on paper, as a picture and as rows: the class first, what moved it, and numbers with the figures they are worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reports.make_film import film_result, grade_result
from reports.make_result import done, picture
from reports.make_scan import scan_result
from reports.pdf_words import pdf_words
from spondyl.core import Finding
from spondyl.reports import level_rows, measure_text, moved_by, report_pdf
from spondyl.reports.annotated import marked_picture

TITLE = "What moved the measured-feature model (log odds of osteoporosis)"


def words_of(**how: object) -> str:
    return " ".join(pdf_words(report_pdf(*scan_result(**how))).split())  # type: ignore[arg-type]


def test_what_moved_the_model_stands_with_the_largest_first_and_without_what_is_too_small():
    moved = moved_by(scan_result()[1].findings[0])
    assert moved is not None
    assert moved.title == TITLE
    assert [(push.group, push.words) for push in moved.rows] == [("display scaling", "−0.92"), ("texture", "+0.31"), ("shape", "+0.01")]
    assert moved.rows[0].share == -1
    assert [push.share for push in moved.rows[1:]] == pytest.approx([0.3127 / 0.9213, 0.0112 / 0.9213])


@pytest.mark.parametrize("contributions", [{}, {"noise": 0.004, "shape": -0.0099}])
def test_where_nothing_moved_it_there_is_no_list(contributions: dict[str, float]):
    assert moved_by(scan_result(contributions=contributions)[1].findings[0]) is None
    assert "What moved" not in words_of(contributions=contributions)


def test_the_report_lists_what_moved_the_model_below_the_class_with_a_line_that_explains_it():
    words = words_of()
    places = [words.index(text) for text in ("Bone density class: cannot tell", TITLE, "display scaling", "−0.92", "texture", "+0.31",
                                             "Shapley values", "Findings")]
    assert places == sorted(places)
    assert "noise" not in words
    assert "+ towards osteoporosis" in words


def test_a_report_of_other_findings_has_no_such_list():
    study, result, maps = film_result("ap")
    for other in (report_pdf(study, result, maps), report_pdf(study, grade_result("ap"))):
        assert "What moved" not in pdf_words(other)


def test_a_report_without_a_class_says_so_and_shows_no_bars():
    words = words_of(value=None)
    assert "Bone density class: not said" in words
    assert "What moved" not in words
    assert "Dark bars" not in words


def test_numbers_of_the_report_have_the_figures_of_their_unit():
    words = words_of()
    for text in ("0.746 ± 0.012 g/cm2", "T-score", "-2.46 ± 0.11 SD", "11.2 ± 4.0 deg", "mean of L1, L3, L4"):
        assert text in words, text


def test_what_is_said_of_the_whole_scan_is_one_row_before_the_vertebrae():
    first, *levels = level_rows(scan_result()[1])
    assert (first.label, [row.label for row in levels]) == ("whole scan", ["L1", "L2", "L3", "L4"])
    assert [finding.finding for finding in first.graded] == ["osteoporosis_class"]
    assert measure_text(first) == "areal bone density 0.746 ± 0.012 g/cm2, T-score -2.46 ± 0.11 SD, coronal curvature 11.2 ± 4.0 deg"


def test_levels_stand_first_where_nothing_is_asked_of_the_whole_picture():
    result = done(picture())
    loose = Finding("disc_bulging", "absent", {"absent": 0.9, "present": 0.1}, image=result.images[0].id)
    rows = level_rows(replace(result, findings=(loose, *result.findings)))
    assert [row.label for row in rows][-1] == "whole image"


def test_the_words_in_the_corner_are_not_cut_off_on_a_narrow_picture():
    study, result = scan_result(shape=(720, 300))
    image = study.images[0]
    bare, marked = (np.asarray(marked_picture(image, result, words=words)).astype(int) for words in (0, 15))
    corner = np.abs(marked - bare)[:24].max(axis=(0, 2))
    assert corner[:100].min() > 0, "something is written there"
    assert corner[-4:].max() == 0, "and it ends before the edge"


def test_corners_of_a_box_are_not_drawn_over_it():
    study, result = scan_result()
    image = study.images[0]
    plain = replace(result, findings=tuple(replace(finding, points=None) for finding in result.findings))
    assert np.array_equal(marked_picture(image, result), marked_picture(image, plain))
