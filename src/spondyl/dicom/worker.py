"""The limited process that decodes: it holds no key, opens no file, writes nothing, and is thrown away after a failure."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import socket
import warnings
from pathlib import Path
from typing import Any

from spondyl.core import InputError
from spondyl.dicom import pictures
from spondyl.dicom.dataset import quiet_pydicom
from spondyl.dicom.frames import read_dicom
from spondyl.dicom.sniff import sniff
from spondyl.dicom.wire import Line, send_frame, send_head, send_json

INFLATED_FACTOR = 4
"""A deflated data set may expand to this many times the largest file."""

PICTURES = ("png", "jpeg", "tiff")


def warm() -> None:
    """Load every codec before the process is limited and forked, so that no worker has to look for one."""
    quiet_pydicom()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    import imagecodecs

    for name in ("jpeg8", "ljpeg", "jpegsof3", "jpegls", "jpeg2k", "htj2k", "png", "tiff", "dicomrle"):
        with contextlib.suppress(RuntimeError, ValueError, TypeError, ImportError, AttributeError):
            getattr(imagecodecs, f"{name}_decode")(b"")


def serve(connection: socket.socket, limits: dict[str, Any]) -> None:
    """Answer files until the line closes. After an error the process stays in step, but the reader throws it away."""
    confine(int(limits["worker_memory_bytes"]))
    line = Line(connection)
    while True:
        header = connection.recv(8, socket.MSG_WAITALL)
        if len(header) < 8:
            return
        data = bytes(line.receive(int.from_bytes(header, "big")))
        allow_seconds(float(limits["timeout_s"]))
        answer(line, data, limits)


def answer(line: Line, data: bytes, limits: dict[str, Any]) -> None:
    """One file. Everything is caught here: the Rust codecs raise PanicException, which is no Exception."""
    try:
        kind = sniff(data)
        if kind in PICTURES:
            head, frames = pictures.read_picture(data, kind, limits["max_pixels"])
        else:
            head, frames = read_dicom(data, limits["max_pixels"], INFLATED_FACTOR * limits["max_file_bytes"])
        send_head(line, head)
        for frame in frames:
            send_frame(line, frame)
    except (BrokenPipeError, ConnectionError):
        raise
    except BaseException as error:  # the door of the process
        send_json(line, {"error": describe(error)})


def describe(error: BaseException) -> list[str]:
    """[code, message, hint] of any failure, with nothing of what the file or the exception says."""
    if isinstance(error, InputError):
        return [error.code, error.message, error.hint]
    if isinstance(error, MemoryError):
        message = "decoding the file needs more memory than one file is given"
        return ["needs-too-much-memory", message, "If it is a real image, raise the limit"]
    if isinstance(error, RecursionError):
        message = "sequences are nested more deeply than any real file has them"
        return ["nested-too-deeply", message, "Export the image again"]
    return ["decoder-failed", f"the decoder stopped with {type(error).__name__}", "Export the image again, uncompressed if possible"]


def confine(memory_bytes: int) -> None:
    """Limit this process: memory on top of what is mapped now, no writing, few open files, no children, no core dump."""
    wanted = {
        "RLIMIT_AS": mapped_bytes() + memory_bytes,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_NPROC": 0,
        "RLIMIT_CORE": 0,
    }
    for name, value in wanted.items():
        which = getattr(resource, name, None)
        if which is None:
            continue
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # systems that know the name and refuse to set it
            resource.setrlimit(which, (value, value))


def allow_seconds(timeout_s: float) -> None:
    """From now on, twice `timeout_s` of processor time; past it the kernel ends the process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + 2 * timeout_s) + 2
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def mapped_bytes() -> int:
    """Address space in use; a generous guess where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 2**32


def limits_from(text: str) -> dict[str, Any]:
    """The limits as the nursery received them."""
    return dict(json.loads(text))
