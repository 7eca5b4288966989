"""Studies and their results as rows. Each function works inside a transaction that the caller opened."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from spondyl.core import HeatMap, Image, Study, StudyResult
from spondyl.store.artefacts import MapNote
from spondyl.store.files import Incoming
from spondyl.store.schema import files, heat_maps, images, results, studies, study_files


@dataclass(frozen=True, slots=True)
class Preview:
    """The picture that stands for a study: its id, its (rows, columns), and its packed bytes on disk, where they wait to be kept."""

    id: str
    shape: tuple[int, int]
    file: Incoming | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StudyDraft:
    """What is written down about a study when it is first seen; parts that were read one by one can be added up.

    Attributes:
        key, modality: As in `core.Study`.
        series: Keys of its series.
        images: Ids of its images.
        preview: The picture that stands for it in a list; no pixels are held, an upload may bring thousands of studies.
        files: Content hashes of the kept files it came from.
    """

    key: str
    modality: str
    series: frozenset[str]
    images: frozenset[str]
    preview: Preview
    files: tuple[str, ...] = ()

    def __add__(self, other: StudyDraft) -> StudyDraft:
        if other.key != self.key:
            raise ValueError("drafts of two studies cannot be added")
        files = tuple(dict.fromkeys(self.files + other.files))
        return StudyDraft(self.key, self.modality or other.modality, self.series | other.series, self.images | other.images,
                          self.preview, files)


def draft_of(study: Study, files: tuple[str, ...] = ()) -> StudyDraft:
    """The draft of a study as it was read; its middle image is the preview, not yet written down."""
    middle = middle_image(study)
    series = frozenset(series.key for series in study.series)
    images = frozenset(image.id for image in study.images)
    return StudyDraft(study.key, study.modality, series, images, Preview(middle.id, middle.shape), files)


def middle_image(study: Study) -> Image:
    """The picture that stands for a study."""
    return study.images[len(study.images) // 2]


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A study that is kept. `results` holds (task, status) of the latest answers."""

    key: str
    modality: str
    series_count: int
    image_count: int
    preview: str | None
    created_at: float
    results: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A saved answer. `json` is result.json as it was made, to the byte."""

    id: int
    study_key: str
    task: str
    status: str
    json: str
    created_at: float
    maps: str | None


def fingerprint(study: Study, bundle_sha256: str, software: Mapping[str, str]) -> str:
    """What an answer depends on, as one hash: the same input, weights and software give the same answer."""
    pictures = [[image.id, image.spacing_mm, image.view, image.sequence] for image in study.images]
    text = json.dumps([sorted(study.sources), pictures, study.sex, study.age_years, bundle_sha256, dict(sorted(software.items()))])
    return hashlib.sha256(text.encode()).hexdigest()


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose primary key is not there yet."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for row in rows:
        connection.execute(dialect.insert(table).values(**row).on_conflict_do_nothing())


def add_files(connection: Connection, kept: Iterable[tuple[str, int]]) -> None:
    """Rows for files of (sha256, size)."""
    now = time.time()
    insert_missing(connection, files, [{"sha256": name, "size": size, "received_at": now} for name, size in kept])


def add_study(connection: Connection, draft: StudyDraft) -> None:
    """A row for the study, if it has none, and the kept files it came from."""
    counts = {"series_count": len(draft.series), "image_count": len(draft.images)}
    insert_missing(connection, studies, [{
        "key": draft.key, "modality": draft.modality[:16], "preview": draft.preview.id, "created_at": time.time(), **counts,
    }])
    connection.execute(studies.update().where(studies.c.key == draft.key, studies.c.image_count < len(draft.images)).values(**counts))
    insert_missing(connection, study_files, [{"study_key": draft.key, "sha256": name} for name in draft.files])


def add_image(connection: Connection, key: str, image: str, artefact: str, shape: tuple[int, int]) -> None:
    """A row for a kept picture of shape (rows, columns)."""
    row = {"study_key": key, "id": image, "artefact": artefact, "rows": shape[0], "columns": shape[1]}
    insert_missing(connection, images, [row])


def latest_result(connection: Connection, key: str, task: str) -> ResultRow | None:
    """The last answer of a task on a study, or None."""
    row = connection.execute(
        _result_columns().where(results.c.study_key == key, results.c.task == task).order_by(results.c.id.desc()).limit(1)
    ).one_or_none()
    return None if row is None else ResultRow(*row)


def latest_results(connection: Connection, key: str) -> tuple[ResultRow, ...]:
    """The last answer of each task on a study, by task name."""
    newest = select(func.max(results.c.id)).where(results.c.study_key == key).group_by(results.c.task)
    rows = connection.execute(_result_columns().where(results.c.id.in_(newest)).order_by(results.c.task))
    return tuple(ResultRow(*row) for row in rows)


def same_answer(connection: Connection, key: str, task: str, answer: str) -> bool:
    """Whether the latest answer has this fingerprint and did not fail."""
    row = connection.execute(
        select(results.c.fingerprint, results.c.status)
        .where(results.c.study_key == key, results.c.task == task).order_by(results.c.id.desc()).limit(1)
    ).one_or_none()
    return row is not None and row.fingerprint == answer and row.status != "failed"


def is_poorer(connection: Connection, result: StudyResult) -> bool:
    """Whether the latest answer, by the same weights, rests on all images of this one and on more."""
    latest = latest_result(connection, result.study["key"], result.task)
    if latest is None or latest.status != "done" or result.bundle is None:
        return False
    before = json.loads(latest.json)
    ids = {note["id"] for note in before["images"]}
    return before["bundle"]["sha256"] == result.bundle.sha256 and {note.id for note in result.images} < ids


def add_result(
    connection: Connection, result: StudyResult, text: str, answer: str, maps: Sequence[HeatMap], artefact: str | None
) -> None:
    """Make this the latest answer; an older one with the same fingerprint gives way, so that there is one."""
    key = result.study["key"]
    connection.execute(
        delete(results).where(results.c.study_key == key, results.c.task == result.task, results.c.fingerprint == answer)
    )
    number = connection.execute(insert(results).values(
        study_key=key, task=result.task, status=result.status, json=text, fingerprint=answer, maps=artefact, created_at=time.time(),
        bundle_sha256=result.bundle.sha256 if result.bundle else "",
    )).inserted_primary_key
    assert number is not None
    rows = [
        {"result_id": number[0], "position": i, "finding": heat.finding, "level_from_bottom": heat.level_from_bottom,
         "side": heat.side, "image": heat.image}
        for i, heat in enumerate(maps)
    ]
    if rows:
        connection.execute(insert(heat_maps), rows)


def map_notes(connection: Connection, result_id: int) -> tuple[MapNote, ...]:
    """What the heat maps of a result explain, in the order they are kept."""
    rows = connection.execute(
        select(heat_maps.c.finding, heat_maps.c.image, heat_maps.c.level_from_bottom, heat_maps.c.side)
        .where(heat_maps.c.result_id == result_id).order_by(heat_maps.c.position)
    )
    return tuple(MapNote(*row) for row in rows)


def find_study(connection: Connection, key: str) -> StudyRow | None:
    """The study of that key, or None."""
    rows = _studies(connection, _study_columns().where(studies.c.key == key))
    return rows[0] if rows else None


def list_studies(connection: Connection, limit: int, offset: int) -> tuple[StudyRow, ...]:
    """Studies, newest first."""
    return _studies(connection, _study_columns().order_by(studies.c.created_at.desc(), studies.c.key).limit(limit).offset(offset))


def _studies(connection: Connection, query: Any) -> tuple[StudyRow, ...]:
    rows = connection.execute(query).all()
    newest = select(func.max(results.c.id)).where(results.c.study_key.in_([row.key for row in rows]))
    newest = newest.group_by(results.c.study_key, results.c.task)
    answers: dict[str, list[tuple[str, str]]] = {}
    query = select(results.c.study_key, results.c.task, results.c.status).where(results.c.id.in_(newest)).order_by(results.c.task)
    for key, task, status in connection.execute(query):
        answers.setdefault(key, []).append((task, status))
    return tuple(StudyRow(**row._mapping, results=tuple(answers.get(row.key, ()))) for row in rows)


def _study_columns() -> Any:
    return select(studies.c.key, studies.c.modality, studies.c.series_count, studies.c.image_count, studies.c.preview,
                  studies.c.created_at)


def _result_columns() -> Any:
    return select(results.c.id, results.c.study_key, results.c.task, results.c.status, results.c.json, results.c.created_at,
                  results.c.maps)
