"""Framed films on disk, by the content of their files.

    <folder>/<frame>/rows.u16        (rows, frame rows, frame columns) uint16, value / 65535 is the framed float
    <folder>/<frame>/rows.jsonl      one line a row: SHA-256 of the file it came from, its shape, map, image id, view, text
    <folder>/<frame>/files.json      size, time and SHA-256 of every file, so that only files that changed are read again
    <folder>/<frame>/aligned-*.u16   the rows of the films of one set, in order, where that is not rows.u16 as it lies

<frame> is a digest of the frame, of how big films are decoded, of what framing makes of a test picture, and of the journal's columns.
A row is written before its line, so a run that is stopped, however, goes on behind the last whole row.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import InputError, SpondylError
from spondyl.core.identity import content_hash, pixel_hash
from spondyl.datasets.file_pixels import read_file
from spondyl.datasets.making.crew import work_through
from spondyl.dicom import reduced
from spondyl.lab.films.burnt_text import text_line
from spondyl.lab.films.records import FilmRecord
from spondyl.tasks.films.framing import FilmFrame, frame_film

OnStep = Callable[[str, int, int], None]
"""Called with what is being done, how many are finished, and how many there are."""
Answer = tuple[str, "Row | SpondylError", bytes]
WHITE = 65535
VIEWS = {"ap": "frontal", "lateral": "lateral"}
"""View of a file's tags as records have it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of rows.jsonl: one file, framed. `to_source` is the letterbox's map, as six numbers; `text` is as from `text_line`."""

    sha256: str
    shape: tuple[int, int]
    to_source: tuple[float, ...]
    image_id: str
    view: str | None
    text: int


def frame_key(frame: FilmFrame) -> str:
    """Name of the folder of a frame: other settings, decoding, framing and columns of the journal have other names."""
    y, x = np.mgrid[0:61, 0:47].astype(np.float32)
    seen = frame_film(np.asarray((np.sin(x / 5) * np.cos(y / 7) + 1) / 2, np.float32), frame).pixels
    columns = [column.name for column in fields(Row)]
    decoding = [reduced.LONGER_SIDE, reduced.LEVELS]
    text = json.dumps([asdict(frame), columns, decoding, pixel_hash(np.rint(seen * WHITE).astype(np.uint16))], sort_keys=True)
    return f"{frame.rows}x{frame.columns}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """While inside, no other process is: a second one that opens the same folder waits, and then finds its rows there."""
    with (home / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sums_of(films: Sequence[FilmRecord], file: Path) -> dict[str, str]:
    """SHA-256 of every film's file by its name; a file whose size and time are as they were is not read. Missing files have none."""
    before = _read_json(file)
    now: dict[str, list[Any]] = {}
    for film in films:
        if not film.path.is_file():
            continue
        stat = film.path.stat()
        seen = [stat.st_size, stat.st_mtime_ns]
        known = before.get(film.name, [])
        now[film.name] = known if known[:2] == seen and len(known) == 3 else [*seen, content_hash(film.path.read_bytes())]
    if (together := {**before, **now}) != before:
        _keep(file, json.dumps(together))
    return {name: str(row[2]) for name, row in now.items()}


def _read_json(file: Path) -> dict[str, Any]:
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return body if isinstance(body, dict) else {}


def _keep(file: Path, text: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def decode(films: Sequence[FilmRecord], sums: Mapping[str, str], frame: FilmFrame, home: Path, on_step: OnStep,
           jobs: int) -> tuple[dict[str, Row], dict[str, SpondylError]]:
    """Every row there is, by SHA-256 in the order of rows.u16, and what was wrong with the files that have none."""
    size = 2 * frame.rows * frame.columns
    rows = _journal(home, size)
    faults: dict[str, SpondylError] = {}
    wanted = {sums[film.name]: film for film in films if film.name in sums}
    missing = [(digest, film) for digest, film in wanted.items() if digest not in rows]
    on_step("Reading films", len(wanted) - len(missing), len(wanted))
    if not missing:
        return rows, faults
    with (home / "rows.u16").open("r+b") as pixels, (home / "rows.jsonl").open("a", encoding="utf-8") as journal:
        pixels.truncate(len(rows) * size)
        pixels.seek(len(rows) * size)
        work = partial(_framed, frame=frame)
        results = _in_turn([digest for digest, _ in missing], work_through(missing, work, jobs))
        for done, (digest, answer, cells) in enumerate(results, start=1):
            if isinstance(answer, Row):
                pixels.write(cells)
                pixels.flush()
                journal.write(json.dumps(asdict(answer)) + "\n")
                journal.flush()
                rows[digest] = answer
            else:
                faults[digest] = answer
            on_step("Reading films", len(wanted) - len(missing) + done, len(wanted))
    return rows, faults


def _in_turn(digests: Iterable[str], answers: Iterator[Answer]) -> Iterator[Answer]:
    """The answers in the order of the digests: workers finish as they please, and rows that lie in order need no copy."""
    early: dict[str, Answer] = {}
    for digest in digests:
        while digest not in early:
            answer = next(answers)
            early[answer[0]] = answer
        yield early.pop(digest)


def _journal(home: Path, size: int) -> dict[str, Row]:
    """The whole rows of a folder; the journal is cut behind them."""
    (home / "rows.u16").touch()
    (home / "rows.jsonl").touch()
    text = (home / "rows.jsonl").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)[: (home / "rows.u16").stat().st_size // size]
    rows = {}
    for number, line in enumerate(lines):
        try:
            body = json.loads(line if line.endswith("\n") else "")
            row = Row(body["sha256"], tuple(body["shape"]), tuple(body["to_source"]), body["image_id"], body["view"], body["text"])
        except (ValueError, KeyError, TypeError):
            lines = lines[:number]
            break
        rows[row.sha256] = row
    if "".join(lines) != text:
        _keep(home / "rows.jsonl", "".join(lines))
    return rows


def _framed(job: tuple[str, FilmRecord], frame: FilmFrame) -> Answer:
    """A film's line and its row, or what is wrong with its file."""
    digest, film = job
    try:
        picture = read_file(film.path, film.where)
    except InputError as error:
        return digest, InputError(error.code, error.message, error.hint), b""
    framed = frame_film(picture.pixels, frame)
    to_source = tuple(float(value) for value in framed.box.to_source.ravel())
    shape = picture.pixels.shape[0], picture.pixels.shape[1]
    row = Row(digest, shape, to_source, pixel_hash(picture.pixels), VIEWS.get(picture.view), text_line(picture.pixels))
    return digest, row, np.rint(framed.pixels * WHITE).astype("<u2").tobytes()


def mapped(file: Path, rows: int, frame: FilmFrame) -> NDArray[np.uint16]:
    """The file's first rows, (rows, frame rows, frame columns), read-only."""
    if not rows:
        return np.zeros((0, frame.rows, frame.columns), np.uint16)
    return np.memmap(file, "<u2", "r", shape=(rows, frame.rows, frame.columns))
