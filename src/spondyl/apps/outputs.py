"""`--out DIR`: one folder a study and task, an index that leads from the caller's own names to them, and a table of all findings."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spondyl.core import InputError, SpondylError, Study, StudyResult, TaskOutput
from spondyl.dicom import Skipped
from spondyl.inference import Shelf
from spondyl.reports import BATCH_COLUMNS, annotated_png, batch_rows, findings_csv, report_pdf, shown_image

INDEX_COLUMNS = ("source", "study_key", "task", "status", "result")
INDEX, FINDINGS = "index.csv", "findings.csv"
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

    def write(self, study: Study, output: TaskOutput) -> Path:
        """Write result.json, annotated.png, findings.csv and, if wanted, report.pdf; each is complete or absent. Returns their folder."""
        result = output.result
        folder = self.path / result_folder(result)
        folder.mkdir(parents=True, exist_ok=True)
        replace(folder / "annotated.png", annotated_png(shown_image(study, result), result))
        replace(folder / "findings.csv", findings_csv(result).encode())
        if self.card is not None:
            replace(folder / "report.pdf", report_pdf(study, result, output.maps, self.card(result)))
        replace(folder / "result.json", result.to_json().encode())
        return folder


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
        _read(out / name, columns)


def result_folder(result: StudyResult) -> Path:
    """`<study_key>/<task>`, relative to the folder that `--out` names."""
    return Path(result.study["key"]) / result.task


def write_index(
    out: Path, results: Sequence[StudyResult], sources: Mapping[str, tuple[str, ...]], skipped: Sequence[Skipped]
) -> None:
    """Write `index.csv`: one line a source and task. Lines of earlier runs stay, unless this run met the same source."""
    rows = list(_rows(results, sources, skipped))
    met = {row["source"] for row in rows}
    _write(out / INDEX, INDEX_COLUMNS, [row for row in _read(out / INDEX, INDEX_COLUMNS) if row["source"] not in met], rows)


def write_findings(out: Path, results: Sequence[StudyResult], tasks: Sequence[str]) -> None:
    """Write `findings.csv`: one line a finding. Lines of earlier runs stay, unless this run asked the same task about the same study.

    Args:
        out: Folder.
        results: What was answered; a task that refused what another answered is not among them.
        tasks: Every task that was asked.
    """
    met = {(result.study["key"], task) for result in results for task in tasks}
    earlier = [row for row in _read(out / FINDINGS, BATCH_COLUMNS) if (row["study_key"], row["task"]) not in met]
    _write(out / FINDINGS, BATCH_COLUMNS, earlier, [row for result in results for row in batch_rows(result)])


def replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old bytes or the new ones, never half."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def _rows(
    results: Sequence[StudyResult], sources: Mapping[str, tuple[str, ...]], skipped: Sequence[Skipped]
) -> Iterable[dict[str, str]]:
    for result in results:
        key = result.study["key"]
        place = (result_folder(result) / "result.json").as_posix()
        for source in sources.get(key, ()):
            yield dict(zip(INDEX_COLUMNS, (source, key, result.task, result.status, place), strict=True))
    for row in skipped:
        yield dict(zip(INDEX_COLUMNS, (row.source, "", "", f"skipped: {row.code}", ""), strict=True))


def _write(path: Path, columns: Sequence[str], *parts: Iterable[Mapping[str, str]]) -> None:
    temporary = path.with_suffix(".part")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        for rows in parts:
            table.writerows(rows)
    os.replace(temporary, path)


def _read(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a table of an earlier run; none where there is none.

    Raises:
        InputError: If there is a table with other columns: it is not ours to write over.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        table = csv.DictReader(file)
        try:
            if tuple(table.fieldnames or ()) == tuple(columns):
                return [{name: row.get(name) or "" for name in columns} for row in table]
        except csv.Error:
            pass
    said = f"the output folder holds a {path.name} with other columns than this program writes"
    raise InputError("out-table-foreign", said, "Choose another --out, or move that file away")
