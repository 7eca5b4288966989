"""`spondyl analyze`: read, answer, keep; the same functions that the server calls."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from spondyl.apps import outputs, wiring
from spondyl.apps.exits import DONE, FAILURE, FIXABLE
from spondyl.apps.settings import Settings
from spondyl.core import InputError, Study, StudyResult, TaskOutput
from spondyl.dicom import CLUTTER, Reader, Skipped, Source
from spondyl.inference import Shelf
from spondyl.store import Store, load_key, load_or_create_key
from spondyl.tasks.port import Task

Progress = Callable[[str, int, int], None]
"""Called with ("Reading" or "Analysing", how many are done, how many there are)."""


class Keep(Protocol):
    """Where answers go besides the screen."""

    def __call__(self, study: Study, output: TaskOutput, /) -> object:
        """Keep one answer; durable on return."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What came of one call of `spondyl analyze`.

    Attributes:
        results: One a study and task, in the order of reading.
        sources: By study key, the caller's own names of what it was read from. They are for the caller only.
        skipped: What was not read, and why.
        named: What the caller named, as `skipped` has it.
    """

    results: tuple[StudyResult, ...]
    sources: Mapping[str, tuple[str, ...]]
    skipped: tuple[Skipped, ...]
    named: frozenset[str] = frozenset()

    @property
    def lost(self) -> tuple[Skipped, ...]:
        """What the caller will miss: not the letters and listings that lie about in a folder, but a letter that was named is one."""
        return tuple(row for row in self.skipped if row.code not in CLUTTER or (row.code == "not-an-image" and row.source in self.named))

    @property
    def exit_code(self) -> int:
        """0 all done, 2 if anything was refused or lost or nothing was found, 1 if we failed."""
        statuses = {result.status for result in self.results}
        if "failed" in statuses:
            return FAILURE
        return FIXABLE if self.lost or statuses != {"done"} else DONE

    def as_dict(self) -> dict[str, Any]:
        """{studies, skipped, sources}: `studies` holds result.json objects."""
        return {
            "studies": [result.as_dict() for result in self.results],
            "skipped": [skipped_note(row) for row in self.skipped],
            "sources": {key: list(names) for key, names in self.sources.items()},
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
    chosen = wiring.served(shelf, tasks)
    for name in chosen:
        shelf.open(name)
    key = pseudonym_key(settings, create=keep or out is not None)
    with wiring.reader(settings, key) as reader, (Store(settings.database_url, settings.data) if keep else nullcontext()) as store:
        keepers: list[Keep] = [store.save] if store is not None else []
        if out is not None:
            keepers.append(outputs.Folder(out, partial(outputs.card_of, shelf) if pdf else None).write)
        analysis = run(paths, reader, chosen, shelf, keepers, pair=pair, progress=progress)
    if out is not None:
        outputs.write_index(out, analysis.results, analysis.sources, analysis.skipped)
        outputs.write_findings(out, analysis.results, list(chosen))
    return analysis


def run(
    paths: Sequence[Path],
    reader: Reader,
    tasks: Mapping[str, Task],
    shelf: Shelf,
    keepers: Sequence[Keep] = (),
    *,
    pair: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> Analysis:
    """Read everything, then answer study by study, handing each answer to the keepers before the next begins."""
    sources = [Source(path, label(path)) for path in paths]
    report = reader.read(sources, pair=pair, on_progress=lambda done, total: progress("Reading", done, total))
    results: list[StudyResult] = []
    for number, study in enumerate(report.studies):
        progress("Analysing", number, len(report.studies))
        for output in answers(study, tasks, shelf):
            for keeper in keepers:
                keeper(study, output)
            results.append(output.result)
    progress("Analysing", len(report.studies), len(report.studies))
    return Analysis(tuple(results), report.sources, report.skipped, frozenset(source.label for source in sources))


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
