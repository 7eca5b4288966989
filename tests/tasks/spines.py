"""Slices of the digital spine, and the discs that a perfect locator would find on them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from spondyl.core import Geometry, Image, Series, Study
from spondyl.phantom import Acquisition, DiscTruth, SliceTruth, SubjectSpec, draw_subject, render_sagittal
from spondyl.phantom.anatomy import stack
from spondyl.phantom.truth import measure
from spondyl.tasks.mri_discs.chain import Disc

T2 = Acquisition("t2", rows=400, columns=208, spacing_mm=(0.625, 0.625), centre_mm=(6.0, -72.0), noise=0.012)
T1 = replace(T2, sequence="t1", tr_ms=550.0, te_ms=11.0)
UPRIGHT = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
"""(row direction, column direction) of a slice with the back on the right and the head up."""


@cache
def subject(seed: int, profile: str = "symptomatic") -> SubjectSpec:
    return draw_subject(np.random.default_rng(seed), profile)


def truth_of(seed: int, scan: Acquisition = T2) -> SliceTruth:
    """What is true of the slice, without drawing it."""
    spec = subject(seed)
    return measure(spec, stack(spec), scan)


@cache
def pixels_of(seed: int, scan: Acquisition = T2) -> np.ndarray:
    pixels = render_sagittal(subject(seed), scan).pixels
    pixels.setflags(write=False)
    return pixels


def found(truth: DiscTruth) -> Disc:
    """The disc as a perfect locator says it; truth has pixel centres at whole numbers, the task half a pixel further."""
    x0, y0, x1, y1 = truth.box
    return Disc(truth.centre[0] + 0.5, truth.centre[1] + 0.5, x1 - x0, y1 - y0, 0.9, 0.9)


def image(pixels: np.ndarray, **changes: object) -> Image:
    own = {"id": "i" * 32, "spacing_mm": (0.625, 0.625), "spacing_source": "PixelSpacing", "view": "sagittal", "sequence": "t2",
           "geometry": Geometry((0.0, -80.0, 120.0), *UPRIGHT)}
    return Image(pixels=np.ascontiguousarray(pixels, np.float32), **{**own, **changes})  # type: ignore[arg-type]


def study(*images: Image, modality: str = "MR") -> Study:
    """Each image is a series of its own."""
    return Study("k" * 20, tuple(Series(f"s{i}", modality, (one,)) for i, one in enumerate(images)))
