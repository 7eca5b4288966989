"""What a task is, and the one function that every door calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from spondyl.core import BundleNote, Image, Notice, Refusal, Study, StudyResult, TaskOutput
from spondyl.inference import Engine, Shelf

OnStage = Callable[[str], None]
"""Called with the name of each stage as it begins: "gate", "locate", "grade", "explain"."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The images of a study that a task will look at, and what the reader must know about the choice."""

    images: tuple[Image, ...]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Images that were not read, by id, and why."""

    reason: Refusal
    images: tuple[str, ...]


class Task(Protocol):
    """One clinical question. It holds no state between studies."""

    @property
    def name(self) -> str:
        """As in the table of tasks, e.g. "mri-discs"."""

    def select(self, study: Study) -> Selection:
        """The images it takes.

        Raises:
            Refusal: If none is for this task; the code says why.
        """

    def run(self, study: Study, selection: Selection, engine: Engine, on_stage: OnStage) -> TaskOutput:
        """Findings, measurements and heat maps, in pixels of the original images.

        Raises:
            Refusal: If the gate says that this is not what the task was measured on.
        """


def process_study(study: Study, task: Task, shelf: Shelf, on_stage: OnStage = lambda stage: None) -> TaskOutput:
    """One study through one task: select, gate, read, answer. Command line, REST and worker all call this.

    A refusal is an answer (status "refused"); any other error is the caller's to report. An answer of weights that were measured
    in silico only says so among its warnings, which every face shows.
    """
    began = time.perf_counter()
    engine = shelf.open(task.name)
    try:
        on_stage("select")
        selection = task.select(study)
        output = task.run(study, selection, engine, on_stage)
    except Refusal as refusal:
        output = TaskOutput(refused(study, task.name, engine, refusal))
    total_ms = (time.perf_counter() - began) * 1000
    result = output.result
    timings = {**result.timings_ms, "total": round(total_ms, 1)}
    warnings = (*result.warnings, *(evidence_notices(engine) if result.status == "done" else ()))
    return replace(output, result=replace(result, timings_ms=timings, warnings=warnings))


def left_out(refusals: Sequence[LeftOut]) -> tuple[Notice, ...]:
    """A notice for each reason for which images of the study were not read, with their ids."""
    codes = {row.reason.message: row.reason.code for row in refusals}
    images = {message: sorted({name for row in refusals if row.reason.message == message for name in row.images}) for message in codes}
    return tuple(
        Notice("image-left-out", f"an image of the study was not read: {message}", code, tuple(images[message]))
        for message, code in codes.items()
    )  # fmt: skip


def evidence_notices(engine: Engine) -> tuple[Notice, ...]:
    """What the reader must know of the weights: that they were measured in silico only, that they are for research only."""
    notices = []
    if engine.bundle.note.evidence == "in-silico":
        notices.append(Notice("in-silico-evidence", "the figures of this bundle come from the digital spine, not from patients"))
    if engine.bundle.manifest.research_only:
        notices.append(Notice("research-only-weights", "the weights of this bundle were trained on data that are for research only"))
    return tuple(notices)


def refused(study: Study, task: str, engine: Engine, refusal: Refusal) -> StudyResult:
    """The result that says why there is no answer."""
    return StudyResult(
        task=task,
        status="refused",
        refusal=refusal.as_dict(),
        study=study_note(study),
        bundle=bundle_note(engine),
        software=engine.software,
    )


def study_note(study: Study) -> dict[str, str]:
    """The `study` object of result.json."""
    return {"key": study.key, "modality": study.modality}


def bundle_note(engine: Engine) -> BundleNote:
    """The `bundle` object of result.json."""
    return engine.bundle.note


def tasks_by_name(tasks: Sequence[Task]) -> dict[str, Task]:
    """Tasks by name; a name claimed twice raises."""
    table: dict[str, Task] = {}
    for task in tasks:
        if task.name in table:
            raise ValueError(f"two tasks are called {task.name!r}")
        table[task.name] = task
    return table


class Stages:
    """A clock that says which stage begins and keeps how long each took."""

    def __init__(self, on_stage: Callable[[str], None]) -> None:
        """`on_stage` is called with each name."""
        self._on_stage = on_stage
        self._began: list[tuple[str, float]] = []

    def begin(self, name: str) -> None:
        """The stage of that name begins, and the one before it ends."""
        self._began.append((name, time.perf_counter()))
        self._on_stage(name)

    def timings_ms(self) -> dict[str, float]:
        """Milliseconds of each stage; the last one ends now."""
        marks = [*self._began, ("", time.perf_counter())]
        return {name: round((end - start) * 1000, 1) for (name, start), (_, end) in pairwise(marks)}
