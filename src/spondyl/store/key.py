"""The key of the pseudonyms: one secret a data folder, shared by command line and server."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from spondyl.core import InputError
from spondyl.store.files import sync_folder

KEY_BYTES = 32


def load_key(data_dir: Path) -> bytes | None:
    """The pseudonym key of a data folder, or None where there is none yet.

    Raises:
        InputError: If the key file is shorter than it was written: pseudonyms made with it would be guessable.
    """
    try:
        key = (data_dir / "key").read_bytes()
    except FileNotFoundError:
        return None
    if len(key) != KEY_BYTES:
        raise InputError(
            "key-damaged",
            f"the pseudonym key of the data folder has {len(key)} bytes, it was written with {KEY_BYTES}",
            "Restore the file `key` of the data folder from a backup, or start a new data folder",
        )
    return key


def load_or_create_key(data_dir: Path) -> bytes:
    """The pseudonym key of a data folder; made on the first call, readable by its owner only, on disk before it is returned.

    Two processes that start at once get the same key: whoever links the file first wins.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        said = f"the data folder cannot be made ({type(error).__name__})"
        raise InputError("data-not-writable", said, "Name a folder that you may write to with --data") from None
    key = load_key(data_dir)
    if key is not None:
        return key
    temporary = data_dir / f".key-{os.getpid()}-{secrets.token_hex(4)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, data_dir / "key")
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(data_dir)
    key = load_key(data_dir)
    assert key is not None
    return key
