"""POST /upload: one film in, its answer out, as clients of the reference system for radiographs know it."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from spondyl.apps.api.errors import UnansweredError
from spondyl.apps.api.intake import Accepted
from spondyl.apps.api.jobs import Uploads, skipped_files
from spondyl.apps.api.receive import Form
from spondyl.apps.api.schemas import FilmBody, FilmClassification, FilmDetection, FilmMetadata, NoticeBody
from spondyl.apps.api.studies import kept_study
from spondyl.apps.api.waiting import ANSWERS, Answered, Waiting, answered, data_url
from spondyl.core import BundleNote, Finding, InputError, term
from spondyl.core.result import DECIMALS, DISCLAIMER
from spondyl.inference import Shelf
from spondyl.reports import annotated_png
from spondyl.store import Job, Store
from spondyl.tasks.films.votes import threshold_of

TASK = "xray-lesions"

_FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {
    "type": "object", "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary", "description": "One film: DICOM, PNG, JPEG or TIFF"}},
}}}}}


def film_router(uploads: Uploads, waiting: Waiting, store: Store, shelf: Shelf) -> APIRouter:
    """POST /upload."""
    router = APIRouter(tags=["films"])

    def take(form: Form) -> Accepted:
        if form.fields.get("task", TASK) not in ("", TASK):
            raise InputError("bad-field", f"this address answers with {TASK} only", "Send another task to POST /api/v1/studies")
        return uploads.intake.take(form.files, task=TASK, person=form.person, too_large=form.skipped, most_studies=1)

    @router.post("/upload", response_model=FilmBody, responses=ANSWERS, openapi_extra=_FORM)
    async def upload(request: Request) -> JSONResponse:
        """Send one film; the answer says how likely it is abnormal, by whom, and where. It is kept as every upload is."""
        return await waiting.answer(request, take, partial(film_body, store, shelf))

    return router


def film_body(store: Store, shelf: Shelf, accepted: Accepted, job: Job) -> FilmBody:
    """The answer about the film that was sent; of several in one study, about the one that is likeliest abnormal.

    Raises:
        SpondylError: If the analysis failed.
        UnansweredError: If the task refused the film, or left it out of its study.
    """
    answer = answered(store, accepted, job, TASK)
    key, result = answer.key, answer.result
    shown = _shown(answer)
    boxes = [finding for finding in result.findings if finding.box is not None and finding.image in answer.sent]
    (image,) = (one for one in kept_study(store, key, result).images if one.id == shown.image)
    (note,) = (one for one in result.images if one.id == shown.image)
    assert result.bundle is not None
    return FilmBody(
        classification=_classification(shown, _threshold(shelf, result.bundle)),
        detections=[_detection(finding) for finding in boxes],
        annotated_image=data_url(annotated_png(image, result)),
        metadata=FilmMetadata(modality=result.study.get("modality", ""), image=note.id, rows=note.rows, columns=note.columns,
                              view=note.view, spacing_mm=note.spacing_mm),
        study=key, result=answer.address, evidence=result.bundle.evidence, disclaimer=DISCLAIMER,
        warnings=[NoticeBody(code=warning.code, message=warning.message) for warning in result.warnings],
        skipped=skipped_files(accepted),
    )


def _shown(answer: Answered) -> Finding:
    """What is said of the film that was sent."""
    said = answer.findings("abnormal")
    if not said:
        answer.check_used()
        raise UnansweredError("film-left-out", "this film was left out of the answer about its study", "Its warnings say why",
                              answer.address)
    return max(said, key=_present)


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
