"""POST /upload, as a client of the reference system for radiographs sees it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from apps.serving import NAME, dicom, finished, send, served
from films_bundle import MEMBERS, film, grade_bundle, lesion_bundle
from spondyl.apps.api import waiting
from spondyl.core import Image
from spondyl.inference import Shelf
from spondyl.reports import slice_png
from spondyl.tasks.xray_grade import XrayGrade
from spondyl.tasks.xray_lesions import XrayLesions

TASKS = {task.name: task for task in (XrayLesions(), XrayGrade())}


def shot(view: str = "frontal", brightness: float = 0.3, **how: Any) -> bytes:
    """A film as PNG."""
    return slice_png(Image("0" * 32, film(view, brightness, **how)))


def upload(client: httpx.Client, data: bytes, name: str = "film.png", **fields: str) -> httpx.Response:
    return client.post("/upload", files={"file": (name, data)}, data=fields)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the bundles of both film tasks lie, and the server's data."""
    made = tmp_path_factory.mktemp("films")
    lesion_bundle(made / "bundles" / "lesions")
    grade_bundle(made / "bundles" / "grade")
    return made


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with served(folder / "data", TASKS, Shelf(folders=[folder / "bundles"], backend="onnxruntime")) as opened:
        yield opened


@pytest.fixture(scope="module")
def abnormal(client: httpx.Client) -> dict[str, Any]:
    answer = upload(client, shot("lateral", 0.9), f"{NAME}.png")
    assert answer.status_code == 200
    return answer.json()


def test_an_abnormal_film_is_answered_in_the_reference_systems_fields(client: httpx.Client, abnormal: dict[str, Any]):
    said = abnormal["classification"]
    assert (said["prediction"], said["abnormal"], said["threshold"]) == ("Abnormal", True, 0.449)
    assert set(said["individual_predictions"]) == set(MEMBERS)
    members = said["individual_predictions"].values()
    assert min(members) - 1e-3 <= said["ensemble_score"] <= max(members) + 1e-3
    assert {box["class"] for box in abnormal["detections"]} == {"Osteophytes", "Disc space narrowing"}
    for box in abnormal["detections"]:
        x0, y0, x1, y1 = box["bbox"]
        assert 0 <= x0 < x1 <= abnormal["metadata"]["columns"]
        assert 0 <= y0 < y1 <= abnormal["metadata"]["rows"]
        assert 0 <= box["confidence"] <= 1
    kind, _, data = abnormal["annotated_image"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert abnormal["metadata"]["view"] == "lateral"
    assert (abnormal["evidence"], abnormal["disclaimer"]) == ("in-silico", "Research software. Not a diagnosis.")
    assert "in-silico-evidence" in {warning["code"] for warning in abnormal["warnings"]}


def test_the_answer_is_kept_and_says_what_result_json_says(client: httpx.Client, abnormal: dict[str, Any]):
    result = client.get(abnormal["result"]).json()
    assert result["study"]["key"] == abnormal["study"]
    (film_said,) = (finding for finding in result["findings"] if finding["finding"] == "abnormal")
    assert film_said["probabilities"]["present"] == abnormal["classification"]["ensemble_score"]
    assert [finding["box"] for finding in result["findings"] if finding["box"]] == [box["bbox"] for box in abnormal["detections"]]
    assert [row["task"] for row in client.get(f"/api/v1/studies/{abnormal['study']}").json()["results"]] == ["xray-lesions"]


def test_no_name_of_the_file_comes_back_or_stays(client: httpx.Client, folder: Path, abnormal: dict[str, Any]):
    assert NAME not in str(abnormal)
    for path in (folder / "data").rglob("*"):
        assert NAME not in str(path)
        assert not path.is_file() or NAME.encode() not in path.read_bytes()


def test_a_normal_film_has_only_boxes_that_are_sure(client: httpx.Client):
    body = upload(client, shot("frontal", 0.1)).json()
    assert (body["classification"]["prediction"], body["classification"]["abnormal"]) == ("Normal", False)
    assert [(box["class"], box["confidence"]) for box in body["detections"]] == [("Osteophytes", 0.9)], "0.3 is not sure"


def test_the_same_film_again_is_the_same_answer(client: httpx.Client, abnormal: dict[str, Any]):
    assert upload(client, shot("lateral", 0.9)).json() == abnormal


@pytest.mark.parametrize(("data", "code"), [
    (shot(pose="upside_down"), "film-upside-down"), (shot(pose="other", seed=5), "not-a-lumbar-film"), (dicom(), None),
])
def test_what_is_no_film_of_a_spine_is_refused_with_its_reason_and_kept(client: httpx.Client, data: bytes, code: str | None):
    answer = upload(client, data)
    assert answer.status_code == 422
    body = answer.json()
    assert set(body) == {"code", "message", "hint", "result"}
    assert code in (None, body["code"])
    assert client.get(body["result"]).json()["refusal"]["code"] == body["code"]


@pytest.mark.parametrize(("request_", "status", "code"), [
    ({"files": {"file": ("a", b"a letter to a colleague " * 30)}}, 422, "not-an-image"),
    ({"files": {"picture": ("a", b"x")}}, 422, "unknown-field"),
    ({"content": b"raw", "headers": {"content-type": "application/dicom"}}, 415, "not-multipart"),
    ({"files": {"file": ("a", shot())}, "data": {"task": "xray-grade"}}, 422, "bad-field"),
    ({"files": [("file", ("a", shot(seed=1))), ("file", ("b", shot(seed=2)))]}, 422, "several-studies"),
])
def test_a_request_that_cannot_be_answered_leaves_nothing(client: httpx.Client, folder: Path, request_: Any, status: int, code: str):
    before = client.get("/api/v1/studies").json()["total"]
    answer = client.post("/upload", headers={"accept": "text/html", **request_.pop("headers", {})}, **request_)
    assert (answer.status_code, answer.json()["code"]) == (status, code), "JSON for programs, whatever they accept"
    assert not list((folder / "data" / "incoming").iterdir())
    assert client.get("/api/v1/studies").json()["total"] == before


def test_where_it_takes_too_long_the_job_is_told(client: httpx.Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(waiting, "ANSWER_S", 0.0)
    answer = upload(client, shot("frontal", 0.7, seed=9))
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == f"/api/v1/jobs/{body['job']['id']}"
    assert finished(client, body["job"]["id"])["state"] == "done"
    assert client.get(f"/api/v1/studies/{body['studies'][0]}/results/xray-lesions").json()["status"] == "done"


def test_health_and_documentation_name_the_film_systems(client: httpx.Client):
    assert client.get("/health").json()["tasks"] == ["xray-lesions", "xray-grade"]
    route = client.get("/openapi.json").json()["paths"]["/upload"]["post"]
    assert "file" in route["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert {"200", "202", "422", "503"} <= set(route["responses"])


def test_two_films_of_a_study_stand_side_by_side_with_votes_and_report(client: httpx.Client):
    body = send(client, ("a", shot("frontal", 0.9)), ("b", shot("lateral", 0.2)), pair="true").json()
    assert finished(client, body["job"]["id"])["state"] == "done"
    (key,) = body["studies"]
    page = client.get(f"/studies/{key}").text
    for words in ("reading films", "frontal film", "lateral film", "all films", "Degeneration grade", "Abnormal: present", "densenet121:",
                  "heat map: Abnormal", "evidence: in-silico", 'stroke="#56b4e9"', "Osteophytes 0.90"):
        assert words in page, words
    for task in TASKS:
        report = client.get(f"/api/v1/studies/{key}/results/{task}/report.pdf")
        assert (report.headers["content-type"], report.content[:5]) == ("application/pdf", b"%PDF-")
    notes = client.get(f"/api/v1/studies/{key}/results/xray-lesions").json()["images"]
    address = f"/api/v1/studies/{key}/results/xray-lesions/heatmap.png"
    maps = {client.get(address, params={"finding": "abnormal", "image": note["id"]}).content for note in notes}
    assert len(maps) == 2, "each film has its own heat map"
    address = f"/api/v1/studies/{key}/results/xray-lesions/annotated.png"
    drawn = [client.get(address, params={"image": note["id"]}).content for note in notes]
    assert len(set(drawn)) == 2, "each film can be had with its marks"
    assert client.get(address).content in drawn
    unknown = client.get(address, params={"image": "none"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-image")


def test_a_film_sent_later_is_answered_by_itself_though_its_study_has_another(client: httpx.Client):
    """Two DICOM files of one study, one after the other."""
    answers = [upload(client, film_dicom(brightness, number)).json() for number, brightness in enumerate((0.9, 0.1))]
    assert answers[0]["study"] == answers[1]["study"]
    assert [answer["classification"]["prediction"] for answer in answers] == ["Abnormal", "Normal"]
    assert answers[0]["metadata"]["image"] != answers[1]["metadata"]["image"]
    assert answers[1]["metadata"]["modality"] == "DX"
    refused = upload(client, film_dicom(0.9, 2, pose="upside_down"))
    assert (refused.status_code, refused.json()["code"]) == (422, "film-upside-down"), "its own reason, though its study is answered"
    assert "stands on its head" in refused.json()["message"]
    assert client.get(refused.json()["result"]).json()["status"] == "done"


def film_dicom(brightness: float, number: int, **how: Any) -> bytes:
    """A film in DICOM: `serving.dicom` with other pixels, tags and a number of its own."""
    import io

    import pydicom

    data = pydicom.dcmread(io.BytesIO(dicom(study="1.2.99", series=f"1.2.99.{number}", shape=(240, 160))))
    data.Modality, data.SOPClassUID = "DX", "1.2.840.10008.5.1.4.1.1.1.1"
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    del data.ImagePositionPatient, data.ImageOrientationPatient
    data.PixelData = np.rint(film("frontal", brightness, seed=number, **how) * 1000).astype(np.uint16).tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, data, enforce_file_format=True)
    return buffer.getvalue()
