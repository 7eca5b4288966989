"""A process that has loaded the codecs once and forks limited workers on request; it never sees a byte of a file itself.

Workers are therefore cheap to throw away (milliseconds), do not run the caller's main module again, and inherit nothing of the
caller: no key, no settings, no open files.

    reader -> nursery    b"s" with a socket passed along: start a worker on it        nursery -> reader   8-byte pid
                         b"k" and an 8-byte pid: end that worker                               (no answer)
"""

from __future__ import annotations

import os
import select
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
    dying: set[int] = set()
    while True:
        _collect(dying, wait_for=control)
        request, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not request:
            break
        if request == SPAWN:
            pid = _fork(control, descriptors[0], limits)
            children.add(pid)
            os.close(descriptors[0])
            control.sendall(pid.to_bytes(8, "big"))
        else:
            pid = int.from_bytes(control.recv(8, socket.MSG_WAITALL), "big")
            dying |= _end(children & {pid})
            children -= dying
    for pid in dying | _end(children):
        os.waitpid(pid, 0)


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


def _end(children: set[int]) -> set[int]:
    """Kill some of our own; a pid cannot have been reused, because only we collect it."""
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    return children


def _collect(dying: set[int], wait_for: socket.socket) -> None:
    """Collect the killed while there is nothing else to do: dying takes them long on a busy machine, and nobody should wait for it."""
    while dying and not select.select([wait_for], [], [], 0.02)[0]:
        dying -= {pid for pid in dying if os.waitpid(pid, os.WNOHANG)[0]}
