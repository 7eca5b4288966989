"""`spondyl analyze`, from the arguments to the exit code, with a real reader and a task that needs no weights."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from apps.house import FragileTask, House, house, plug
from doubles import BrightnessTask
from reports.pdf_words import pdf_words
from spondyl.core import Refusal, Study
from spondyl.core.result import DISCLAIMER
from spondyl.store import Store
from spondyl.tasks.port import Selection

__all__ = ["house"]


def index(out: Path) -> list[dict[str, str]]:
    with (out / "index.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def findings(out: Path) -> list[dict[str, str]]:
    with (out / "findings.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def untimed(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "timings_ms": {}}


def test_a_picture_becomes_a_table_with_levels_evidence_and_disclaimer(house: House):
    said = house.say("analyze", house.picture("spine.png"))
    assert said.code == 0
    for words in ("spine.png", "L5/S1", "L4/L5", "Pfirrmann", "in silico", DISCLAIMER, "1 done"):
        assert words in said.out
    assert said.err == ""


def test_json_is_one_object_and_nothing_else_even_for_one_file(house: House):
    said = house.say("analyze", house.picture("spine.png"), "--json")
    body = json.loads(said.out)
    assert [result["status"] for result in body["studies"]] == ["done"]
    assert body["studies"][0]["schema"] == "spondyl.result/1"
    assert body["skipped"] == []
    assert body["sources"] == {body["studies"][0]["study"]["key"]: [str(house.folder / "spine.png")]}


def test_a_refused_picture_is_said_with_its_reason_and_the_others_go_on(house: House):
    said = house.say("analyze", house.picture("black.png", 0.0), house.picture("spine.png"), "--json")
    assert said.code == 2
    assert [result["status"] for result in json.loads(said.out)["studies"]] == ["refused", "done"]
    shown = house.say("analyze", house.folder / "black.png")
    assert shown.code == 2
    assert "all-black" in shown.out
    assert "Export it again with a display window" in shown.out


def test_what_cannot_be_read_is_listed_and_the_rest_is_done(house: House):
    broken = house.folder / "broken.dcm"
    broken.write_text("this is a letter")
    said = house.say("analyze", broken, house.folder / "nowhere.png", house.picture("spine.png"), "--json")
    body = json.loads(said.out)
    assert said.code == 2
    assert [result["status"] for result in body["studies"]] == ["done"]
    assert {row["source"] for row in body["skipped"]} == {str(broken), str(house.folder / "nowhere.png")}
    assert all(row["code"] and row["message"] for row in body["skipped"])


def test_a_folder_is_read_with_everything_in_it(house: House):
    for number in range(3):
        house.picture(f"spine-{number}.png", seed=number)
    (house.folder / "notes.txt").write_text("where these came from")
    said = house.say("analyze", house.folder, "--json")
    body = json.loads(said.out)
    assert len(body["studies"]) == 3
    assert [row["code"] for row in body["skipped"]] == ["not-an-image"]
    assert said.code == 0
    assert house.say("analyze", house.folder / "notes.txt").code == 2


def test_an_empty_folder_is_something_the_caller_can_fix(house: House):
    said = house.say("analyze", house.folder)
    assert said.code == 2
    assert "nothing-found" in said.out


def test_out_holds_a_folder_a_study_and_an_index_that_leads_there(house: House):
    out = house.folder.parent / "out"
    said = house.say("analyze", house.picture("Jane Doe.png"), "--out", out, "--json")
    result = json.loads(said.out)["studies"][0]
    (row,) = index(out)
    assert row["source"] == str(house.folder / "Jane Doe.png")
    assert (row["study_key"], row["task"], row["status"]) == (result["study"]["key"], "brightness", "done")
    assert json.loads((out / row["result"]).read_text()) == result
    folder = (out / row["result"]).parent
    assert folder == out / result["study"]["key"] / "brightness"
    assert {path.name for path in folder.iterdir()} == {"result.json", "annotated.png", "findings.csv"}
    for path in out.rglob("*"):
        assert "Doe" not in path.name
        assert path.name == "index.csv" or path.is_dir() or b"Doe" not in path.read_bytes()


def test_files_can_be_analysed_one_by_one_into_one_folder(house: House):
    out = house.folder.parent / "out"
    house.say("analyze", house.picture("a.png", seed=1), "--out", out)
    house.say("analyze", house.picture("b.png", seed=2), "--out", out)
    house.say("analyze", house.folder / "a.png", house.folder / "gone.png", "--out", out)
    rows = index(out)
    assert sorted((Path(row["source"]).name, row["status"]) for row in rows) == [
        ("a.png", "done"), ("b.png", "done"), ("gone.png", "skipped: not-found"),
    ]


def test_all_findings_of_all_studies_stand_in_one_table_over_several_runs(house: House):
    out = house.folder.parent / "out"
    house.say("analyze", house.picture("a.png", seed=1), house.picture("b.png", seed=2), house.picture("black.png", 0.0), "--out", out)
    first = findings(out)
    assert len({row["study_key"] for row in first}) == 2, "a refused study has no findings"
    assert {(row["task"], row["finding"], row["evidence"]) for row in first} == {("brightness", "pfirrmann_grade", "in-silico")}
    house.say("analyze", house.folder / "a.png", house.picture("c.png", seed=3), "--out", out)
    rows = findings(out)
    assert len({row["study_key"] for row in rows}) == 3
    assert len(rows) == 6, "what was answered again stands once"
    for row in rows:
        (said,) = (item for item in json.loads((out / row["study_key"] / "brightness" / "result.json").read_text())["findings"]
                   if item["level"] == row["level"])
        assert (row["value"], row["set"], row["refer"]) == (str(said["value"]), str(said["value"]), "no")
        assert [float(value) for value in row["box"].split()] == said["box"]


def test_what_an_earlier_run_found_does_not_stand_where_the_task_refuses_now(house: House, monkeypatch: pytest.MonkeyPatch):
    plug(monkeypatch, [BrightnessTask(), FragileTask()])
    out = house.folder.parent / "out"
    picture = house.picture("a.png")
    house.say("analyze", picture, "--out", out)
    assert {row["task"] for row in findings(out)} == {"brightness", "fragile"}

    def refuses(task: FragileTask, study: Study) -> Selection:
        raise Refusal("all-black", "every pixel of the image is black", "Export it again")

    monkeypatch.setattr(FragileTask, "select", refuses)
    house.say("analyze", picture, "--out", out, "--task", "brightness")
    assert {row["task"] for row in findings(out)} == {"brightness", "fragile"}, "one that was not asked keeps what it said"
    house.say("analyze", picture, "--out", out)
    assert {row["task"] for row in findings(out)} == {"brightness"}


@pytest.mark.parametrize("name", ["findings.csv", "index.csv"])
@pytest.mark.parametrize("text", ["patient,note\n7,mine\n", "", "\x00\x01"])
def test_a_table_that_is_not_ours_is_not_written_over(house: House, name: str, text: str):
    out = house.folder.parent / "out"
    out.mkdir()
    (out / name).write_text(text)
    said = house.say("analyze", house.picture("a.png"), "--out", out)
    assert (said.code, "out-table-foreign" in said.err) == (2, True)
    assert (out / name).read_text() == text
    assert [path.name for path in out.iterdir()] == [name], "nothing was analysed"


def test_a_report_on_paper_lies_beside_the_rest_when_it_is_asked_for(house: House):
    out = house.folder.parent / "out"
    assert house.say("analyze", house.picture("spine.png"), house.picture("black.png", 0.0), "--out", out, "--pdf").code == 2
    reports = [out / row["study_key"] / "brightness" / "report.pdf" for row in index(out)]
    assert len(reports) == 2
    words = [pdf_words(path.read_bytes()) for path in reports]
    assert all(DISCLAIMER in text and "The brightness card" in text for text in words)
    assert sum("every pixel of the image is black" in text for text in words) == 1
    alone = house.say("analyze", house.folder / "spine.png", "--pdf")
    assert (alone.code, "pdf-without-out" in alone.err) == (2, True)


def test_nothing_is_kept_unless_asked_for(house: House):
    before = {path for path in house.folder.parent.rglob("*")}
    picture = house.picture("spine.png")
    first, second = (json.loads(house.say("analyze", picture, "--json").out) for _ in range(2))
    assert {path for path in house.folder.parent.rglob("*")} - before == {picture}
    assert first["studies"][0]["study"]["key"] != second["studies"][0]["study"]["key"]


def test_studies_keep_their_key_once_the_data_folder_has_one(house: House):
    picture = house.picture("spine.png")
    first = json.loads(house.say("analyze", picture, "--out", house.folder.parent / "out", "--json").out)
    assert (house.data / "key").exists()
    second = json.loads(house.say("analyze", picture, "--json").out)
    assert [untimed(result) for result in first["studies"]] == [untimed(result) for result in second["studies"]]


def test_data_keeps_what_the_server_shows(house: House):
    kept, out = house.folder.parent / "kept", house.folder.parent / "out"
    said = house.say("analyze", house.picture("spine.png"), "--data", kept, "--out", out)
    assert said.code == 0
    (row,) = index(out)
    with Store(f"sqlite:///{kept / 'spondyl.sqlite'}", kept) as store:
        saved = store.result(row["study_key"], "brightness")
    assert saved.json.encode() == (out / row["result"]).read_bytes()


def test_a_failure_in_one_study_stops_no_other_and_shows_no_name(house: House, caplog: pytest.LogCaptureFixture):
    plug(house.patch, [FragileTask()])
    out = house.folder.parent / "out"
    said = house.say("analyze", house.picture("bright.png", 0.8), house.picture("dark.png", 0.3), "--json", "--out", out)
    assert said.code == 1
    failed, done = json.loads(said.out)["studies"]
    assert (failed["status"], done["status"]) == ("failed", "done")
    assert failed["refusal"]["code"] == "internal-error"
    assert "RuntimeError" in caplog.text
    assert "Doe" not in said.out + said.err + caplog.text
    assert (out / failed["study"]["key"] / "fragile" / "annotated.png").exists()


def test_without_a_task_a_refusal_gives_way_to_another_tasks_answer(house: House):
    class Picky(BrightnessTask):
        name = "fragile"

        def select(self, study: Any) -> Any:
            from spondyl.core import Refusal

            raise Refusal("not-mine", "this picture is not for me")

    plug(house.patch, [Picky(), BrightnessTask()])
    picture = house.picture("spine.png")
    assert [result["task"] for result in json.loads(house.say("analyze", picture, "--json").out)["studies"]] == ["brightness"]
    named = house.say("analyze", picture, "--json", "--task", "fragile")
    assert [result["status"] for result in json.loads(named.out)["studies"]] == ["refused"]


def test_a_misspelt_task_is_met_with_the_nearest_one(house: House):
    said = house.say("analyze", house.picture("spine.png"), "--task", "brightnes")
    assert said.code == 2
    assert "Did you mean 'brightness'?" in said.err
    assert said.out == ""


def test_paired_pictures_are_one_study(house: House):
    pictures = [house.picture("t1.png", seed=1), house.picture("t2.png", seed=2)]
    assert len(json.loads(house.say("analyze", *pictures, "--json").out)["studies"]) == 2
    assert len(json.loads(house.say("analyze", *pictures, "--json", "--pair").out)["studies"]) == 1


def test_results_of_an_earlier_run_are_not_read_as_slices(house: House):
    out = house.folder / "results"
    house.picture("spine.png")
    assert house.say("analyze", house.folder, "--out", out).code == 0
    said = house.say("analyze", house.folder, "--out", out)
    assert said.code == 2
    assert "out-inside-input" in said.err


def test_names_that_are_no_text_or_steer_the_terminal_are_made_harmless(house: House):
    odd = Path(os.fsdecode(os.fsencode(house.folder / "a") + b"\xff\x1b[31m.png"))
    odd.write_bytes(house.picture("spine.png").read_bytes())
    out = house.folder.parent / "out"
    said = house.say("analyze", odd, "--out", out)
    assert said.code == 0
    assert "\x1b" not in said.out
    assert index(out)[0]["status"] == "done"
    assert house.say("analyze", odd, "--json").code == 0
