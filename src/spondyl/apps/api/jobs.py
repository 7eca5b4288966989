"""Routes: upload, jobs and their progress."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from spondyl.apps.api import crowd
from spondyl.apps.api.intake import Accepted, Intake
from spondyl.apps.api.receive import FILE_FIELDS, Form, UploadLimits, receive
from spondyl.apps.api.schemas import AcceptedBody, ErrorBody, JobBody, SkippedFile, job_body, whole_number
from spondyl.core import InputError
from spondyl.core.person import OLDEST_YEARS, SEXES
from spondyl.store import Job, JobEvent, Store

POLL_S = 0.25
HEARTBEAT_S = 15.0

PERSON_FIELDS = {
    "age": {"type": "number", "minimum": 0, "maximum": OLDEST_YEARS, "description": "Years; used for files that do not say it"},
    "sex": {"type": "string", "enum": list(SEXES), "description": "Used for files that do not say it"},
}
_FORM = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {
        "type": "object",
        "properties": {
            **{name: {"type": "array", "items": {"type": "string", "format": "binary"}, "description": "DICOM, PNG, JPEG, TIFF or zip"}
               for name in FILE_FIELDS},
            "task": {"type": "string", "description": "Name of one task; empty: every task"},
            "pair": {"type": "boolean", "description": "Whether all pictures of the upload are one study"},
            **PERSON_FIELDS,
        },
    }}}}
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text}
    for status, text in ((413, "Over a limit"), (415, "Not a multipart form"), (422, "Nothing of it can be read"), (503, "Busy"))
}


Take = Callable[[Form], Accepted]
"""Keeps what came in a form."""


class Uploads:
    """The way from a request to a kept upload; every route that takes files shares one, so that few are read at once."""

    def __init__(self, intake: Intake, limits: UploadLimits) -> None:
        self.intake = intake
        self._limits = limits
        self._turns = crowd.Turns(crowd.UPLOADS_AT_ONCE, crowd.PATIENCE_S)

    async def accept(self, request: Request, take: Take) -> Accepted:
        """What came of the body of a request; of what is not kept nothing is left.

        Raises:
            InputError: If it is not as documented, or nothing in it can be read.
            SpondylError: If there is too much to do.
        """
        await run_in_threadpool(self.intake.check_queue)
        form = await receive(request, self.intake.store.incoming, self._limits)
        try:
            async with self._turns.turn():
                return await run_in_threadpool(take, form)
        finally:
            form.discard()


def upload_router(uploads: Uploads) -> APIRouter:
    """POST /api/v1/studies."""
    router = APIRouter(prefix="/api/v1", tags=["jobs"])

    def take(form: Form) -> Accepted:
        pair = _flag(form.fields.get("pair", ""))
        return uploads.intake.take(form.files, task=form.fields.get("task", ""), pair=pair, person=form.person, too_large=form.skipped)

    @router.post("/studies", status_code=202, response_model=AcceptedBody, responses=ERRORS, openapi_extra=_FORM)
    async def upload(request: Request) -> JSONResponse:
        """Send one or many files, or a zip. Acknowledged only when all of it is safe on disk; the answer comes with the job."""
        return accepted_reply(await uploads.accept(request, take))

    return router


def job_router(store: Store) -> APIRouter:
    """GET /api/v1/jobs/..."""
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], responses={404: {"model": ErrorBody}})
    streams = crowd.Streams(crowd.MOST_STREAMS)

    @router.get("/{job_id}")
    def job(job_id: str) -> JobBody:
        """How far an upload has come."""
        return job_body(store.job(job_id))

    @router.get("/{job_id}/events", response_class=StreamingResponse)
    async def events(job_id: str, request: Request) -> StreamingResponse:
        """Server-sent events: `stage` for each step, from the first one or from Last-Event-ID on, and `end` with the job."""
        await run_in_threadpool(store.job, job_id)
        last = whole_number(request.headers.get("last-event-id", ""))
        return streams.stream(_events(store, job_id, last or 0))

    return router


def accepted_reply(accepted: Accepted) -> JSONResponse:
    """202 and where the job is."""
    skipped = skipped_files(accepted)
    body = AcceptedBody(job=job_body(accepted.job, skipped), studies=list(accepted.job.studies), skipped=skipped)
    return JSONResponse(body.model_dump(), 202, {"location": f"/api/v1/jobs/{accepted.job.id}"})


def skipped_files(accepted: Accepted) -> list[SkippedFile]:
    """What of the upload is not used, in the caller's own names."""
    return [SkippedFile(**{name: row[name] for name in ("source", "code", "message", "hint")}) for row in accepted.skipped]


async def _events(store: Store, job_id: str, last: int) -> AsyncIterator[str]:
    """Read from the database, so that a stream may begin before a restart and go on after it."""
    quiet_s = 0.0
    while True:
        job, events = await run_in_threadpool(_look, store, job_id, last)
        for event in events:
            last, quiet_s = event.seq, 0.0
            data = {"state": event.state, "stage": event.stage, "progress": event.progress}
            yield f"id: {event.seq}\nevent: stage\ndata: {json.dumps(data)}\n\n"
        if job.finished:
            yield f"event: end\ndata: {job_body(job).model_dump_json()}\n\n"
            return
        if quiet_s >= HEARTBEAT_S:
            quiet_s = 0.0
            yield ": still here\n\n"
        await anyio.sleep(POLL_S)
        quiet_s += POLL_S


def _look(store: Store, job_id: str, last: int) -> tuple[Job, tuple[JobEvent, ...]]:
    """The job and then its new events: a job seen finished has told its last one."""
    return store.job(job_id), store.job_events(job_id, last)


def _flag(text: str) -> bool:
    """A form's yes or no.

    Raises:
        InputError: If it is neither.
    """
    known = {"": False, "0": False, "false": False, "no": False, "off": False, "1": True, "true": True, "yes": True, "on": True}
    if text.lower() not in known:
        raise InputError("bad-field", "the field `pair` is neither true nor false", "Send true or false")
    return known[text.lower()]
