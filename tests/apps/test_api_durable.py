"""What was acknowledged is finished, once, whatever happens to the server."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
from dbos import DBOS, Queue

from apps.serving import AnyShelf, dicom, finished, png, process, send, served
from doubles import BrightnessTask
from spondyl.apps import wiring
from spondyl.apps import worker as worker_room
from spondyl.apps.settings import Settings
from spondyl.apps.worker import Worker
from spondyl.core.identity import content_hash
from spondyl.dicom import Source
from spondyl.store import Job, Store, load_or_create_key


def kill(server, number: int = signal.SIGKILL) -> None:
    server.send_signal(number)
    server.wait(timeout=60)


def wait_for_stage(client: httpx.Client, job: str, stage: str) -> None:
    end = time.monotonic() + 60
    while client.get(f"/api/v1/jobs/{job}").json()["stage"] != stage:
        assert time.monotonic() < end, f"the job never came to {stage}"
        time.sleep(0.02)


def rows(folder: Path, table: str) -> int:
    with Store(f"sqlite:///{folder / 'spondyl.sqlite'}", folder) as store, store._engine.connect() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().splitlines())


def test_a_server_killed_in_the_middle_of_an_analysis_delivers_the_result_once_it_is_back(tmp_path):
    with process(tmp_path, delay_s=60) as (server, client):
        body = send(client, ("slice.dcm", dicom())).json()
        job, (key,) = body["job"]["id"], body["studies"]
        wait_for_stage(client, job, "wait")
        kill(server)
    with process(tmp_path, delay_s=0) as (server, client):
        stages = client.get(f"/api/v1/jobs/{job}/events", headers={"last-event-id": "1"}).text
        assert "event: end" in stages, "a browser that reconnects sees the rest"
        assert finished(client, job)["state"] == "done"
        assert client.get(f"/api/v1/studies/{key}/results/brightness").json()["status"] == "done"
        kill(server, signal.SIGTERM)
        assert server.returncode == 0
    assert rows(tmp_path, "results") == 1
    assert rows(tmp_path, "studies") == 1
    assert runs(tmp_path) == 2
    with served(tmp_path) as client:
        assert finished(client, job)["state"] == "done"
        time.sleep(1.5)  # DBOS looks for work once a second
    assert runs(tmp_path) == 2, "a finished job is not done again"
    assert rows(tmp_path, "results") == 1


def accept(folder: Path, *data: bytes) -> Job:
    """An upload that was committed, and nothing more: as if the process had died right after."""
    settings = Settings(data=folder, readers=1)
    with Store(settings.database_url, folder) as store, wiring.reader(settings, load_or_create_key(folder)) as reader:
        files = [store.incoming() for _ in data]
        for file, content in zip(files, data, strict=True):
            file.write(content)
        kept = store.keep(files)
        drafts = [store.draft(reader.read([Source(file.path, "a")]).studies[0], (file.name,)) for file in kept]
        return store.accept(kept, drafts, tasks=["brightness"])


def test_a_job_whose_workflow_was_never_written_is_found_at_the_start(tmp_path):
    job = accept(tmp_path, png())
    with served(tmp_path) as client:
        assert finished(client, job.id)["state"] == "done"
        assert client.get(f"/api/v1/studies/{job.studies[0]}/results/brightness").json()["status"] == "done"


def test_a_job_that_takes_the_server_down_each_time_is_given_up_and_the_others_go_on(tmp_path):
    deadly, harmless = accept(tmp_path, png(0.3)), accept(tmp_path, png(0.4))
    with Store(f"sqlite:///{tmp_path / 'spondyl.sqlite'}", tmp_path) as store:
        for _ in range(3):
            store.begin_job(deadly.id)
    with served(tmp_path) as client:
        body = finished(client, deadly.id)
        assert (body["state"], body["error"]["code"]) == ("failed", "job-gave-up")
        assert finished(client, harmless.id)["state"] == "done"
        assert "stopped the server 3 times" in client.get(f"/studies/{deadly.studies[0]}").text


def test_every_study_of_an_upload_has_its_own_attempts(tmp_path):
    job = accept(tmp_path, png(0.1), png(0.2), png(0.3))
    attempts: list[int] = []
    with Store(f"sqlite:///{tmp_path / 'spondyl.sqlite'}", tmp_path) as store:

        class Counting(BrightnessTask):
            def run(self, *arguments):
                attempts.append(store.job(job.id).attempts)
                return super().run(*arguments)

        for _ in range(2):
            store.begin_job(job.id)
        with served(tmp_path, {"brightness": Counting()}) as client:
            assert finished(client, job.id)["state"] == "done"
    assert attempts == [3, 1, 1], "the count began again with the study that was done"


def test_a_job_that_could_not_be_handed_over_is_kept_and_done_soon(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(worker_room, "REQUEUE_S", 0.2)
    hand_over, refusals = Queue.enqueue, iter([OSError("Jane^Doe"), OSError("Jane^Doe")])

    def enqueue(*arguments: object) -> object:
        for refusal in refusals:
            raise refusal
        return hand_over(*arguments)

    with served(tmp_path) as client:
        monkeypatch.setattr(Queue, "enqueue", enqueue)
        answer = send(client, ("a.png", png()))
        assert answer.status_code == 202, "it was kept, so it is acknowledged"
        assert finished(client, answer.json()["job"]["id"])["state"] == "done"
    assert "OSError" in caplog.text
    assert "Jane" not in caplog.text


def test_a_job_is_handed_over_however_often_it_was_before(tmp_path, monkeypatch):
    ask = DBOS.get_workflow_status

    def status(workflow: str) -> object:
        return SimpleNamespace(status="SUCCESS") if int(workflow.rpartition(".")[2]) < 150 else ask(workflow)

    monkeypatch.setattr(DBOS, "get_workflow_status", status)
    job = accept(tmp_path, png())
    with served(tmp_path) as client:
        assert finished(client, job.id)["state"] == "done"


def test_a_kept_file_that_has_gone_fails_its_job_with_a_reason(tmp_path):
    job = accept(tmp_path, png())
    for path in (tmp_path / "uploads").rglob("*"):
        if path.is_file():
            path.unlink()
    with served(tmp_path) as client:
        body = finished(client, job.id)
        assert (body["state"], body["error"]["code"]) == ("failed", "study-lost")


def test_one_lost_file_does_not_stop_the_rest_of_its_job(tmp_path):
    with process(tmp_path, delay_s=60) as (server, client):
        body = send(client, ("a.png", png(0.1)), ("b.png", png(0.2))).json()
        wait_for_stage(client, body["job"]["id"], "wait")
        kill(server)
    (tmp_path / "uploads" / content_hash(png(0.1))[:2] / content_hash(png(0.1))).unlink()
    with served(tmp_path) as client:
        job = finished(client, body["job"]["id"])
        assert job["state"] == "done"
        assert [row["code"] for row in job["skipped"]] == ["study-lost"]
        assert [len(client.get(f"/api/v1/studies/{key}").json()["results"]) for key in body["studies"]] == [0, 1]


def test_a_server_told_to_stop_finishes_the_study_in_hand_and_goes_on_later(tmp_path):
    with process(tmp_path, delay_s=1.0) as (server, client):
        job = send(client, *((f"{n}.png", png(n / 10)) for n in range(1, 6))).json()["job"]["id"]
        wait_for_stage(client, job, "wait")
        kill(server, signal.SIGTERM)
    done = rows(tmp_path, "results")
    assert done == runs(tmp_path) < 5, "it stopped after the study in hand, whole"
    with served(tmp_path) as client:
        assert finished(client, job)["state"] == "done"
    assert rows(tmp_path, "results") == 5


def test_a_study_that_outlasts_the_patience_of_a_stop_is_done_at_the_next_start(tmp_path):
    began, go_on, gone = threading.Event(), threading.Event(), threading.Event()

    class Patient(BrightnessTask):
        def run(self, *arguments):
            began.set()
            go_on.wait(60)
            gone.set()
            return super().run(*arguments)

    job = accept(tmp_path, png())
    settings = Settings(data=tmp_path, readers=1)
    with Store(settings.database_url, tmp_path) as store:
        with wiring.reader(settings, load_or_create_key(tmp_path)) as reader:
            worker = Worker(tasks={"brightness": Patient()}, shelf=AnyShelf(), reader=reader, store=store)
            worker.start()
            assert began.wait(60)
            worker.stop(patience_s=0)
        go_on.set()
        assert gone.wait(60)
        end = time.monotonic() + 60
        while store.job(job.id).state == "running" and time.monotonic() < end:
            time.sleep(0.05)
        assert store.job(job.id).state == "queued"
    with served(tmp_path) as client:
        assert finished(client, job.id)["state"] == "done"
    assert rows(tmp_path, "results") == 1
