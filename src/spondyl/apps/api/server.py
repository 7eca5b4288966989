"""`spondyl serve`: the application on a socket, with its address told once it answers."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from spondyl.apps import wiring
from spondyl.apps.api.app import create_app
from spondyl.apps.settings import Settings
from spondyl.core import InputError
from spondyl.store import Store, load_or_create_key

GRACE_S = 3
"""Seconds that open answers (a browser that follows a job) get when the server is told to stop."""


def serve(settings: Settings, *, announce: Callable[[str], None] | None = None) -> None:
    """Serve until told to stop (SIGINT, SIGTERM).

    Args:
        settings: Where to listen, what to keep where. Port 0 takes a free one.
        announce: Called with the address once the server answers; by default it goes to stdout.

    Raises:
        InputError: If the address cannot be listened on.
        NotFoundError: If no task has a bundle.
    """
    shelf = wiring.shelf(settings)
    tasks = wiring.served(shelf, bmd_reference=settings.bmd_reference)
    listener = listen(settings.host, settings.port)
    with wiring.reader(settings, load_or_create_key(settings.data)) as reader, Store(settings.database_url, settings.data) as store:
        reader.start()
        app = create_app(settings, tasks=tasks, shelf=shelf, reader=reader, store=store)
        run(app, listener, announce or _say)


def run(app: object, listener: socket.socket, announce: Callable[[str], None]) -> None:
    """Serve an ASGI application on an open socket until told to stop."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False,  # type: ignore[arg-type]
                            timeout_graceful_shutdown=GRACE_S, lifespan="on")
    logging.getLogger("dbos").setLevel(logging.ERROR)
    _Server(config, lambda: announce(address_of(listener))).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A bound socket.

    Raises:
        InputError: If the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InputError("address-in-use", f"port {port} cannot be listened on: {error.strerror}", "Choose another --port, or 0") from None
    listener.set_inheritable(False)
    return listener


def address_of(listener: socket.socket) -> str:
    """What to type into a browser."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


class _Server(uvicorn.Server):
    """Says when it is ready, and keeps the signal that stopped it: raised again, it would end us before the store is closed."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _say(address: str) -> None:
    sys.stdout.write(f"Spondyl listens on {address}\n")
    sys.stdout.flush()
