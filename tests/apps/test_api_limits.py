"""Hostile and oversized uploads: a clear answer, nothing left behind, and the server goes on."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import anyio
import httpx
import pytest

from apps.serving import dicom, finished, png, process, send, served
from spondyl.apps.api import crowd
from spondyl.core import SpondylError
from spondyl.inference import Shelf

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("limits")


@pytest.fixture(scope="module")
def client(folder) -> Iterator[httpx.Client]:
    with served(folder, max_file_mb=1, max_archive_mb=4, max_archive_files=10) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _nothing_is_left(client, folder) -> Iterator[None]:
    yield
    assert not list((folder / "incoming").iterdir())
    assert client.get("/health").status_code == 200


def zipped(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in entries.items():
            target.writestr(name, data)
    return buffer.getvalue()


def test_a_file_over_the_limit_is_413(client):
    answer = send(client, ("big.dcm", dicom() + bytes(MEGABYTE)))
    assert (answer.status_code, answer.json()["code"]) == (413, "file-too-large")


def test_a_file_over_the_limit_does_not_hold_up_the_others(client):
    answer = send(client, ("big.dcm", dicom() + bytes(MEGABYTE)), ("good.png", png()))
    assert answer.status_code == 202
    assert [(row["source"], row["code"]) for row in answer.json()["skipped"]] == [("big.dcm", "file-too-large")]
    assert finished(client, answer.json()["job"]["id"])["state"] == "done"


def test_a_body_that_says_it_is_too_large_is_not_received(client):
    answer = send(client, *((f"{n}", bytes(900_000)) for n in range(5)))
    assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large")


def test_a_body_that_does_not_say_its_size_is_cut_off(client):
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield b'--B\r\ncontent-disposition: form-data; name="files"; filename="a"\r\n\r\n'
        for _ in range(100):
            sent += MEGABYTE
            yield bytes(MEGABYTE)

    answer = client.post("/api/v1/studies", content=body(), headers={"content-type": "multipart/form-data; boundary=B"})
    assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large")


def test_too_many_files_are_413(client):
    answer = send(client, *((f"{n}.png", b"x") for n in range(11)))
    assert (answer.status_code, answer.json()["code"]) == (413, "too-many-files")


def test_a_zip_that_expands_without_end_is_cut_off(client, folder):
    bomb = zipped({f"{n}.dcm": dicom()[:132] + bytes(MEGABYTE - 1000) for n in range(8)})
    assert len(bomb) < 20_000
    before = sorted((folder / "uploads").rglob("*"))
    answer = send(client, ("bomb.zip", bomb))
    assert (answer.status_code, answer.json()["code"]) == (413, "archive-too-large")
    assert sorted((folder / "uploads").rglob("*")) == before


def test_a_zip_with_one_huge_entry_gives_the_others(client):
    answer = send(client, ("a.zip", zipped({"1.dcm": dicom() + bytes(2 * MEGABYTE), "2.png": png(0.4)})))
    assert answer.status_code == 202
    assert [(row["source"], row["code"]) for row in answer.json()["skipped"]] == [("a.zip/1.dcm", "file-too-large")]


def test_a_zip_of_too_many_files_is_413(client):
    answer = send(client, ("many.zip", zipped({f"{n}": b"x" for n in range(11)})))
    assert (answer.status_code, answer.json()["code"]) == (413, "archive-too-many-files")


@pytest.mark.parametrize("name", [
    "../../../tmp/spondyl-evil.png", "/etc/spondyl-evil", "C:\\evil.png", "a" * 500, "\u202egnp.exe", "x\x00y", "..",
])
def test_no_file_name_becomes_a_path(client, folder, name):
    answer = send(client, (name, png(0.45)))
    assert answer.status_code == 202
    finished(client, answer.json()["job"]["id"])
    assert not [path for path in folder.rglob("*") if "evil" in path.name or "gnp" in path.name]
    assert not Path("/tmp/spondyl-evil.png").exists()
    kept = [path for path in (folder / "uploads").rglob("*") if path.is_file()]
    assert all(len(path.name) == 64 and set(path.name) <= set("0123456789abcdef") for path in kept)


def test_a_file_is_never_served_from_the_uploads(client, folder):
    (path, *_) = [path for path in (folder / "uploads").rglob("*") if path.is_file()]
    for address in (f"/uploads/{path.parent.name}/{path.name}", f"/static/../../../{path.name}", f"/api/v1/studies/{path.name}"):
        assert client.get(address).status_code == 404


def test_an_upload_beyond_the_queue_is_asked_to_come_back(client, monkeypatch):
    from spondyl.apps import worker

    monkeypatch.setattr(worker, "MAX_WAITING", 0)
    answer = send(client, ("a.png", png(0.46)))
    assert (answer.status_code, answer.json()["code"]) == (503, "server-busy")
    assert answer.headers["retry-after"] == "30"


def test_only_so_many_uploads_are_read_at_once_and_the_others_wait_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(crowd, "UPLOADS_AT_ONCE", 0)
    monkeypatch.setattr(crowd, "PATIENCE_S", 0.1)
    with served(tmp_path) as client:
        answer = send(client, ("a.png", png()))
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "server-busy", "30")
        assert not list((tmp_path / "incoming").iterdir())


def test_an_upload_whose_turn_comes_goes_on():
    async def all_of_them() -> list[str]:
        turns, said = crowd.Turns(2, 60), []

        async def one(name: int) -> None:
            async with turns.turn():
                said.append("in")
                await anyio.sleep(0.01)
                said.append("out")

        async with anyio.create_task_group() as group:
            for name in range(5):
                group.start_soon(one, name)
        return said

    said = anyio.run(all_of_them)
    inside = [said[: n + 1].count("in") - said[: n + 1].count("out") for n in range(len(said))]
    assert said.count("out") == 5
    assert max(inside) == 2


def test_a_turn_is_given_back_after_a_failure():
    async def fail_and_come_again() -> None:
        turns = crowd.Turns(1, 0.1)
        with pytest.raises(OSError, match="disk"):
            async with turns.turn():
                raise OSError("disk")
        async with turns.turn():
            with pytest.raises(SpondylError, match="still being read"):
                async with turns.turn():
                    raise AssertionError("two at once")

    anyio.run(fail_and_come_again)


def test_event_streams_have_a_limit_and_a_closed_one_makes_room(tmp_path):
    with process(tmp_path, delay_s=60) as (_, client), ExitStack() as stack:
        address = f"/api/v1/jobs/{send(client, ('a.png', png())).json()['job']['id']}/events"
        streams = [client.send(client.build_request("GET", address), stream=True) for _ in range(crowd.MOST_STREAMS)]
        stack.callback(lambda: [stream.close() for stream in streams])
        assert {stream.status_code for stream in streams} == {200}
        assert (client.get(address).status_code, client.get(address).json()["code"]) == (503, "server-busy")
        streams[0].close()
        end = time.monotonic() + 60
        while (again := client.send(client.build_request("GET", address), stream=True)).status_code == 503:
            again.close()
            assert time.monotonic() < end, "the place of a reader who went away stays taken"
            time.sleep(0.1)
        streams.append(again)


def test_our_own_failure_is_500_with_an_incident_and_no_trace(tmp_path):
    with served(tmp_path / "x") as client:
        body = send(client, ("a.png", png())).json()
        finished(client, body["job"]["id"])
        for path in (tmp_path / "x" / "artefacts").rglob("*"):
            if path.is_file():
                path.write_bytes(b"damaged")
        preview = client.get(f"/api/v1/studies/{body['studies'][0]}").json()["preview"]
        answer = client.get(f"/api/v1/studies/{body['studies'][0]}/images/{preview}.png")
        assert answer.status_code == 500
        assert answer.json()["code"] == "internal-error"
        assert len(answer.json()["incident"]) == 8
        assert "Traceback" not in answer.text
        assert ".py" not in answer.text


class Broken:
    """A task that fails in a way nobody foresaw, with a name in its message."""

    name = "broken"

    def select(self, study: object) -> object:
        raise RuntimeError("Featherstonehaugh^Ermintrude")


def test_a_task_that_fails_says_so_on_every_face_and_names_nobody(tmp_path, caplog):
    with served(tmp_path, {"broken": Broken()}) as client:
        body = send(client, ("a.png", png())).json()
        job = finished(client, body["job"]["id"])
        assert (job["state"], job["error"]["code"]) == ("failed", "internal-error")
        result = client.get(f"/api/v1/studies/{body['studies'][0]}/results/broken").json()
        assert (result["status"], result["refusal"]["code"]) == ("failed", "internal-error")
        page = client.get(f"/studies/{body['studies'][0]}").text
        assert "This could not be read" in page
        assert "Featherstonehaugh" not in page + caplog.text + str(result)


def test_a_missing_bundle_is_told_by_its_own_words(tmp_path):
    with served(tmp_path, shelf=Shelf([tmp_path / "bundles"])) as client:
        body = send(client, ("a.png", png())).json()
        job = finished(client, body["job"]["id"])
        assert (job["state"], job["error"]["code"]) == ("failed", "unknown-task")
        assert "brightness" in client.get(f"/studies/{body['studies'][0]}").text
        health = client.get("/health").json()
        assert (health["status"], health["bundles"]["brightness"]["code"]) == ("degraded", "unknown-task")
