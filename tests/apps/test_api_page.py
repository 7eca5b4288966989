"""The page says what result.json says, for tasks it has never heard of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import httpx
import numpy as np
import pytest

from apps.serving import dicom, finished, png, send, served
from spondyl.apps.api.view import view_of
from spondyl.core import BundleNote, Finding, HeatMap, ImageNote, Measurement, Notice, Study, StudyResult, TaskOutput, vocabulary
from spondyl.store import MapNote
from spondyl.tasks.port import OnStage, Selection, study_note


def even(name: str) -> dict[str, float]:
    """A probability for each key of a finding, the last the largest."""
    keys = vocabulary()[name].keys
    return {key: (2 if key == keys[-1] else 1) / (len(keys) + 1) for key in keys}


SIDES = ((None,), ("left", "right"))


class Everything:
    """A task nobody wrote a page for: every finding of the vocabulary, with and without levels and sides, and all the rest."""

    name = "everything"

    def select(self, study: Study) -> Selection:
        return Selection(study.images)

    def run(self, study: Study, selection: Selection, engine: object, on_stage: OnStage) -> TaskOutput:
        image = selection.images[0]
        findings, maps = [], []
        for at, (name, term) in enumerate(vocabulary().items()):
            level = at % 4 or None
            value = term.value_of(term.keys[-1])
            for side in SIDES[at % 2]:
                findings.append(Finding(
                    name, value, even(name), level=f"L{level}/<b>" if level in (1, 2) else None, level_from_bottom=level, side=side,
                    level_confidence=0.6, level_alternatives={"L1/L2": 0.6, "T12/L1": 0.4} if level == 3 else {}, set=(value,),
                    refer=at == 0, image=image.id, box=(1.0 + at, 2.0, 9.5 + at, 12.0), points=((1.0, 1.0), (4.0, 5.0)), explanation="cam",
                    members={"m1": even(name)},
                ))
                maps.append(HeatMap(name, image.id, np.ones((2, 2), np.float32), np.eye(2, 3), level, side))
        findings.append(Finding("pfirrmann_grade", None, None, level="T11/T12", level_from_bottom=7))
        points = ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0))
        measured = Measurement("cobb_angle", 12.34, "deg", "between <end> plates", "T5", 14, 2.5, image.id, points)
        bundle = BundleNote("b", "2", "0" * 64, "in-silico", "the <digital> spine", "MIT")
        result = StudyResult(
            self.name, "done", study_note(study), bundle, {"spondyl": "test"},
            images=(ImageNote(image.id, *image.shape, image.spacing_mm, image.view, image.sequence),), findings=tuple(findings),
            measurements=(measured,), curves=({"name": "main_curve", "angle_deg": 31.5, "apex": "T8", "end_vertebrae": ["T5", "T11"]},),
            warnings=(Notice("spacing-unknown", "no <script>millimetres</script>"),
                      *[Notice("image-left-out", "an image is <too> small")] * 3),
        )
        return TaskOutput(result, tuple(maps))


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[httpx.Client]:
    with served(tmp_path_factory.mktemp("page"), {"everything": Everything()}) as opened:
        for files in ([("t1", dicom(0.2, series="1.1")), ("t2", dicom(0.4, series="1.2"))], [("one.png", png())]):
            finished(opened, send(opened, *files).json()["job"]["id"])
        yield opened


@pytest.fixture(scope="module")
def page(client) -> str:
    body = send(client, ("a.png", png(0.33))).json()
    finished(client, body["job"]["id"])
    return client.get(f"/studies/{body['studies'][0]}").text


class Seen(HTMLParser):
    """Tags with their attributes, and the words between them; fails on tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "link", "img", "input"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def test_every_finding_of_the_vocabulary_is_shown_by_its_text(page):
    words = Seen(page).words
    for term in vocabulary().values():
        assert term.text in words


def test_all_that_the_result_says_is_on_the_page(page):
    words = " ".join(Seen(page).words.split())
    for text in ("evidence: in-silico", "the <digital> spine", "Licence: MIT", "no <script>millimetres</script>", "12.3 ± 2.5 deg",
                 "between <end> plates", "main curve", "31.5", '["T5", "T11"]', "L1/L2 60 %", "or T12/L1 40 %", "not said", "90 % set",
                 "refer", "left", "right", "Research software. Not a diagnosis.", "m1:"):
        assert text in words, text


def test_warnings_are_a_quiet_list_below_the_table_with_the_same_words_once(page):
    assert page.count("no &lt;script&gt;millimetres") == 1
    assert page.index("</table>") < page.index('class="notes quiet"') < page.index("no &lt;script&gt;millimetres")
    assert " ".join(Seen(page).words.split()).count("an image is <too> small (3 times)") == 1
    assert ("li", {"title": "spacing-unknown"}) in Seen(page).tags
    assert "notice warn" not in page


def test_the_warnings_of_a_refusal_are_shown_too(tmp_path):
    class Refuses(Everything):
        def run(self, study, selection, engine, on_stage):
            result = super().run(study, selection, engine, on_stage).result
            return TaskOutput(replace(result, status="refused", refusal={"code": "c", "message": "no spine", "hint": "h"}, findings=(),
                                      measurements=(), curves=()))

    with served(tmp_path, {"everything": Refuses()}) as client:
        body = send(client, ("a.png", png(0.33))).json()
        finished(client, body["job"]["id"])
        words = Seen(client.get(f"/studies/{body['studies'][0]}").text).words
    assert "no spine" in words
    assert "an image is <too> small (3 times)" in words


def test_keys_that_are_words_stand_in_full_beside_their_bars(page):
    words = [values for tag, values in Seen(page).tags if tag == "span" and (values.get("class") or "").split()[:1] == ["word"]]
    scales = [term.keys for term in vocabulary().values() if len(term.keys) > 2 and not term.integer]
    assert len(words) >= sum(len(keys) for keys in scales)
    for keys in scales:
        for key in keys:
            assert f">{key.replace('_', ' ')}</span><svg" in page, key
    assert ">1</text>" in page, "grades that are numbers stand below theirs"


def test_what_moved_no_model_has_no_list(page):
    assert "What moved" not in page


def test_nothing_of_a_result_becomes_markup(page):
    assert "<script>millimetres" not in page
    assert "L1/<b>" not in page


def test_boxes_and_points_are_drawn_in_pixels_of_the_original(page):
    tags = Seen(page).tags
    assert ("svg", "0 0 48 64") in [(tag, values.get("viewbox")) for tag, values in tags]
    boxes = [values for tag, values in tags if tag == "rect" and values.get("x") == "1.0" and values.get("width") == "8.5"]
    assert boxes
    assert any(tag == "polyline" and values["points"] == "1,2 3,4 5,6" for tag, values in tags)


def test_every_heat_map_can_be_chosen_and_exists(client, page):
    addresses = {values["value"] for tag, values in Seen(page).tags if tag == "option" and values.get("value")}
    expected = sum(len(SIDES[at % 2]) for at in range(len(vocabulary())))
    assert len(addresses) == expected
    for address in list(addresses)[:4]:
        assert client.get(str(address)).headers["content-type"] == "image/png"


def test_every_link_of_the_pages_leads_somewhere(client, page):
    for text in (page, client.get("/").text, client.get("/docs").text, client.get("/nothing", headers={"accept": "text/html"}).text):
        for tag, values in Seen(text).tags:
            address = values.get("href") or values.get("src")
            if address and tag != "form":
                assert client.get(address).status_code == 200, address


def test_the_levels_stand_from_the_top_of_the_picture_to_the_bottom():
    def at(level: int | None) -> Finding:
        return Finding("disc_bulging", "absent", {"absent": 1.0, "present": 0.0}, level_from_bottom=level, level=level and f"D{level}")

    result = StudyResult("t", "done", {"key": "k"}, None, {}, findings=tuple(at(level) for level in (2, 5, None, 1)))
    assert [row.label for row in view_of(result, ()).rows] == ["D5", "D2", "D1", "whole image"]


def test_a_heat_map_belongs_to_its_own_image_level_and_side():
    finding = Finding("disc_bulging", "present", even("disc_bulging"), level="L4/L5", level_from_bottom=2, side="left", image="i")
    result = StudyResult("t", "done", {"key": "k"}, None, {}, findings=(finding,))

    def heats(note: MapNote) -> list[str]:
        return [answer.heat for row in view_of(result, [note]).rows for answer in row.graded + row.chips]

    assert heats(MapNote("disc_bulging", "i", 2, "left")) == [
        "/api/v1/studies/k/results/t/heatmap.png?finding=disc_bulging&level=2&side=left"
    ]
    for other in (MapNote("disc_bulging", "i", 2, "right"), MapNote("disc_bulging", "i", 3, "left"),
                  MapNote("disc_bulging", "j", 2, "left"), MapNote("pfirrmann_grade", "i", 2, "left")):
        assert heats(other) == [""]


def test_a_study_is_listed_by_what_it_is(client):
    assert "MR, 2 images" in client.get("/").text
    assert "Picture, 1 image" in client.get("/").text


def test_an_error_is_a_page_for_people_and_json_for_programs(client):
    assert "no study has this key" in client.get("/studies/none", headers={"accept": "text/html"}).text
    assert client.get("/studies/none").json()["code"] == "unknown-study"
    assert client.get("/api/v1/studies/none", headers={"accept": "text/html"}).json()["code"] == "unknown-study"
