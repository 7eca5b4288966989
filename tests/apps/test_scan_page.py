"""A bone density scan on the page of its study and in the terminal: the class first, and below it what moved the measured features."""

from __future__ import annotations

from io import StringIO

import httpx
import pytest
from rich.console import Console

from apps.bones import FakeBones
from apps.serving import finished, png, send, served
from apps.test_api_page import Seen
from reports.make_scan import scan_result
from spondyl.apps.api.view import view_of
from spondyl.apps.console import levels_table

TITLE = "What moved the measured-feature model (log odds of osteoporosis)"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory):
    with served(tmp_path_factory.mktemp("scan"), {"dxa-osteoporosis": FakeBones()}) as opened:
        yield opened


def page_of(client: httpx.Client, level: float, **person: str) -> str:
    body = send(client, ("a.png", png(level)), **person).json()
    finished(client, body["job"]["id"])
    return client.get(f"/studies/{body['studies'][0]}").text


def test_the_list_stands_in_the_details_of_the_class_the_largest_first(client: httpx.Client):
    text = page_of(client, 0.2, age="63", sex="F")
    words = " ".join(Seen(text).words.split())
    places = [words.index(part) for part in ("whole scan", TITLE, "bone against soft tissue", "+0.83", "shape", "−0.12",
                                             "Shapley values")]
    assert places == sorted(places)
    assert "noise" not in words
    assert words.count(TITLE) == 1
    bars = [(values["class"], values["x"], values["width"]) for tag, values in Seen(text).tags
            if tag == "rect" and values.get("class") in ("up", "down")]
    assert bars == [("up", "60.0", "60.0"), ("down", "51.2", "8.8")]
    assert not [values for _, values in Seen(text).tags if "style" in values]


def test_to_whom_no_class_is_said_nothing_moved_it(client: httpx.Client):
    words = " ".join(Seen(page_of(client, 0.21, age="31", sex="F")).words.split())
    assert "Bone density class: not said" in words
    assert "What moved" not in words


def test_numbers_of_the_page_have_the_figures_of_their_unit(client: httpx.Client):
    words = " ".join(Seen(page_of(client, 0.2, age="64", sex="F")).words.split())
    for text in ("0.812 ± 0.021 g/cm2", "Z-score -1.20 SD"):
        assert text in words, text


def test_a_vertebra_that_does_not_count_has_a_colour_of_its_own_on_the_picture():
    (picture,) = view_of(scan_result()[1], ()).pictures
    colours = {mark.label: mark.colour for mark in picture.marks}
    assert list(colours) == ["L1", "L2", "L3", "L4"], "and corners are not drawn a second time"
    assert [name for name, colour in colours.items() if colour] == ["L2"]


def test_the_table_of_the_terminal_loses_no_column():
    console = Console(file=StringIO(), width=120)
    console.print(levels_table(scan_result()[1]))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    for text in ("whole scan", "0.746 ± 0.012", "-2.46 ± 0.11", "11.2 ± 4.0", "Unreliable", "osteoporosis", "osteopenia", "refer"):
        assert text in said, text
    assert "…" not in said


def test_a_class_that_cannot_be_told_is_no_value_and_no_percentage_beside_it():
    result = scan_result()[1]
    assert result.findings[0].refer
    (answer,) = next(row for row in view_of(result, ()).rows if row.graded).graded
    assert (answer.value, answer.chance) == ("cannot tell", None)
    assert sum(bar.probability for bar in answer.bars) == pytest.approx(1, abs=0.01), "the bars still show what is likely"
