"""index.csv and findings.csv of `--out`. They grow answer by answer: a run that is stopped leaves all that it answered."""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Self

from spondyl.core import InputError, StudyResult
from spondyl.dicom import Skipped
from spondyl.reports import BATCH_COLUMNS, batch_rows

INDEX_COLUMNS = ("source", "study_key", "task", "status", "result")
INDEX, FINDINGS = "index.csv", "findings.csv"
Row = Mapping[str, str]


class Tables:
    """Both tables of the folder that `--out` names, for one run. Lines of earlier runs stay unless this one says them anew.

    Args:
        out: The folder.
        tasks: Every task that is asked; one that refuses what another answers is not among the answers.

    Raises:
        InputError: If a table is not ours, or cannot be written.
        OSError: Here and later, if the disk is full (`is_full`).
    """

    def __init__(self, out: Path, tasks: Sequence[str]) -> None:
        self._tasks = tasks
        self._index, self._findings = Table(out / INDEX, INDEX_COLUMNS), Table(out / FINDINGS, BATCH_COLUMNS)
        self._sources: set[str] = set()
        self._asked: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Take out what earlier runs said and this one said anew; what stopped the run matters more than a failure here."""
        try:
            self._index.drop(lambda row: row["source"] in self._sources)
            self._findings.drop(lambda row: (row["study_key"], row["task"]) in self._asked)
        except (InputError, OSError):
            if error is None:
                raise

    def answered(self, result: StudyResult, sources: Sequence[str], missing: Sequence[str]) -> None:
        """One answer, in the files on return.

        Args:
            result: The answer.
            sources: The caller's names of what the study was read from.
            missing: Names of the files that could not be written.
        """
        key = result.study["key"]
        status = result.status + (f", not written: {', '.join(missing)}" if missing else "")
        file = "" if "result.json" in missing else (result_folder(result) / "result.json").as_posix()
        self._findings.add(batch_rows(result))
        self._index.add([_line(source, key, result.task, status, file) for source in sources])
        self._sources.update(sources)
        self._asked.update((key, task) for task in self._tasks)

    def skipped(self, rows: Iterable[Skipped]) -> None:
        """What was not read, in the index on return."""
        lines = [_line(row.source, "", "", f"skipped: {row.code}", "") for row in rows]
        self._index.add(lines)
        self._sources.update(line["source"] for line in lines)


class Table:
    """A CSV file that is whole after every call, and may have lines from before."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path, self._columns = path, columns
        self._earlier, self._new = read_table(path, columns), list[Row]()
        try:
            self._write(self._earlier)
        except OSError as error:
            if is_full(error):
                raise
            raise InputError("out-not-writable", f"{path.name} cannot be written: {error.strerror}", "Choose another --out") from None

    def add(self, rows: Sequence[Row]) -> None:
        """Append lines: all of them, or none where the disk is full."""
        data = self._lines(rows)
        with self._path.open("ab", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            if file.write(data) < len(data):
                file.truncate(end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._new += rows

    def drop(self, replaced: Callable[[Row], bool]) -> None:
        """Take out earlier lines for which this holds."""
        kept = [row for row in self._earlier if not replaced(row)]
        if len(kept) < len(self._earlier):
            self._write([*kept, *self._new])

    def _write(self, rows: Sequence[Row]) -> None:
        replace(self._path, self._lines([dict(zip(self._columns, self._columns, strict=True)), *rows]))

    def _lines(self, rows: Iterable[Row]) -> bytes:
        buffer = StringIO()
        csv.DictWriter(buffer, self._columns, lineterminator="\n").writerows(rows)
        return buffer.getvalue().encode()


def read_table(path: Path, columns: Sequence[str]) -> list[Row]:
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


def replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old bytes or the new ones, never half."""
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def result_folder(result: StudyResult) -> Path:
    """`<study_key>/<task>`, relative to the folder that `--out` names."""
    return Path(result.study["key"]) / result.task


def is_full(error: BaseException) -> bool:
    """Whether the disk has no room, or a quota is used up."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _line(*cells: str) -> dict[str, str]:
    return dict(zip(INDEX_COLUMNS, cells, strict=True))
