"""Answers to callers who wait for them: they send something, and get its answer, or after a while the address of its job."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import anyio
from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from spondyl.apps.api.errors import UnansweredError
from spondyl.apps.api.intake import Accepted
from spondyl.apps.api.jobs import ERRORS, Take, Uploads, accepted_reply
from spondyl.apps.api.schemas import AcceptedBody, UnansweredBody
from spondyl.core import Finding, SpondylError, StudyResult
from spondyl.store import Job, ResultRow, Store, parse_result

ANSWER_S = 60.0
"""How long a caller waits for an answer before being told where the job is."""
POLL_S = 0.05
MOST_WAITING = 32
"""Callers that wait at the same time; the next are told where their job is at once."""
LEFT_OUT = ("image-left-out", "films-left-out")
"""Warnings about images that are not answered."""

ANSWERS: dict[int | str, dict[str, Any]] = {
    **ERRORS,
    422: {"model": UnansweredBody, "description": "Nothing of it can be read, or it is no picture that these weights were measured on"},
    202: {"model": AcceptedBody, "description": "It takes longer; the answer comes with the job"},
}
"""What else than the answer a caller may get, for OpenAPI."""

Say = Callable[[Accepted, Job], BaseModel]
"""Makes the body of the answer, once the job is finished."""


class Waiting:
    """Callers that wait; the routes that answer at once share one, so that no more wait together than may."""

    def __init__(self, uploads: Uploads, store: Store) -> None:
        self._uploads, self._store = uploads, store
        self._places = anyio.CapacityLimiter(MOST_WAITING)

    async def answer(self, request: Request, take: Take, say: Say) -> JSONResponse:
        """Keep what came, wait for its analysis, and say what came of it; 202 with the job where that takes too long."""
        accepted = await self._uploads.accept(request, take)
        try:
            self._places.acquire_nowait()
        except anyio.WouldBlock:
            return accepted_reply(accepted)
        try:
            job = await _finished(self._store, accepted.job)
        finally:
            self._places.release()
        if not job.finished:
            return accepted_reply(accepted)
        body = await run_in_threadpool(say, accepted, job)
        return JSONResponse(body.model_dump(by_alias=True))


async def _finished(store: Store, job: Job) -> Job:
    """The job once it is finished, or as it is when patience ends."""
    end = time.monotonic() + ANSWER_S
    while not job.finished and time.monotonic() < end:
        await anyio.sleep(POLL_S)
        job = await run_in_threadpool(store.job, job.id)
    return job


@dataclass(frozen=True, slots=True)
class Answered:
    """What a task said of the one study that a caller sent.

    Attributes:
        key: Of the study.
        row, result: The answer as it is kept, and in our words.
        address: Of its result.json.
        sent: Ids of the images that were sent; the study may have others, that came before.
    """

    key: str
    row: ResultRow
    result: StudyResult
    address: str
    sent: frozenset[str]

    def findings(self, name: str) -> list[Finding]:
        """Findings of that name about the images that were sent."""
        return [finding for finding in self.result.findings if finding.finding == name and finding.image in self.sent]

    def check_used(self) -> None:
        """Refuse where what was sent was left out of the answer.

        Raises:
            UnansweredError: With the reason.
        """
        for warning in self.result.warnings:
            if warning.code in LEFT_OUT and self.sent & set(warning.images):
                hint = "The other images of its study were answered; send this one again once it is mended"
                raise UnansweredError(warning.reason or warning.code, warning.message, hint, self.address)


def answered(store: Store, accepted: Accepted, job: Job, task: str) -> Answered:
    """The answer to an upload of one study.

    Raises:
        SpondylError: If the analysis failed.
        UnansweredError: If the task refused the study.
    """
    if job.error:
        raise SpondylError(job.error["code"], job.error["message"], job.error["hint"])
    (key,) = job.studies
    row = store.result(key, task)
    result, address = parse_result(row.json), f"/api/v1/studies/{quote(key)}/results/{task}"
    if result.refusal is not None:
        raise UnansweredError(result.refusal["code"], result.refusal["message"], result.refusal["hint"], address)
    return Answered(key, row, result, address, accepted.images[key])


def data_url(png: bytes) -> str:
    """A PNG that stands in the answer itself."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
