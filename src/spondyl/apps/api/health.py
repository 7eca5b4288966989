"""Whether the server can work: GET /health."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import APIRouter

from spondyl import __version__
from spondyl.apps.api.schemas import HealthBody
from spondyl.apps.wiring import where
from spondyl.core import SpondylError
from spondyl.inference import Shelf
from spondyl.store import Store

log = logging.getLogger(__name__)


class Bundles:
    """Opens every bundle once, so that the first upload does not wait for it, and remembers what became of it."""

    def __init__(self, shelf: Shelf, tasks: tuple[str, ...]) -> None:
        self._shelf = shelf
        self._tasks = tasks
        self.notes: dict[str, dict[str, Any]] = {}

    def warm(self) -> None:
        """Open them; the outcome goes to `notes`."""
        for task in self._tasks:
            try:
                engine = self._shelf.open(task)
                engine.warm()
                note = engine.bundle.note
                self.notes[task] = {"name": note.name, "version": note.version, "sha256": note.sha256, "evidence": note.evidence}
            except SpondylError as error:
                self.notes[task] = dict(error.as_dict())
            except Exception as error:  # the door of this thread
                log.error("bundle of %s: %s", task, where(error))
                self.notes[task] = {"code": "internal-error", "message": "the bundle cannot be opened", "hint": "spondyl doctor"}

    @property
    def status(self) -> str:
        """ "ok", "starting" or "degraded"."""
        if len(self.notes) < len(self._tasks):
            return "starting"
        return "degraded" if any("code" in note for note in self.notes.values()) else "ok"


def health_router(store: Store, tasks: tuple[str, ...], bundles: Bundles) -> APIRouter:
    """GET /health."""
    router = APIRouter(tags=["health"])

    @router.get("/health")
    def health() -> HealthBody:
        """Whether the server can work, with which bundles, and how much waits."""
        return HealthBody(status=bundles.status, version=__version__, tasks=list(tasks), bundles=dict(bundles.notes),
                          queue=store.waiting())

    return router
