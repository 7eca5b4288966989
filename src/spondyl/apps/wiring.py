"""What is plugged in where: the one place that names tasks, and builds readers and shelves from settings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spondyl import __version__
from spondyl.core import InputError, NotFoundError, Study, StudyResult, TaskOutput
from spondyl.core.errors import describe_unknown

if TYPE_CHECKING:  # `spondyl info` asks for the tasks and must not wait for codecs, runtimes and settings
    from spondyl.apps.settings import Settings
    from spondyl.dicom import Limits, Reader
    from spondyl.inference import Shelf
    from spondyl.tasks.port import OnStage, Task

log = logging.getLogger(__name__)
MEBIBYTE = 2**20


def tasks(bmd_reference: str = "") -> dict[str, Task]:
    """Every task of this build, by name. A new task is one more entry here.

    Args:
        bmd_reference: Whom T-scores compare with, where bone density is measured here; empty is the task's own.

    Raises:
        NotFoundError: `unknown-reference`.
    """
    from spondyl.metrics.bone_density import DEFAULT_REFERENCE
    from spondyl.tasks.dxa_osteoporosis import DxaOsteoporosis
    from spondyl.tasks.mri_discs import MriDiscs
    from spondyl.tasks.mri_stenosis import MriStenosis
    from spondyl.tasks.port import tasks_by_name
    from spondyl.tasks.xray_alignment import XrayAlignment
    from spondyl.tasks.xray_grade import XrayGrade
    from spondyl.tasks.xray_lesions import XrayLesions

    return tasks_by_name((MriDiscs(), MriStenosis(), XrayLesions(), XrayGrade(),
                          DxaOsteoporosis(bmd_reference or DEFAULT_REFERENCE), XrayAlignment()))


def choose(known: dict[str, Task], names: Sequence[str]) -> dict[str, Task]:
    """The tasks of these names, or all of them where no name is given.

    Raises:
        NotFoundError: If a name is not known; the sentence offers the nearest one.
    """
    for name in names:
        if name not in known:
            raise NotFoundError("unknown-task", describe_unknown("task", name, known), "`spondyl info` lists the tasks")
    return {name: known[name] for name in names} if names else dict(known)


def served(shelf: Shelf, names: Sequence[str] = (), bmd_reference: str = "") -> dict[str, Task]:
    """The tasks that can answer here: those of these names, or, where no name is given, every one that has a bundle.

    Raises:
        NotFoundError: If a name is not known, a task that was named has no bundle, or no task has one.
    """
    chosen, ready = choose(tasks(bmd_reference), names), shelf.names()
    missing = [name for name in chosen if name not in ready]
    if missing and (names or len(missing) == len(chosen)):
        said = f"there is no bundle for {', '.join(missing)}"
        raise NotFoundError("no-bundle", said, "Train one (spondyl train), and name the folder that holds it with --bundles")
    return {name: task for name, task in chosen.items() if name in ready}


def limits(settings: Settings) -> Limits:
    """How much of a file or an archive is read."""
    from spondyl.dicom import Limits

    return Limits(
        max_file_bytes=settings.max_file_mb * MEBIBYTE,
        max_archive_bytes=settings.max_archive_mb * MEBIBYTE,
        max_archive_files=settings.max_archive_files,
        max_read_bytes=settings.max_read_mb * MEBIBYTE,
        timeout_s=settings.decode_timeout_s,
    )


def reader(settings: Settings, key: bytes) -> Reader:
    """A reader whose pseudonyms are made with `key`; close it, or use it in a `with`."""
    from spondyl.dicom import Reader

    return Reader(key, limits=limits(settings), workers=settings.readers)


def shelf(settings: Settings) -> Shelf:
    """Bundles: the caller's own first, then those that ship.

    Raises:
        InputError: If a folder was named and is not there: other weights than were meant would answer.
    """
    from spondyl.inference import Shelf

    if settings.bundles is not None and not settings.bundles.is_dir():
        raise InputError("bundles-missing", "the folder named for bundles is not there", "Correct --bundles (SPONDYL_BUNDLES)")
    return Shelf(
        folders=[settings.bundle_dir],
        backend=settings.backend,
        precision=settings.precision,
        threads=settings.threads,
    )


def answer(study: Study, task: Task, shelf: Shelf, on_stage: OnStage = lambda stage: None) -> TaskOutput:
    """`process_study` at a door: an unexpected exception becomes a result with status "failed", so that the others go on.

    The log gets the kind and place of the failure, never its message, which could carry a name or a path.
    """
    from spondyl.tasks.port import process_study

    try:
        return process_study(study, task, shelf, on_stage)
    except Exception as error:
        log.error("study %s, task %s failed: %s", study.key, task.name, where(error))
        return TaskOutput(_failed(study, task.name, error))


def where(error: BaseException) -> str:
    """Type and code line of an exception, without its message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else "unknown place"
    return f"{type(error).__name__} at {place}"


def _failed(study: Study, task: str, error: Exception) -> StudyResult:
    from spondyl.tasks.port import study_note

    refusal = {
        "code": "internal-error",
        "message": f"the analysis stopped with {where(error)}",
        "hint": "This is our failure; report it with this line",
    }
    return StudyResult(task, "failed", study_note(study), None, {"spondyl": __version__}, refusal=refusal)
