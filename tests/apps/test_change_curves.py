"""`spondyl change` of xray-alignment: the largest curve followed, with what its error holds and what it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.house import House, house
from apps.make_curves import COBB, LEFT, NOTE, RIGHT, curve, refused, result
from apps.serving import served
from apps.test_change import kept, written
from reports import make_density
from spondyl.core import StudyResult
from spondyl.reports.curve_series import TASK
from spondyl.tasks.xray_alignment import answers, task

__all__ = ["house"]

LARGER, SMALLER, UNCHANGED = "larger", "smaller", "no change beyond the error"


def body_of(house: House, folder: Path, *options: object, **results: StudyResult) -> dict[str, Any]:
    """What `--json` answers for these results."""
    said = house.say("change", *written(folder, **results), *options, "--json")
    assert (said.code, said.err) == (0, "")
    body: dict[str, Any] = json.loads(said.out)
    return body


def words_of(house: House, folder: Path, *options: object, **results: StudyResult) -> str:
    """What the tables and notes say, as one line."""
    said = house.say("change", *written(folder, **results), *options)
    assert (said.code, said.err) == (0, "")
    return " ".join(said.out.split())


@pytest.mark.parametrize(("after", "verdict"), [(32.1, UNCHANGED), (37.0, UNCHANGED), (37.2, LARGER), (27.2, UNCHANGED), (27.0, SMALLER)])
def test_a_change_beyond_the_error_of_both_films_is_said(house: House, tmp_path: Path, after: float, verdict: str):
    body = body_of(house, tmp_path, a=result("a", curve(error_deg=3.0)), b=result("b", curve(after, 4.0)))
    assert body["schema"] == "spondyl.curve-change/1"
    (row,) = body["changes"]
    assert row == {"earlier": 1, "later": 2, "against": ["baseline", "previous"], "same_curve": True, "error_deg": 5.0, "verdict": verdict,
                   "change_deg": pytest.approx(after - 32.1), "reason": None}


def test_the_other_order_changes_the_sign(house: House, tmp_path: Path):
    one, other = result("a", curve()), result("b", curve(45.0))
    there = body_of(house, tmp_path / "there", a=one, b=other)["changes"][0]
    back = body_of(house, tmp_path / "back", a=other, b=one)["changes"][0]
    assert there["change_deg"] == -back["change_deg"] > 0
    assert (there["verdict"], back["verdict"]) == (LARGER, SMALLER)


def test_curves_are_told_in_the_words_of_the_task():
    assert (answers.COBB, answers.LEFT_OF, answers.RIGHT_OF, task.XrayAlignment().name) == (COBB, LEFT, RIGHT, TASK)


def test_each_film_is_compared_with_the_first_and_with_the_one_before(house: House, tmp_path: Path):
    body = body_of(house, tmp_path, a=result("a", curve(20.0)), b=result("b", curve(24.0)), c=result("c", curve(28.0)))
    rows = [(row["earlier"], row["later"], row["against"], row["verdict"]) for row in body["changes"]]
    assert rows == [(1, 2, ["baseline", "previous"], UNCHANGED), (1, 3, ["baseline"], LARGER), (2, 3, ["previous"], UNCHANGED)]


def test_the_largest_cobb_curve_is_followed_whatever_else_is_there(house: House, tmp_path: Path):
    more = [curve(12.0, upper="L1", lower="L5", bulges_to=LEFT, name="cobb_2"), curve(40.0)]
    body = body_of(house, tmp_path, a=result("a", *more), b=result("b", curve(41.0)))
    assert [(one["curves"], one["largest"]["angle_deg"]) for one in body["examinations"]] == [(2, 40.0), (1, 41.0)]
    assert body["examinations"][0]["largest"] == {name: curve(40.0)[name] for name in body["examinations"][0]["largest"]}
    assert body["changes"][0]["change_deg"] == 1.0


@pytest.mark.parametrize(
    ("later", "same", "words"),
    [
        ([curve(50.0, bulges_to=LEFT)], False, "they are different curves"), ([curve(50.0, upper="L1", lower="L4")], False, "T5 to T12"),
        ([curve(50.0, lower=None)], None, "no sure name"), ([], None, "the later film has no curve of 1 degree or more"),
    ],
)
def test_what_is_not_known_to_be_one_curve_gets_no_verdict_and_the_table_says_why(
    house: House, tmp_path: Path, later: list[dict[str, Any]], same: bool | None, words: str,
):
    results = {"a": result("a", curve()), "b": result("b", *later)}
    (row,) = body_of(house, tmp_path / "json", **results)["changes"]
    assert (row["same_curve"], row["change_deg"], row["error_deg"], row["verdict"]) == (same, None, None, None)
    assert words in row["reason"]
    said = words_of(house, tmp_path / "table", **results)
    assert words in said
    assert "no verdict" in said


def test_the_table_says_angles_ends_and_what_the_error_does_not_hold(house: House, tmp_path: Path):
    results = {"a": result("a", curve()), "b": result("b", curve(45.0, 3.0, "T6"))}
    said = words_of(house, tmp_path, "--at", "2021-03,2023-04", **results)
    for words in ("2021-03", "2023-04", "32.1 ± 4.0 deg", "T5", "T6", "T12", "T8", "32.1 to 45.0", "+12.9", "± 5.0", LARGER, "4.9 degrees",
                  "7.2", "Morrissy 1990", "under 5 degrees", "time of day", "measured on patients", "research only", "Not a diagnosis"):
        assert words in said


@pytest.mark.parametrize("name", [None, ""])
def test_an_end_without_a_name_is_told_by_its_place(house: House, tmp_path: Path, name: str | None):
    said = words_of(house, tmp_path, a=result("a", curve(upper=name, upper_from_bottom=14)), b=result("b", curve()))
    assert "#14 from the bottom" in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"note": replace(NOTE, version="1.1.0", sha256="b" * 64)}, "examination 1 by xray-alignment 1.0.0 (aaaaaaaa); examination 2 by "
                                                                    "xray-alignment 1.1.0 (bbbbbbbb)"),
        ({"note": None}, "examination 2 by one that the result does not name"),
        ({"note": replace(NOTE, evidence="in-silico")}, "measured on the digital spine only"),
        ({"codes": ()}, "The weights that read examination 1 were trained on data that are for research only."),
        ({}, "The weights that read examinations 1, 2 were trained on data that are for research only."),
    ],
)
def test_what_read_the_films_is_told(house: House, tmp_path: Path, changes: dict[str, Any], words: str):
    results = {"a": result("a", curve()), "b": result("b", curve(), **changes)}
    assert any(words in note for note in body_of(house, tmp_path, **results)["notes"])


def test_that_sides_are_those_of_the_picture_is_told_unless_the_films_tell_the_patients(house: House, tmp_path: Path):
    told = {key: result(key, curve(side="left", bulges_to=side)) for key, side in (("a", LEFT), ("b", RIGHT))}
    one = body_of(house, tmp_path / "told", **told)
    assert one["changes"][0]["verdict"] == UNCHANGED
    assert not any("side of the picture" in note for note in one["notes"])
    other = body_of(house, tmp_path / "untold", a=told["a"], b=result("b", curve(bulges_to=LEFT)))
    assert any("side of the picture" in note for note in other["notes"])


@pytest.mark.parametrize("options", [["--same-machine"], ["--cross-calibrated"], ["--rms-sd", "0.01"], ["--plot", "x.svg"]])
def test_an_option_that_is_for_densities_is_refused_for_curves(house: House, tmp_path: Path, options: list[str]):
    said = house.say("change", *written(tmp_path, a=result("a", curve()), b=result("b", curve())), *options)
    assert said.code == 2
    assert said.err.startswith("[change-option-for-densities]")
    assert options[0] in said.err


@pytest.mark.parametrize(
    ("other", "code", "words"),
    [
        (make_density.result("b"), "change-mixed-tasks", "xray-alignment, dxa-osteoporosis"),
        (make_density.other_task(), "change-mixed-tasks", "xray-alignment, xray-grade"),
        (refused(), "change-not-answered", "a lateral film"), (result("a", curve()), "change-same-study", "xaminations 1 and 2"),
    ],
)
def test_results_that_cannot_be_followed_are_told(house: House, tmp_path: Path, other: StudyResult, code: str, words: str):
    said = house.say("change", *written(tmp_path, a=result("a", curve()), b=other))
    assert said.code == 2
    assert said.err.startswith(f"[{code}]")
    assert words in said.err


@pytest.mark.parametrize("wild", [
    curve(upper="T12", lower="T5"), curve(upper="[red]"), curve(angle_deg="32"), curve(angle_deg=400.0), curve(error_deg=None),
    curve(bulges_to="up"), curve(side="front"), curve(apex_from_bottom="x"), curve(apex=["T8"]), {"convention": COBB}, {}, ["Cobb"], "Cobb",
])
def test_a_curve_that_makes_no_sense_is_told_with_the_number_of_its_film(house: House, tmp_path: Path, wild: Any):
    said = house.say("change", *written(tmp_path, a=result("a", curve()), b=result("b", wild)))
    assert said.code == 2
    assert said.err.startswith("[change-bad-curve] Examination 2 ")


def test_one_film_or_results_of_a_task_that_nothing_follows_are_told(house: House, tmp_path: Path):
    one = written(tmp_path / "one", a=result("a", curve()))
    assert "[change-count]" in house.say("change", *one).err
    grades = written(tmp_path / "grades", a=make_density.other_task(), b=make_density.other_task())
    told = house.say("change", *grades).err
    assert told.startswith("[change-other-task]")
    assert "xray-grade" in told


def test_rest_and_the_command_line_give_one_answer(house: House, tmp_path: Path):
    results = {"a": result("a", curve(32.1)), "b": result("b", curve(40.0))}
    said = json.loads(house.say("change", *written(tmp_path / "files", **results), "--json").out)
    kept(tmp_path / "data", *results.values())
    asked = {"studies": f"{'a' * 20},{'b' * 20}", "task": TASK}
    with house.capture.disabled(), served(tmp_path / "data") as client:
        assert client.get("/api/v1/change", params=asked).json() == said
        for more, status, code in (({"rms_sd": "0.01"}, 422, "change-option-for-densities"), ({"studies": "a" * 20}, 422, "change-count"),
                                   ({"task": "xray-alignmet"}, 422, "unknown-task")):
            answer = client.get("/api/v1/change", params={**asked, **more})
            assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("code", ["spine-cut", "second-spine", "vertebra-not-found"])
def test_a_film_that_does_not_show_all_of_one_spine_gives_no_verdict(house: House, tmp_path: Path, code: str):
    body = body_of(house, tmp_path, a=result("a", curve(40.0)), b=result("b", curve(22.0), codes=(code,)))
    (change,) = body["changes"]
    assert change["verdict"] is None
    assert change["reason"].startswith("the later film")
    assert change["change_deg"] == -18.0


def test_a_film_in_doubt_is_named(house: House, tmp_path: Path):
    body = body_of(house, tmp_path, a=result("a", curve(40.0)), b=result("b", curve(22.0), codes=("film-doubtful",)))
    assert body["changes"][0]["verdict"] == SMALLER
    assert any("A person should look at examination 2" in note for note in body["notes"])
