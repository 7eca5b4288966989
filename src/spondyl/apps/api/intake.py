"""Taking files in: read them once to see what they are, keep them, and hand over a job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spondyl.apps.api.crowd import busy
from spondyl.apps.api.errors import UnreadableUploadError
from spondyl.apps.api.receive import Received
from spondyl.apps.api.unpack import Part, unpack
from spondyl.apps.worker import Worker
from spondyl.core import UNTOLD, InputError, NotFoundError, Person, Study
from spondyl.core.errors import describe_unknown
from spondyl.dicom import Limits, Reader, Source
from spondyl.store import Incoming, Job, Store, StudyDraft

BATCH_FILES, BATCH_BYTES = 64, 16 * 2**20
"""Files are looked at in batches, so that memory does not grow with the upload. Paired pictures are one batch."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An upload that is kept.

    Attributes:
        job: Its analysis.
        skipped: For the caller only: its rows carry the caller's own names.
        images: Ids of the images in this upload, by study; a study may have others, that came before.
    """

    job: Job
    skipped: tuple[Mapping[str, Any], ...]
    images: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intake:
    """The way in.

    Attributes:
        reader: Says what each file is.
        store: Keeps what can be read.
        worker: Is handed the job.
        tasks: Names of the tasks an upload is for when it names none.
        limits: What an archive may expand to.
    """

    reader: Reader
    store: Store
    worker: Worker
    tasks: tuple[str, ...]
    limits: Limits = field(default_factory=Limits)

    def take(
        self, received: list[Received], *, task: str = "", pair: bool = False, person: Person = UNTOLD, who: str = "api",
        too_large: Sequence[tuple[str, InputError]] = (), most_studies: int | None = None,
    ) -> Accepted:
        """Keep what can be read and queue its analysis; durable on return. Files that cannot be read leave no trace.

        Raises:
            NotFoundError: If no task has that name.
            UnreadableUploadError: If nothing can be read.
            InputError: If there are more than `most_studies` in it; nothing is kept then.
            SpondylError: If too many jobs wait already.
        """
        look = _Look([_row(label, error.as_dict(), None) for label, error in too_large])
        try:
            names = self._task_names(task)
            self.check_queue()
            self._read(unpack(received, self.store.incoming, self.limits), pair, look)
            if not look.drafts:
                raise _nothing_readable(look.skipped)
            if most_studies is not None and len(look.drafts) > most_studies:
                raise InputError("several-studies", f"the upload holds {len(look.drafts)} studies where {most_studies} is answered",
                                 "Send many studies to POST /api/v1/studies")
            job = self._accept(look, names, pair, person, who)
        finally:
            for item in received:
                item.file.discard()
            for file in look.received:
                file.discard()
        self.worker.submit(job, [(study, look.drafts[study.key].files) for study in look.studies])
        return Accepted(job, tuple(look.skipped), {key: draft.images for key, draft in look.drafts.items()})

    def _accept(self, look: _Look, tasks: Sequence[str], pair: bool, person: Person, who: str) -> Job:
        kept = self.store.keep(look.used)
        skipped = [{"file": row["file"], "code": row["code"], "message": row["message"], "hint": row["hint"]} for row in look.skipped]
        return self.store.accept(kept, list(look.drafts.values()), tasks=tasks, pair=pair, skipped=skipped, person=person,
                                 who=who)

    def _task_names(self, task: str) -> tuple[str, ...]:
        if not task:
            return self.tasks
        if task not in self.tasks:
            raise NotFoundError("unknown-task", describe_unknown("task", task, self.tasks), "GET /health lists the tasks")
        return (task,)

    def check_queue(self) -> None:
        """Refuse before anything is received.

        Raises:
            SpondylError: If too many jobs wait.
        """
        if self.worker.full:
            raise busy("many uploads wait to be analysed")

    def _read(self, parts: Iterator[Part], pair: bool, look: _Look) -> None:
        for number, batch in enumerate(_batches(parts, look, whole=pair)):
            look.studies = []  # pixels of an earlier batch are not held while this one is read
            studies = self._read_batch(batch, pair, look)
            look.studies = studies if number == 0 else []

    def _read_batch(self, batch: Sequence[Part], pair: bool, look: _Look) -> list[Study]:
        """Read some files and put down what they are; the studies come back for as long as there is one batch."""
        sources = []
        for i, part in enumerate(batch):
            if part.file is not None:
                sources.append(Source(part.file.path, str(i)))
            elif part.error is not None:
                look.skipped.append(_row(part.label, part.error.as_dict(), part.number))
        report = self.reader.read(sources, pair=pair)
        used = {int(row.source) for row in report.skipped if row.code == "duplicate"}
        for study in report.studies:
            places = [int(label) for label in report.sources.get(study.key, ())]
            used.update(places)
            look.add(self.store.draft(study, tuple(file.name for i in places if (file := batch[i].file) is not None)))
        for row in report.skipped:
            part = batch[int(row.source)]
            look.skipped.append(_row(part.label, {"code": row.code, "message": row.message, "hint": row.hint}, part.number))
        look.used += [file for i in sorted(used) if (file := batch[i].file) is not None]
        return list(report.studies)


@dataclass(slots=True)
class _Look:
    """What the reader has said so far. Of the files received, `used` will be kept."""

    skipped: list[dict[str, Any]]
    drafts: dict[str, StudyDraft] = field(default_factory=dict)
    used: list[Incoming] = field(default_factory=list)
    received: list[Incoming] = field(default_factory=list)
    studies: list[Study] = field(default_factory=list)

    def add(self, draft: StudyDraft) -> None:
        if draft.preview.file is not None:
            self.received.append(draft.preview.file)
        known = self.drafts.get(draft.key)
        self.drafts[draft.key] = draft if known is None else known + draft


def _batches(parts: Iterator[Part], look: _Look, whole: bool) -> Iterator[list[Part]]:
    batch: list[Part] = []
    size = 0
    for part in parts:
        more = 0
        if part.file is not None:
            look.received.append(part.file)
            more = part.file.size
        if whole and len(batch) >= BATCH_FILES:
            message = f"more than {BATCH_FILES} files were to be one study of pictures"
            raise InputError("pair-too-many", message, "Send fewer, or without `pair`")
        if batch and not whole and (len(batch) >= BATCH_FILES or size + more > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(part)
        size += more
    if batch:
        yield batch


def _row(source: str, error: Mapping[str, str], number: int | None) -> dict[str, Any]:
    return {"source": source, "file": number, **{name: error[name] for name in ("code", "message", "hint")}}


def _nothing_readable(skipped: Sequence[Mapping[str, Any]]) -> InputError:
    if not skipped:
        return InputError("no-files", "the upload has no file in it", "Send files in the field `files` of a multipart form")
    first = skipped[0]
    return UnreadableUploadError(first["code"], first["message"], first["hint"], skipped)
