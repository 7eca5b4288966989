"""What POST /upload and the reports do when there is too much to do. Each test has a server of its own: a process runs one at a time."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from apps.serving import finished, served
from films_bundle import film, lesion_bundle
from spondyl.apps.api import crowd, waiting
from spondyl.core import Image
from spondyl.inference import Shelf
from spondyl.reports import slice_png
from spondyl.tasks.xray_lesions import XrayLesions

LESIONS = {"xray-lesions": XrayLesions()}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    folder = tmp_path_factory.mktemp("bundles")
    lesion_bundle(folder / "lesions")
    return Shelf(folders=[folder], backend="onnxruntime")


def upload(client: httpx.Client) -> httpx.Response:
    return client.post("/upload", files={"file": ("film.png", slice_png(Image("0" * 32, film(brightness=0.7))))})


def test_beyond_so_many_that_wait_the_job_is_told_at_once(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(waiting, "MOST_WAITING", 0)
    with served(tmp_path, LESIONS, shelf) as client:
        answer = upload(client)
        assert answer.status_code == 202
        assert finished(client, answer.json()["job"]["id"])["state"] == "done"


def test_of_too_many_reports_at_once_some_are_asked_to_come_back(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(crowd, "REPORTS_AT_ONCE", 0)
    monkeypatch.setattr(crowd, "PATIENCE_S", 1.0)
    with served(tmp_path, LESIONS, shelf) as client:
        body = upload(client).json()
        busy = client.get(f"{body['result']}/report.pdf")
        assert (busy.status_code, busy.json()["code"], busy.headers["retry-after"]) == (503, "server-busy", "30")
        assert "reports" in busy.json()["message"]
