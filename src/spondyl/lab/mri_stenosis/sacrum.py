"""How sure the lowest disc is that above the sacrum: calibrated on whole fields and on fields that are cut above it.

A cohort of lumbar studies shows the sacrum nearly always, so that whole fields alone would teach that it is always there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from spondyl.core.identity import content_hash
from spondyl.imaging import content_box
from spondyl.inference import Engine
from spondyl.lab.mri_discs.calibrate import fit_on_sacrum as fit
from spondyl.tasks.mri_discs.reading import Located
from spondyl.tasks.mri_stenosis.looking import located

if TYPE_CHECKING:
    from spondyl.lab.mri_stenosis.cases import Case

CUT_SHARE = 0.1
"""Of the studies, those that are also shown cut: about as many fields end above the sacrum in the lumbar pack [O]."""
LEAST_ROWS, LEAST_DISCS = 96, 3
BESIDE_MM = 15.0
"""Marks of a level lie nearer than this to its disc, along the spine; the next disc is twice as far away."""


def cut_score(engine: Engine, found: Located, study: str, sequence: str) -> float:
    """The locator's score of the lowest disc where the field ends above one, two or three of the lowest ones; NaN in studies that are not
    shown cut, and where too little would be left."""
    chance = int(content_hash(f"cut {study}".encode())[:8], 16) / 16**8
    hidden = 1 + int(chance / CUT_SHARE * 3)
    if chance >= CUT_SHARE or len(found.discs) < hidden + LEAST_DISCS:
        return float("nan")
    rows = int((found.discs[hidden - 1].y + found.discs[hidden].y) / 2)
    if rows < LEAST_ROWS:
        return float("nan")
    pixels = np.ascontiguousarray(found.slice.pixels[:rows])
    cut = located(engine, replace(found.slice, pixels=pixels, content=content_box(pixels)), sequence)
    return cut.discs[0].lowest if cut.discs else 0.0


def fit_on_sacrum(cases: Iterable[Case]) -> dict[str, float]:
    """Platt scaling of that score. A whole field is right where the marks of the lowest level lie beside its disc, a cut one never."""
    scores, right = [], []
    for case in cases:
        marks = case.labels.points[case.numbers == 1]
        known = np.isfinite(marks[..., 2])
        if known.any():
            scores.append(case.lowest)
            right.append(bool(np.abs(marks[known][:, 2]).mean() < BESIDE_MM))
        if np.isfinite(case.cut_lowest):
            scores.append(case.cut_lowest)
            right.append(False)
    return fit(scores, right) if scores else {"slope": 1.0, "offset": 0.0}
