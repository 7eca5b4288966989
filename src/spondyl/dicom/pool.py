"""Limited worker processes, shared by every thread that reads."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass

from spondyl.core import Image, InputError, SpondylError
from spondyl.dicom.nursery import KILL, SPAWN
from spondyl.dicom.report import Limits
from spondyl.dicom.wire import Head, Line, WorkerLostError, receive_head, receive_image

START_S = 60.0
"""Longest wait for a worker: loading the codecs on a busy machine."""

REFUSED_BEFORE_DECODING = frozenset(
    {"no-pixel-data", "dicom-directory", "image-too-large", "tag-unusable", "pixel-layout-unsupported", "transfer-syntax-unsupported"}
)
"""Codes that a worker answers before a codec has touched the file; after any other failure it is replaced."""

_BOOT = "import sys, json; sys.path[:] = json.loads(sys.argv.pop()); from spondyl.dicom.nursery import main; main()"
_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
_QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a worker said about one file; there is no image in a density report."""

    head: Head
    images: tuple[Image, ...]


@dataclass(slots=True, eq=False)
class _Worker:
    pid: int
    line: Line
    files: int = 0


class Pool:
    """At most `workers` processes at once. Safe to use from many threads; a failed process takes only its own file with it."""

    def __init__(self, limits: Limits, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"at least one worker is needed, {workers} were asked for")
        self.limits = limits
        self._permits = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._nursery: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False

    def start(self) -> None:
        """Begin loading the codecs in the background; returns at once. `decode` does it when nobody did."""
        with self._lock:
            self._open()

    def decode(self, data: bytes) -> Answer:
        """The frames of one file.

        Raises:
            InputError: With the code of what is wrong with the file, `decode-timeout` or `decoder-crashed`.
            SpondylError: `reader-unavailable` when no worker can be started; `reader-closed` after `close`.
        """
        with self._permits:
            worker = self._take()
            sound = False
            try:
                answer = self._ask(worker, data)
                sound = True
                return answer
            except InputError as error:
                sound = error.code in REFUSED_BEFORE_DECODING
                raise
            finally:
                self._give_back(worker, sound)

    def close(self) -> None:
        """End every process and collect it."""
        with self._lock:
            self._closed = True
            self._shut()

    def _ask(self, worker: _Worker, data: bytes) -> Answer:
        line, limits = worker.line, self.limits
        line.deadline = time.monotonic() + limits.timeout_s
        worker.files += 1
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                line.send(len(data).to_bytes(8, "big"), data)
            head = receive_head(line)
            left, images = limits.max_pixels, []
            for _ in range(head.frames):
                images.append(receive_image(line, left))
                left -= images[-1].pixels.size
            return Answer(head, tuple(images))
        except TimeoutError:
            message = f"decoding took longer than {limits.timeout_s:g} seconds and was stopped"
            raise InputError("decode-timeout", message, "If it is a real image, raise the limit or export it smaller") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            hint = "Export the image again, uncompressed if possible"
            raise InputError("decoder-crashed", "the process that decoded this file died", hint) from None

    def _take(self) -> _Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if _is_alive(worker):
                    return worker
                self._end(worker)
            try:
                return self._spawn()
            except OSError:
                self._shut()  # the nursery itself is gone: once more with a new one
            try:
                return self._spawn()
            except OSError as error:
                raise SpondylError("reader-unavailable", "no process for decoding could be started", "See `spondyl doctor`") from error

    def _give_back(self, worker: _Worker, sound: bool) -> None:
        with self._lock:
            if sound and not self._closed and worker.files < self.limits.files_per_worker:
                self._idle.append(worker)
                return
            self._end(worker)

    def _end(self, worker: _Worker) -> None:
        worker.line.socket.close()
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.sendall(KILL + worker.pid.to_bytes(8, "big"))

    def _spawn(self) -> _Worker:
        self._open()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                pid = self._ask_nursery(theirs.fileno())
        except OSError:
            ours.close()
            raise
        return _Worker(pid, Line(ours))

    def _ask_nursery(self, descriptor: int) -> int:
        """The pid of a new worker on the socket `descriptor`."""
        if self._control is None:
            raise ConnectionError("there is no nursery")
        socket.send_fds(self._control, [SPAWN], [descriptor])
        reply = self._control.recv(8, socket.MSG_WAITALL)
        if len(reply) < 8:
            raise WorkerLostError("the nursery is gone")
        return int.from_bytes(reply, "big")

    def _open(self) -> None:
        if self._closed:
            raise SpondylError("reader-closed", "the reader was closed before this read")
        if self._nursery is not None:
            return
        ours, theirs = socket.socketpair()
        ours.settimeout(START_S)
        arguments = [str(theirs.fileno()), json.dumps(asdict(self.limits)), json.dumps(sys.path)]
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        with theirs:
            self._nursery = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOT, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=environment | _QUIET,
                start_new_session=True,
            )
        self._control = ours

    def _shut(self) -> None:
        for worker in self._idle:
            worker.line.socket.close()
        self._idle.clear()
        if self._control is not None:
            self._control.close()
        if self._nursery is not None:
            try:
                self._nursery.wait(5)
            except subprocess.TimeoutExpired:
                self._nursery.kill()
                self._nursery.wait()
        self._nursery = self._control = None


def _is_alive(worker: _Worker) -> bool:
    """Whether an idle worker still holds its end of the line; one that the system ended has let go of it."""
    try:
        worker.line.socket.setblocking(False)
        return worker.line.socket.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
