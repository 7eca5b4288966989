from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from lab.films.made_up import grade_metrics, lesion_metrics, write_run
from spondyl.core.result import DISCLAIMER
from spondyl.lab.films import figures
from spondyl.lab.films.page_parts import facts, markdown
from spondyl.lab.films.run_page import write_run_page

VOID = ("meta", "img", "br")


class Page(HTMLParser):
    """What a browser would make of a page: it fails where a tag is not closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.tags: list[str] = []
        self.said: list[str] = []
        self.feed(path.read_text("utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "img":
            self.pictures.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run_page(write_run(tmp_path_factory.mktemp("run"), lesion_metrics()))


def test_a_finished_run_is_one_page_with_everything_in_it(finished: Path):
    page = Page(finished)
    for words in (DISCLAIMER, "In-silico", "0.957 (0.947 to 0.967)", "What the check found", "Learning curve", "Right and most confident",
                  "Wrong and most confident", "lesion taken away", "Nearly the same picture in two splits: 230", "and 210 more",
                  "it ends <&> early", "something new", "What it is for, and what not", "Limits"):
        assert words in page.text
    assert "Not there yet." not in page.text
    assert page.tags.count("h1") == 1


def test_every_picture_says_in_words_what_it_shows(finished: Path):
    page = Page(finished)
    assert len(page.pictures) > 12
    assert all(len(picture["alt"] or "") > 20 for picture in page.pictures)


def test_the_page_needs_nothing_but_itself(finished: Path):
    page = Page(finished)
    assert not {"script", "link", "iframe", "object", "base", "form"} & set(page.tags)
    places = [value or "" for name, value in page.attributes if name in ("src", "href", "srcset", "action")]
    assert all(place.startswith(("data:image/", "#")) for place in places)
    assert "http" not in re.sub(r'"data:[^"]*"', '""', finished.read_text("utf-8")).replace("http-equiv", "")
    assert finished.stat().st_size < 5_000_000


def test_links_within_the_page_lead_somewhere(finished: Path):
    page = Page(finished)
    names = {value for name, value in page.attributes if name == "id"}
    assert {(value or "")[1:] for name, value in page.attributes if name == "href"} <= names


def test_the_same_run_is_the_same_page(finished: Path):
    before = finished.read_bytes()
    assert write_run_page(finished.parent).read_bytes() == before


@pytest.mark.parametrize("kept", [(), ("config.json",), ("config.json", "check"), ("config.json", "check", "members")])
def test_an_unfinished_run_shows_what_is_there_and_says_what_is_to_come(tmp_path: Path, kept: tuple[str, ...]):
    whole = write_run(tmp_path / "whole", grade_metrics(), films=0)
    run = tmp_path / "part"
    run.mkdir()
    for name in kept:
        (whole / name).rename(run / name)
    page = Page(write_run_page(run))
    assert "not finished" in page.text
    assert "Not there yet." in page.text
    assert ("What the check found" in page.text) == ("check" in kept)
    assert len(page.pictures) == ("check" in kept) + ("members" in kept)


def test_a_file_that_was_cut_off_while_written_counts_as_absent(tmp_path: Path):
    (tmp_path / "metrics.json").write_text('{"task": "xray-les')
    assert "not finished" in Page(write_run_page(tmp_path)).text


def test_what_data_files_hold_is_text_and_never_markup(tmp_path: Path):
    evil = "<script>alert(1)</script>"
    metrics = {**grade_metrics(), "version": evil, "trust": {evil: {evil: 1}}, "history": {evil: [{evil: 2.0, "epoch": 1}]}}
    metrics["test"]["cases"] = {"best": [{"name": evil, "target": evil, "picture": evil}]}
    metrics["data"]["notices"] = [evil]
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    (tmp_path / "config.json").write_text(json.dumps({"task": "xray-grade", evil: evil}))
    page = Page(write_run_page(tmp_path))
    assert "script" not in page.tags
    assert evil in page.text


def test_pictures_from_outside_the_run_are_not_shown(tmp_path: Path):
    buffer = BytesIO()
    Picture.new("L", (4, 4)).save(buffer, "PNG")
    (tmp_path / "secret.png").write_bytes(buffer.getvalue())
    metrics = {"task": "xray-grade", "test": {"cases": {"worst": [{"name": "a", "target": "1", "picture": "../secret.png"}]}}}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.json").write_text(json.dumps(metrics))
    assert Page(write_run_page(tmp_path / "run")).pictures == []


def test_no_folder_of_this_machine_is_named(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"task": "xray-grade", "start": "/home/somebody/runs/before"}))
    text = Page(write_run_page(tmp_path)).text
    assert "before" in text
    assert "somebody" not in text
    assert str(tmp_path) not in text


def test_many_large_pictures_are_left_out_and_counted(tmp_path: Path):
    (tmp_path / "check").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (900, 900), dtype=np.uint8)
    for number in range(5):
        Picture.fromarray(noise).save(tmp_path / "check" / f"sheet-{number}.png")
    path = write_run_page(tmp_path)
    page = Page(path)
    assert path.stat().st_size < 5_000_000
    assert 0 < len(page.pictures) < 5
    assert f"{5 - len(page.pictures)} pictures are left out" in page.text


@pytest.mark.parametrize("draw", [figures.roc, figures.precision_recall, figures.reliability, figures.confusion_matrix, figures.classes,
                                  figures.learning_curve, figures.trust_tests, figures.member_weights, figures.class_balance])
def test_a_figure_is_the_same_bytes_each_time_and_none_without_numbers(draw):
    drawn = draw(lesion_metrics())
    assert drawn is not None
    assert drawn.svg == draw(lesion_metrics()).svg
    assert b"<svg" in drawn.svg
    assert not re.search(rb"\d{4}-\d\d-\d\dT", drawn.svg)
    assert draw({"task": "xray-lesions", "evidence": "in-silico"}) is None


def test_tables_and_lists_of_a_card_survive_the_way_to_html():
    table = "| a | b |\n|---|---|\n| 1 \\| 2 | x |"
    made = markdown(f"# T\n\nsome `code`\nand **bold** <b>\n\n- one\n- two\n\n{table}\n\n```text\n# no heading\n```\n")
    assert "<h2>T</h2>" in made
    assert "some <code>code</code> and <strong>bold</strong> &lt;b&gt;" in made
    assert made.count("<li>") == 2
    assert '<th scope="row">1 | 2</th><td>x</td>' in made
    assert "<pre># no heading</pre>" in made


def test_long_lists_are_cut_and_counted():
    assert "and 60 more" in facts({"unreadable": [{"name": str(k)} for k in range(100)]})
