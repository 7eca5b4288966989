"""How many callers may do the costly things at once; the others wait their turn or come back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from spondyl.core import SpondylError

UPLOADS_AT_ONCE = 2
"""Uploads that are read at the same time; each may hold 256 MB of decoded pixels."""
PATIENCE_S = 30.0
"""How long an upload or a report waits for its turn."""
REPORTS_AT_ONCE = 1
"""Reports on paper that are set at the same time; each takes a core for a second or more, and holds the pictures of a study."""
MOST_STREAMS = 64
"""Event streams at the same time; each asks the database a few times a second."""


class Turns:
    """A few at once; the others wait, for a while."""

    def __init__(self, at_once: int, patience_s: float, said: str = "other uploads are still being read") -> None:
        """`said`: what a caller is told whose turn did not come."""
        self._free = anyio.Semaphore(at_once)
        self._said = said
        self._patience_s = patience_s

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold a turn.

        Raises:
            SpondylError: `server-busy`, if none came free in time.
        """
        with anyio.move_on_after(self._patience_s) as waiting:
            await self._free.acquire()
        if waiting.cancelled_caught:
            raise busy(self._said)
        try:
            yield
        finally:
            self._free.release()


class Streams:
    """Counts open event streams."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0

    def stream(self, events: AsyncIterator[str]) -> StreamingResponse:
        """A response that counts until it is over, also when its reader went away.

        Raises:
            SpondylError: `server-busy`, if as many are open as may be.
        """
        if self._open >= self._most:
            raise busy(f"{self._most} event streams are open already")
        self._open += 1
        return _Counted(events, self._close)

    def _close(self) -> None:
        self._open -= 1


class _Counted(StreamingResponse):
    def __init__(self, events: AsyncIterator[str], on_end: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"cache-control": "no-store"})
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._on_end()


def busy(message: str) -> SpondylError:
    """What a caller is told who should come back."""
    return SpondylError("server-busy", message, "Send it again in a minute")
