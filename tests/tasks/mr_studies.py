"""MR studies of the digital spine without files: coarse, three series, and what is true of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from zlib import crc32

import numpy as np

from spondyl.core import Geometry, Image, Series, Study
from spondyl.core.identity import pixel_hash
from spondyl.datasets.making.order import Order, Scale
from spondyl.datasets.making.views import built
from spondyl.datasets.rsna2024_maker import draw_plan
from spondyl.phantom.measured import SubjectTruth, measure_subject
from spondyl.phantom.resonance import MrSeries, render_mr

SMALL = Scale(fine_mm=1.2, trunk_mm=4.0, slices=13, matrix_mm=0.8)
SEQUENCE = {"t1": "t1", "t2": "t2", "stir": "stir", "axial_t2": "axial_t2", "axial_t2_upper": "axial_t2"}
SAGITTAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A study and what is true of its subject."""

    study: Study
    truth: SubjectTruth


@cache
def drawn(seed: int = 11) -> Drawn:
    """An ordinary subject (five lumbar vertebrae) with sagittal T1, sagittal T2 and axial T2."""
    order = Order("rsna2024", seed, role="test", profile="rsna", scale=SMALL)
    index = next(i for i in range(40) if _ordinary(order, i))
    plan = draw_plan(order, index)
    volume = built(plan.spec, SMALL)
    series = tuple(series_of(name, render_mr(volume, scan)) for name, scan in plan.scans.items())
    return Drawn(Study("k" * 20, series), measure_subject(volume))


def _ordinary(order: Order, index: int) -> bool:
    plan = draw_plan(order, index)
    return plan.spec.lumbar == 5 and "t2" in plan.scans and "axial_t2_upper" not in plan.scans


def series_of(name: str, rendered: MrSeries) -> Series:
    """A rendered series as reading makes it."""
    high = float(np.percentile(rendered.pixels, 99.5))
    images = []
    for k, position in enumerate(rendered.positions_mm):
        pixels = np.clip(rendered.pixels[k] / high, 0, 1).astype(np.float32)
        axes = tuple(float(v) for v in rendered.orientations[k])
        place = Geometry((float(position[0]), float(position[1]), float(position[2])), axes[:3], axes[3:], "frame")  # type: ignore[arg-type]
        view = "sagittal" if abs(place.normal[0]) > 0.75 else "axial" if abs(place.normal[2]) > 0.75 else "unknown"
        images.append(Image(pixel_hash(pixels), pixels, rendered.spacing_mm, "PixelSpacing", view, SEQUENCE[name], place))
    return Series(f"series {name}", "MR", tuple(images))


def blank(sequence: str = "t2", position: tuple[float, float, float] = (0.0, 0.0, 0.0),
          axes: tuple[tuple[float, float, float], tuple[float, float, float]] = SAGITTAL, frame: str = "frame", size: int = 96) -> Image:
    """A slice with nothing but noise on it, which is its own."""
    seed = crc32(repr((sequence, position, axes)).encode())
    pixels = np.random.default_rng(seed).random((size, size), dtype=np.float32)
    return Image(pixel_hash(pixels), pixels, (1.0, 1.0), "PixelSpacing", "unknown", sequence, Geometry(position, *axes, frame))


def row_of(sequence: str, count: int, axes: tuple[tuple[float, float, float], tuple[float, float, float]] = SAGITTAL, step: float = 4.0,
           frame: str = "frame", key: str = "") -> Series:
    """A series of blank slices, `step` mm apart along their normal."""
    normal = np.cross(*axes)
    images = tuple(blank(sequence, tuple(float(v) for v in step * k * normal), axes, frame) for k in range(count))  # type: ignore[arg-type]
    return Series(key or f"{sequence} {axes} {count}", "MR", images)


def study_of(*series: Series) -> Study:
    return Study("k" * 20, series)


def mirrored(study: Study) -> Study:
    """The same pixels of a patient who is the mirror image: x changes its sign."""
    def turned(image: Image) -> Image:
        assert image.geometry is not None
        own = image.geometry
        flip = [tuple(-v if k == 0 else v for k, v in enumerate(part)) for part in (own.position, own.row_direction, own.column_direction)]
        return replace(image, geometry=Geometry(flip[0], flip[1], flip[2], own.frame))  # type: ignore[arg-type]

    return replace(study, series=tuple(replace(one, images=tuple(map(turned, one.images))) for one in study.series))
