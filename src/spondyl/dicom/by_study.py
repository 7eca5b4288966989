"""Files sorted by study from their heads alone, so that a folder of any size can be read a few studies at a time."""

from __future__ import annotations

import logging
import warnings
import zipfile
import zlib
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_partial

from spondyl.core import InputError
from spondyl.dicom.archive import READABLE, ZIP_ERRORS, Archive
from spondyl.dicom.dataset import DEFLATED, parse
from spondyl.dicom.found import shown_name, walk
from spondyl.dicom.report import Limits, Source
from spondyl.dicom.sniff import HEAD, PREAMBLE, sniff
from spondyl.dicom.tags import TAG_ERRORS, word

STUDY_UID, BEYOND = 0x0020000D, 0x52000000
"""Tag of the study's UID; it is looked for before frames are described and pixels begin, wherever a writer put it."""
PEEK, FAR, MOST = 2**16, 2**22, 2**26
"""Bytes that are looked at of a file, of one whose study is not told there, and of one that is deflated: its end has to be seen."""
BLOCK = 2**16
"""Bytes of each end of a picture that are compared."""


def by_study(sources: Iterable[Source], limits: Limits | None = None) -> list[tuple[Source, ...]]:
    """The files behind the sources, those of one study together, in the order of their first file.

    Nothing is decoded. Files that are copies of each other are together too. An archive is one file, with all studies that are in it.
    A DICOMDIR is left out of its folder: it lists files that are found by themselves.
    """
    told = limits or Limits()
    marked = [(file, _marks(file, told)) for source in sources for file in _files(source)]
    heads: dict[Hashable, Hashable] = {}

    def head(mark: Hashable) -> Hashable:
        while (above := heads.setdefault(mark, mark)) != mark:
            mark = above
        return mark

    for _, marks in marked:
        for mark in marks[1:]:
            heads[head(mark)] = head(marks[0])
    groups: dict[Hashable, list[Source]] = {}
    for file, marks in marked:
        groups.setdefault(head(marks[0]), []).append(file)
    return [tuple(group) for group in groups.values()]


def _files(source: Source) -> list[Source]:
    """A folder as its files, labelled as `found.find` does it; anything else as it is."""
    path, label = source.path, source.label
    if path.name.upper() == "DICOMDIR" and path.is_file():
        parent, _, last = label.rpartition("/")
        path, label = path.parent, parent if last.upper() == "DICOMDIR" else label
    if not path.is_dir():
        return [source]
    base = f"{label.rstrip('/')}/" if label else ""
    files = [file for file in walk(path) if file.name.upper() != "DICOMDIR"]
    return [Source(file, base + shown_name(file.relative_to(path).as_posix())) for file in files] or [source]


def _marks(source: Source, limits: Limits) -> list[Hashable]:
    """At least one; files that share one belong together."""
    alone: list[Hashable] = [("alone", source.label)]
    if not source.path.is_file():
        return alone
    try:
        with source.path.open("rb") as file:
            kind = sniff(file.read(HEAD))
            if kind == "zip":
                return [*_in_archive(source, limits)] or alone
            uid = _study_uid(file) if kind == "dicom" else ""
            return [("study", uid)] if uid else [_likeness(file)] if kind in READABLE else alone
    except (OSError, ValueError):
        return alone


def _in_archive(source: Source, limits: Limits) -> Iterator[Hashable]:
    """Studies of the entries, each once."""
    try:
        Archive(source.path, source.label, limits)  # refuses what is no archive of images before it is listed
        with zipfile.ZipFile(source.path) as archive:
            seen = {_study_of_entry(archive, info) for info in archive.infolist() if not info.is_dir()}
    except (InputError, *ZIP_ERRORS):
        return
    yield from (("study", uid) for uid in sorted(seen) if uid)


def _study_of_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    try:
        with archive.open(info) as stream:
            data = stream.read(2 * PEEK)
    except ZIP_ERRORS:
        return ""
    return _study_uid(BytesIO(data)) if sniff(data[:HEAD]) == "dicom" else ""


def _study_uid(file: BinaryIO) -> str:
    """The study's UID as the reader finds it; "" where there is none, or where the elements cannot be followed up to it."""
    file.seek(0)
    data = file.read(PEEK)
    try:
        with _quiet():
            if DEFLATED in data[: 2 * HEAD]:
                return word(parse(data + file.read(MOST), MOST), "StudyInstanceUID")
            return _first_study_uid(data) or (_first_study_uid(data + more) if (more := file.read(FAR)) else "")
    except (InputError, InvalidDicomError, RecursionError, zlib.error, *TAG_ERRORS):
        return ""


def _first_study_uid(data: bytes) -> str:
    whole = bytes(PREAMBLE) + data if data[:4] == b"DICM" else data
    found = read_partial(BytesIO(whole), stop_when=lambda tag, vr, length: tag >= BEYOND, force=True, specific_tags=[STUDY_UID])
    return word(found, "StudyInstanceUID")


def _likeness(file: BinaryIO) -> Hashable:
    """The same for files of the same bytes, and seldom for others: the size, and a sum over both ends and the middle."""
    size = file.seek(0, 2)
    total = 0
    for at in (0, size // 2, max(size - BLOCK, 0)):
        file.seek(at)
        total = zlib.crc32(file.read(BLOCK), total)
    return "bytes", size, total


@contextmanager
def _quiet() -> Iterator[None]:
    """What pydicom warns of may quote a file's name or a value."""
    log = logging.getLogger("pydicom")
    before, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = before
