"""`spondyl change` and GET /api/v1/change: one comparison, the same on both ways, with its picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apps.house import House, house
from apps.serving import served
from reports.make_density import result
from spondyl.apps.settings import Settings
from spondyl.core import Image, Series, Study, StudyResult, TaskOutput
from spondyl.metrics.bone_density import REGION
from spondyl.store import Store

__all__ = ["house"]

SVG = "{http://www.w3.org/2000/svg}"


def written(folder: Path, **results: StudyResult) -> list[Path]:
    """These results as files."""
    paths = []
    for name, one in results.items():
        paths.append(folder / name / "result.json")
        paths[-1].parent.mkdir(parents=True)
        paths[-1].write_text(one.to_json(), "utf-8")
    return paths


def test_two_examinations_of_one_machine_get_a_verdict(house: House, tmp_path: Path):
    paths = written(tmp_path, a=result("a"), b=result("b", 0.93))
    said = house.say("change", *paths, "--same-machine", "--rms-sd", "0.010", "--json")
    assert (said.code, said.err) == (0, "")
    body = json.loads(said.out)
    assert body["schema"] == "spondyl.change/1"
    assert body["precision"] == {"rms_sd": 0.01, "lsc": 0.0277, "unit": "g/cm2"}
    (row,) = body["changes"]
    assert row["verdict"] == "loss"
    assert row["against"] == ["baseline", "previous"]
    assert row["vertebrae"] == list(REGION)
    assert row["change"] == pytest.approx(-0.0679)
    assert row["change_percent"] == pytest.approx(-7.0, abs=0.01)
    assert any("digital spine" in note for note in body["notes"])


def test_the_table_says_the_numbers_the_verdict_and_that_it_is_no_diagnosis(house: House, tmp_path: Path):
    paths = written(tmp_path, a=result("a"), b=result("b", 0.93, out=["L3"]))
    said = house.say("change", *paths, "--same-machine", "--rms-sd", "0.010", "--at", "2019-03,2021-04")
    assert said.code == 0
    for words in ("2019-03", "2021-04", "L1, L2, L4", "loss", "0.0277", "(0.930)", "Not a diagnosis", "digital spine only"):
        assert words in said.out


def test_a_folder_stands_for_its_result(house: House, tmp_path: Path):
    paths = written(tmp_path, a=result("a"), b=result("b", 0.93))
    assert house.say("change", *paths, "--json").out == house.say("change", *(path.parent for path in paths), "--json").out


@pytest.mark.parametrize(
    ("options", "words"),
    [([], "cross-calibrated"), (["--rms-sd", "0.01"], "cross-calibrated"), (["--same-machine"], "By that measure: loss, provisionally")],
)
def test_what_is_not_known_gives_no_verdict_and_the_table_says_why(house: House, tmp_path: Path, options: list[str], words: str):
    paths = written(tmp_path, a=result("a"), b=result("b", 0.93))
    said = house.say("change", *paths, *options)
    assert said.code == 0
    assert "no verdict" in said.out
    assert words in " ".join(said.out.split())
    assert json.loads(house.say("change", *paths, *options, "--json").out)["changes"][0]["verdict"] is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "result-missing"), (b"", "result-unreadable"), (b"[]", "result-unreadable"), (b"\xff\xfe", "result-unreadable"),
        (b"[" * 100_000, "result-unreadable"), (b'{"schema": "spondyl.result/1"}', "result-unreadable"),
        (b'{"schema": "spondyl.result/2"}', "result-unreadable"),
    ],
)
def test_what_is_no_result_is_told_without_its_path(house: House, tmp_path: Path, data: bytes | None, code: str):
    (good,) = written(tmp_path, a=result("a"))
    bad = tmp_path / "Doe^Jane.json"
    if data is not None:
        bad.write_bytes(data)
    said = house.say("change", good, bad)
    assert said.code == 2
    assert said.err.startswith(f"[{code}] File 2 ")
    assert "Doe" not in said.err + said.out


@pytest.mark.parametrize(("name", "code"), [("x.pdf", "change-plot-format"), ("nowhere/x.svg", "change-plot-unwritable")])
def test_a_picture_that_cannot_be_written_is_told(house: House, tmp_path: Path, name: str, code: str):
    paths = written(tmp_path, a=result("a"), b=result("b"))
    said = house.say("change", *paths, "--plot", tmp_path / name)
    assert said.code == 2
    assert f"[{code}]" in said.err


def test_a_misspelt_option_is_met_with_the_nearest_one(house: House, tmp_path: Path):
    said = house.say("change", "a", "b", "--same-machin")
    assert said.code == 2
    assert "--same-machine" in said.err


def test_the_svg_tells_what_it_shows_and_each_verdict_has_a_shape_and_a_colour_of_its_own(house: House, tmp_path: Path):
    paths = written(tmp_path, a=result("a"), b=result("b", 0.99), c=result("c", 0.93), d=result("d", 1.05))
    target = tmp_path / "change.svg"
    labels = "2018-05,2019-04,2021-06,2023-06"
    said = house.say("change", *paths, "--same-machine", "--rms-sd", "0.010", "--at", labels, "--plot", target)
    assert said.code == 0
    root = ElementTree.fromstring(target.read_text("utf-8"))
    assert root.get("role") == "img"
    assert "L1, L2, L3, L4" in (root.findtext(f"{SVG}title") or "")
    description = root.findtext(f"{SVG}desc") or ""
    for words in ("2021-06", "loss", "gain", "no significant change", "digital spine only", "Not a diagnosis", "0.0277 g/cm2"):
        assert words in description
    shapes = {(len((shape.get("points") or "").split()), shape.get("fill")) for shape in root.iter(f"{SVG}polygon")}
    assert len(shapes) == 4
    assert len({fill for _, fill in shapes}) == 4
    words = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert {"2018-05", "2023-06", "g/cm2"} <= set(words)
    assert any("least significant change long" in line for line in words)
    assert "href" not in target.read_text("utf-8")


def kept(folder: Path, *results: StudyResult) -> None:
    """A data folder in which these results are saved."""
    with Store(Settings(data=folder).database_url, folder) as store:
        for one in results:
            image = Image(one.images[0].id, np.full((8, 6), 0.5, np.float32))
            key = one.study["key"]
            study = Study(key, (Series(key, "OT", (image,)),), sources=(key,))
            store.save(study, TaskOutput(one))


def test_rest_and_the_command_line_give_one_answer(house: House, tmp_path: Path):
    results = {"a": result("a"), "b": result("b", 0.93)}
    paths = written(tmp_path / "files", **results)
    said = json.loads(house.say("change", *paths, "--same-machine", "--rms-sd", "0.01", "--at", "2019,2021", "--json").out)
    kept(tmp_path / "data", *results.values())
    with house.capture.disabled(), served(tmp_path / "data") as client:
        asked = {"studies": f"{'a' * 20},{'b' * 20}", "same_machine": "true", "rms_sd": "0.01", "at": "2019,2021"}
        answer = client.get("/api/v1/change", params=asked)
        assert answer.status_code == 200
        assert answer.json() == said
        assert client.get("/api/v1/change", params={"studies": asked["studies"]}).json()["changes"][0]["verdict"] is None


def test_rest_tells_what_does_not_fit(tmp_path: Path):
    kept(tmp_path, result("a"), other_result := replace(result("b"), measurements=()))
    key, other = "a" * 20, other_result.study["key"]
    with served(tmp_path) as client:
        for studies, more, status, code in (
            (key, {}, 422, "change-count"), (f"{key},{'c' * 20}", {}, 404, "unknown-study"),
            (f"{key},{other}", {}, 422, "change-no-density"), (f"{key},{key}", {}, 422, "change-same-study"),
            (f"{key},{other}", {"rms_sd": "9"}, 422, "change-precision"),
            (f"{key},{other}", {"rms_sd": "much"}, 422, "bad-parameter"), ("", {}, 422, "change-count"),
        ):
            answer = client.get("/api/v1/change", params={"studies": studies, **more})
            assert (answer.status_code, answer.json()["code"]) == (status, code)
