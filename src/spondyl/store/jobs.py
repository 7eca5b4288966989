"""Jobs: what was accepted and how far it has come. Each function works inside a transaction that the caller opened."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from spondyl.core import UNTOLD, Person
from spondyl.store.schema import job_events, job_files, job_studies, jobs

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
FINISHED = (DONE, FAILED)


@dataclass(frozen=True, slots=True)
class Job:
    """One accepted upload on its way to results.

    Attributes:
        id: 32 hex digits.
        state: "queued", "running", "done" or "failed".
        stage: What is being done now: "queued", "read", the stages of the task, "finished".
        progress: 0..1.
        tasks: Names of the tasks to run on each study.
        pair: Whether all pictures of the upload are one study.
        studies: Keys, in order.
        files: Content hashes of the uploaded files, in order.
        skipped: What could not be read: file (1 is the first of the upload), code, message, hint. No file names.
        error: {code, message, hint} where the state is "failed".
        attempts: How often its analysis began since it last brought a new answer.
        person: What the caller said of the person, for files that do not say it.
    """

    id: str
    state: str
    stage: str
    progress: float
    tasks: tuple[str, ...]
    pair: bool
    studies: tuple[str, ...]
    files: tuple[str, ...]
    skipped: tuple[Mapping[str, Any], ...]
    error: Mapping[str, str] | None
    attempts: int
    created_at: float
    person: Person = UNTOLD

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINISHED


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One step of a job's way; `seq` counts from 1 within the job."""

    seq: int
    state: str
    stage: str
    progress: float


def add_job(
    connection: Connection, job_id: str, *, files: Sequence[str], studies: Sequence[str], tasks: Sequence[str], pair: bool,
    skipped: Sequence[Mapping[str, Any]], person: Person,
) -> None:
    """Write a new job, queued."""
    connection.execute(insert(jobs).values(
        id=job_id, state=QUEUED, stage=QUEUED, progress=0.0, tasks=json.dumps(list(tasks)), pair=pair,
        skipped=json.dumps([dict(row) for row in skipped]), error=None, attempts=0, created_at=time.time(),
        sex=person.sex, age_years=person.age_years,
    ))
    connection.execute(insert(job_files), [{"job_id": job_id, "position": i, "sha256": name} for i, name in enumerate(files)])
    connection.execute(insert(job_studies), [{"job_id": job_id, "position": i, "study_key": key} for i, key in enumerate(studies)])
    _add_event(connection, job_id, QUEUED, QUEUED, 0.0)


def find_job(connection: Connection, job_id: str) -> Job | None:
    """The job of that id, or None."""
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one_or_none()
    return None if row is None else _job(connection, row)


def newest_of(connection: Connection, study_key: str) -> Job | None:
    """The newest job that has this study, or None."""
    query = select(jobs).join(job_studies, job_studies.c.job_id == jobs.c.id).where(job_studies.c.study_key == study_key)
    row = connection.execute(query.order_by(jobs.c.created_at.desc()).limit(1)).one_or_none()
    return None if row is None else _job(connection, row)


def unfinished(connection: Connection) -> tuple[str, ...]:
    """Ids of the jobs that still have to be done, oldest first."""
    return tuple(connection.scalars(select(jobs.c.id).where(jobs.c.state.not_in(FINISHED)).order_by(jobs.c.created_at)))


def count_waiting(connection: Connection) -> dict[str, int]:
    """{"queued": n, "running": n}."""
    rows = connection.execute(select(jobs.c.state, func.count()).where(jobs.c.state.not_in(FINISHED)).group_by(jobs.c.state))
    found = {str(state): int(n) for state, n in rows}
    return {QUEUED: found.get(QUEUED, 0), RUNNING: found.get(RUNNING, 0)}


def begin(connection: Connection, job_id: str) -> int:
    """Count one more attempt and say which it is (1 is the first)."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(attempts=jobs.c.attempts + 1))
    return int(connection.scalars(select(jobs.c.attempts).where(jobs.c.id == job_id)).one())


def forgive(connection: Connection, job_id: str) -> None:
    """The attempt that goes on has come somewhere: it counts as the first."""
    connection.execute(update(jobs).where(jobs.c.id == job_id, jobs.c.attempts > 1).values(attempts=1))


def remark(connection: Connection, job_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows to what was skipped."""
    known = json.loads(connection.scalars(select(jobs.c.skipped).where(jobs.c.id == job_id)).one())
    more = [dict(row) for row in rows if dict(row) not in known]
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(skipped=json.dumps(known + more)))


def release(connection: Connection, job_id: str) -> None:
    """Queued again, with one attempt less."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(attempts=jobs.c.attempts - 1))
    move(connection, job_id, QUEUED, QUEUED, 0.0)


def move(
    connection: Connection, job_id: str, state: str, stage: str, progress: float, error: Mapping[str, str] | None = None
) -> bool:
    """Write where a job stands and an event of it. A finished job stays as it is; False then."""
    changed = connection.execute(
        update(jobs).where(jobs.c.id == job_id, jobs.c.state.not_in(FINISHED))
        .values(state=state, stage=stage, progress=progress, error=None if error is None else json.dumps(dict(error)))
    )
    if changed.rowcount:
        _add_event(connection, job_id, state, stage, progress)
    return bool(changed.rowcount)


def events_after(connection: Connection, job_id: str, seq: int) -> tuple[JobEvent, ...]:
    """Events that came after number `seq`, in order."""
    rows = connection.execute(
        select(job_events.c.seq, job_events.c.state, job_events.c.stage, job_events.c.progress)
        .where(job_events.c.job_id == job_id, job_events.c.seq > seq).order_by(job_events.c.seq)
    )
    return tuple(JobEvent(*row) for row in rows)


def _add_event(connection: Connection, job_id: str, state: str, stage: str, progress: float) -> None:
    last = connection.scalars(select(func.max(job_events.c.seq)).where(job_events.c.job_id == job_id)).one() or 0
    connection.execute(insert(job_events).values(
        job_id=job_id, seq=last + 1, at=time.time(), state=state, stage=stage, progress=progress
    ))


def _job(connection: Connection, row: Row[Any]) -> Job:
    files = connection.scalars(select(job_files.c.sha256).where(job_files.c.job_id == row.id).order_by(job_files.c.position))
    keys = connection.scalars(select(job_studies.c.study_key).where(job_studies.c.job_id == row.id).order_by(job_studies.c.position))
    return Job(
        id=row.id, state=row.state, stage=row.stage, progress=row.progress, tasks=tuple(json.loads(row.tasks)), pair=row.pair,
        studies=tuple(keys), files=tuple(files), skipped=tuple(json.loads(row.skipped)),
        error=json.loads(row.error) if row.error else None, attempts=row.attempts, created_at=row.created_at,
        person=Person(row.sex, row.age_years),
    )
