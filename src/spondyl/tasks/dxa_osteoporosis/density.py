"""Bone density in g/cm2 from a calibrated raw pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image
from spondyl.imaging.dual_energy import mineral_map, polygon_mask, soft_map, soft_ratio
from spondyl.tasks.dxa_osteoporosis.space import Vertebra, regions

SOFT_SHARE = 0.015
"""Grey of a g/cm2 of soft tissue beside that of mineral, as the digital spine's console shows it [O]."""
MOST_G_CM2 = 2.2
"""Areal density above which something else than bone lies over a vertebra [O]: the densest spines measure 1.9."""
BLACK, WHITE = 2.5, 99.3
"""Percentiles that are shown black and white."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A calibrated pair.

    Attributes:
        logs: float64 (2, rows, columns): ln(I0 / I) at the low and the high energy.
        low, high: The two frames.
    """

    logs: NDArray[np.float64]
    low: Image
    high: Image

    @property
    def mineral(self) -> tuple[float, float]:
        """Mass attenuation of hydroxyapatite at both energies."""
        assert self.low.beam is not None
        assert self.high.beam is not None
        return self.low.beam.mineral_cm2_g, self.high.beam.mineral_cm2_g


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Areal density of one vertebra in g/cm2, and the projected area behind it in mm2."""

    bmd: float
    area_mm2: float


def pair_images(images: Sequence[Image]) -> tuple[Image, ...]:
    """The two frames of the pair in a series, low energy first; empty where there are not two of one size that tell their spacing."""
    own = sorted((image for image in images if image.beam is not None), key=lambda image: image.beam.kev if image.beam else 0.0)
    good = len(own) == 2 and own[0].shape == own[1].shape and own[0].spacing_mm is not None
    return tuple(own) if good else ()


def pair_of(images: Sequence[Image]) -> Pair | None:
    """The pair among some images, as `pair_images` takes it."""
    own = pair_images(images)
    if not own:
        return None
    logs = np.stack([image.pixels.astype(np.float64) * (image.beam.span if image.beam else 0.0) for image in own])
    return Pair(logs, own[0], own[1])


def shown(pair: Pair) -> NDArray[np.float32]:
    """The pair as a console would show it, 0..1: mineral against the median of the whole scan's ratio."""
    ratio = np.full((pair.logs.shape[1], 1), np.median(pair.logs[0] / np.maximum(pair.logs[1], 0.05)))
    assert pair.high.beam is not None
    bone = mineral_map(pair.logs, ratio, pair.mineral)
    soft = soft_map(pair.logs, bone, pair.mineral[1], pair.high.beam.soft_cm2_g)
    value = np.maximum(bone, -0.1) + SOFT_SHARE * soft
    black, white = np.percentile(value, [BLACK, WHITE])
    return np.asarray(np.clip((value - black) / max(float(white - black), 1e-6), 0, 1), np.float32)


def measure(pair: Pair, found: Sequence[Vertebra], pixel_mm: float, settings: Mapping[str, Any]) -> dict[str, Measured]:
    """Areal density of each vertebra of L1 to L4 that was found.

    Args:
        found: In pixels of the pair.
        pixel_mm: Of the pair.
        settings: `calibration` of a bundle: `coefficients` of 1, the measured density and the soft tissue's excess ratio; this stands for
            the calibration phantom of a machine, without which marrow fat makes it read low.
    """
    return {name: Measured(float(calibrated(raw, excess, settings)), count * pixel_mm**2)
            for name, (raw, excess, count) in raw_measures(pair, found, pixel_mm).items()}


def raw_measures(pair: Pair, found: Sequence[Vertebra], pixel_mm: float) -> dict[str, tuple[float, float, float]]:
    """By vertebra of L1 to L4: areal density before calibration, how far the soft tissue beside it departs from the pair's own lean tissue
    (ratio of the signals; below 0 where it is fat), and pixels of its region."""
    rows = np.arange(pair.logs.shape[1])
    centres = np.stack([one.centre for one in found])
    order = np.argsort(centres[:, 1])
    middle = np.interp(rows, centres[order, 1], centres[order, 0])
    half = np.interp(rows, centres[order, 1], np.array([one.width * pixel_mm / 2 for one in found])[order])
    ratio = soft_ratio(pair.logs, middle, half, pixel_mm)
    bone = mineral_map(pair.logs, ratio, pair.mineral)
    assert pair.low.beam is not None
    assert pair.high.beam is not None
    lean = pair.low.beam.soft_cm2_g / pair.high.beam.soft_cm2_g
    table = {}
    for name, box in regions(found).items():
        inside = polygon_mask(box, (bone.shape[0], bone.shape[1]))
        if inside.any():
            table[name] = (float(bone[inside].mean()), float(ratio[inside.any(axis=1)].mean() - lean), float(inside.sum()))
    return table


def calibrated(raw: float | NDArray[np.float64], excess: float | NDArray[np.float64], settings: Mapping[str, Any]) -> Any:
    """g/cm2 from what was measured; numbers or arrays of one shape."""
    one, slope, fat = settings["coefficients"]
    return one + slope * raw + fat * excess
