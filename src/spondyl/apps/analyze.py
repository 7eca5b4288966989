"""`spondyl analyze`: read, answer, keep; the same functions that the server calls."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from spondyl.apps import outputs, wiring
from spondyl.apps.batches import Batch, Progress, in_batches, whole
from spondyl.apps.exits import DONE, FAILURE, FIXABLE
from spondyl.apps.settings import Settings
from spondyl.apps.tables import Tables, is_full
from spondyl.core import UNTOLD, InputError, Person, Study, StudyResult, TaskOutput
from spondyl.dicom import CLUTTER, Reader, Skipped, Source
from spondyl.inference import Shelf
from spondyl.store import Store, load_key, load_or_create_key
from spondyl.tasks.port import Task

NOTHING_KEPT = outputs.Keeping()


@dataclass(frozen=True, slots=True)
class Unwritten:
    """What could not be written of one answer: our failure. Why is logged."""

    study_key: str
    task: str
    files: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """{study_key, task, files}."""
        return {"study_key": self.study_key, "task": self.task, "files": list(self.files)}


@dataclass(frozen=True, slots=True)
class Analysis:
    """What came of one call of `spondyl analyze`.

    Attributes:
        results: One a study and task, in the order of reading.
        sources: By study key, the caller's own names of what it was read from. They are for the caller only.
        skipped: What was not read, and why.
        named: What the caller named, as `skipped` has it.
        unwritten: Files that should have been written and were not.
    """

    results: tuple[StudyResult, ...]
    sources: Mapping[str, tuple[str, ...]]
    skipped: tuple[Skipped, ...]
    named: frozenset[str] = frozenset()
    unwritten: tuple[Unwritten, ...] = ()

    @property
    def lost(self) -> tuple[Skipped, ...]:
        """What the caller will miss: not the letters and listings that lie about in a folder, but a letter that was named is one."""
        return tuple(row for row in self.skipped if row.code not in CLUTTER or (row.code == "not-an-image" and row.source in self.named))

    @property
    def exit_code(self) -> int:
        """0 all done, 2 if anything was refused or lost or nothing was found, 1 if we failed."""
        statuses = {result.status for result in self.results}
        if "failed" in statuses or self.unwritten:
            return FAILURE
        return FIXABLE if self.lost or statuses != {"done"} else DONE

    def as_dict(self) -> dict[str, Any]:
        """{studies, skipped, sources, unwritten}: `studies` holds result.json objects."""
        return {
            "studies": [result.as_dict() for result in self.results],
            "skipped": [skipped_note(row) for row in self.skipped],
            "sources": {key: list(names) for key, names in self.sources.items()},
            "unwritten": [row.as_dict() for row in self.unwritten],
        }


def analyze(
    paths: Sequence[Path],
    settings: Settings,
    *,
    tasks: Sequence[str] = (),
    out: Path | None = None,
    keep: bool = False,
    pair: bool = False,
    pdf: bool = False,
    person: Person = UNTOLD,
    progress: Progress = lambda what, done, total: None,
) -> Analysis:
    """Read the paths and answer with every task named (all that have a bundle where none is).

    Args:
        paths: Files, folders, archives or a DICOMDIR.
        settings: Limits, data folder, bundles and runtime.
        tasks: Names of tasks.
        out: Folder for result.json, pictures, tables, index.csv and findings.csv, or None.
        keep: Whether studies and results are kept in the data folder, as the server does.
        pair: Whether all pictures belong to one study.
        pdf: Whether each study's folder in `out` gets a report.pdf.
        person: What is known of everyone whose file does not say it.
        progress: Called as the work goes on.

    Raises:
        NotFoundError: If a task or a bundle is not known.
        InputError: If a folder cannot be written, `out` would be read as input, or a report is wanted and no `out` named.
        BundleError: If a bundle is damaged.
    """
    if out is not None:
        outputs.check_place(out, paths)
    elif pdf:
        raise InputError("pdf-without-out", "a report was asked for, and no folder to write it to", "Add --out DIR")
    shelf = wiring.shelf(settings)
    chosen = wiring.served(shelf, tasks, settings.bmd_reference)
    for name in chosen:
        shelf.open(name)
    key = pseudonym_key(settings, create=keep or out is not None)
    with disk_full_told(), ExitStack() as stack:
        reader = stack.enter_context(wiring.reader(settings, key))
        keeping = outputs.Keeping(
            store=stack.enter_context(Store(settings.database_url, settings.data)) if keep else None,
            folder=outputs.Folder(out, partial(outputs.card_of, shelf) if pdf else None) if out else None,
            tables=stack.enter_context(Tables(out, list(chosen))) if out else None,
        )
        return run(paths, reader, chosen, shelf, keeping, pair=pair, person=person, progress=progress)


@contextmanager
def disk_full_told() -> Iterator[None]:
    """A full disk is something the caller can mend.

    Raises:
        InputError: In the place of the system's error.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise InputError(
            "out-disk-full",
            "a disk that answers are written to is full, or a quota on it is used up",
            "Make room and run it again; what was answered before is kept",
        ) from None


def run(
    paths: Sequence[Path],
    reader: Reader,
    tasks: Mapping[str, Task],
    shelf: Shelf,
    keeping: outputs.Keeping = NOTHING_KEPT,
    *,
    pair: bool = False,
    person: Person = UNTOLD,
    progress: Progress = lambda what, done, total: None,
) -> Analysis:
    """Read a few studies, answer each and keep the answer, until all are answered; paired pictures are read at once."""
    sources = [Source(path, label(path)) for path in paths]
    work = _Work(tasks, shelf, keeping, progress, person)
    if pair:
        work.answer(Batch(whole(reader, sources, progress, pair=True)))
    else:
        for batch in in_batches(reader, sources, progress):
            work.answer(batch)
            del batch  # its pixels are not held while the next is read
    named = frozenset(source.label for source in sources)
    return Analysis(tuple(work.results), work.sources, tuple(work.skipped), named, tuple(work.unwritten))


@dataclass(slots=True)
class _Work:
    """How batches are answered, and what came of them so far."""

    tasks: Mapping[str, Task]
    shelf: Shelf
    keeping: outputs.Keeping
    progress: Progress
    person: Person
    results: list[StudyResult] = field(default_factory=list)
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    unwritten: list[Unwritten] = field(default_factory=list)
    studies: int = 0

    def answer(self, batch: Batch) -> None:
        """Study by study; each answer is kept before the next begins."""
        report = batch.report
        for number, study in enumerate(map(self.person.fill, report.studies)):
            self.progress("Analysing", self.studies + number, self.studies + len(report.studies) + batch.left)
            names = report.sources.get(study.key, ())
            for output in answers(study, self.tasks, self.shelf):
                if missing := self.keeping.answer(study, output, names):
                    self.unwritten.append(Unwritten(study.key, output.result.task, missing))
                self.results.append(output.result)
        self.keeping.skipped(report.skipped)
        self.skipped += report.skipped
        self.sources |= {key: (*self.sources.get(key, ()), *names) for key, names in report.sources.items()}
        self.studies += len(report.studies)
        self.progress("Analysing", self.studies, self.studies + batch.left)


def answers(study: Study, tasks: Mapping[str, Task], shelf: Shelf) -> list[TaskOutput]:
    """What each task says; a task that refuses is left out where another one did not."""
    outputs = [wiring.answer(study, task, shelf) for task in tasks.values()]
    return [output for output in outputs if output.result.status != "refused"] or outputs


def pseudonym_key(settings: Settings, *, create: bool) -> bytes:
    """The key of the data folder; where there is none, a new one that is kept (`create`) or forgotten afterwards."""
    if create:
        return load_or_create_key(settings.data)
    return load_key(settings.data) or secrets.token_bytes(32)


def label(path: Path) -> str:
    """The path as the caller typed it, in characters that can be written to a table; bytes that are no text become "?"."""
    return str(path).encode("utf-8", "replace").decode("utf-8")


def skipped_note(row: Skipped) -> dict[str, str]:
    """{source, code, message, hint}."""
    return {"source": row.source, "code": row.code, "message": row.message, "hint": row.hint}
