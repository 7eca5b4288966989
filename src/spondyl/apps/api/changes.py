"""Route: bone density, or curves, of several studies compared."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query

from spondyl.apps.api.schemas import ErrorBody
from spondyl.core import NotFoundError
from spondyl.core.errors import describe_unknown
from spondyl.reports.bone_series import TASK as DENSITY
from spondyl.reports.bone_series import bone_series, check_count, check_options
from spondyl.reports.curve_series import TASK as CURVES
from spondyl.reports.curve_series import curve_series, refuse_options
from spondyl.store import Store, parse_result


def change_router(store: Store) -> APIRouter:
    """GET /api/v1/change"""
    router = APIRouter(prefix="/api/v1/change", tags=["results"], responses={404: {"model": ErrorBody}})

    @router.get("")
    def change(
        studies: str = Query(description="Keys of the examinations, earliest first, with commas between", max_length=4000),
        rms_sd: float | None = Query(None, description="Precision error (RMS-SD) of the site for these vertebrae, g/cm2"),
        same_machine: bool = Query(False, description="All examinations come from one machine"),
        cross_calibrated: bool = Query(False, description="They come from machines that were cross-calibrated"),
        task: str = Query(DENSITY, description=f"What is followed: {DENSITY} or {CURVES}"),
        at: str = Query("", description="Labels with commas between, e.g. 2019-03,2021-04", max_length=2000),
    ) -> dict[str, Any]:
        """Change between examinations of one person: of bone density against the least significant change (`spondyl.change/1`), or of the
        largest curve against its error (`spondyl.curve-change/1`)."""
        keys = [key for part in studies.split(",") if (key := part.strip())]
        if task not in (DENSITY, CURVES):
            raise NotFoundError("unknown-task", describe_unknown("task that is followed", task, (DENSITY, CURVES)))
        if task == CURVES:
            refuse_options({"same_machine": same_machine, "cross_calibrated": cross_calibrated, "rms_sd": rms_sd is not None})
            check_count(len(keys))
            return curve_series([parse_result(store.result(key, CURVES).json) for key in keys], at=at).as_dict()
        check_options(len(keys), same_machine=same_machine, cross_calibrated=cross_calibrated, rms_sd_g_cm2=rms_sd)
        results = [parse_result(store.result(key, DENSITY).json) for key in keys]
        series = bone_series(results, at=at, same_machine=same_machine, cross_calibrated=cross_calibrated, rms_sd_g_cm2=rms_sd)
        return series.as_dict()

    return router
