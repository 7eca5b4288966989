"""Files under the hash of their bytes: written aside, synced, renamed, the folder synced."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

PREAMBLE_BYTES = 128
"""DICOM PS3.10 7.1: 128 bytes that belong to no attribute, then "DICM". They can hide anything, so they are zeroed."""

SYNC_THREADS = 8
_MAGIC_END = PREAMBLE_BYTES + 4


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that is in place. `name` is the SHA-256 of its bytes in hex."""

    name: str
    size: int
    path: Path


class Incoming:
    """A file being received: written aside, hashed on the way, with a DICOM preamble zeroed.

    Nothing is promised until `Store.keep` has synced and renamed it; `discard` leaves no trace.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / secrets.token_hex(16)
        self.size = 0
        self.head = b""
        self._file = open(self.path, "xb")  # noqa: SIM115 - held open between chunks, closed by finish() or discard()
        self._digest = hashlib.sha256()
        self._waiting: bytes | None = b""

    def write(self, chunk: bytes) -> None:
        """Append bytes. The first 132 are held back until it is known whether they are a DICOM head."""
        self.size += len(chunk)
        if self._waiting is None:
            self._put(chunk)
            return
        self._waiting += chunk
        if len(self._waiting) >= _MAGIC_END:
            self._release()

    def finish(self) -> None:
        """Nothing more will be written; it can be read under `path`, and is not yet safe from a power cut."""
        if self._file.closed:
            return
        if self._waiting is not None:
            self._release()
        self._file.close()

    def sync(self) -> None:
        """Its bytes are on disk."""
        self.finish()
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def discard(self) -> None:
        """Forget it."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    @property
    def name(self) -> str:
        """SHA-256 of the kept bytes, in hex; final once finished."""
        return self._digest.hexdigest()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting or b"", None
        if waiting[PREAMBLE_BYTES:_MAGIC_END] == b"DICM":
            waiting = bytes(PREAMBLE_BYTES) + waiting[PREAMBLE_BYTES:]
        self.head = waiting[:_MAGIC_END]
        self._put(waiting)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)


class Shelves:
    """A folder of files named by their own hash: `<aa>/<sha256>`."""

    def __init__(self, folder: Path, incoming: Path) -> None:
        self.folder = folder
        self._incoming = incoming
        for path in (folder, incoming):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, name: str) -> Path:
        """Where the file of that hash lies.

        Raises:
            ValueError: If the name is no SHA-256 in hex, so that no other text ever becomes a path.
        """
        if len(name) != 64 or not set(name) <= set("0123456789abcdef"):
            raise ValueError("a kept file is named by its SHA-256 in hex")
        return self.folder / name[:2] / name

    def keep(self, files: Iterable[Incoming]) -> tuple[KeptFile, ...]:
        """Move received files into place; on return they survive a power cut. The same bytes twice are one file."""
        received = list(files)
        with ThreadPoolExecutor(SYNC_THREADS) as threads:  # disks sync many files together faster than one by one
            list(threads.map(Incoming.sync, received))
        kept, folders = [], set()
        for file in received:
            path = self.path(file.name)
            if not path.parent.is_dir():
                path.parent.mkdir(exist_ok=True, mode=0o700)
                folders.add(self.folder)
            os.replace(file.path, path)
            folders.add(path.parent)
            kept.append(KeptFile(file.name, file.size, path))
        for folder in folders:
            sync_folder(folder)
        return tuple(kept)

    def keep_bytes(self, data: bytes) -> KeptFile:
        """Keep bytes that were made here."""
        file = Incoming(self._incoming)
        file.write(data)
        return self.keep([file])[0]

    def sweep(self, known: Iterable[str], older_than_s: float) -> int:
        """Remove files that no row knows (a crash between rename and commit leaves such), unless they are young. Returns how many."""
        wanted, removed = set(known), 0
        for path in self.folder.glob("??/*"):
            if path.name not in wanted and _age_s(path) > older_than_s:
                path.unlink(missing_ok=True)
                removed += 1
        return removed


def sweep_incoming(folder: Path, older_than_s: float) -> None:
    """Remove what was being received when a process died."""
    for path in folder.iterdir():
        if _age_s(path) > older_than_s:
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable. A no-op where folders cannot be opened (Windows)."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
