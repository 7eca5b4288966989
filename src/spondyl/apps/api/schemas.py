"""The shapes REST speaks, for OpenAPI."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from spondyl.store import Job, StudyRow


class ErrorBody(BaseModel):
    """Every error."""

    code: str = Field(description="Stable, lower case, hyphenated")
    message: str = Field(description="What was seen and what was wanted")
    hint: str = Field(description="What you can do now")


class SkippedFile(BaseModel):
    """A file that was not used."""

    source: str = Field(description="Your own name of it in the answer to the upload; 'file 3' later, since names are not kept")
    code: str
    message: str
    hint: str


class JobBody(BaseModel):
    """How far an upload has come."""

    id: str
    state: str = Field(description="queued, running, done or failed")
    stage: str = Field(description="queued, read, the stages of the task, finished")
    progress: float = Field(description="0 to 1")
    studies: list[str] = Field(description="Keys of its studies")
    tasks: list[str]
    skipped: list[SkippedFile]
    error: ErrorBody | None = None


class AcceptedBody(BaseModel):
    """The answer to an upload: everything in it is kept."""

    job: JobBody
    studies: list[str]
    skipped: list[SkippedFile]


class AnswerNote(BaseModel):
    """A task that has answered."""

    task: str
    status: str = Field(description="done, refused or failed")


class StudyBody(BaseModel):
    """A study that is kept."""

    key: str = Field(description="Keyed pseudonym")
    modality: str
    series: int
    images: int
    preview: str | None = Field(description="Id of the image that stands for it")
    created_at: float = Field(description="Seconds since 1970, UTC")
    results: list[AnswerNote]


class StudiesBody(BaseModel):
    """Studies, newest first."""

    studies: list[StudyBody]
    total: int


class FilmClassification(BaseModel):
    """Whether the film is abnormal."""

    prediction: Literal["Abnormal", "Normal"]
    abnormal: bool
    ensemble_score: float = Field(description="Calibrated probability of abnormal, of all members (and the detector) together, 0 to 1")
    threshold: float | None = Field(description="From this score on a film is called abnormal; frozen on other patients")
    individual_predictions: dict[str, float] = Field(description="The same probability by each member alone")
    refer: bool = Field(description="Whether a person should look: the 90 % set holds both answers, or the networks disagree")


class FilmDetection(BaseModel):
    """A lesion that was found."""

    name: str = Field(alias="class", description="In words, as VinDr-SpineXR has them")
    finding: str = Field(description="As result.json has it")
    confidence: float = Field(description="Calibrated probability, 0 to 1")
    bbox: tuple[float, float, float, float] = Field(description="[x0, y0, x1, y1), pixels of the image that was sent")
    image: str = Field(description="Id of the image")


class FilmMetadata(BaseModel):
    """What the film is; no identity."""

    modality: str = Field(description="DICOM modality, empty for a picture")
    image: str = Field(description="Id: a hash of the pixels")
    rows: int
    columns: int
    view: str
    spacing_mm: tuple[float, float] | None = Field(description="[row, column] distance of pixel centres, null when unknown")


class NoticeBody(BaseModel):
    """Something the reader must know."""

    code: str
    message: str


class FilmBody(BaseModel):
    """The answer about one film. `result` leads to everything that is known of it."""

    classification: FilmClassification
    detections: list[FilmDetection]
    annotated_image: str = Field(description="data:image/png;base64,...")
    metadata: FilmMetadata
    study: str = Field(description="Key of the study, which is kept")
    result: str = Field(description="Address of result.json")
    evidence: str = Field(description="What the figures of these weights were measured on: real or in-silico")
    disclaimer: str
    warnings: list[NoticeBody]
    skipped: list[SkippedFile]


class UnansweredBody(ErrorBody):
    """Why there is no answer. Refused is what could be read, but is no picture that these weights were measured on."""

    result: str | None = Field(None, description="Address of the result.json that says so, if the picture was read and kept")


class HealthBody(BaseModel):
    """Whether the server can work."""

    status: str = Field(description="ok, starting, or degraded (a bundle cannot be used)")
    version: str
    tasks: list[str]
    bundles: dict[str, dict[str, Any]]
    queue: dict[str, int]


def whole_number(text: str) -> int | None:
    """A number from a header or a query, if it is one that a database can hold: at most 15 ASCII digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def job_body(job: Job, skipped: list[SkippedFile] | None = None) -> JobBody:
    """A job as REST shows it; without `skipped`, its kept rows, which know no names."""
    rows = skipped if skipped is not None else [
        SkippedFile(source=f"file {row['file']}" if row["file"] else "a file", **{k: row[k] for k in ("code", "message", "hint")})
        for row in job.skipped
    ]
    return JobBody(
        id=job.id, state=job.state, stage=job.stage, progress=job.progress, studies=list(job.studies), tasks=list(job.tasks),
        skipped=rows, error=ErrorBody(**job.error) if job.error else None,
    )


def study_body(row: StudyRow) -> StudyBody:
    """A study as REST shows it."""
    return StudyBody(
        key=row.key, modality=row.modality, series=row.series_count, images=row.image_count, preview=row.preview,
        created_at=row.created_at, results=[AnswerNote(task=task, status=status) for task, status in row.results],
    )
