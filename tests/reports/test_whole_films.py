"""Findings without a level: what is said of a whole film, of all films of a study, and in boxes."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import BytesIO, StringIO

import numpy as np
import pytest
from PIL import Image as Picture

from reports.make_film import ABNORMAL, film_result, grade_result
from reports.make_result import done, picture
from spondyl.core import Image, Series, Study, vocabulary
from spondyl.core.result import DISCLAIMER
from spondyl.reports import annotated_png, findings_csv, further_images, level_rows, shown_image, yes_no_text
from spondyl.reports.annotated import MAX_SIDE, row_colour
from spondyl.reports.findings import BATCH_COLUMNS, batch_rows
from spondyl.reports.panel import PANEL_WIDTH, panel_lines


def labels(*views: str, **how) -> list[str]:
    return [row.label for row in level_rows(film_result(*views, **how)[1])]


@pytest.mark.parametrize(("views", "expected"), [
    (("ap",), ["whole film"]), (("ap", "lateral"), ["frontal film", "lateral film"]), (("lateral", "ap"), ["lateral film", "frontal film"]),
    (("ap", "ap"), ["film 1", "film 2"]), (("ap", "ap", "lateral"), ["film 1", "film 2", "lateral film"]),
    (("unknown",), ["whole film"]),
])
def test_films_go_by_their_view_where_that_tells_them_apart(views: tuple[str, ...], expected: list[str]):
    assert labels(*views) == expected


def test_a_picture_of_unknown_kind_is_an_image():
    assert labels("unknown", modality="") == ["whole image"]


def test_the_grade_of_a_study_stands_before_those_of_its_films():
    assert [row.label for row in level_rows(grade_result("ap", "lateral"))] == ["all films", "frontal film", "lateral film"]
    assert [row.label for row in level_rows(grade_result("lateral"))] == ["whole film"]


def test_what_is_said_of_a_whole_film_stands_with_its_probability_and_boxes_are_counted():
    (row,) = level_rows(film_result("ap", boxes=(("osteophytes", 0.9), ("osteophytes", 0.4), ("surgical_implant", 0.7)))[1])
    assert [finding.finding for finding in row.graded] == [ABNORMAL]
    assert yes_no_text(row) == "2 x Osteophytes 0.90 to 0.40, Surgical implant 0.70"


def test_every_finding_is_in_just_one_row():
    result = film_result("ap", "lateral")[1]
    listed = [finding for row in level_rows(result) for finding in row.findings]
    assert sorted(map(id, listed)) == sorted(map(id, result.findings))


def test_boxes_are_drawn_in_the_colour_of_their_finding_where_they_are():
    study, result, _ = film_result("ap", boxes=(("osteophytes", 0.9), ("surgical_implant", 0.7)), shape=(1000, 800), level=0.0)
    drawn = np.asarray(Picture.open(BytesIO(annotated_png(study.images[0], result)))).astype(int)
    for finding in result.findings[1:]:
        x0, y0, _, y1 = (round(value) for value in finding.box)
        colour = vocabulary()[finding.finding].colour
        wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert (np.abs(drawn[y0 + 3 : y1 - 3, x0] - wanted) < 8).all(), finding.finding


def test_a_film_of_five_megapixels_becomes_a_handy_picture():
    study, result, _ = film_result("ap", shape=(2500, 2048))
    drawn = Picture.open(BytesIO(annotated_png(study.images[0], result)))
    assert max(drawn.width - PANEL_WIDTH, drawn.height) == MAX_SIDE


def test_the_panel_says_grade_set_and_evidence():
    result = grade_result("ap", "lateral")
    rows = level_rows(result)
    words = " ".join(line.text for line in panel_lines(result, rows, {row.label: row_colour(row) for row in rows}))
    for wanted in ("all films", "Degeneration grade 3 (0.60)", "90 % set 2-3", "In silico", DISCLAIMER):
        assert wanted in words


def test_the_table_of_a_study_has_a_line_a_box():
    result = film_result("ap", boxes=(("osteophytes", 0.9), ("osteophytes", 0.4)))[1]
    rows = [row for row in csv.DictReader(StringIO(findings_csv(result))) if row["name"] == "osteophytes"]
    assert [(row["level"], row["probability"]) for row in rows] == [("", "0.9"), ("", "0.4")]
    assert all(row["x0"] for row in rows)


def test_the_table_of_many_studies_says_of_each_finding_whose_where_and_on_what_evidence():
    result = film_result("ap", boxes=(("osteophytes", 0.9),))[1]
    first, second = batch_rows(result)
    assert tuple(first) == tuple(second)
    assert set(first) == set(BATCH_COLUMNS)
    assert (first["finding"], first["value"], first["set"], first["box"]) == (ABNORMAL, "present", "present", "")
    assert (second["study_key"], second["task"], second["evidence"]) == (result.study["key"], result.task, "in-silico")
    assert list(map(float, second["box"].split())) == result.as_dict()["findings"][1]["box"]


def test_every_colour_of_the_vocabulary_is_its_own():
    colours = [term.colour for term in vocabulary().values() if term.colour]
    assert len(set(colours)) == len(colours) == 9


def test_every_further_film_that_something_is_said_of_has_its_turn():
    study, result, _ = film_result("ap", "lateral", "lateral")
    shown, further = shown_image(study, result), further_images(study, result)
    assert sorted(image.id for image in (shown, *further)) == sorted(image.id for image in study.images)
    silent = replace(result, findings=tuple(finding for finding in result.findings if finding.image != further[0].id))
    assert further_images(study, silent) == further[1:]


def test_of_one_film_and_of_levels_there_is_one_picture():
    study, result, _ = film_result("ap")
    assert further_images(study, result) == ()
    first, second = picture(name="first"), picture(name="second")
    one, other = done(first), done(second)
    discs = replace(one, findings=one.findings + other.findings, images=one.images + other.images)
    assert further_images(Study("k", (Series("s", "MR", (first, second)),)), discs) == ()


def test_an_image_without_findings_is_drawn_bare():
    _, result, _ = film_result("ap")
    other = Image("other", np.zeros((720, 600), np.float32))
    assert np.asarray(Picture.open(BytesIO(annotated_png(other, result))))[:, :600].max() < 40
