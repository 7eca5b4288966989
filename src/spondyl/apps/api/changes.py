"""Route: bone density of several studies compared."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query

from spondyl.apps.api.schemas import ErrorBody
from spondyl.reports.bone_series import TASK, bone_series, check_options
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
        at: str = Query("", description="Labels with commas between, e.g. 2019-03,2021-04", max_length=2000),
    ) -> dict[str, Any]:
        """Change of bone density between examinations of one person, against the least significant change (`spondyl.change/1`)."""
        keys = [key for part in studies.split(",") if (key := part.strip())]
        check_options(len(keys), same_machine=same_machine, cross_calibrated=cross_calibrated, rms_sd_g_cm2=rms_sd)
        results = [parse_result(store.result(key, TASK).json) for key in keys]
        series = bone_series(results, at=at, same_machine=same_machine, cross_calibrated=cross_calibrated, rms_sd_g_cm2=rms_sd)
        return series.as_dict()

    return router
