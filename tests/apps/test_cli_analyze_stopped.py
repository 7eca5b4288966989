"""`spondyl analyze --out` that is stopped, or cannot write all it should: what was answered before is there, with its way back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from apps.house import House, house, plug
from doubles import BrightnessTask
from spondyl.core import Study, TaskOutput
from spondyl.tasks.port import OnStage, Selection

__all__ = ["house"]


class StoppedTask(BrightnessTask):
    """Somebody presses Ctrl-C while a bright picture is answered."""

    def run(self, study: Study, selection: Selection, engine: object, on_stage: OnStage) -> TaskOutput:
        if selection.images[0].pixels.mean() > 0.5:
            raise KeyboardInterrupt
        return super().run(study, selection, engine, on_stage)


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def told(out: Path) -> list[tuple[str, str]]:
    return [(Path(row["source"]).name, row["status"]) for row in rows(out / "index.csv")]


@pytest.fixture
def out(house: House) -> Path:
    return house.folder.parent / "out"


def test_a_stopped_run_leaves_the_index_and_findings_of_what_it_answered(house: House, out: Path):
    plug(house.patch, [StoppedTask()])
    for number, brightness in enumerate((0.3, 0.4, 0.8, 0.35)):
        house.picture(f"{number}.png", brightness, seed=number)
    said = house.say("analyze", house.folder, "--out", out)
    assert said.code == 130
    assert told(out) == [("0.png", "done"), ("1.png", "done")]
    index = rows(out / "index.csv")
    for row in index:
        assert json.loads((out / row["result"]).read_text())["study"]["key"] == row["study_key"]
    assert [row["study_key"] for row in rows(out / "findings.csv")] == [row["study_key"] for row in index for _ in range(2)]


def test_a_stopped_run_loses_no_line_of_an_earlier_one(house: House, out: Path):
    names = ["0.png", "1.png", "2.png"]
    pictures = [house.picture(name, brightness, seed) for seed, (name, brightness) in enumerate(zip(names, (0.3, 0.8, 0.4), strict=True))]
    house.say("analyze", *pictures, "--out", out)
    before = rows(out / "index.csv"), rows(out / "findings.csv")
    plug(house.patch, [StoppedTask()])
    assert house.say("analyze", *pictures, "--out", out).code == 130
    for earlier, now in zip(before, (rows(out / "index.csv"), rows(out / "findings.csv")), strict=True):
        assert sorted(map(str, now)) == sorted(map(str, earlier)), "each line once, whether it was said again or not yet"


def test_a_full_disk_stops_the_run_and_keeps_what_came_before(house: House, out: Path):
    first, second = house.picture("a.png", seed=1), house.picture("b.png", seed=2)
    house.say("analyze", second, "--out", out)
    (row,) = rows(out / "index.csv")
    (out / row["result"]).with_name("annotated.png.part").symlink_to("/dev/full")
    said = house.say("analyze", first, second, house.picture("c.png", seed=3), "--out", out)
    assert (said.code, "out-disk-full" in said.err) == (2, True)
    assert sorted(told(out)) == [("a.png", "done"), ("b.png", "done")]
    assert len({row["study_key"] for row in rows(out / "findings.csv")}) == 2


@pytest.mark.parametrize("name", ["annotated.png", "report.pdf", "findings.csv", "result.json"])
def test_what_cannot_be_written_of_one_study_stops_no_other_and_is_said(
    house: House, out: Path, name: str, caplog: pytest.LogCaptureFixture
):
    pictures = [house.picture(f"{number}.png", seed=number) for number in range(2)]
    house.say("analyze", pictures[0], "--out", out, "--pdf")
    (row,) = rows(out / "index.csv")
    place = (out / row["result"]).with_name(name)
    place.unlink()
    place.mkdir()
    said = house.say("analyze", *pictures, "--out", out, "--pdf", "--json")
    assert said.code == 1
    assert told(out) == [("0.png", f"done, not written: {name}"), ("1.png", "done")]
    body = json.loads(said.out)
    assert [result["status"] for result in body["studies"]] == ["done", "done"]
    assert body["unwritten"] == [{"study_key": row["study_key"], "task": "brightness", "files": [name]}]
    assert f"{name} was not written" in caplog.text
    assert str(house.folder) not in caplog.text, "the log has no path"
    assert (rows(out / "index.csv")[0]["result"] == "") == (name == "result.json")
    assert len({row["study_key"] for row in rows(out / "findings.csv")}) == 2
    assert "1 not written in full" in house.say("analyze", *pictures, "--out", out, "--pdf").out
