"""Which tasks answer here: those that have a bundle, and a clear word about those that have none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apps.house import House
from films_bundle import film, grade_bundle, lesion_bundle
from spondyl.apps import doctor, wiring
from spondyl.apps.settings import Settings
from spondyl.core import Image, NotFoundError
from spondyl.inference import Shelf, shelf
from spondyl.reports import slice_png
from spondyl.tasks.port import tasks_by_name


@pytest.fixture
def none_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build that ships no bundle; the folder for one's own."""
    monkeypatch.setattr(shelf, "shipped_bundles", lambda: tmp_path / "shipped")
    own = tmp_path / "own"
    own.mkdir()
    return own


def test_every_task_goes_by_its_own_name():
    known = wiring.tasks()
    assert {"mri-discs", "xray-lesions", "xray-grade"} <= set(known)
    assert known.keys() == tasks_by_name(list(known.values())).keys()


def test_tasks_without_a_bundle_are_left_out_where_none_is_named(none_shipped: Path):
    lesion_bundle(none_shipped / "lesions")
    assert list(wiring.served(Shelf([none_shipped]))) == ["xray-lesions"]
    grade_bundle(none_shipped / "grade")
    assert set(wiring.served(Shelf([none_shipped]))) == {"xray-lesions", "xray-grade"}


def test_a_task_that_is_named_and_has_no_bundle_is_an_error_that_says_so(none_shipped: Path):
    lesion_bundle(none_shipped / "lesions")
    with pytest.raises(NotFoundError, match="no bundle for xray-grade") as caught:
        wiring.served(Shelf([none_shipped]), ["xray-lesions", "xray-grade"])
    assert caught.value.code == "no-bundle"
    assert "--bundles" in caught.value.hint


def test_a_house_without_any_bundle_says_so_before_it_reads_anything(none_shipped: Path):
    with pytest.raises(NotFoundError, match="no bundle for") as caught:
        wiring.served(Shelf([none_shipped]))
    assert caught.value.code == "no-bundle"


def test_a_misspelt_task_is_answered_with_the_nearest_one(none_shipped: Path):
    with pytest.raises(NotFoundError, match="Did you mean 'xray-grade'"):
        wiring.served(Shelf([none_shipped]), ["xray-grades"])


def test_the_doctor_calls_a_missing_bundle_absent_and_a_house_without_any_broken(none_shipped: Path):
    settings = Settings(data=none_shipped, bundles=none_shipped)
    assert {check.outcome for check in doctor.bundles(settings)} == {doctor.BROKEN}
    lesion_bundle(none_shipped / "lesions")
    outcomes = {check.name: check.outcome for check in doctor.bundles(settings)}
    assert outcomes["bundle xray-lesions"] == doctor.FINE
    assert outcomes["bundle xray-grade"] == doctor.ABSENT


def test_a_film_goes_from_a_file_to_a_table_and_its_evidence_stands_there(
    none_shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    lesion_bundle(none_shipped / "lesions")
    grade_bundle(none_shipped / "grade")
    monkeypatch.setenv("SPONDYL_READERS", "1")
    monkeypatch.setenv("SPONDYL_BACKEND", "onnxruntime")
    monkeypatch.setenv("SPONDYL_DATA", str(tmp_path / "data"))
    house = House(tmp_path, tmp_path / "data", capfd, monkeypatch)
    picture = tmp_path / "film.png"
    picture.write_bytes(slice_png(Image("x", film(brightness=0.9))))
    said = house.say("analyze", picture, "--bundles", none_shipped)
    assert said.code == 0
    assert "Abnormal" in said.out
    assert "digital spine" in said.out
    body = json.loads(house.say("analyze", picture, "--bundles", none_shipped, "--json").out)
    assert {study["task"]: study["status"] for study in body["studies"]} == {"xray-lesions": "done", "xray-grade": "done"}
    for study in body["studies"]:
        assert "in-silico-evidence" in [warning["code"] for warning in study["warnings"]]
    refused = house.say("analyze", picture, "--bundles", none_shipped, "--task", "mri-discs")
    assert refused.code == 2
    assert "[no-bundle]" in refused.err
