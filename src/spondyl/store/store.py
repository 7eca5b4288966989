"""The store: one data folder and one database, opened together."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

from spondyl.core import UNTOLD, HeatMap, Image, NotFoundError, Person, Study, TaskOutput
from spondyl.store import jobs as job_rows
from spondyl.store import studies as study_rows
from spondyl.store.artefacts import MapNote, pack_image, pack_maps, unpack_image, unpack_maps
from spondyl.store.engine import open_engine, reading, writing
from spondyl.store.files import Incoming, KeptFile, Shelves, sweep_incoming
from spondyl.store.jobs import Job, JobEvent
from spondyl.store.schema import audit, files, images, results, studies, study_files
from spondyl.store.studies import Preview, ResultRow, StudyDraft, StudyRow, draft_of


class Store:
    """Everything that is kept.

    Args:
        url: SQLAlchemy URL; the tables are brought up to date on opening.
        data_dir: Folder for uploads and artefacts, each under the hash of its bytes.
    """

    def __init__(self, url: str, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.url = url
        self.data_dir = data_dir
        self._incoming = data_dir / "incoming"
        self._uploads = Shelves(data_dir / "uploads", self._incoming)
        self._artefacts = Shelves(data_dir / "artefacts", self._incoming)
        self._engine = open_engine(url)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    # Uploads: received, kept, then accepted with their studies and job in one commit.
    def incoming(self) -> Incoming:
        """A file to write an upload into."""
        return Incoming(self._incoming)

    def keep(self, received: Sequence[Incoming]) -> tuple[KeptFile, ...]:
        """Sync and rename into place. Not yet acknowledged: that takes `accept`."""
        return self._uploads.keep(received)

    def draft(self, study: Study, files: tuple[str, ...] = ()) -> StudyDraft:
        """What `accept` needs of a study that was read from these kept files; its preview lies on disk, not in memory."""
        middle, file = study_rows.middle_image(study), self.incoming()
        file.write(pack_image(middle.pixels))
        file.finish()
        return replace(draft_of(study, files), preview=Preview(middle.id, middle.shape, file))

    def accept(
        self, kept: Sequence[KeptFile], drafts: Sequence[StudyDraft], *, tasks: Sequence[str], pair: bool = False,
        skipped: Sequence[Mapping[str, Any]] = (), person: Person = UNTOLD, who: str = "api",
    ) -> Job:
        """Files, studies and a queued job in one commit; on return all of it survives a power cut.

        Args:
            kept: From `keep`.
            drafts: What was read from them, from `draft`.
            tasks: Names of the tasks to run.
            pair: Whether the pictures of the upload were read as one study.
            skipped: Rows of {file, code, message, hint}, with no file names.
            person: What the caller said of the person, for files that do not say it.
            who: Which door took it in, for the audit.
        """
        job_id = secrets.token_hex(16)
        previews = [file.name for file in self._artefacts.keep(_preview_file(draft) for draft in drafts)]
        with writing(self._engine) as connection:
            study_rows.add_files(connection, [(file.name, file.size) for file in kept])
            for draft, artefact in zip(drafts, previews, strict=True):
                study_rows.add_study(connection, draft)
                study_rows.add_image(connection, draft.key, draft.preview.id, artefact, draft.preview.shape)
            job_rows.add_job(connection, job_id, files=[file.name for file in kept], studies=[draft.key for draft in drafts],
                             tasks=tasks, pair=pair, skipped=skipped, person=person)
            connection.execute(insert(audit).values(_audit(who, "upload", job_id, "accepted")))
        return self.job(job_id)

    def upload_path(self, name: str) -> Path:
        """Where a kept upload lies, by content hash."""
        return self._uploads.path(name)

    def files_of(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Content hashes of every upload these studies came from, oldest first."""
        query = (
            select(files.c.sha256).join(study_files, study_files.c.sha256 == files.c.sha256)
            .where(study_files.c.study_key.in_(list(keys))).group_by(files.c.sha256, files.c.received_at)
            .order_by(files.c.received_at, files.c.sha256)
        )
        with reading(self._engine) as connection:
            return tuple(connection.scalars(query))

    def sweep(self, older_than_s: float = 86400.0) -> int:
        """Remove uploads that were never acknowledged and leftovers of dead processes. Returns how many uploads."""
        sweep_incoming(self._incoming, older_than_s)
        with reading(self._engine) as connection:
            known = set(connection.scalars(select(files.c.sha256)))
            kept = set(connection.scalars(select(images.c.artefact)))
            kept |= {name for name in connection.scalars(select(results.c.maps)) if name}
        self._artefacts.sweep(kept, older_than_s)
        return self._uploads.sweep(known, older_than_s)

    # Jobs
    def job(self, job_id: str) -> Job:
        """The job of that id.

        Raises:
            NotFoundError: If there is none.
        """
        with reading(self._engine) as connection:
            found = job_rows.find_job(connection, job_id)
        if found is None:
            raise NotFoundError("unknown-job", "no job has this id", "Take the id from the answer to the upload")
        return found

    def job_of(self, key: str) -> Job | None:
        """The newest job that a study is part of, or None."""
        with reading(self._engine) as connection:
            return job_rows.newest_of(connection, key)

    def unfinished_jobs(self) -> tuple[str, ...]:
        """Ids of the jobs that still have to be done, oldest first."""
        with reading(self._engine) as connection:
            return job_rows.unfinished(connection)

    def waiting(self) -> dict[str, int]:
        """How many jobs are queued and running."""
        with reading(self._engine) as connection:
            return job_rows.count_waiting(connection)

    def begin_job(self, job_id: str) -> int:
        """Count one more attempt at a job; 1 is the first."""
        with writing(self._engine) as connection:
            return job_rows.begin(connection, job_id)

    def move_job(
        self, job_id: str, state: str, stage: str, progress: float, error: Mapping[str, str] | None = None
    ) -> bool:
        """Write where a job stands; False if it had already finished."""
        with writing(self._engine) as connection:
            moved = job_rows.move(connection, job_id, state, stage, progress, error)
            if moved and state in job_rows.FINISHED:
                connection.execute(insert(audit).values(_audit("worker", "analyse", job_id, state)))
            return moved

    def remark(self, job_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add what was noticed after the upload was accepted; rows as `skipped` of `accept`."""
        with writing(self._engine) as connection:
            job_rows.remark(connection, job_id, rows)

    def release_job(self, job_id: str) -> None:
        """Put a job back that was interrupted on purpose: that attempt does not count."""
        with writing(self._engine) as connection:
            job_rows.release(connection, job_id)

    def job_events(self, job_id: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Events of a job that came after number `after`."""
        with reading(self._engine) as connection:
            return job_rows.events_after(connection, job_id, after)

    # Studies and results
    def studies(self, limit: int = 100, offset: int = 0) -> tuple[StudyRow, ...]:
        """Studies, newest first."""
        with reading(self._engine) as connection:
            return study_rows.list_studies(connection, limit, offset)

    def study_count(self) -> int:
        """How many studies there are."""
        with reading(self._engine) as connection:
            return connection.scalars(select(func.count()).select_from(studies)).one()

    def study(self, key: str) -> StudyRow:
        """The study of that key.

        Raises:
            NotFoundError: If there is none.
        """
        with reading(self._engine) as connection:
            found = study_rows.find_study(connection, key)
        if found is None:
            raise NotFoundError("unknown-study", "no study has this key", "List the studies to see their keys")
        return found

    def save(self, study: Study, output: TaskOutput, job_id: str = "") -> bool:
        """Keep an answer, its pictures and its heat maps; durable on return.

        Args:
            study: What was answered.
            output: The answer.
            job_id: The job it belongs to, if any; with a new answer that did not fail, its attempts count anew.

        Returns:
            False if the same answer (same input, weights and software) was there already, or one by the same weights that rests
            on these images and more (part of a study came again); it then stays as it is.
        """
        result = output.result
        answer = study_rows.fingerprint(study, result.bundle.sha256 if result.bundle else "", result.software)
        if self.has_answer(study, result.task, result.bundle.sha256 if result.bundle else "", result.software):
            return False
        draft = draft_of(study)
        wanted = {note.id for note in result.images} | {draft.preview.id}
        pictures = [(image, self._keep_image(image)) for image in study.images if image.id in wanted]
        artefact = self._artefacts.keep_bytes(pack_maps(output.maps)).name if output.maps else None
        with writing(self._engine) as connection:
            if study_rows.same_answer(connection, study.key, result.task, answer) or study_rows.is_poorer(connection, result):
                return False
            study_rows.add_study(connection, draft)
            for image, name in pictures:
                study_rows.add_image(connection, study.key, image.id, name, image.shape)
            study_rows.add_result(connection, result, result.to_json(), answer, output.maps, artefact)
            if result.status != "failed":
                job_rows.forgive(connection, job_id)
            connection.execute(insert(audit).values(_audit("analysis", f"save {result.task}"[:64], study.key, result.status)))
        return True

    def has_answer(self, study: Study, task: str, bundle_sha256: str, software: Mapping[str, str]) -> bool:
        """Whether the latest answer of the task was made from this very input by this very software."""
        answer = study_rows.fingerprint(study, bundle_sha256, software)
        with reading(self._engine) as connection:
            return study_rows.same_answer(connection, study.key, task, answer)

    def results(self, key: str) -> tuple[ResultRow, ...]:
        """The latest answer of each task on a study."""
        self.study(key)
        with reading(self._engine) as connection:
            return study_rows.latest_results(connection, key)

    def result(self, key: str, task: str) -> ResultRow:
        """The latest answer of one task on a study.

        Raises:
            NotFoundError: If there is no such study, or no answer yet.
        """
        self.study(key)
        with reading(self._engine) as connection:
            found = study_rows.latest_result(connection, key, task)
        if found is None:
            raise NotFoundError("unknown-result", "this study has no result of this task", "Wait for its job, or list its results")
        return found

    def maps(self, row: ResultRow) -> tuple[HeatMap, ...]:
        """The heat maps of an answer."""
        if row.maps is None:
            return ()
        return unpack_maps(self._artefacts.path(row.maps).read_bytes(), self.map_notes(row))

    def map_notes(self, row: ResultRow) -> tuple[MapNote, ...]:
        """What the heat maps of an answer explain."""
        with reading(self._engine) as connection:
            return study_rows.map_notes(connection, row.id)

    def image(self, key: str, image_id: str) -> Image:
        """A kept picture, rounded to 8 bit when it was kept; its spacing and view are in result.json.

        Raises:
            NotFoundError: If the study has no such picture.
        """
        query = select(images.c.artefact).where(images.c.study_key == key, images.c.id == image_id)
        with reading(self._engine) as connection:
            name = connection.scalars(query).one_or_none()
        if name is None:
            raise NotFoundError("unknown-image", "this study has no kept image of this id", "Image ids are in result.json")
        return Image(image_id, unpack_image(self._artefacts.path(name).read_bytes()))

    # Audit
    def audit(self) -> tuple[tuple[str, str, str, str], ...]:
        """(who, what, object, outcome), oldest first: which door or worker did what to which key. Never an identity."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(audit.c.who, audit.c.what, audit.c.object, audit.c.outcome).order_by(audit.c.id))
            return tuple((row[0], row[1], row[2], row[3]) for row in rows)

    def _keep_image(self, image: Image) -> str:
        return self._artefacts.keep_bytes(pack_image(image.pixels)).name


def _preview_file(draft: StudyDraft) -> Incoming:
    if draft.preview.file is None:
        raise ValueError("a study is accepted with its preview: make the draft with `Store.draft`")
    return draft.preview.file


def _audit(who: str, what: str, what_on: str, outcome: str) -> dict[str, Any]:
    return {"at": time.time(), "who": who, "what": what, "object": what_on, "outcome": outcome}
