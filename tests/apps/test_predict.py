"""POST /predict/, as a client of the reference system for osteoporosis sees it; and age and sex through every door."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest

from apps.bones import CONTRIBUTIONS, FakeBones
from apps.house import EmptyShelf, House, house
from apps.serving import dicom, finished, png, send, served
from spondyl.apps import wiring
from spondyl.apps.api import waiting

__all__ = ["house"]

TASKS = {"dxa-osteoporosis": FakeBones()}
FILE_NAME = "Ermintrudes wirbel"
"""What the caller calls the file: it must turn up nowhere."""


def predict(client: httpx.Client, data: bytes, **fields: str) -> httpx.Response:
    return client.post("/predict/", files={"file": (f"{FILE_NAME}.png", data)}, data=fields)


def told(age: str, sex: str) -> bytes:
    """A DICOM file that says whose age and sex it is."""
    data = pydicom.dcmread(io.BytesIO(dicom(0.2, study=f"1.2.{age}")))
    data.PatientAge, data.PatientSex = f"{int(age):03d}Y", sex
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, data, enforce_file_format=True)
    return buffer.getvalue()


def peers(body: Mapping[str, Any]) -> str | None:
    """Whom the fake task compared with: sex and age as they reached it."""
    return next((row["method"].removeprefix("people like ") for row in body["measurements"] if row["name"] == "z_score"), None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bones")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with served(folder, TASKS) as opened:
        yield opened


@pytest.fixture(scope="module")
def body(client: httpx.Client) -> dict[str, Any]:
    answer = predict(client, png(0.2), age="63", sex="F")
    assert answer.status_code == 200
    return answer.json()


def test_the_answer_is_words_first_then_chances_and_votes(client: httpx.Client, body: dict[str, Any]):
    assert (body["prediction"], body["answer"], body["refer"]) == ("osteoporosis", "Osteoporosis", False)
    assert body["probabilities"] == {"normal": 0.09, "osteopenia": 0.09, "osteoporosis": 0.82}
    assert body["set"] == ["osteoporosis"]
    assert set(body["members"]) == {"small_cnn", "vgg16", "resnet50_forest", "trees"}
    assert body["members"]["trees"] == {"normal": 0.15, "osteopenia": 0.15, "osteoporosis": 0.7}
    assert (body["evidence"], body["disclaimer"]) == ("in-silico", "Research software. Not a diagnosis.")


def test_unreliable_vertebrae_measurements_and_warnings_are_named(body: dict[str, Any]):
    (doubt,) = body["unreliable_vertebrae"]
    assert (doubt["level"], doubt["probability"], doubt["reasons"]["fracture"]) == ("L2", 0.91, 0.89)
    assert {row["name"]: (row["value"], row["unit"]) for row in body["measurements"]} == {
        "areal_bone_density": (0.8123, "g/cm2"), "z_score": (-1.2, "SD")}
    assert {row["code"] for row in body["warnings"]} == {"vertebra-unreliable", "in-silico-evidence"}


def test_what_moved_the_measured_features_is_told_as_in_the_result(client: httpx.Client, body: dict[str, Any]):
    assert body["contributions"] == CONTRIBUTIONS
    kept = client.get(body["result"]).json()["findings"]
    assert [row["contributions"] for row in kept if row["finding"] == "osteoporosis_class"] == [CONTRIBUTIONS]
    assert not any(row["contributions"] for row in kept if row["finding"] != "osteoporosis_class")


def test_the_heat_map_is_there_as_a_picture_and_as_an_overlay(client: httpx.Client, body: dict[str, Any]):
    kind, _, data = body["heat_map"].partition(",")
    assert kind == "data:image/png;base64"
    plain = client.get(f"{body['result']}/annotated.png").content
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert base64.b64decode(data) != plain, "the heat map lies over it"
    for address in (body["picture"]["address"], body["picture"]["heat_map"], f"/studies/{body['study']}"):
        assert client.get(address).status_code == 200, address


def test_what_is_unsure_is_sent_to_a_person(client: httpx.Client):
    body = predict(client, png(0.48)).json()
    assert (body["prediction"], body["answer"]) == ("cannot tell", "Cannot tell: have it read by a person")
    assert body["refer"]
    assert body["probabilities"]["osteopenia"] == 0.82, "what it leans to is still told"


def test_to_whom_the_classes_do_not_apply_none_is_given(client: httpx.Client):
    body = predict(client, png(0.21), age="31", sex="F").json()
    assert body["contributions"] == {}
    assert (body["prediction"], body["probabilities"], body["set"], body["picture"]["heat_map"]) == ("cannot tell", {}, [], None)
    assert "who-classes-do-not-apply" in {row["code"] for row in body["warnings"]}


def test_a_picture_that_is_refused_says_why(client: httpx.Client):
    answer = predict(client, png(-1.0))
    assert (answer.status_code, answer.json()["code"]) == (422, "photo-of-print")
    assert client.get(answer.json()["result"]).json()["status"] == "refused"


@pytest.mark.parametrize(("fields", "code"), [
    ({"age": "sixty"}, "bad-field"), ({"age": "-1"}, "bad-field"), ({"age": "121"}, "bad-field"), ({"age": "nan"}, "bad-field"),
    ({"sex": "woman"}, "bad-field"), ({"task": "xray-grade"}, "bad-field"), ({"weight": "60"}, "unknown-field"),
])
@pytest.mark.parametrize("address", ["/predict/", "/api/v1/studies"])
def test_bad_fields_are_refused_and_leave_nothing(client: httpx.Client, folder: Path, address: str, fields: dict[str, str], code: str):
    if "task" in fields and address != "/predict/":
        code = "unknown-task"
    before = client.get("/api/v1/studies").json()["total"]
    answer = client.post(address, files={"file": ("a.png", png(0.7))}, data=fields)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["hint"] or code == "unknown-field"
    assert client.get("/api/v1/studies").json()["total"] == before
    assert not list((folder / "incoming").iterdir())


@pytest.mark.parametrize(("fields", "said"), [
    ({"age": "63", "sex": "F"}, "F of 63"), ({"age": " 71.5 ", "sex": "m"}, "M of 71.5"), ({"age": "104", "sex": "F"}, "F of 90"),
    ({"age": "63"}, None), ({"age": "", "sex": ""}, None),
])
def test_age_and_sex_of_the_form_reach_the_task(client: httpx.Client, fields: dict[str, str], said: str | None):
    assert peers(predict(client, png(0.22), **fields).json()) == said


def test_the_same_picture_with_another_age_is_another_answer(client: httpx.Client):
    answers = [predict(client, png(0.23), age=age, sex="F").json() for age in ("63", "44", "63")]
    assert [answer["prediction"] for answer in answers] == ["osteoporosis", "cannot tell", "osteoporosis"]
    assert answers[0] == answers[2]


def test_what_the_file_says_wins(client: httpx.Client):
    assert peers(predict(client, told("70", "M"), age="63", sex="F").json()) == "M of 70"
    assert peers(predict(client, dicom(0.2, study="1.2.71"), age="63", sex="F").json()) == "F of 63", "this one says neither"


def test_form_rest_and_command_line_give_one_answer(client: httpx.Client, folder: Path, house: House):
    house.patch.setattr(wiring, "tasks", lambda reference="": dict(TASKS))
    house.patch.setattr(wiring, "shelf", lambda settings: EmptyShelf(("dxa-osteoporosis",)))
    house.data.mkdir(parents=True)
    (house.data / "key").write_bytes((folder / "key").read_bytes())
    path = house.folder / "spine.png"
    path.write_bytes(png(0.24))
    by_line = house.say("analyze", path, "--age", "63", "--sex", "F", "--data", house.data, "--json")
    assert by_line.code == 0
    (ours,) = json.loads(by_line.out)["studies"]
    job = send(client, ("spine.png", path.read_bytes()), age="63", sex="F").json()["job"]["id"]
    (key,) = finished(client, job)["studies"]
    rest = client.get(f"/api/v1/studies/{key}/results/dxa-osteoporosis").json()
    assert [rest["findings"], rest["measurements"], rest["warnings"]] == [ours["findings"], ours["measurements"], ours["warnings"]]
    form = predict(client, path.read_bytes(), age="63", sex="F").json()
    (said,) = (finding for finding in ours["findings"] if finding["finding"] == "osteoporosis_class")
    assert (form["study"], form["prediction"], form["probabilities"]) == (ours["study"]["key"], said["value"], said["probabilities"])
    assert (form["members"], form["set"], peers(form)) == (said["members"], said["set"], "F of 63")


@pytest.mark.parametrize("option", [("--age", "old"), ("--sex", "X")])
def test_the_command_line_refuses_bad_values_too(house: House, option: tuple[str, str]):
    said = house.say("analyze", house.picture("a.png"), *option)
    assert said.code == 2
    assert f"`{option[0][2:]}`" in said.err


def test_an_upload_is_kept_under_a_hash_and_served_by_no_route(client: httpx.Client, folder: Path, body: dict[str, Any]):
    sent = png(0.2)
    assert FILE_NAME not in json.dumps(body)
    places = [path for path in folder.rglob("*") if path.is_file() and path.read_bytes() == sent]
    assert places
    for path in folder.rglob("*"):
        assert FILE_NAME not in str(path.relative_to(folder))
        assert not path.is_file() or FILE_NAME.encode() not in path.read_bytes()
    for path in places:
        inside = path.relative_to(folder).as_posix()
        for address in (inside, path.name, f"static/{inside}", f"static/../{inside}", f"static/%2e%2e/{inside}", f"uploads/{path.name}",
                        f"static/{FILE_NAME}.png", f"{FILE_NAME}.png"):
            assert client.get(f"/{address}").status_code == 404, address


def test_no_page_or_folder_that_is_served_holds_the_uploads(client: httpx.Client, folder: Path):
    mounts = [route for route in client.app.routes if hasattr(route, "app") and hasattr(route.app, "directory")]  # type: ignore[attr-defined]
    assert mounts
    for mount in mounts:
        served_folder = Path(mount.app.directory).resolve()
        assert served_folder not in (folder.resolve(), *folder.resolve().parents)


def test_where_it_takes_too_long_the_job_is_told(client: httpx.Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(waiting, "ANSWER_S", 0.0)
    answer = predict(client, png(0.61))
    assert answer.status_code == 202
    assert finished(client, answer.json()["job"]["id"])["state"] == "done"


def test_the_documentation_names_the_fields(client: httpx.Client):
    for path, task_fields in (("/predict/", {"file", "age", "sex"}), ("/api/v1/studies", {"files", "age", "sex"})):
        route = client.get("/openapi.json").json()["paths"][path]["post"]
        assert task_fields <= set(route["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"])
