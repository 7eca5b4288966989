"""The readable films of a set as arrays: framed as serving frames them, 16 bits, memory-mapped, so that no epoch waits for a decoder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import InputError, SpondylError
from spondyl.datasets.file_pixels import check_boxes
from spondyl.imaging import invert
from spondyl.lab.films.records import FilmRecord
from spondyl.lab.films.rows import OnStep, Row, decode, frame_key, mapped, one_at_a_time, sums_of
from spondyl.tasks.films.framing import FilmFrame

MOST_UNREADABLE = 0.05
"""Share of films that may be left out; more stops the run."""
NAMED = 5
"""So many of the films that were left out are named in the message that stops a run."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A film that is not used: what the data set calls it, and what is wrong with it."""

    name: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class FilmCache:
    """The readable films of a set in one frame. Everything is aligned with `films`; it travels to other processes by its file's name.

    Attributes:
        films: Readable ones, in the order of the set; views that the source does not say are the file's own.
        frame: The frame.
        pixels: uint16 (n, rows, columns), read-only; value / 65535 is what `frame_film` gives.
        to_frame: float64 (n, 2, 3), from (x, y) of the film's file to (x, y) of the frame.
        shapes: int64 (n, 2), (rows, columns) of the film's file.
        image_ids: Content hashes of the decoded pixels, as `core.Image.id`.
        files: SHA-256 of the films' files.
        skipped: Films that were left out.
        file: Where `pixels` lies.
        text: How long a line of burnt-in writing each film seems to have (`burnt_text.text_line`).
    """

    films: tuple[FilmRecord, ...]
    frame: FilmFrame
    pixels: NDArray[np.uint16]
    to_frame: NDArray[np.float64]
    shapes: NDArray[np.int64]
    image_ids: tuple[str, ...]
    files: tuple[str, ...]
    skipped: tuple[LeftOut, ...]
    file: Path
    text: tuple[int, ...] = ()

    def places(self, split: str) -> NDArray[np.intp]:
        """Places in `films` of one split."""
        return np.asarray([place for place, film in enumerate(self.films) if film.split == split], dtype=np.intp)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, ({each.name: getattr(self, each.name) for each in fields(self) if each.name != "pixels"},)


def _reopened(kept: dict[str, Any]) -> FilmCache:
    return FilmCache(pixels=mapped(kept["file"], len(kept["films"]), kept["frame"]), **kept)


def open_cache(films: Sequence[FilmRecord], frame: FilmFrame, folder: Path, on_step: OnStep = lambda *_: None, jobs: int = 1) -> FilmCache:
    """The films in that frame; those that the folder does not hold yet are decoded in `jobs` processes.

    Films that cannot be read, and films whose boxes leave them, are left out and listed.

    Raises:
        InputError: `dataset-unreadable-many` if that is more than MOST_UNREADABLE of them.
    """
    home = folder / frame_key(frame)
    home.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(home):
        sums = sums_of(films, home / "files.json")
        rows, faults = decode(films, sums, frame, home, on_step, jobs)
        kept, skipped = _usable(films, sums, rows, faults)
        if len(skipped) > MOST_UNREADABLE * len(films):
            raise _too_many(skipped, len(films))
        file = _aligned(home, [sums[film.name] for film in kept], list(rows), frame)
    own = [rows[sums[film.name]] for film in kept]
    maps = [invert(np.asarray(line.to_source).reshape(2, 3)) for line in own]
    return FilmCache(
        films=tuple(replace(film, view=film.view or line.view) for film, line in zip(kept, own, strict=True)), frame=frame,
        pixels=mapped(file, len(own), frame), to_frame=np.asarray(maps, np.float64).reshape(-1, 2, 3),
        shapes=np.asarray([line.shape for line in own], np.int64).reshape(-1, 2), image_ids=tuple(line.image_id for line in own),
        files=tuple(line.sha256 for line in own), text=tuple(line.text for line in own), skipped=tuple(skipped), file=file,
    )


def _usable(films: Sequence[FilmRecord], sums: Mapping[str, str], rows: Mapping[str, Row],
            faults: Mapping[str, SpondylError]) -> tuple[list[FilmRecord], list[LeftOut]]:
    """Films that have a row and whose boxes lie on them; and the others, each with what is wrong."""
    kept, skipped = [], []
    for film in films:
        digest = sums.get(film.name)
        fault = faults.get(digest or "")
        if digest is None:
            fault = InputError("dataset-file-missing", f"{film.where}: its file is not in the data folder")
        elif fault is None:
            fault = _boxes_outside(film, rows[digest].shape)
        if fault is None:
            kept.append(film)
        else:
            skipped.append(LeftOut(film.name, fault.code, fault.message))
    return kept, skipped


def _boxes_outside(film: FilmRecord, shape: tuple[int, int]) -> SpondylError | None:
    try:
        check_boxes([one.box for one in film.boxes], shape, film.where)
    except InputError as error:
        return error
    return None


def _too_many(skipped: Sequence[LeftOut], films: int) -> InputError:
    first = "; ".join(f"{one.name} ({one.code})" for one in skipped[:NAMED])
    return InputError("dataset-unreadable-many", f"{len(skipped)} of {films} films cannot be used, more than {MOST_UNREADABLE:.0%}: {first}"
                      + ("; ..." if len(skipped) > NAMED else ""), "Copy or export them again, or take them out of the tables")


def _aligned(home: Path, wanted: Sequence[str], held: Sequence[str], frame: FilmFrame) -> Path:
    """A file that holds the rows of those contents in that order; `held` are the contents of rows.u16."""
    if list(wanted) == list(held):
        return home / "rows.u16"
    name = hashlib.sha256(json.dumps(list(wanted)).encode()).hexdigest()[:12]
    file = home / f"aligned-{name}.u16"
    if not file.exists():
        source, place = mapped(home / "rows.u16", len(held), frame), {digest: row for row, digest in enumerate(held)}
        part = file.with_suffix(".part")
        with part.open("wb") as stream:
            for digest in wanted:
                stream.write(source[place[digest]].tobytes())
        part.replace(file)
    return file
