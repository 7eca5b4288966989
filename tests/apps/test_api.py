"""Every route, as its users see it."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from apps.serving import NAME, dicom, finished, png, send, served

TASK = "brightness"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("api") / "data"


@pytest.fixture(scope="module")
def client(folder) -> Iterator[httpx.Client]:
    with served(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def study(client) -> str:
    """Key of an analysed study of one slice."""
    body = send(client, (f"{NAME}.dcm", dicom())).json()
    assert finished(client, body["job"]["id"])["state"] == "done"
    return body["studies"][0]


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            target.writestr(name, data)
    return buffer.getvalue()


def size_of(picture: bytes) -> tuple[int, int]:
    """(columns, rows) of a PNG, from its header."""
    assert picture.startswith(b"\x89PNG")
    return struct.unpack(">II", picture[16:24])


# Uploads


def test_an_upload_is_accepted_with_a_job_and_its_studies(client):
    answer = send(client, ("slice.dcm", dicom(0.3, study="1.9.1", series="1.9.1.1")))
    assert answer.status_code == 202
    body = answer.json()
    assert body["studies"] == body["job"]["studies"]
    assert len(body["studies"]) == 1
    assert body["skipped"] == []
    assert answer.headers["location"] == f"/api/v1/jobs/{body['job']['id']}"
    job = finished(client, body["job"]["id"])
    assert {name: job[name] for name in ("state", "stage", "progress", "error")} == {
        "state": "done", "stage": "finished", "progress": 1.0, "error": None,
    }


def test_the_field_may_be_called_file(client):
    answer = client.post("/api/v1/studies", files={"file": ("a.png", png(0.31))})
    assert answer.status_code == 202


def test_the_same_file_twice_is_one_study_with_one_result(client):
    first, second = (send(client, (name, png(0.37))).json() for name in ("a.png", "b.png"))
    finished(client, first["job"]["id"])
    before = client.get(f"/api/v1/studies/{first['studies'][0]}/results/{TASK}").text
    assert finished(client, second["job"]["id"])["state"] == "done"
    assert first["studies"] == second["studies"]
    assert client.get(f"/api/v1/studies/{first['studies'][0]}/results/{TASK}").text == before


def test_each_picture_is_a_study_unless_they_are_paired(client):
    files = [("a.png", png(0.41)), ("b.png", png(0.42))]
    assert len(send(client, *files).json()["studies"]) == 2
    paired = send(client, *files, pair="true").json()
    assert len(paired["studies"]) == 1
    assert finished(client, paired["job"]["id"])["state"] == "done"
    assert client.get(f"/api/v1/studies/{paired['studies'][0]}").json()["images"] == 2


def test_slices_sent_one_after_the_other_are_one_study(client):
    first = send(client, ("1", dicom(0.2, study="1.5", series="1.5.1"))).json()
    finished(client, first["job"]["id"])
    second = send(client, ("2", dicom(0.6, study="1.5", series="1.5.2"))).json()
    assert finished(client, second["job"]["id"])["state"] == "done"
    assert first["studies"] == second["studies"]
    assert client.get(f"/api/v1/studies/{first['studies'][0]}").json()["series"] == 2


def test_a_zip_gives_the_studies_in_it(client):
    body = send(client, ("all.zip", archive(**{"x/1.png": png(0.51), "x/2.png": png(0.52), "notes.txt": b"hello"}))).json()
    assert len(body["studies"]) == 2
    assert [(row["source"], row["code"]) for row in body["skipped"]] == [("all.zip/notes.txt", "not-an-image")]
    assert finished(client, body["job"]["id"])["state"] == "done"


def test_the_readable_files_of_an_upload_go_on_without_the_others(client):
    body = send(client, ("good.png", png(0.61)), ("empty", b""), ("letter.dcm", b"Dear colleague, " * 40)).json()
    assert len(body["studies"]) == 1
    assert {row["source"]: row["code"] for row in body["skipped"]} == {"empty": "empty-file", "letter.dcm": "not-an-image"}
    later = finished(client, body["job"]["id"])["skipped"]
    assert [row["source"] for row in later] == ["file 2", "file 3"], "names are told once and not kept"


@pytest.mark.parametrize(("name", "data", "status", "code"), [
    ("empty.dcm", b"", 422, "empty-file"),
    ("text.dcm", b"just words " * 100, 422, "not-an-image"),
    ("cut.dcm", dicom()[:-2000], 422, None),
    ("cut.zip", archive(a=png())[:-30], 422, "zip-damaged"),
    ("evil.zip", archive(**{"../../etc/cron.d/x": png()}), 422, "unsafe-path"),
    ("inner.zip", archive(**{"in.zip": archive(a=png())}), 422, "nested-archive"),
])
def test_what_cannot_be_read_is_refused_at_once(client, name, data, status, code):
    answer = send(client, (name, data))
    assert answer.status_code == status
    body = answer.json()
    assert {"code", "message", "hint"} <= set(body)
    assert body["message"]
    assert code is None or body["code"] == code


def test_readable_but_not_for_the_task_is_a_refused_result(client):
    body = send(client, ("black.png", png(-1.0))).json()
    assert finished(client, body["job"]["id"])["state"] == "done"
    result = client.get(f"/api/v1/studies/{body['studies'][0]}/results/{TASK}").json()
    assert (result["status"], result["refusal"]["code"]) == ("refused", "all-black")
    page = client.get(f"/studies/{body['studies'][0]}")
    assert "every pixel of the image is black" in page.text
    assert "Export it again with a display window" in page.text


@pytest.mark.parametrize(("request_", "status", "code"), [
    ({"content": b"raw", "headers": {"content-type": "application/dicom"}}, 415, "not-multipart"),
    ({"files": {"picture": ("a", b"x")}}, 422, "unknown-field"),
    ({"files": {"files": ("a", b"x")}, "data": {"task": "brigtness"}}, 422, "unknown-task"),
    ({"files": {"files": ("a", b"x")}, "data": {"pair": "perhaps"}}, 422, "bad-field"),
    ({"files": {"files": ("a", b"x")}, "data": {"task": "x" * 5000}}, 422, "field-too-long"),
    ({"data": {"task": TASK}, "files": {"pair": (None, b"false")}}, 422, "no-files"),
    ({"content": b"--B\r\ncontent-disposition: form-data; name=files; filename=a\r\n\r\nhalf",
      "headers": {"content-type": "multipart/form-data; boundary=B"}}, 422, "incomplete-upload"),
    ({"content": b"nonsense", "headers": {"content-type": "multipart/form-data; boundary=B"}}, 422, "malformed-upload"),
])
def test_a_request_that_is_not_as_documented_is_told_why(client, folder, request_, status, code):
    answer = client.post("/api/v1/studies", **request_)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not list((folder / "incoming").iterdir()), "nothing of it is left"


def test_a_misspelt_task_gets_the_nearest(client):
    answer = client.post("/api/v1/studies", files={"files": ("a.png", png())}, data={"task": "brigtness"})
    assert "Did you mean 'brightness'?" in answer.json()["message"]


# Jobs


def test_progress_is_told_as_it_comes_and_again_from_where_one_was(client):
    job = send(client, ("a.png", png(0.71))).json()["job"]["id"]
    text = client.get(f"/api/v1/jobs/{job}/events").text
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    stages = [json.loads(block["data"])["stage"] for block in blocks if block["event"] == "stage"]
    assert stages[0] == "queued"
    assert "grade" in stages
    assert stages[-1] == "finished"
    progress = [json.loads(block["data"])["progress"] for block in blocks if block["event"] == "stage"]
    assert progress == sorted(progress)
    assert blocks[-1]["event"] == "end"
    assert json.loads(blocks[-1]["data"]) == client.get(f"/api/v1/jobs/{job}").json()
    again = client.get(f"/api/v1/jobs/{job}/events", headers={"last-event-id": blocks[-2]["id"]}).text
    assert again.startswith("event: end")


# Studies and results


def test_studies_are_listed_and_found(client, study):
    listed = client.get("/api/v1/studies", params={"limit": 1000}).json()
    one = client.get(f"/api/v1/studies/{study}").json()
    assert one in listed["studies"]
    assert listed["total"] == len(listed["studies"])
    assert (one["modality"], one["results"]) == ("MR", [{"task": TASK, "status": "done"}])
    assert len(client.get("/api/v1/studies", params={"limit": 1}).json()["studies"]) == 1


def test_the_result_is_result_json(client, study):
    answer = client.get(f"/api/v1/studies/{study}/results/{TASK}")
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert (body["schema"], body["study"]["key"], body["status"]) == ("spondyl.result/1", study, "done")
    assert client.get(f"/api/v1/studies/{study}/results").json() == {"study": study, "results": [body]}


def test_the_image_and_its_overlay_have_the_size_of_the_original(client, study):
    base = f"/api/v1/studies/{study}"
    (note,) = client.get(f"{base}/results/{TASK}").json()["images"]
    picture = client.get(f"{base}/images/{note['id']}.png")
    assert picture.headers["content-type"] == "image/png"
    assert size_of(picture.content) == (note["columns"], note["rows"]) == (48, 64)
    for level in ("1", "L5/S1"):
        overlay = client.get(f"{base}/results/{TASK}/heatmap.png", params={"finding": "pfirrmann_grade", "level": level})
        assert size_of(overlay.content) == (48, 64)
        assert overlay.content[25] == 6, "colour with transparency"


def test_the_image_shows_the_pixels_that_were_sent(client):
    grey = png(0.5)
    body = send(client, ("grey.png", grey)).json()
    preview = client.get(f"/api/v1/studies/{body['studies'][0]}").json()["preview"]
    kept = client.get(f"/api/v1/studies/{body['studies'][0]}/images/{preview}.png").content
    assert pixels_of(kept) == pixels_of(grey)


def pixels_of(picture: bytes) -> bytes:
    """The filtered scan lines of a PNG."""
    data, at = b"", 8
    while at < len(picture):
        length, kind = struct.unpack(">I4s", picture[at : at + 8])
        data += picture[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    return zlib.decompress(data)


def test_the_table_and_the_annotated_picture_come_from_the_result(client, study):
    table = client.get(f"/api/v1/studies/{study}/results/{TASK}/findings.csv")
    assert "pfirrmann_grade,L5/S1" in table.text
    assert "Research software. Not a diagnosis." in table.text
    assert client.get(f"/api/v1/studies/{study}/results/{TASK}/annotated.png").content.startswith(b"\x89PNG")


@pytest.mark.parametrize("path", [
    "/api/v1/jobs/none", "/api/v1/jobs/none/events", "/api/v1/studies/none", "/api/v1/studies/none/results",
    "/api/v1/studies/{study}/results/none", "/api/v1/studies/{study}/images/none.png", "/api/v1/studies/{study}/nothing", "/nothing",
    "/api/v1/studies/{study}/results/brightness/heatmap.png?finding=pfirrmann_grade&level=9",
    "/api/v1/studies/{study}/results/brightness/heatmap.png?finding=pfirrmann_grade&level=L9/S9",
    "/api/v1/studies/{study}/results/brightness/heatmap.png?finding=modic_change&level=1",
    "/api/v1/studies/{study}/results/brightness/annotated.png?image=none",
    "/api/v1/studies/..%2f..%2fkey", "/static/../app.py", "/uploads", "/data/key",
])
def test_what_is_not_there_is_404_with_a_code(client, study, path):
    answer = client.get(path.format(study=study))
    assert answer.status_code == 404
    assert set(answer.json()) == {"code", "message", "hint"}


def test_a_wrong_parameter_is_named(client, study):
    answer = client.get("/api/v1/studies", params={"limit": "many"})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-parameter")
    assert "limit" in answer.json()["message"]


@pytest.mark.parametrize("last", ["²", "9" * 30, "-1", "1e3", ""])
def test_a_last_event_id_that_is_none_of_ours_starts_from_the_beginning(client, last):
    job = send(client, ("a.png", png(0.72))).json()["job"]["id"]
    finished(client, job)
    answer = client.get(f"/api/v1/jobs/{job}/events", headers={"last-event-id": last.encode()})
    assert answer.status_code == 200
    assert answer.text.startswith("id: 1\n")


@pytest.mark.parametrize(("path", "status"), [
    (f"/api/v1/studies?offset={10**30}", 422), (f"/api/v1/studies?limit={10**30}", 422), (f"/api/v1/studies?offset={'9' * 5000}", 422),
    ("/api/v1/studies/{study}/results/brightness/heatmap.png?finding=pfirrmann_grade&level=" + "9" * 5000, 404),
    ("/api/v1/studies/{study}/results/brightness/heatmap.png?finding=pfirrmann_grade&level=²", 404),
])
def test_a_number_too_large_for_anything_is_the_callers_mistake(client, study, path, status):
    assert client.get(path.format(study=study)).status_code == status


# The rest


def test_health_tells_what_can_be_done(client):
    body = client.get("/health").json()
    assert body["status"] == "ok"
    assert body["tasks"] == [TASK]
    assert body["bundles"][TASK]["evidence"] == "in-silico"
    assert set(body["queue"]) == {"queued", "running"}


def test_every_route_is_described(client):
    schema = client.get("/openapi.json").json()
    assert "/api/v1/studies" in schema["paths"]
    assert "multipart/form-data" in schema["paths"]["/api/v1/studies"]["post"]["requestBody"]["content"]
    page = client.get("/docs").text
    for path in schema["paths"]:
        assert path in page


def test_every_answer_carries_the_policy_and_nothing_is_fetched_from_elsewhere(client, study):
    for path in ("/", f"/studies/{study}", "/docs", "/static/style.css", "/nothing", "/health"):
        answer = client.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
        assert "//" not in answer.text.replace("http://127.0.0.1/", "")
        assert " style=" not in answer.text
        assert "<script>" not in answer.text


def test_a_local_server_does_not_answer_to_another_name(client):
    answer = client.get("/health", headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "host-not-allowed")
    for host in ("localhost:8000", "127.0.0.1", "[::1]:80"):
        assert client.get("/health", headers={"host": host}).status_code == 200


def test_another_sites_page_cannot_upload(client):
    answer = client.post("/api/v1/studies", files={"files": ("a.png", png())}, headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross-site")


def test_no_identity_is_kept_outside_the_uploads(client, folder, study):
    body = send(client, (f"{NAME}.zip", archive(**{f"{NAME}/1.dcm": dicom(0.8, study="1.77"), f"{NAME}.txt": b"x"}))).json()
    finished(client, body["job"]["id"])
    planted = [NAME, "FEATHER-4711", "19310417", "1.2.3.4.5", "1.77"]
    for path in folder.rglob("*"):
        assert not any(word in str(path) for word in planted)
        if path.is_file() and "uploads" not in path.parts:
            content = path.read_bytes()
            assert not [word for word in planted if word.encode() in content], path.name
    texts = [client.get(f"/api/v1/studies/{study}/results/{TASK}").text, client.get(f"/studies/{study}").text, client.get("/").text,
             client.get("/api/v1/studies").text]
    assert not [word for word in planted for text in texts if word in text]
    assert any(NAME.encode() in path.read_bytes() for path in (folder / "uploads").rglob("*") if path.is_file()), "the plant was real"
