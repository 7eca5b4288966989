"""Routes: studies, results and the pictures made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from spondyl.apps.api import crowd
from spondyl.apps.api.schemas import ErrorBody, StudiesBody, StudyBody, study_body, whole_number
from spondyl.apps.outputs import card_of
from spondyl.core import HeatMap, NotFoundError, Series, Study, StudyResult
from spondyl.inference import Shelf
from spondyl.reports import annotated_png, findings_csv, heat_png, report_pdf, shown_image, slice_png
from spondyl.store import ResultRow, Store, parse_result

FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
"""For what is named by its content."""
PNG, PDF = "image/png", "application/pdf"


def study_router(store: Store) -> APIRouter:
    """GET /api/v1/studies/..."""
    router = APIRouter(prefix="/api/v1/studies", tags=["studies"], responses={404: {"model": ErrorBody}})

    @router.get("")
    def studies(limit: int = Query(100, ge=1, le=1000), offset: int = Query(0, ge=0, le=10**9)) -> StudiesBody:
        """Studies that are kept, newest first."""
        return StudiesBody(studies=[study_body(row) for row in store.studies(limit, offset)], total=store.study_count())

    @router.get("/{key}")
    def study(key: str) -> StudyBody:
        """One study."""
        return study_body(store.study(key))

    @router.get("/{key}/images/{image_id}.png", response_class=Response)
    def image(key: str, image_id: str) -> Response:
        """An image as it was read, 8-bit grey, in its own rows and columns; where a big film was decoded at less, pixels repeat."""
        return Response(slice_png(store.image(key, image_id)), media_type=PNG, headers=FOREVER)

    return router


def result_router(store: Store, shelf: Shelf) -> APIRouter:
    """GET /api/v1/studies/{key}/results/..."""
    router = APIRouter(prefix="/api/v1/studies/{key}/results", tags=["results"], responses={404: {"model": ErrorBody}})
    reports = crowd.Turns(crowd.REPORTS_AT_ONCE, crowd.PATIENCE_S, "other reports are still being set")

    @router.get("", response_class=Response)
    def results(key: str) -> Response:
        """The latest result.json of each task, in one list."""
        texts = [row.json.rstrip("\n") for row in store.results(key)]
        return Response('{"study": ' + json.dumps(key) + ', "results": [' + ",\n".join(texts) + "]}\n", media_type="application/json")

    @router.get("/{task}", response_class=Response)
    def result(key: str, task: str) -> Response:
        """The latest result.json of one task, byte for byte as it was saved."""
        return Response(store.result(key, task).json, media_type="application/json", headers=_named(key, task, "json", inline=True))

    @router.get("/{task}/findings.csv", response_class=Response)
    def table(key: str, task: str) -> Response:
        """The result as a table."""
        text = findings_csv(_parsed(store, key, task)[1])
        return Response(text, media_type="text/csv; charset=utf-8", headers=_named(key, task, "csv"))

    @router.get("/{task}/annotated.png", response_class=Response)
    def annotated(key: str, task: str, image: str = "") -> Response:
        """The slice or film with its marks and the findings beside it. `image` is an id of result.json; else the one said most of."""
        _, parsed = _parsed(store, key, task)
        shown = store.image(key, image) if image else shown_image(kept_study(store, key, parsed), parsed)
        return Response(annotated_png(shown, parsed), media_type=PNG, headers=_named(key, task, "png", inline=True))

    def on_paper(key: str, task: str) -> bytes:
        row, parsed = _parsed(store, key, task)
        return report_pdf(kept_study(store, key, parsed), parsed, store.maps(row), card_of(shelf, parsed))

    @router.get("/{task}/report.pdf", response_class=Response, responses={503: {"model": ErrorBody, "description": "Busy"}})
    async def report(key: str, task: str) -> Response:
        """The result on paper: pictures, answers, warnings, and the card of the weights where they are still the same."""
        async with reports.turn():
            data = await run_in_threadpool(on_paper, key, task)
        return Response(data, media_type=PDF, headers=_named(key, task, "pdf", inline=True))

    @router.get("/{task}/heatmap.png", response_class=Response)
    def heatmap(key: str, task: str, finding: str, level: str = "", side: str = "", image: str = "") -> Response:
        """Where a finding was seen: a transparent overlay to stretch over the image. `level` is a name or a number from the bottom."""
        row, parsed = _parsed(store, key, task)
        heat = _choose(store.maps(row), parsed, finding, level, side, image)
        return Response(heat_png(heat, store.image(key, heat.image).shape), media_type=PNG)

    return router


def kept_study(store: Store, key: str, result: StudyResult) -> Study:
    """As much of the study as was kept: the images that the result used, or else the one that stands for the study."""
    names = list(dict.fromkeys(note.id for note in result.images)) or [store.study(key).preview or ""]
    return Study(key, (Series(key, "", tuple(store.image(key, name) for name in names)),))


def _parsed(store: Store, key: str, task: str) -> tuple[ResultRow, StudyResult]:
    row = store.result(key, task)
    return row, parse_result(row.json)


def _choose(maps: Sequence[HeatMap], result: StudyResult, finding: str, level: str, side: str, image: str) -> HeatMap:
    """The heat map that was asked for.

    Raises:
        NotFoundError: If there is none.
    """
    names = {item.level: item.level_from_bottom for item in result.findings if item.level}
    number = whole_number(level)
    if number is None:
        number = names.get(level)
    for heat in maps:
        here = not level or (number is not None and heat.level_from_bottom == number)
        if here and heat.finding == finding and (heat.side or "") == side and image in ("", heat.image):
            return heat
    raise NotFoundError("unknown-heat-map", "there is no heat map of this finding here", "Findings with an `explanation` have one")


def _named(key: str, task: str, suffix: str, *, inline: bool = False) -> dict[str, str]:
    """A file name for the download, made of the pseudonym."""
    return {"content-disposition": f'{"inline" if inline else "attachment"}; filename="{key}-{task}.{suffix}"', "cache-control": "no-cache"}
