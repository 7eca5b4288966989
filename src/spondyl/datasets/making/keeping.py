"""Files that are whole or not there: every byte of a cohort reaches the disk through here."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spondyl.core.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REFUSED = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn a full or closed disk into an InputError.

    Raises:
        InputError: `output-disk-full` or `output-not-writable`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise InputError("output-disk-full", "the disk of the output folder is full, or a quota on it is used up",
                             "Make room, then run the same command with --resume: complete subjects are kept") from error
        if error.errno in REFUSED:
            raise InputError("output-not-writable", f"the output folder cannot be written ({os.strerror(error.errno)})",
                             "Name a folder that you may write") from error
        raise


@contextmanager
def draft_folder(root: Path, name: str) -> Iterator[Path]:
    """An empty folder under `root` that is gone afterwards, whatever happens. Names begin with `.part-`."""
    draft = root / f".part-{name}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def drop_drafts(root: Path) -> None:
    """Remove what a killed run left behind."""
    for draft in root.glob(".part-*"):
        shutil.rmtree(draft, ignore_errors=True)


def move_in(draft: Path, root: Path, last: str) -> None:
    """Move every file of the draft to the same place under `root`; the file `last` goes last, and all are on the disk before the first.

    Where that fails, files that were moved already are taken back.
    """
    files = sorted(path.relative_to(draft) for path in draft.rglob("*") if path.is_file())
    for path in files:
        _to_disk(draft / path)
    moved: list[Path] = []
    try:
        for path in sorted(files, key=lambda path: path.as_posix() == last):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(draft / path, root / path)
            moved.append(root / path)
    except OSError:
        for path in moved:
            path.unlink(missing_ok=True)
        raise


def _to_disk(path: Path) -> None:
    """Wait until the file is on the disk; a disk that was full finds out here at the latest."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def write_whole(path: Path, text: str) -> None:
    """The text as a file that is never seen half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".part-{path.name}")
    try:
        draft.write_text(text, "utf-8", newline="")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
