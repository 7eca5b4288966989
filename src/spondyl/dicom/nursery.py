"""A process that has loaded the codecs once and forks limited workers on request; it never sees a byte of a file itself.

Workers are therefore cheap to throw away (milliseconds), do not run the caller's main module again, and inherit nothing of the
caller: no key, no settings, no open files.

    reader -> nursery    b"s" with a socket passed along: start a worker on it        nursery -> reader   8-byte pid
                         b"k" and an 8-byte pid: end that worker and collect it                           8-byte pid
"""

from __future__ import annotations

import os
import signal
import socket
import sys

SPAWN, KILL = b"s", b"k"


def main() -> None:
    """Run on the socket named by the first argument, with the limits in the second, until the other side closes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from spondyl.dicom import worker

    limits = worker.limits_from(sys.argv[2])
    worker.warm()
    children: set[int] = set()
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not request:
            break
        if request == SPAWN:
            pid = _fork(control, descriptors[0], limits)
            children.add(pid)
            os.close(descriptors[0])
        else:
            pid = int.from_bytes(control.recv(8, socket.MSG_WAITALL), "big")
            _end(children, pid)
        control.sendall(pid.to_bytes(8, "big"))
    for pid in list(children):
        _end(children, pid)


def _fork(control: socket.socket, descriptor: int, limits: dict[str, object]) -> int:
    """Start a worker on the socket `descriptor`; its pid."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        from spondyl.dicom import worker

        control.close()
        worker.serve(socket.socket(fileno=descriptor), limits)
        status = 0
    finally:
        os._exit(status)


def _end(children: set[int], pid: int) -> None:
    """Kill and collect one of our own; the pid cannot have been reused, because only we collect it."""
    if pid not in children:
        return
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    children.discard(pid)
