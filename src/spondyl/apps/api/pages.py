"""The page: drop zone, list of studies, one study, and the list of routes. Rendered here, no build, nothing fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from spondyl import __version__
from spondyl.apps.api.view import Bar, view_of, words
from spondyl.core.result import DISCLAIMER
from spondyl.reports import amount, measure_name, unit_text
from spondyl.store import ResultRow, Store, StudyRow, parse_result
from spondyl.tasks.port import Task

PAGE_STUDIES = 60
_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)
_templates = Jinja2Templates(env=_environment)


def page_router(store: Store, tasks: Mapping[str, Task], openapi: Callable[[], dict[str, Any]]) -> APIRouter:
    """The pages for people."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/")
    def home(request: Request) -> Response:
        return page(request, "home.html", studies=store.studies(PAGE_STUDIES), total=store.study_count(), tasks=list(tasks))

    @router.get("/studies/{key}")
    def study(request: Request, key: str) -> Response:
        row, job = store.study(key), store.job_of(key)
        results = sorted(store.results(key), key=lambda result: result.status != "done")
        views = [view_of(parse_result(result.json), _notes(store, result)) for result in results]
        answered = [view for view in views if view.result.status != "refused"]
        others = [view for view in views if view.result.status == "refused"] if answered else []
        return page(request, "study.html", study=row, job=job, views=answered or views, others=others)

    @router.get("/docs")
    def docs(request: Request) -> Response:
        return page(request, "docs.html", routes=_routes(openapi()))

    return router


def error_page(request: Request, status: int, body: Mapping[str, Any]) -> Response:
    """An error as a person reads it."""
    return page(request, "error.html", status, error=body)


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """One of the templates, filled in."""
    context = {"disclaimer": DISCLAIMER, "version": __version__, **values}
    return _templates.TemplateResponse(request, template, context, status_code=status, headers={"cache-control": "no-cache"})


def _notes(store: Store, result: ResultRow) -> tuple[Any, ...]:
    return store.map_notes(result) if result.maps else ()


def _routes(schema: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"method": method.upper(), "path": path, "text": operation.get("description") or operation.get("summary", "")}
        for path, operations in schema["paths"].items() for method, operation in operations.items()
    ]


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M UTC")


def _percent(value: float) -> str:
    """A probability as a person reads it; never 0 % or 100 %, which nobody knows."""
    if value < 0.01:
        return "<1 %"
    return ">99 %" if value > 0.99 else f"{value * 100:.0f} %"


def _study_words(study: StudyRow) -> str:
    """What kind of study it is."""
    images = f"{study.image_count} image{'' if study.image_count == 1 else 's'}"
    return f"{study.modality or 'Picture'}, {images}"


def _wordy(bars: Sequence[Bar]) -> bool:
    """Whether the keys of a scale are words, too long to stand below upright bars."""
    return len(bars) > 2 and any(len(bar.key) > 2 for bar in bars)


def _short(value: float) -> str:
    """A coordinate with no more figures than can be seen."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


_environment.filters.update(
    date=_date, amount=amount, measure_name=measure_name, percent=_percent, short=_short, study_words=_study_words, unit_text=unit_text,
    words=words, wordy=_wordy,
)
