"""Zip archives, read entry by entry into memory with everything counted; nothing is ever written under a name taken from one."""

from __future__ import annotations

import stat
import struct
import threading
import zipfile
import zlib
from pathlib import Path

from spondyl.core import InputError
from spondyl.dicom.report import Limits
from spondyl.dicom.sniff import HEAD, sniff

READABLE = frozenset({"dicom", "png", "jpeg", "tiff"})
"""What is sent to a worker."""

ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, RuntimeError, IndexError, KeyError, struct.error)
"""What the standard library is seen to raise for malformed archives (NotImplementedError is a RuntimeError)."""

_END, _CENTRAL, _LOCATOR = b"PK\x05\x06", b"PK\x01\x02", b"PK\x06\x07"
_BLOCK = 2**20
_RECORD = 1024
"""Bytes of central directory that an honest entry may take: 46 and its name."""

_OFFICE = ("[Content_Types].xml", "META-INF/MANIFEST.MF", "mimetype")


class Archive:
    """One zip file and the bytes it has expanded to so far. Safe to read from several threads.

    The file is open from the first entry that is read to the last, so that a folder of many archives needs few open files.

    Raises:
        InputError: On opening: `zip-damaged`, `archive-too-many-files`, or `not-an-image` for a document that is a zip inside.
    """

    def __init__(self, path: Path, label: str, limits: Limits) -> None:
        self.label = label
        self._limits = limits
        self._lock = threading.Lock()
        self._expanded = 0
        _check_directory(path, limits.max_archive_files)
        self._path = path
        self._zip: zipfile.ZipFile | None = None
        try:
            with zipfile.ZipFile(path) as listed:
                members = [info for info in listed.infolist() if not info.is_dir()]
        except ZIP_ERRORS:
            raise _damaged() from None
        if any(info.filename in _OFFICE for info in members):
            raise InputError("not-an-image", "a document or program package, not an archive of images")
        self._members = sorted(members, key=lambda info: info.filename.split("/"))
        self._unread = len(members)

    def entries(self) -> list[zipfile.ZipInfo]:
        """What is in it, folders left out, by name."""
        return list(self._members)

    @property
    def spent(self) -> bool:
        """Whether it has expanded beyond the limit; nothing more is read from it then."""
        return self._expanded > self._limits.max_archive_bytes

    def read(self, info: zipfile.ZipInfo) -> bytes:
        """One entry, or only its head where that already says that it is no image.

        Raises:
            InputError: With the code of what is wrong with the entry or, `archive-too-large`, with the archive.
        """
        with self._lock:
            try:
                _check_entry(info)
                return self._expand(info)
            except ZIP_ERRORS:
                raise InputError("zip-damaged", "the archive entry cannot be expanded", "Make the archive again") from None
            finally:
                self._unread -= 1
                if not self._unread:
                    self.close()

    def close(self) -> None:
        """Close the file."""
        if self._zip is not None:
            self._zip.close()
            self._zip = None

    def _expand(self, info: zipfile.ZipInfo) -> bytes:
        if self._zip is None:
            self._zip = zipfile.ZipFile(self._path)
        with self._zip.open(info) as stream:
            parts = [stream.read(HEAD)]
            self._count(len(parts[0]))
            readable = sniff(parts[0]) in READABLE
            while readable and (block := stream.read(_BLOCK)):
                parts.append(block)
                self._count(len(block))
                if sum(map(len, parts)) > self._limits.max_file_bytes:
                    raise too_large(self._limits)
        return b"".join(parts)

    def _count(self, size: int) -> None:
        self._expanded += size
        if self.spent:
            raise InputError(
                "archive-too-large",
                f"the archive expands to more than {self._limits.max_archive_bytes // 2**20} MB; what comes after was not read",
                "Split it, or raise the limit",
            )


def too_large(limits: Limits) -> InputError:
    """The error for a file over the limit."""
    message = f"the file has more than {limits.max_file_bytes / 2**20:g} MB"
    return InputError("file-too-large", message, "If it is a real image, raise the limit")


def _damaged() -> InputError:
    return InputError("zip-damaged", "the archive's directory cannot be read", "Make the archive again")


def _check_entry(info: zipfile.ZipInfo) -> None:
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":" or info.orig_filename != info.filename:
        message = "an archive entry whose name leads out of the archive"
        raise InputError("unsafe-path", message, "Make the archive again from inside its folder")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        raise InputError("unsafe-path", "an archive entry that is a link or a device", "Archive the files themselves")
    if info.flag_bits & 0x1:
        raise InputError("encrypted", "an encrypted archive entry", "Make the archive again without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError("archive-unsupported", "an archive entry that is neither stored nor deflated", "Make a plain zip archive")


def _check_directory(path: Path, max_files: int) -> None:
    """Count the entries before the standard library builds an object for each.

    Raises:
        InputError: `zip-damaged` or `archive-too-many-files`.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 2**16 - 22 - 20))
            base, tail = file.tell(), file.read()
            at = tail.rfind(_END)
            if at < 0 or len(tail) < at + 22:
                raise _damaged()
            entries, length = struct.unpack_from("<HI", tail, at + 10)
            if at >= 20 and tail[at - 20 : at - 16] == _LOCATOR:
                file.seek(struct.unpack_from("<Q", tail, at - 12)[0])
                entries, length = struct.unpack_from("<QQ", file.read(56), 32)
            if max(entries, length // _RECORD) <= max_files:
                start = max(0, base + at - length - 76)
                file.seek(start)
                entries = max(entries, file.read(base + at - start).count(_CENTRAL))
    except (OSError, struct.error, ValueError):
        raise _damaged() from None
    if max(entries, length // _RECORD) > max_files:
        raise InputError("archive-too-many-files", f"the archive lists more than {max_files} files", "Split it, or raise the limit")
