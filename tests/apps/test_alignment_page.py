"""A whole-spine film on the page of its study and in the terminal: curves in words, outlines on the picture."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from apps.serving import finished, png, send, served
from apps.test_api_page import Seen
from reports.make_alignment import NAMES, UNSEEN, alignment_result
from spondyl.apps.api.view import view_of
from spondyl.apps.console import study_view
from spondyl.core import Study, TaskOutput
from spondyl.reports import curve_words
from spondyl.tasks.port import OnStage, Selection, study_note


class FakeSpine:
    """Answers every picture with the same column."""

    name = "xray-alignment"

    def select(self, study: Study) -> Selection:
        return Selection(study.images[:1])

    def run(self, study: Study, selection: Selection, engine: object, on_stage: OnStage) -> TaskOutput:
        _, result = alignment_result(image=selection.images[0])
        return TaskOutput(replace(result, study=study_note(study)))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    with served(tmp_path_factory.mktemp("spine"), {"xray-alignment": FakeSpine()}) as client:
        body = send(client, ("a.png", png(0.4))).json()
        finished(client, body["job"]["id"])
        return client.get(f"/studies/{body['studies'][0]}").text


def test_curves_are_a_table_of_sentences_and_no_json(page: str):
    words = " ".join(Seen(page).words.split())
    for text in ("Curve 1", "Cobb, end plates", "from T", "apex", "(side unknown)", "Mid-line angle 3", "AASCE, mid-lines",
                 "vertebra widths"):
        assert text in words, text
    for text in ("from_bottom", "[[", "null", "error deg"):
        assert text not in words, text


def test_the_page_says_the_sentence_of_each_curve():
    result = alignment_result()[1]
    assert [curve.words for curve in view_of(result, ()).curves] == [curve_words(curve) for curve in result.curves]


def test_a_vertebra_has_no_yes_no_answer_and_one_that_was_not_seen_is_said(page: str):
    view = view_of(alignment_result()[1], ())
    assert [row.label for row in view.rows] == ["whole film"]
    assert view.vertebrae is not None
    assert {row.label for row in view.vertebrae.rows if row.unseen} == {NAMES[UNSEEN]}
    assert not any(row.chips or row.graded for row in view.vertebrae.rows)
    assert " ".join(Seen(page).words.split()).count("not seen") == 1


def test_outlines_end_plates_and_names_are_marks_of_the_picture(page: str):
    tags = Seen(page).tags
    bodies = [values for tag, values in tags if tag == "polygon" and "filled" not in (values["class"] or "")]
    assert len(bodies) == len(NAMES) - 1
    assert sum(tag == "polyline" for tag, _ in tags) >= 4, "two end plates of each of two curves"
    assert sum(values.get("class") == "pill" for tag, values in tags if tag == "rect") >= len(NAMES) - 1
    assert not [values for _, values in tags if "style" in values]


def test_a_row_and_its_outline_light_up_together(page: str):
    tags = Seen(page).tags
    lit = {values["data-level"] for tag, values in tags if tag == "tbody" and "data-level" in values}
    assert {values["data-level"] for tag, values in tags if tag == "g" and "spine" in (values.get("class") or "")} <= lit


def test_the_terminal_says_curves_in_words_and_what_was_not_seen():
    for named in (True, False):
        result = alignment_result(named=named)[1]
        console = Console(file=StringIO(), width=120)
        console.print(study_view(result, ()))
        said = console.file.getvalue()  # type: ignore[attr-defined]
        for curve in map(curve_words, result.curves):
            assert curve.name in said
            assert curve.text in " ".join(said.split())
        assert said.count("not seen") == 1
        assert "Vertebra " not in said
        assert "…" not in said
