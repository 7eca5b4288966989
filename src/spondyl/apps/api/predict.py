"""POST /predict/: one DXA picture of the spine in, its answer out, at the address of the reference system for osteoporosis."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from spondyl.apps.api.density_schemas import ANSWERS, CANNOT_TELL, DensityBody, DoubtfulVertebra, MeasurementBody, PictureBody
from spondyl.apps.api.intake import Accepted
from spondyl.apps.api.jobs import PERSON_FIELDS, Uploads, skipped_files
from spondyl.apps.api.receive import Form
from spondyl.apps.api.schemas import NoticeBody
from spondyl.apps.api.studies import kept_study
from spondyl.apps.api.waiting import ANSWERS as OTHER_ANSWERS
from spondyl.apps.api.waiting import Answered, Waiting, answered, data_url
from spondyl.core import Finding, HeatMap, Image, InputError, Measurement
from spondyl.core.result import DISCLAIMER
from spondyl.reports import annotated_png, shown_image
from spondyl.store import Job, Store

TASK = "dxa-osteoporosis"
CLASS, DOUBTFUL = "osteoporosis_class", "unreliable_vertebra"

_FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {
    "type": "object", "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "One DXA picture of the lumbar spine: DICOM, PNG, JPEG or TIFF"},
        **PERSON_FIELDS,
    },
}}}}}


def predict_router(uploads: Uploads, waiting: Waiting, store: Store) -> APIRouter:
    """POST /predict/."""
    router = APIRouter(tags=["bone density"])

    def take(form: Form) -> Accepted:
        if form.fields.get("task", TASK) not in ("", TASK):
            raise InputError("bad-field", f"this address answers with {TASK} only", "Send another task to POST /api/v1/studies")
        return uploads.intake.take(form.files, task=TASK, person=form.person, too_large=form.skipped, most_studies=1)

    @router.post("/predict/", response_model=DensityBody, responses=OTHER_ANSWERS, openapi_extra=_FORM)
    async def predict(request: Request) -> JSONResponse:
        """Send one DXA picture of the spine; the answer is a class in words, how likely it is, by whom, and what makes it unreliable."""
        return await waiting.answer(request, take, partial(density_body, store))

    return router


def density_body(store: Store, accepted: Accepted, job: Job) -> DensityBody:
    """The answer about the picture that was sent; of several in one study, about the one that likeliest shows osteoporosis.

    Raises:
        SpondylError: If the analysis failed.
        UnansweredError: If the task refused the picture, or left it out of its study.
    """
    answer = answered(store, accepted, job, TASK)
    result, said = answer.result, _said(answer)
    image = _shown(store, answer, said)
    maps = tuple(heat for heat in store.maps(answer.row) if heat.finding == CLASS)
    told = said is not None and said.value is not None and not said.refer
    prediction = str(said.value) if said is not None and told else CANNOT_TELL
    assert result.bundle is not None
    return DensityBody.model_validate({
        "prediction": prediction, "answer": ANSWERS[prediction], "refer": not told,
        "probabilities": (said and said.probabilities) or {}, "members": (said and said.members) or {},
        "contributions": (said and said.contributions) or {}, "set": [str(value) for value in said.set] if said else [],
        "unreliable_vertebrae": [_doubtful(finding) for finding in result.findings
                                 if (finding.finding, finding.value) == (DOUBTFUL, "present") and finding.image in (None, image.id)],
        "measurements": [_measured(item) for item in result.measurements if item.image in (None, image.id)],
        "warnings": [NoticeBody(code=warning.code, message=warning.message) for warning in result.warnings],
        "heat_map": data_url(annotated_png(image, result, maps)), "picture": _picture(answer, image, maps),
        "study": answer.key, "result": answer.address, "evidence": result.bundle.evidence, "disclaimer": DISCLAIMER,
        "skipped": skipped_files(accepted),
    })


def _said(answer: Answered) -> Finding | None:
    """What is said of the picture that was sent; None where it was read and no class is given."""
    said = answer.findings(CLASS)
    if not said:
        answer.check_used()
        said = [finding for finding in answer.result.findings if finding.finding == CLASS and finding.image is None]
    return max(said, key=lambda finding: (finding.probabilities or {}).get("osteoporosis", 0.0), default=None)


def _shown(store: Store, answer: Answered, said: Finding | None) -> Image:
    study = kept_study(store, answer.key, answer.result)
    wanted = [image for image in study.images if said is not None and image.id == said.image]
    sent = [image for image in study.images if image.id in answer.sent]
    return (wanted or sent or [shown_image(study, answer.result)])[0]


def _doubtful(finding: Finding) -> DoubtfulVertebra:
    reasons = {name: member.get("present", 0.0) for name, member in finding.members.items()}
    return DoubtfulVertebra(level=finding.level, probability=(finding.probabilities or {}).get("present", 0.0), reasons=reasons,
                            bbox=finding.box)


def _measured(item: Measurement) -> MeasurementBody:
    return MeasurementBody(name=item.name, level=item.level, value=item.value, unit=item.unit, error=item.error, method=item.method)


def _picture(answer: Answered, image: Image, maps: tuple[HeatMap, ...]) -> PictureBody:
    heat = next((f"{answer.address}/heatmap.png?" + urlencode({"finding": CLASS, "image": image.id})
                 for heat in maps if heat.image == image.id), None)
    rows, columns = image.shape
    base = answer.address.partition("/results/")[0]
    return PictureBody(id=image.id, rows=rows, columns=columns, address=f"{base}/images/{image.id}.png", heat_map=heat)
