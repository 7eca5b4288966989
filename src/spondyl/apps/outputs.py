"""`--out DIR`: one folder a study and task. The tables beside them are in `tables`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spondyl.apps.tables import FINDINGS, INDEX, INDEX_COLUMNS, Tables, is_full, read_table, replace, result_folder
from spondyl.apps.wiring import where
from spondyl.core import InputError, SpondylError, Study, StudyResult, TaskOutput
from spondyl.dicom import Skipped
from spondyl.inference import Shelf
from spondyl.reports import BATCH_COLUMNS, annotated_png, findings_csv, further_images, report_pdf, shown_image
from spondyl.store import Store

log = logging.getLogger(__name__)
KEPT = "kept study"
"""What is missing where the data folder could not take an answer."""
Card = Callable[[StudyResult], str]
"""The model card of the weights that gave a result, Markdown."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder that `--out` names; it is made if it does not exist.

    Attributes:
        path: Where it lies.
        card: Where a PDF report is wanted too, what to put at its end; None for no report.

    Raises:
        InputError: If it cannot be written.
    """

    path: Path
    card: Card | None = None

    def __post_init__(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError("out-not-writable", f"the output folder cannot be made: {error.strerror}", "Choose another --out") from None

    def write(self, study: Study, output: TaskOutput) -> tuple[str, ...]:
        """Write annotated.png, annotated-2.png... of further films, findings.csv, report.pdf if wanted, and last result.json.

        Each is complete or absent.

        Returns:
            Names of those that could not be written; why is logged.

        Raises:
            OSError: If the disk is full.
        """
        result, card = output.result, self.card
        files: dict[str, Callable[[], bytes]] = {
            "annotated.png": lambda: annotated_png(shown_image(study, result), result),
            **{f"annotated-{number}.png": partial(annotated_png, image, result) for number, image in
               enumerate(further_images(study, result), 2)},
            "findings.csv": lambda: findings_csv(result).encode(),
        }
        if card is not None:
            files["report.pdf"] = lambda: report_pdf(study, result, output.maps, card(result))
        files["result.json"] = lambda: result.to_json().encode()
        folder = self.path / result_folder(result)
        missing = [name for name, make in files.items() if not done(result, name, partial(_put, folder / name, make))]
        outdated = [path for path in folder.glob("annotated-*.png") if path.name not in files]
        for path in (*outdated, *(folder / name for name in missing)):  # what an earlier run wrote does not stand for them
            with suppress(OSError):
                path.unlink()
        return tuple(missing)


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where answers go besides the screen: the data folder, the folder that `--out` names and the tables in it, as far as wanted."""

    store: Store | None = None
    folder: Folder | None = None
    tables: Tables | None = None

    def answer(self, study: Study, output: TaskOutput, sources: Sequence[str]) -> tuple[str, ...]:
        """Keep one answer; in the tables on return.

        Args:
            sources: The caller's names of what the study was read from.

        Returns:
            Names of what could not be written; why is logged.
        """
        result, missing = output.result, tuple[str, ...]()
        if self.store is not None and not done(result, KEPT, partial(self.store.save, study, output)):
            missing = (KEPT,)
        if self.folder is not None:
            missing += self.folder.write(study, output)
        if self.tables is not None:
            self.tables.answered(result, sources, missing)
        return missing

    def skipped(self, rows: Sequence[Skipped]) -> None:
        """Note what was not read."""
        if self.tables is not None:
            self.tables.skipped(rows)


def done(result: StudyResult, what: str, work: Callable[[], object]) -> bool:
    """Whether this part of keeping an answer went well. Where it did not, it is logged by kind and place, and the others go on.

    Raises:
        OSError: If the disk is full: nothing after it would go well.
    """
    try:
        work()
    except Exception as error:
        if is_full(error):
            raise
        log.error("study %s, task %s: %s was not written: %s", result.study["key"], result.task, what, where(error))
        return False
    return True


def _put(path: Path, make: Callable[[], bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, make())


def card_of(shelf: Shelf, result: StudyResult) -> str:
    """The model card of the weights that gave this result; "" where they are not the ones on the shelf."""
    if result.bundle is None:
        return ""
    try:
        bundle = shelf.open(result.task).bundle
    except SpondylError:
        return ""
    return bundle.card if bundle.sha256 == result.bundle.sha256 else ""


def check_place(out: Path, paths: Sequence[Path]) -> None:
    """See that pictures of an earlier run are not taken for slices, and that no table of another program is written over.

    Raises:
        InputError: If the output folder holds results and lies inside a folder that is to be read, or a table that is not ours.
    """
    place = out.resolve()
    if (out / INDEX).exists() and any(path.resolve() in (place, *place.parents) for path in paths if path.is_dir()):
        raise InputError(
            "out-inside-input",
            "the output folder holds earlier results and lies inside a folder that is to be read, so its pictures would be read too",
            "Put --out beside the images",
        )
    for name, columns in ((INDEX, INDEX_COLUMNS), (FINDINGS, BATCH_COLUMNS)):
        read_table(out / name, columns)
