"""The shapes REST speaks, for OpenAPI."""

from __future__ import annotations

from typing import Any

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
