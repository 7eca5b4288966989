"""`--out DIR`: one folder a study and task, and an index that leads from the caller's own names to them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spondyl.core import InputError, Study, StudyResult, TaskOutput
from spondyl.dicom import Skipped
from spondyl.reports import annotated_png, findings_csv, shown_image

INDEX_COLUMNS = ("source", "study_key", "task", "status", "result")


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder that `--out` names; it is made if it does not exist.

    Raises:
        InputError: If it cannot be written.
    """

    path: Path

    def __post_init__(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError("out-not-writable", f"the output folder cannot be made: {error.strerror}", "Choose another --out") from None

    def write(self, study: Study, output: TaskOutput) -> Path:
        """Write result.json, annotated.png and findings.csv; each is complete or absent. Returns their folder."""
        result = output.result
        folder = self.path / result_folder(result)
        folder.mkdir(parents=True, exist_ok=True)
        replace(folder / "annotated.png", annotated_png(shown_image(study, result), result))
        replace(folder / "findings.csv", findings_csv(result).encode())
        replace(folder / "result.json", result.to_json().encode())
        return folder


def check_place(out: Path, paths: Sequence[Path]) -> None:
    """See that pictures of an earlier run are not taken for slices.

    Raises:
        InputError: If the output folder holds results and lies inside a folder that is to be read.
    """
    place = out.resolve()
    if (out / "index.csv").exists() and any(path.resolve() in (place, *place.parents) for path in paths if path.is_dir()):
        raise InputError(
            "out-inside-input",
            "the output folder holds earlier results and lies inside a folder that is to be read, so its pictures would be read too",
            "Put --out beside the images",
        )


def result_folder(result: StudyResult) -> Path:
    """`<study_key>/<task>`, relative to the folder that `--out` names."""
    return Path(result.study["key"]) / result.task


def write_index(
    out: Path, results: Sequence[StudyResult], sources: Mapping[str, tuple[str, ...]], skipped: Sequence[Skipped]
) -> None:
    """Write `index.csv`: one line a source and task. Lines of earlier runs stay, unless this run met the same source."""
    path = out / "index.csv"
    rows = list(_rows(results, sources, skipped))
    met = {row["source"] for row in rows}
    earlier = [row for row in _read(path) if row["source"] not in met]
    temporary = path.with_suffix(".part")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, INDEX_COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows([*earlier, *rows])
    os.replace(temporary, path)


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


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: row.get(name) or "" for name in INDEX_COLUMNS} for row in csv.DictReader(file)]
