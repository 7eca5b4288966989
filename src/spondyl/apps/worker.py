"""Jobs on DBOS: an accepted upload is analysed, once, whatever happens to the process in between.

The job row that the store committed with the upload is what was promised; the workflow only carries it out. So a job
whose workflow was never written (the process died between the two) is found at the next start and handed over again.
DBOS keeps its tables in the same database as the store.
"""

from __future__ import annotations

import itertools
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dbos import DBOS, Queue, Serializer, SetWorkflowID

from spondyl import __version__
from spondyl.apps.study_memory import StudyMemory
from spondyl.apps.wiring import answer, where
from spondyl.core import NotFoundError, SpondylError, Study, StudyResult, TaskOutput
from spondyl.core.errors import describe_unknown
from spondyl.dicom import Reader, Source
from spondyl.inference import Shelf
from spondyl.store import Job, Store
from spondyl.tasks.port import Task, study_note

log = logging.getLogger(__name__)

APPLICATION_VERSION = "spondyl-jobs-1"
"""Pinned: DBOS recovers only jobs of its own version. Raise it when the steps of the workflow change their order or names."""
QUEUE = "spondyl-analyse"
POLL_S = 0.2
REQUEUE_S = 30.0
"""How often jobs are looked for that nobody works on: handing them over failed, or their workflow ended without them."""
MAX_ATTEMPTS = 3
"""A study that took the process down this often is given up with its job, so that it cannot keep the server from starting."""
RECOVERIES = 10_000
"""How often DBOS itself takes a workflow up again; an upload of many studies may be interrupted often, and we count by study."""
MAX_WAITING = 200
"""Jobs that may wait; an upload beyond that is asked to come back later."""
MEMORY_BYTES = 64 * 2**20
"""Pixels kept between the upload and its analysis; what does not fit is read from disk again."""


class Worker:
    """Analyses accepted jobs in threads of this process. One at a time in a process (DBOS holds process-wide state)."""

    def __init__(
        self, *, tasks: Mapping[str, Task], shelf: Shelf, reader: Reader, store: Store, concurrency: int = 1
    ) -> None:
        self._tasks = tasks
        self._shelf = shelf
        self._reader = reader
        self._store = store
        self._concurrency = concurrency
        self._memory = StudyMemory(MEMORY_BYTES)
        self._stopping = threading.Event()
        self._queue: Queue | None = None
        self._workflow: Callable[[str], str] | None = None
        self._sweeper = threading.Thread(target=self._sweep, name="requeue", daemon=True)

    def start(self) -> None:
        """Begin to work; jobs that an earlier process left unfinished come first."""
        DBOS(config={
            "name": "spondyl", "system_database_url": self._store.url, "application_version": APPLICATION_VERSION,
            "log_level": "ERROR", "enable_otlp": False, "serializer": _Json(), "notification_listener_polling_interval_sec": 1.0,
        })

        def analyse(job_id: str) -> str:
            return self._analyse(job_id)

        self._workflow = DBOS.workflow(name="analyse", max_recovery_attempts=RECOVERIES)(analyse)
        DBOS.launch()
        self._queue = DBOS.register_queue(
            QUEUE, worker_concurrency=self._concurrency, polling_interval_sec=POLL_S, on_conflict="always_update"
        )
        for job_id in self._store.unfinished_jobs():
            self._enqueue(job_id)
        self._sweeper.start()

    def stop(self, patience_s: int = 10) -> None:
        """Stop after the study in hand; the rest of its job goes on at the next start."""
        self._stopping.set()
        if self._sweeper.is_alive():
            self._sweeper.join()
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=patience_s)

    @property
    def full(self) -> bool:
        """Whether so many jobs wait that another should not be accepted."""
        return sum(self._store.waiting().values()) >= MAX_WAITING

    def submit(self, job: Job, studies: Iterable[tuple[Study, Iterable[str]]] = ()) -> None:
        """Hand over a job that the store has accepted. It is kept, so nothing is raised: where this fails, it is tried again soon.

        Args:
            job: The job.
            studies: Studies just read, with the kept files they came from, to save reading them again.
        """
        for study, names in studies:
            self._memory.put(study, names)
        try:
            self._enqueue(job.id)
        except Exception as error:  # a door: the caller's part is done
            log.error("job %s waits for the next look: %s", job.id, where(error))

    def _sweep(self) -> None:
        while not self._stopping.wait(REQUEUE_S):
            try:
                for job_id in self._store.unfinished_jobs():
                    self._enqueue(job_id)
            except Exception as error:  # the door of this thread
                log.error("jobs could not be handed over: %s", where(error))

    def _enqueue(self, job_id: str) -> None:
        """Enqueue under the job's id, or a further one where an earlier workflow ended without finishing the job."""
        if self._queue is None or self._workflow is None:
            raise RuntimeError("the worker was not started")
        for attempt in itertools.count(1):
            status = DBOS.get_workflow_status(f"{job_id}.{attempt}")
            if status is None:
                with SetWorkflowID(f"{job_id}.{attempt}"):
                    self._queue.enqueue(self._workflow, job_id)
                return
            if status.status in ("PENDING", "ENQUEUED", "DELAYED"):  # DBOS has it, after a restart too
                return

    def _analyse(self, job_id: str) -> str:
        """The workflow. Whatever happens, the job row says so."""
        job = self._store.job(job_id)
        if job.finished:
            return job.state
        if self._store.begin_job(job_id) > MAX_ATTEMPTS:
            return self._fail(job_id, {
                "code": "job-gave-up", "message": f"the analysis stopped the server {MAX_ATTEMPTS} times",
                "hint": "Upload the files again in smaller groups; report it if it happens again",
            })
        try:
            return self._run(job)
        except Exception as error:  # the door: what we did not foresee is logged by place, never by its message
            if self._stopping.is_set():  # its tools were taken away under it; the next start does it again
                self._store.release_job(job_id)
                return "interrupted"
            return self._fail(job_id, _told(job_id, error))

    def _run(self, job: Job) -> str:
        progress = _Progress(self._store, job.id, len(job.studies) * len(job.tasks))
        errors = []
        for key in job.studies:
            for task in job.tasks:
                if self._stopping.is_set():
                    self._store.release_job(job.id)
                    return "interrupted"
                errors.append(DBOS.run_step({"name": f"answer {task}"}, self._answer, job, key, task, progress))
                progress.unit_done()
            self._memory.drop(key)
        if errors and all(errors):
            return self._fail(job.id, errors[0])
        self._store.move_job(job.id, "done", "finished", 1.0)
        return "done"

    def _answer(self, job: Job, key: str, name: str, progress: _Progress) -> dict[str, str] | None:
        """One study through one task, saved. Returns what went wrong with it, which does not stop the others."""
        progress.stage("read")
        try:
            study = self._study(job, key)
        except SpondylError as error:
            if self._stopping.is_set():
                raise
            self._store.remark(job.id, [{"file": None, **error.as_dict()}])
            return error.as_dict()
        output = self._output(study, name, progress)
        if output is None:
            return None
        progress.stage("save")
        self._store.save(study, output, job_id=job.id)
        return dict(output.result.refusal or {}) if output.result.status == "failed" else None

    def _output(self, study: Study, name: str, progress: _Progress) -> TaskOutput | None:
        """The answer; None where these very images were answered by this very bundle and software before."""
        try:
            if name not in self._tasks:
                raise NotFoundError("unknown-task", describe_unknown("task", name, self._tasks))
            engine = self._shelf.open(name)
        except SpondylError as error:
            return TaskOutput(StudyResult(name, "failed", study_note(study), None, {"spondyl": __version__}, refusal=error.as_dict()))
        if self._store.has_answer(study, name, engine.bundle.sha256, engine.software):
            return None
        return answer(study, self._tasks[name], self._shelf, progress.stage)

    def _study(self, job: Job, key: str) -> Study:
        return job.person.fill(self._read(job, key))

    def _read(self, job: Job, key: str) -> Study:
        names = self._sources(job, key)
        study = self._memory.get(key, names)
        if study is not None:
            return study
        sources = [Source(self._store.upload_path(name), name) for name in names]
        report = self._reader.read(sources, pair=job.pair, known=(key,))
        conflicts = [{"file": None, "code": row.code, "message": row.message, "hint": row.hint} for row in report.skipped
                     if row.code in ("uid-conflict", "two-patients", "read-too-large")]
        if conflicts:
            self._store.remark(job.id, conflicts)
        study = next((found for found in report.studies if found.key == key), None)
        if study is None:
            raise NotFoundError("study-lost", "a kept upload can no longer be read", "Upload the files of this study again")
        return study

    def _sources(self, job: Job, key: str) -> tuple[str, ...]:
        """The kept files a study is read from: all that ever came for it, or, for paired pictures, this upload."""
        return job.files if job.pair else self._store.files_of([key])

    def _fail(self, job_id: str, error: Mapping[str, str]) -> str:
        self._store.move_job(job_id, "failed", "finished", 1.0, error)
        return "failed"


class _Progress:
    """Where a job stands, written when a stage is new to the job or the last word is a moment old."""

    def __init__(self, store: Store, job_id: str, units: int) -> None:
        self._store, self._job_id, self._units = store, job_id, max(units, 1)
        self._done, self._step = 0, 0
        self._seen: set[str] = set()
        self._last = 0.0

    def stage(self, name: str) -> None:
        """A stage of the current study begins."""
        self._step += 1
        if name in self._seen and time.monotonic() - self._last < 0.25:
            return
        self._seen.add(name)
        self._last = time.monotonic()
        within = min(0.9, 0.15 * self._step)
        self._store.move_job(self._job_id, "running", name, round((self._done + within) / self._units, 4))

    def unit_done(self) -> None:
        """One study has gone through one task."""
        self._done += 1
        self._step = 0


class _Json(Serializer):  # type: ignore[misc]  # DBOS ships no types we follow
    """What DBOS writes down, as JSON: a database is no place to load pickles from."""

    def serialize(self, data: Any) -> str:
        if isinstance(data, BaseException):
            return json.dumps({"error": where(data)})
        return json.dumps(data)

    def deserialize(self, serialized_data: str) -> Any:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "spondyl_json"


def _told(job_id: str, error: Exception) -> dict[str, str]:
    """What the job says about an error."""
    if isinstance(error, SpondylError):
        return error.as_dict()
    incident = secrets.token_hex(4)
    log.error("job %s failed, incident %s: %s", job_id, incident, where(error))
    return {
        "code": "internal-error", "message": f"the analysis failed; incident {incident}",
        "hint": "This is our failure; report it with the incident number",
    }
