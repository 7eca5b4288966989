"""How a scanner or an export may have changed the grey levels: drawn first, applied afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Photometry:
    """A planned change of grey levels.

    Attributes:
        gamma: Exponent on 0..1 intensities.
        gain, offset: Contrast and brightness.
        slope: Gain across the picture, (x, y): a surface coil.
        noise: Standard deviation of additive noise.
        blur: Share of a 3x3 mean mixed in.
        seed: Seed of the noise.
    """

    gamma: float
    gain: float
    offset: float
    slope: tuple[float, float]
    noise: float
    blur: float
    seed: int


def plan_photometry(rng: np.random.Generator, strength: float = 1.0) -> Photometry:
    """Draw one; `strength` scales every range."""
    s = strength
    return Photometry(
        gamma=float(np.exp(rng.uniform(-0.5, 0.5) * s)),
        gain=float(np.exp(rng.uniform(-0.25, 0.35) * s)),
        offset=float(rng.uniform(-0.06, 0.06) * s),
        slope=(float(rng.uniform(-0.5, 0.5) * s), float(rng.uniform(-0.3, 0.3) * s)),
        noise=float(max(0.0, rng.uniform(-0.02, 0.06)) * s),
        blur=float(max(0.0, rng.uniform(-0.7, 0.7)) * s),
        seed=int(rng.integers(2**31)),
    )


def apply_photometry(picture: NDArray[np.float32], plan: Photometry) -> NDArray[np.float32]:
    """Do what the plan says to a 0..1 picture (rows, columns); the result is clipped to 0..1."""
    rows, columns = picture.shape
    x = np.linspace(-0.5, 0.5, columns, dtype=np.float32)
    y = np.linspace(-0.5, 0.5, rows, dtype=np.float32)[:, None]
    out = np.power(picture, np.float32(plan.gamma)) * np.float32(plan.gain)
    coil = np.exp(plan.slope[0] * x + plan.slope[1] * y, dtype=np.float32)
    out = np.asarray(out * coil + np.float32(plan.offset) * (picture > 0), np.float32)
    if plan.blur > 0:
        padded = np.pad(out, 1, mode="edge")
        mean = sum(padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)) / np.float32(9)
        out = np.asarray((1 - np.float32(plan.blur)) * out + np.float32(plan.blur) * mean, np.float32)
    if plan.noise > 0:
        grain = np.random.default_rng(plan.seed).standard_normal(out.shape, dtype=np.float32)
        out = out + grain * np.float32(plan.noise)
    return np.clip(out, 0, 1).astype(np.float32)
