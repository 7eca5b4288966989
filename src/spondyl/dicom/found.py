"""Files, folders, archives and DICOMDIRs -> a flat list of things to read."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from spondyl.core import InputError
from spondyl.dicom.archive import READABLE, Archive, too_large
from spondyl.dicom.report import Limits, Source
from spondyl.dicom.sniff import HEAD, sniff

_DICOM_SUFFIXES = (".dcm", ".dicom", ".ima", ".dic")
_ARCHIVES = frozenset({"gzip", "7z", "rar", "bzip2", "xz"})


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One thing to read.

    Attributes:
        label: The caller's label with the place inside the folder or archive.
        path: The file, for a file on disk.
        archive, member: The archive and the entry in it, for an entry.
        problem: Why it cannot be read, where that is known already.
    """

    label: str
    path: Path | None = None
    archive: Archive | None = None
    member: zipfile.ZipInfo | None = None
    problem: InputError | None = None

    def load(self, limits: Limits) -> bytes:
        """The bytes of an image.

        Raises:
            InputError: With the code of why there is none.
        """
        if self.problem is not None:
            raise self.problem
        if self.archive is not None and self.member is not None:
            data, name = self.archive.read(self.member), self.member.filename
        else:
            assert self.path is not None
            data, name = _read(self.path, limits), self.path.name
        kind = sniff(data[:HEAD])
        if kind in READABLE:
            return data
        raise _unreadable(kind, name, empty=not data, nested=self.archive is not None)


def find(sources: list[Source], limits: Limits, stack: ExitStack) -> list[Entry]:
    """Everything the sources hold, folders recursively and by name; archives stay open on `stack`."""
    return [entry for source in sources for entry in _entries(source, limits, stack)]


def _entries(source: Source, limits: Limits, stack: ExitStack) -> list[Entry]:
    path, label = source.path, source.label
    if path.name.upper() == "DICOMDIR" and path.is_file():
        parent, _, last = label.rpartition("/")
        path, label = path.parent, parent if last.upper() == "DICOMDIR" else label
    if not path.is_dir():
        return list(_file(path, label, limits, stack))
    base = f"{label.rstrip('/')}/" if label else ""
    entries = [entry for file in walk(path) for entry in _file(file, base + shown_name(file.relative_to(path).as_posix()), limits, stack)]
    return entries or [Entry(source.label, problem=InputError("nothing-found", "the folder holds no files", "Name a folder with images"))]


def walk(folder: Path) -> list[Path]:
    """Files below a folder, by name; links to folders are not followed, so that a circle ends."""
    found = (Path(place) / name for place, _, files in os.walk(folder) for name in files)
    return sorted(found, key=lambda path: path.parts)


def _file(path: Path, label: str, limits: Limits, stack: ExitStack) -> Iterator[Entry]:
    try:
        head = _head(path)
    except InputError as problem:
        yield Entry(label, problem=problem)
        return
    if sniff(head) != "zip":
        yield Entry(label, path)
        return
    try:
        archive = Archive(path, label, limits)
    except InputError as problem:
        yield Entry(label, problem=problem)
        return
    stack.callback(archive.close)
    members = archive.entries()
    yield from (Entry(f"{label}/{shown_name(member.filename)}", archive=archive, member=member) for member in members)
    if not members:
        yield Entry(label, problem=InputError("nothing-found", "the archive holds no files", "Make the archive again"))


def _head(path: Path) -> bytes:
    """First bytes of a regular file.

    Raises:
        InputError: `not-found` or `unreadable-file`.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError("unreadable-file", "neither a file nor a folder", "Name a file")
        with path.open("rb") as file:
            return file.read(HEAD)
    except FileNotFoundError:
        raise InputError("not-found", "there is no such file", "Check the path") from None
    except (OSError, ValueError) as error:
        raise InputError("unreadable-file", f"the file cannot be opened ({type(error).__name__})", "Check its permissions") from None


def _read(path: Path, limits: Limits) -> bytes:
    """A whole file, or its head where that already says that it is no image."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            if sniff(head) not in READABLE:
                return head
            data = head + file.read(limits.max_file_bytes - len(head) + 1)
    except OSError as error:
        message = f"the file cannot be read ({type(error).__name__})"
        raise InputError("unreadable-file", message, "Check the disk and its permissions") from None
    if len(data) > limits.max_file_bytes:
        raise too_large(limits)
    return data


def _unreadable(kind: str, name: str, empty: bool, nested: bool) -> InputError:
    if empty:
        return InputError("empty-file", "the file has no bytes", "Copy or export it again")
    if kind == "zip" and nested:
        return InputError("nested-archive", "an archive inside an archive", "Unpack the inner one and read it by itself")
    if kind in _ARCHIVES:
        return InputError("archive-unsupported", f"a {kind} archive", "Unpack it, or make a zip archive")
    if kind != "unknown":
        return InputError("format-unsupported", f"a {kind} file", "DICOM, PNG, JPEG and TIFF are read")
    if name.lower().endswith(_DICOM_SUFFIXES):
        return InputError("not-dicom", "the file is named like DICOM and holds none", "Export the image again")
    return InputError("not-an-image", "neither DICOM nor a picture", "DICOM, PNG, JPEG and TIFF are read")


def shown_name(name: str) -> str:
    """A name that is safe to print: control characters become question marks."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)
