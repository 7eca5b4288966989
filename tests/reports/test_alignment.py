"""A whole-spine film: its curves are said in the same sentence on every face, and drawn where they are."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import BytesIO, StringIO

import numpy as np
import pytest
from PIL import Image as Picture

from reports.make_alignment import NAMES, UNSEEN, alignment_result
from reports.make_result import picture
from reports.pdf_words import pdf_words
from spondyl.core import StudyResult
from spondyl.reports import annotated_png, batch_rows, curve_text, curve_words, findings_csv, level_rows, plan_alignment, report_pdf
from spondyl.reports.annotated import marked_picture, row_colour
from spondyl.reports.panel import PANEL_WIDTH, panel_lines
from spondyl.store import parse_result

CURVE = {"name": "cobb_1", "convention": "Cobb, end plates", "angle_deg": 32.14, "error_deg": 4.0, "upper": "T5", "upper_from_bottom": 13,
         "lower": "T12", "lower_from_bottom": 6, "apex": "T8", "apex_from_bottom": 10, "bulges_to": "right of the picture", "side": None}
UNNAMED = {**CURVE, "upper": None, "lower": None, "apex": None}


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def panel_words(result: StudyResult) -> str:
    rows = level_rows(result)
    return " ".join(line.text for line in panel_lines(result, rows, {row.label: row_colour(row) for row in rows}))


@pytest.mark.parametrize(("curve", "text"), [
    (CURVE, "32.1° ± 4.0 from T5 to T12, apex T8, to the right of the picture (side unknown)"),
    ({**CURVE, "side": "left"}, "32.1° ± 4.0 from T5 to T12, apex T8, to the right of the picture (the patient's left)"),
    (UNNAMED, "32.1° ± 4.0 from #13 to #6, apex #10, to the right of the picture (side unknown)"),
    ({"name": "mid_line_2", "angle_deg": 14.0, "error_deg": None}, "14.0°"),
    ({"name": "main_curve"}, "angle not said"),
])
def test_a_curve_is_one_sentence(curve: dict[str, object], text: str):
    assert curve_text(curve) == text


@pytest.mark.parametrize("named", [True, False])
def test_the_sentence_of_each_curve_stands_on_every_face_with_its_convention(named: bool):
    study, result = alignment_result(named=named)
    panel, paper = panel_words(result), " ".join(pdf_words(report_pdf(study, result)).split())
    lines = [row["words"] for row in table(findings_csv(result)) if row["kind"] == "curve"]
    assert len(result.curves) == 5
    for curve, line in zip(result.curves, lines, strict=True):
        words = curve_words(curve)
        assert curve["convention"] in words.line
        assert words.line == line
        assert words.line in panel
        for part in (words.name, words.convention, words.text):
            assert part in paper, part


def test_a_vertebra_is_no_yes_no_answer_and_one_that_was_not_seen_is_said():
    study, result = alignment_result()
    rows = {row.label: row for row in level_rows(result)}
    assert not any(row.yes_no for row in rows.values())
    assert [name for name, row in rows.items() if row.unseen] == [NAMES[UNSEEN]]
    said = table(findings_csv(result))
    assert [row["level"] for row in said if row["value"] == "not seen"] == [NAMES[UNSEEN]]
    paper = " ".join(pdf_words(report_pdf(study, result)).split())
    for words in (panel_words(result), paper):
        assert words.count("not seen") == 1
        assert "Vertebra present" not in words
        for number in ("12.3 ± 1.5", "0.97 ± 0.03", "0.31 ± 0.05 vertebra widths"):
            assert number in words, number


def test_a_vertebra_without_a_sure_name_shows_its_candidates():
    said = panel_words(alignment_result(named=False)[1])
    assert "#17 (T1?)" in said
    assert "#16 (T2/T1?)" in said


def test_a_curve_in_the_table_has_the_numbers_of_the_json():
    for named in (True, False):
        result = alignment_result(named=named, side="left")[1]
        curves = result.as_dict()["curves"]
        rows = [row for row in table(findings_csv(result)) if row["kind"] == "curve"]
        for row, curve in zip(rows, curves, strict=True):
            assert (row["name"], row["unit"], row["image"]) == (curve["name"], "deg", curve["image"])
            assert float(row["value"]) == curve["angle_deg"]
            assert row["error"] == ("" if curve["error_deg"] is None else str(curve["error_deg"]))
        ends = [(f"{curve['upper']}-{curve['lower']}" if named else "",
                 f"{curve['upper_from_bottom']} to {curve['lower_from_bottom']}", "left")
                for curve in curves if "upper" in curve]
        assert [(row["level"], row["level_from_bottom"], row["side"]) for row in rows] == [*ends, *[("", "", "")] * 3]
        assert [row["value"] for row in batch_rows(result)[-5:]] == [row["value"] for row in rows]


def test_curves_with_nothing_in_some_places_are_read_back_as_they_were_written():
    result = alignment_result(named=False)[1]
    again = parse_result(result.to_json())
    assert again.to_json() == result.to_json()
    assert panel_words(again) == panel_words(result)
    assert again.curves[0]["upper"] is None


def test_an_end_plate_is_drawn_on_well_beyond_its_vertebra():
    study, result = alignment_result()
    image = study.images[0]
    with_it, without = (np.asarray(marked_picture(image, one)).astype(int) for one in (result, replace(result, curves=result.curves[1:])))
    changed = np.abs(with_it - without).max(axis=2) > 40
    for (x0, y0), (x1, y1) in (result.curves[0]["points"][:2], result.curves[0]["points"][2:]):
        for part in (-0.6, 0.5):  # on the hollow side of the curve, the left, and on the plate itself
            x, y = x0 + part * (x1 - x0), y0 + part * (y1 - y0)
            assert changed[round(y) - 2:round(y) + 3, round(x)].any(), (part, x, y)


@pytest.mark.parametrize("shape", [(1280, 450), (2560, 900), (300, 120), (700, 700)])
@pytest.mark.parametrize("named", [True, False])
def test_names_and_angles_lie_inside_the_picture_and_angles_beside_the_spine(shape: tuple[int, int], named: bool):
    _, result = alignment_result(shape, named=named)
    plan = plan_alignment(level_rows(result), result.curves, "film", (shape[1], shape[0]), shape[0] / 85)
    assert {words.text.removesuffix(" apex") for words in plan.words} >= {f.level or f"#{f.level_from_bottom}" for f in result.findings[1:]
                                                                          if f.points}
    for words in plan.words:
        x0, y0, x1, y1 = words.place
        assert x0 >= 0
        assert y0 >= 0
        assert x1 <= shape[1] + 1e-6
        assert y1 <= shape[0] + 1e-6
        bodies = [shape_.points for shape_ in plan.shapes if shape_.closed and not shape_.filled]
        for x, y in (point for body in bodies for point in body):
            assert not (x0 < x < x1 and y0 < y < y1), (words.text, x, y)


def test_vertebrae_without_a_sure_name_and_ends_of_curves_are_told_apart():
    _, result = alignment_result(named=False)
    plan = plan_alignment(level_rows(result), result.curves, "film", (450, 1280), 15)
    bodies = [shape for shape in plan.shapes if shape.closed and not shape.filled]
    assert len(bodies) == len(NAMES) - 1
    assert all(body.dashed for body in bodies)
    ends = {f"#{curve[f'{role}_from_bottom']}" for curve in result.curves if "upper" in curve for role in ("upper", "lower")}
    assert {body.row for body in bodies if body.strong} == ends


def test_nothing_of_a_spine_is_drawn_on_another_image_or_where_none_was_seen():
    other = picture(1280, 450, name="other")
    result = alignment_result()[1]
    blank = replace(result, findings=result.findings[:1], curves=(), measurements=())
    assert np.array_equal(marked_picture(other, replace(result, findings=result.findings[1:])), marked_picture(other, result, words=0))
    assert plan_alignment(level_rows(blank), (), "film", (450, 1280), 15) == plan_alignment((), (), "film", (450, 1280), 15)


def test_a_curve_of_two_points_on_top_of_each_other_is_still_a_picture():
    study, result = alignment_result()
    flat = {**result.curves[0], "points": [[100.0, 300.0]] * 4, "upper_from_bottom": None, "lower_from_bottom": None}
    drawn = Picture.open(BytesIO(annotated_png(study.images[0], replace(result, curves=(flat,)))))
    assert drawn.width == 450 + PANEL_WIDTH
