"""POST /upload: one film in, its answer out, as clients of the reference system for radiographs know it."""

from __future__ import annotations

import base64
import time
from typing import Any
from urllib.parse import quote

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from spondyl.apps.api.errors import UnansweredFilmError
from spondyl.apps.api.intake import Accepted
from spondyl.apps.api.jobs import ERRORS, Uploads, accepted_reply, skipped_files
from spondyl.apps.api.receive import Form
from spondyl.apps.api.schemas import (
    AcceptedBody,
    FilmBody,
    FilmClassification,
    FilmDetection,
    FilmErrorBody,
    FilmMetadata,
    FilmWarning,
)
from spondyl.apps.api.studies import kept_study
from spondyl.core import BundleNote, Finding, InputError, SpondylError, StudyResult, term
from spondyl.core.result import DECIMALS, DISCLAIMER
from spondyl.inference import Shelf
from spondyl.reports import annotated_png
from spondyl.store import Job, Store, parse_result
from spondyl.tasks.films.votes import threshold_of

TASK = "xray-lesions"
ANSWER_S = 60.0
"""How long a caller waits for an answer before being told where the job is."""
POLL_S = 0.05
MOST_WAITING = 32
"""Callers that wait at the same time; the next are told where their job is at once."""
LEFT_OUT = ("image-left-out", "films-left-out")
"""Warnings about films that are not answered."""

_FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {
    "type": "object", "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary", "description": "One film: DICOM, PNG, JPEG or TIFF"}},
}}}}}


def film_router(uploads: Uploads, store: Store, shelf: Shelf) -> APIRouter:
    """POST /upload."""
    router = APIRouter(tags=["films"])
    waiting = anyio.CapacityLimiter(MOST_WAITING)
    answers: dict[int | str, dict[str, Any]] = {
        **ERRORS,
        422: {"model": FilmErrorBody, "description": "Nothing of it can be read, or it is no film of a lumbar spine"},
        202: {"model": AcceptedBody, "description": "It takes longer; the answer comes with the job"},
    }

    def take(form: Form) -> Accepted:
        if form.fields.get("task", TASK) not in ("", TASK):
            raise InputError("bad-field", f"this address answers with {TASK} only", "Send another task to POST /api/v1/studies")
        return uploads.intake.take(form.files, task=TASK, too_large=form.skipped, most_studies=1)

    @router.post("/upload", response_model=FilmBody, responses=answers, openapi_extra=_FORM)
    async def upload(request: Request) -> JSONResponse:
        """Send one film; the answer says how likely it is abnormal, by whom, and where. It is kept as every upload is."""
        accepted = await uploads.accept(request, take)
        try:
            waiting.acquire_nowait()
        except anyio.WouldBlock:
            return accepted_reply(accepted)
        try:
            job = await _wait(store, accepted.job)
        finally:
            waiting.release()
        if not job.finished:
            return accepted_reply(accepted)
        body = await run_in_threadpool(film_body, store, shelf, accepted, job)
        return JSONResponse(body.model_dump(by_alias=True))

    return router


async def _wait(store: Store, job: Job) -> Job:
    """The job once it is finished, or as it is when patience ends."""
    end = time.monotonic() + ANSWER_S
    while not job.finished and time.monotonic() < end:
        await anyio.sleep(POLL_S)
        job = await run_in_threadpool(store.job, job.id)
    return job


def film_body(store: Store, shelf: Shelf, accepted: Accepted, job: Job) -> FilmBody:
    """The answer about the film that was sent; of several in one study, about the one that is likeliest abnormal.

    Raises:
        SpondylError: If the analysis failed.
        UnansweredFilmError: If the task refused the film, or left it out of its study.
    """
    if job.error:
        raise SpondylError(job.error["code"], job.error["message"], job.error["hint"])
    (key,) = job.studies
    result = parse_result(store.result(key, TASK).json)
    address = f"/api/v1/studies/{quote(key)}/results/{TASK}"
    shown = _shown(result, accepted.images[key], address)
    boxes = [finding for finding in result.findings if finding.box is not None and finding.image in accepted.images[key]]
    (image,) = (one for one in kept_study(store, key, result).images if one.id == shown.image)
    (note,) = (one for one in result.images if one.id == shown.image)
    assert result.bundle is not None
    return FilmBody(
        classification=_classification(shown, _threshold(shelf, result.bundle)),
        detections=[_detection(finding) for finding in boxes],
        annotated_image="data:image/png;base64," + base64.b64encode(annotated_png(image, result)).decode("ascii"),
        metadata=FilmMetadata(modality=result.study.get("modality", ""), image=note.id, rows=note.rows, columns=note.columns,
                              view=note.view, spacing_mm=note.spacing_mm),
        study=key, result=address, evidence=result.bundle.evidence, disclaimer=DISCLAIMER,
        warnings=[FilmWarning(code=warning.code, message=warning.message) for warning in result.warnings],
        skipped=skipped_files(accepted),
    )


def _shown(result: StudyResult, sent: frozenset[str], address: str) -> Finding:
    """What is said of the film that was sent."""
    if result.refusal is not None:
        raise UnansweredFilmError(result.refusal["code"], result.refusal["message"], result.refusal["hint"], address)
    said = [finding for finding in result.findings if finding.finding == "abnormal" and finding.image in sent]
    if not said:
        raise _left_out(result, sent, address)
    return max(said, key=_present)


def _left_out(result: StudyResult, sent: frozenset[str], address: str) -> UnansweredFilmError:
    """Why the answer about the study of that film does not speak of it."""
    for warning in result.warnings:
        if warning.code in LEFT_OUT and sent & set(warning.images):
            hint = "The other films of its study were answered; send this one again once it is mended"
            return UnansweredFilmError(warning.reason or warning.code, warning.message, hint, address)
    return UnansweredFilmError("film-left-out", "this film was left out of the answer about its study", "Its warnings say why", address)


def _classification(finding: Finding, threshold: float | None) -> FilmClassification:
    abnormal = finding.value == "present"
    return FilmClassification(
        prediction="Abnormal" if abnormal else "Normal", abnormal=abnormal, ensemble_score=_present(finding), threshold=threshold,
        individual_predictions={name: member["present"] for name, member in finding.members.items()}, refer=finding.refer,
    )


def _detection(finding: Finding) -> FilmDetection:
    assert finding.box is not None
    return FilmDetection.model_validate({"class": term(finding.finding).text, "finding": finding.finding, "confidence": _present(finding),
                                         "bbox": finding.box, "image": finding.image or ""})


def _present(finding: Finding) -> float:
    return (finding.probabilities or {}).get("present", 0.0)


def _threshold(shelf: Shelf, note: BundleNote) -> float | None:
    """The threshold of the weights that answered; None where other weights have taken their place since."""
    bundle = shelf.open(TASK).bundle
    return round(threshold_of(bundle.settings), DECIMALS) if bundle.sha256 == note.sha256 else None
