"""Render a sagittal slice of a subject: exactly what the spec and the acquisition say, no chance left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.bones import paint_bones
from spondyl.phantom.canvas import Array, blur
from spondyl.phantom.lateral import paint_beside
from spondyl.phantom.scene import Scene, scene
from spondyl.phantom.soft_tissue import paint_body, paint_canal, paint_posterior
from spondyl.phantom.spec import Acquisition, SubjectSpec
from spondyl.phantom.truth import SliceTruth, measure


@dataclass(frozen=True, slots=True, eq=False)
class SagittalSlice:
    """A picture and what is true of it.

    Attributes:
        pixels: float32 (rows, columns), 0..1, head up, anterior to the left.
        spacing_mm: (row, column).
        truth: Discs in view, in pixels of this picture.
    """

    pixels: NDArray[np.float32]
    spacing_mm: tuple[float, float]
    truth: SliceTruth


def render_sagittal(spec: SubjectSpec, acquisition: Acquisition) -> SagittalSlice:
    """The slice of that subject in that acquisition. Same spec, same pixels."""
    s = scene(spec, acquisition)
    paint_body(s)
    paint_posterior(s)
    paint_canal(s)
    paint_bones(s)
    paint_beside(s)
    return SagittalSlice(_expose(s), acquisition.spacing_mm, measure(spec, s.spine, acquisition))


def _expose(s: Scene) -> Array:
    """Coil, saturation band, point spread, noise, display window and border."""
    scan, c = s.scan, s.canvas
    skin, front = s.lines.at(s.lines.skin, c.y), s.lines.at(s.lines.front, c.y)
    deep = np.maximum(skin - c.x, 0)
    canal_depth = float(np.median(s.lines.skin - s.lines.back))
    coil = np.minimum(np.exp((canal_depth - deep) / scan.coil_mm), 2.2)
    middle, reach = float(c.y.mean()), 0.55 * scan.rows * scan.spacing_mm[0]
    coil = coil * (1 - 0.45 * np.clip(np.abs(c.y - middle) / reach, 0, 1.2) ** 4)
    if scan.band_mm >= 0:
        ahead = front - c.x - scan.band_mm - 6 * np.sin(c.y / 90)
        coil = coil * (1 - 0.88 / (1 + np.exp(np.clip(-ahead / 3.0, -60, 60))))
    value = blur(c.signal * coil.astype(np.float32), scan.blur_px)
    inside = value[(c.x < skin - 3) & (front - c.x < 45)]
    white = scan.white * float(np.quantile(inside, 0.97)) if inside.size else 1.0
    rng = np.random.default_rng(scan.noise_seed)
    sigma = np.float32(scan.noise)
    first, second = rng.standard_normal((2, *value.shape), dtype=np.float32) * sigma
    value = np.hypot(value / np.float32(max(white, 1e-6)) + first, second)
    top, right, bottom, left = scan.pad_px
    return np.pad(np.clip(value, 0, 1).astype(np.float32), ((top, bottom), (left, right)))
