"""A whole MR study through the command line with the bundle that ships: files in, 25 findings out, patients kept apart."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pydicom import dcmread

from apps.house import House
from spondyl.datasets import miniatures
from spondyl.datasets.making import Scale

SCALE = Scale(fine_mm=1.4, trunk_mm=4.5, slices=9, matrix_mm=1.0)
TASK = ("--task", "mri-stenosis")


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of two studies."""
    root = tmp_path_factory.mktemp("cohort") / "rsna"
    miniatures.make_as(miniatures.order_of("rsna2024", 12, role="test", scale=SCALE), root, 2)
    first, second = sorted((root / "test_images").iterdir())
    return first, second


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> House:
    monkeypatch.setenv("SPONDYL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SPONDYL_READERS", "1")
    return House(tmp_path, tmp_path / "data", capfd, monkeypatch)


def test_a_study_folder_becomes_findings_a_picture_and_a_table(studies: tuple[Path, Path], home: House):
    out = home.folder / "out"
    said = home.say("analyze", studies[0], *TASK, "--out", out)
    assert said.code == 0
    for words in ("L5/S1", "Subarticular", "left", "right", "thecal sac", "in silico", "1 done"):
        assert words in said.out
    (result,) = out.glob("*/mri-stenosis/result.json")
    body = json.loads(result.read_text("utf-8"))
    assert len(body["findings"]) == 25
    assert (result.parent / "annotated.png").is_file()
    rows = (result.parent / "findings.csv").read_text("utf-8").splitlines()
    assert len(rows) == 1 + 25 + len(body["measurements"]) + len(body["warnings"])


def test_two_patients_in_one_folder_are_two_studies_each_with_its_own_key(studies: tuple[Path, Path], home: House):
    mixed = home.folder / "mixed"
    mixed.mkdir()
    for number, folder in enumerate(studies):
        for k, file in enumerate(sorted(folder.rglob("*.dcm"))):
            shutil.copy(file, mixed / f"{number}-{k}.dcm")
    known = ("--data", home.data, "--json")
    body = json.loads(home.say("analyze", mixed, *TASK, *known).out)
    alone = [json.loads(home.say("analyze", folder, *TASK, *known).out)["studies"][0] for folder in studies]
    assert len({result["study"]["key"] for result in body["studies"]}) == 2
    apart = {result["study"]["key"]: {**result, "timings_ms": {}} for result in alone}
    assert {result["study"]["key"]: {**result, "timings_ms": {}} for result in body["studies"]} == apart


def test_two_patients_under_one_study_uid_are_kept_apart_and_told(studies: tuple[Path, Path], home: House):
    mixed = home.folder / "one-uid"
    mixed.mkdir()
    for number, folder in enumerate(studies):
        for k, file in enumerate(sorted(folder.rglob("*.dcm"))):
            ds = dcmread(file)
            ds.StudyInstanceUID, ds.PatientID, ds.PatientBirthDate = "1.2.3", f"P{number}", f"19{50 + number}0101"
            ds.save_as(mixed / f"{number}-{k}.dcm")
    said = home.say("analyze", mixed, *TASK, "--json")
    body = json.loads(said.out)
    assert [row["code"] for row in body["skipped"]] == ["two-patients"]
    assert len({result["study"]["key"] for result in body["studies"]}) == 2
    for result in body["studies"]:
        assert len({image["id"] for image in result["images"]}) == len(result["images"])
    seen = [{image["id"] for image in result["images"]} for result in body["studies"]]
    assert not seen[0] & seen[1]
