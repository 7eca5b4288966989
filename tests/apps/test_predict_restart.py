"""Age and sex of a form are kept with the job. In a module of its own: one server runs in a process at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.bones import FakeBones
from apps.serving import finished, png, send, served
from spondyl.apps.worker import Worker
from spondyl.core import Person
from spondyl.store import Store

TASKS = {"dxa-osteoporosis": FakeBones()}


def test_age_and_sex_survive_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The job is accepted by a server that never works, and done by the next one."""
    with monkeypatch.context() as patched:
        patched.setattr(Worker, "submit", lambda *_, **__: None)
        with served(tmp_path, TASKS) as client:
            job = send(client, ("a.png", png(0.2)), age="63", sex="F").json()["job"]
            assert client.get(f"/api/v1/jobs/{job['id']}").json()["state"] == "queued"
    with Store(f"sqlite:///{tmp_path / 'spondyl.sqlite'}", tmp_path) as store:
        assert store.job(job["id"]).person == Person("F", 63.0)
    with served(tmp_path, TASKS) as client:
        (key,) = finished(client, job["id"])["studies"]
        measured = client.get(f"/api/v1/studies/{key}/results/dxa-osteoporosis").json()["measurements"]
        assert "people like F of 63" in {row["method"] for row in measured}
