"""The pages about osteoporosis: what they promise before an upload, and that no statement stands without its source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from apps.bones import FakeBones
from apps.serving import served
from apps.test_api_page import Seen
from spondyl.apps.api.osteoporosis import CONTENT, Answers, read_answers
from spondyl.reports.contributions import LEAST
from spondyl.reports.rows import DIGITS

ADDRESSES = ("/osteoporosis", "/osteoporosis/questions")
STATIC = CONTENT.parent / "static"
ABOUT = ("What is osteoporosis", "T-score mean", "Z-score", "classes apply", "picture alone", "unreliable", "be tested", "FRAX", "calcium",
         "exercise", "Smoking and alcohol", "falls", "medicines", "measure again", "see a doctor")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with served(tmp_path_factory.mktemp("page"), {"dxa-osteoporosis": FakeBones()}) as opened:
        yield opened


@pytest.fixture(scope="module")
def answers() -> Answers:
    return read_answers()


def words(client: httpx.Client, address: str) -> str:
    return " ".join(Seen(client.get(address).text).words.split())


def test_the_page_says_before_the_upload_what_it_takes(client: httpx.Client):
    said = words(client, "/osteoporosis")
    for text in ("DXA scanner", "DICOM", "camera photo of a print or of a screen is refused", "grey levels", "Research software",
                 "Nothing leaves the machine", "not on patients"):
        assert text in said, text
    assert "no weights" not in said


def test_the_form_is_that_of_the_reference_system(client: httpx.Client):
    tags = Seen(client.get("/osteoporosis").text).tags
    assert ("form", "/predict/", "post", "multipart/form-data") in [
        (tag, values.get("action"), values.get("method"), values.get("enctype")) for tag, values in tags]
    fields = {values["name"]: values for tag, values in tags if tag in ("input", "select") and values.get("name")}
    assert set(fields) == {"file", "age", "sex"}
    labelled = {values.get("for") for tag, values in tags if tag == "label"}
    assert "file" in labelled


def test_every_part_that_the_script_fills_is_on_the_page(client: httpx.Client):
    ids = {values["id"] for _, values in Seen(client.get("/osteoporosis").text).tags if values.get("id")}
    script = (STATIC / "density.js").read_text("utf-8")
    named = set(re.findall(r'\b(?:at|fill)\("([a-z-]+)"', script))
    assert len(named) > 15
    assert named <= ids


def test_the_script_writes_numbers_as_the_reports_do():
    script = (STATIC / "density.js").read_text("utf-8")
    digits = re.search(r"^const DIGITS = \{(.*)\};", script, re.MULTILINE)
    least = re.search(r"^const LEAST = ([\d.]+);", script, re.MULTILINE)
    assert digits is not None
    assert least is not None
    assert {unit.strip(' "'): int(number) for unit, number in (row.split(":") for row in digits[1].split(","))} == DIGITS
    assert float(least[1]) == LEAST


def test_a_server_without_the_task_says_so(tmp_path: Path):
    with served(tmp_path) as client:
        assert "no weights for bone density pictures" in words(client, "/osteoporosis")


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(client: httpx.Client, address: str):
    answer = client.get(address)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for tag, values in Seen(answer.text).tags:
        assert not [name for name in values if name == "style" or name.startswith("on")], tag
        if tag == "script":
            assert values.get("src", "").startswith("/static/")
        for name in ("src", "href") if tag != "a" else ():
            assert (values.get(name) or "/").startswith("/"), values
    for name in ("density.js", "sending.js", "upload.js"):
        assert "https://" not in (STATIC / name).read_text("utf-8")


@pytest.mark.parametrize("address", ["/", *ADDRESSES])
def test_every_link_inside_the_house_leads_somewhere(client: httpx.Client, address: str):
    text = client.get(address).text
    ids = {values.get("id") for _, values in Seen(text).tags}
    targets = [values["href"] or "" for tag, values in Seen(text).tags if tag == "a" and "href" in values]
    assert "/osteoporosis" in targets, "it is in the navigation"
    for target in targets:
        if target.startswith("#"):
            assert target[1:] in ids
        elif not target.startswith("https://"):
            assert client.get(target).status_code == 200, target


def test_the_page_of_questions_begins_with_what_it_is_not(client: httpx.Client):
    said = words(client, "/osteoporosis/questions")
    assert said.index("information, not medical advice") < said.index("What is osteoporosis?")


def test_the_questions_are_about_what_people_ask(answers: Answers):
    questions = [item.question for item in answers.questions]
    for text in ABOUT:
        assert any(text in question for question in questions), text


def test_every_statement_has_a_source_and_every_source_is_used_and_dated(answers: Answers):
    named = {statement.source for question in answers.questions for statement in question.statements}
    assert named == set(answers.sources)
    assert all(source.read >= date(2026, 11, 30) and source.title and source.publisher for source in answers.sources.values())
    assert sorted(answers.numbers.values()) == list(range(1, len(answers.sources) + 1))


def test_every_statement_is_shown_with_its_number_and_every_source_in_the_list(client: httpx.Client, answers: Answers):
    page = client.get("/osteoporosis/questions").text
    said, tags = words(client, "/osteoporosis/questions"), Seen(page).tags
    for question in answers.questions:
        for statement in question.statements:
            assert f"{' '.join(statement.text.split())} [{answers.numbers[statement.source]}]" in said
    listed = [values.get("id") for tag, values in tags if tag == "li" and (values.get("id") or "").startswith("source-")]
    assert listed == [f"source-{number}" for number in sorted(answers.numbers.values())]
    for source in answers.sources.values():
        assert source.title in said
        assert f"Read {source.read:%d %b %Y}" in said


GOOD = CONTENT.read_text("utf-8")
UNUSED = '[sources.unused]\ntitle = "t"\npublisher = "p"\nyear = 2020\nread = 2026-11-30\nread_as = "text"\n\n'


@pytest.mark.parametrize(("old", "new"), [
    ('source = "bhof-2022"', 'source = "hearsay"'),
    ("[sources.spondyl]", UNUSED + "[sources.spondyl]"),
    ("year = 1994\nread = 2026-11-30", "year = 1994"),
    ('{ source = "nogg-2024", text = "People who smoke are advised to stop." }', '{ text = "People who smoke are advised to stop." }'),
    ('text = "People who smoke are advised to stop."', 'text = ""'),
    ('address = "https://www.nogg', 'address = "javascript:nogg'),
])
def test_a_statement_without_its_source_does_not_pass(tmp_path: Path, old: str, new: str):
    assert old in GOOD
    path = tmp_path / "content.toml"
    path.write_text(GOOD.replace(old, new, 1), "utf-8")
    with pytest.raises(ValueError, match="validation error"):
        read_answers(path)
