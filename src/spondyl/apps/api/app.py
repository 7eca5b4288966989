"""The application: routes, errors, the worker's life, and the page, put together from what is handed in."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from spondyl import __version__
from spondyl.apps import wiring
from spondyl.apps.api.changes import change_router
from spondyl.apps.api.door import Door
from spondyl.apps.api.errors import status_of
from spondyl.apps.api.films import film_router
from spondyl.apps.api.health import Bundles, health_router
from spondyl.apps.api.intake import Intake
from spondyl.apps.api.jobs import Uploads, job_router, upload_router
from spondyl.apps.api.osteoporosis import osteoporosis_router
from spondyl.apps.api.pages import error_page, page_router
from spondyl.apps.api.predict import predict_router
from spondyl.apps.api.receive import UploadLimits
from spondyl.apps.api.studies import result_router, study_router
from spondyl.apps.api.waiting import Waiting
from spondyl.apps.settings import Settings
from spondyl.apps.worker import Worker
from spondyl.core import SpondylError
from spondyl.dicom import Reader
from spondyl.inference import Shelf
from spondyl.store import Store
from spondyl.tasks.port import Task

log = logging.getLogger(__name__)
STATIC = Path(__file__).parent / "static"
MEBIBYTE = 2**20


def create_app(settings: Settings, *, tasks: Mapping[str, Task], shelf: Shelf, reader: Reader, store: Store) -> FastAPI:
    """The server as an ASGI application. What it is given stays the caller's to close.

    Args:
        settings: Limits, and the host it will listen on.
        tasks: By name.
        shelf: Where bundles are opened.
        reader: Says what uploaded files are.
        store: Where everything is kept.
    """
    worker = Worker(tasks=tasks, shelf=shelf, reader=reader, store=store)
    bundles = Bundles(shelf, tuple(tasks))
    intake = Intake(reader, store, worker, tuple(tasks), wiring.limits(settings))

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(store.sweep)
        await run_in_threadpool(worker.start)
        threading.Thread(target=bundles.warm, name="warm", daemon=True).start()
        yield
        await run_in_threadpool(worker.stop)

    app = FastAPI(title="Spondyl", version=__version__, lifespan=life, docs_url=None, redoc_url=None,
                  description="Reads spine images level by level. Research software. Not a diagnosis.")
    limits = UploadLimits(settings.max_file_mb * MEBIBYTE, settings.max_archive_mb * MEBIBYTE, settings.max_archive_files)
    uploads = Uploads(intake, limits)
    waiting = Waiting(uploads, store)
    routers = (upload_router(uploads), film_router(uploads, waiting, store, shelf), predict_router(uploads, waiting, store),
               job_router(store), study_router(store), result_router(store, shelf), change_router(store),
               health_router(store, tuple(tasks), bundles), page_router(store, tasks, app.openapi), osteoporosis_router(tasks))
    for router in routers:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _answer_errors(app)
    app.add_middleware(Door, host=settings.host)
    return app


def _answer_errors(app: FastAPI) -> None:
    """`{code, message, hint}` for programs, a page for people."""

    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, SpondylError)
        return _reply(request, status_of(error), error.as_dict(), {"retry-after": "30"} if error.code == "server-busy" else {})

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        where = ", ".join(str(row["loc"][-1]) for row in error.errors())
        return _reply(request, 422, {"code": "bad-parameter", "message": f"not as documented: {where}", "hint": "See /docs"}, {})

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code, hint = ("unknown-address", "See /docs for what there is") if error.status_code == 404 else ("not-allowed", "See /docs")
        return _reply(request, error.status_code, {"code": code, "message": str(error.detail), "hint": hint}, dict(error.headers or {}))

    app.add_exception_handler(SpondylError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _reply(request: Request, status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if wants_page and not request.url.path.startswith("/api/"):
        return error_page(request, status, body)
    return JSONResponse(dict(body), status, dict(headers))
