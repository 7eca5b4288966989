"""One study, two doors, one answer, computed twice: the doors share the pseudonym key and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.house import House, house
from apps.serving import NAME, dicom, finished, png, send, served
from spondyl.apps import wiring
from spondyl.apps.settings import Settings
from spondyl.datasets import dicom_folder
from spondyl.datasets.pictures import write_grey, write_picture
from tasks.dxa.density_scans import scan

__all__ = ["house"]

BUNDLE = Path(str(files("spondyl"))) / "bundles" / "mri-discs"


def by_command_line(house: House, paths: Sequence[Path], *more: str) -> Mapping[str, Any]:
    """The one result.json that `spondyl analyze --json` gives of these files."""
    said = house.say("analyze", *paths, *more, "--data", house.data, "--json")
    assert said.code == 0, said.out
    (result,) = json.loads(said.out)["studies"]
    return result


def other_house(house: House) -> Path:
    """A data folder that knows the key of the first one, and none of its answers."""
    folder = house.data.with_name("elsewhere")
    folder.mkdir()
    shutil.copy(house.data / "key", folder / "key")
    return folder


def by_rest(client: httpx.Client, paths: Sequence[Path], task: str) -> Mapping[str, Any]:
    """The result.json of an upload of these files."""
    job = finished(client, send(client, *((path.name, path.read_bytes()) for path in paths)).json()["job"]["id"])
    assert job["state"] == "done"
    (key,) = job["studies"]
    return client.get(f"/api/v1/studies/{key}/results/{task}").json()


def without_timings(result: Mapping[str, Any]) -> str:
    """The rest of it, byte for byte."""
    assert result["timings_ms"]
    return json.dumps({**result, "timings_ms": {}}, indent=1)


@pytest.mark.parametrize(("name", "data"), [("spine.dcm", dicom()), ("spine.png", png())])
def test_command_line_and_rest_compute_the_same_json(house: House, name: str, data: bytes):
    path = house.folder / name
    path.write_bytes(data)
    ours = by_command_line(house, [path])
    with house.capture.disabled(), served(other_house(house)) as client:
        assert client.get("/api/v1/studies").json()["total"] == 0, "the server has to compute it"
        assert without_timings(by_rest(client, [path], "brightness")) == without_timings(ours)


def test_the_server_gives_the_very_answer_that_the_command_line_kept(house: House):
    path = house.folder / "spine.dcm"
    path.write_bytes(dicom())
    out = house.folder.parent / "out"
    assert house.say("analyze", path, "--data", house.data, "--out", out).code == 0
    with house.capture.disabled(), served(house.data) as client:
        (row,) = client.get("/api/v1/studies").json()["studies"]
        theirs = client.get(f"/api/v1/studies/{row['key']}/results/brightness")
        assert theirs.content == (out / row["key"] / "brightness" / "result.json").read_bytes()


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patient of the digital spine: t1 and t2 as DICOM, the t2 slice as a picture, and another patient's density scan."""
    folder = tmp_path_factory.mktemp("patient")
    dicom_folder.write_miniature(folder, 1, 5)
    (slice_,) = (row for row in dicom_folder.read(folder) if row.sequence == "t2")
    write_picture(folder / "slice.png", slice_.pixels)
    write_grey(folder / "scan.png", scan(1).picture)
    return folder


@pytest.mark.skipif(not (BUNDLE / "bundle.json").is_file(), reason="the bundle mri-discs is not shipped in this build")
@pytest.mark.parametrize(("pattern", "task"), [
    ("*/*/*.dcm", "mri-discs"), ("slice.png", "mri-discs"), ("*/*/*.dcm", "mri-stenosis"), ("scan.png", "dxa-osteoporosis"),
])
def test_the_shipped_bundle_gives_the_same_json_through_both_doors(
    patient: Path, pattern: str, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("SPONDYL_READERS", "1")
    house = House(patient, tmp_path / "data", capfd, monkeypatch)
    paths = sorted(patient.glob(pattern))
    ours = by_command_line(house, paths, "--task", task)
    assert ours["task"] == task
    assert ours["status"] == "done"
    assert ours["findings"]
    folder = other_house(house)
    shelf = wiring.shelf(Settings(data=folder))
    with capfd.disabled(), served(folder, wiring.served(shelf), shelf) as client:
        assert without_timings(by_rest(client, paths, task)) == without_timings(ours)


def test_no_name_of_a_patient_leaves_the_file(house: House, caplog: pytest.LogCaptureFixture):
    (house.folder / f"{NAME}.dcm").write_bytes(dicom())
    out = house.folder.parent / "out"
    said = house.say("analyze", house.folder / f"{NAME}.dcm", "--data", house.data, "--out", out)
    assert said.code == 0
    surname = NAME.partition("^")[0].encode()
    for path in (*out.rglob("*"), *house.data.rglob("*")):
        assert surname not in str(path.relative_to(house.folder.parent)).encode()
        if path.is_file() and path.name != "index.csv":
            assert surname not in path.read_bytes()
            assert b"FEATHER-4711" not in path.read_bytes()
    assert surname.decode() not in caplog.text + said.err
