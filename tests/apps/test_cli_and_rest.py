"""One study, two doors, one answer."""

from __future__ import annotations

import json

import pytest

from apps.house import House, house
from apps.serving import NAME, dicom, finished, png, send, served

__all__ = ["house"]


@pytest.mark.parametrize(("name", "data"), [("spine.dcm", dicom()), ("spine.png", png())])
def test_command_line_and_rest_give_the_same_json(house: House, name: str, data: bytes):
    path = house.folder / name
    path.write_bytes(data)
    out = house.folder.parent / "out"
    said = house.say("analyze", path, "--data", house.data, "--out", out, "--json")
    assert said.code == 0
    (ours,) = json.loads(said.out)["studies"]
    with house.capture.disabled(), served(house.data) as client:
        job = finished(client, send(client, (name, data)).json()["job"]["id"])
        assert job["studies"] == [ours["study"]["key"]]
        theirs = client.get(f"/api/v1/studies/{ours['study']['key']}/results/brightness")
        assert theirs.json() | {"timings_ms": {}} == ours | {"timings_ms": {}}
        # The answer is the very one that the command line kept, so even its bytes are the same.
        assert theirs.content == (out / ours["study"]["key"] / "brightness" / "result.json").read_bytes()


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
