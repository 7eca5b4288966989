"""From points of a plane to the picture as a scanner makes it: finite resolution with its ringing, zero-filling, folding, ghosts, noise.

All of it is linear and separable: one matrix along rows, one along columns.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


@lru_cache(maxsize=16)
def operator(at_first: float, at_step: float, at_count: int, from_first: float, from_step: float, from_count: int,
             resolution: float, period: float, window: float) -> Float:
    """The matrix (at_count, from_count) that carries samples at one set of places (mm) to band-limited values at another.

    Args:
        resolution: Finest half wave that is kept, mm.
        period: Length after which the object is folded onto itself, mm.
        window: Height of the raised-cosine k-space window at its edge.
    """
    at = at_first + at_step * np.arange(at_count)
    source = from_first + from_step * np.arange(from_count)
    waves = max(int(period / resolution) // 2, 1)
    distance = (at[:, None] - source[None, :]) / period
    edge = 0.5 / (waves + 0.5)
    middle = (1 + window) / 2
    kernel = middle * _dirichlet(distance, waves)
    for side in (-edge, edge):
        kernel += (1 - window) / 4 * _dirichlet(distance + side, waves)
    return np.asarray(kernel * (from_step / period), np.float32)


def _dirichlet(x: NDArray[np.float64], waves: int) -> NDArray[np.float64]:
    """Sum of exp(2 pi i k x) over k from -waves to waves."""
    turn = np.sin(np.pi * x)
    small = np.abs(turn) < 1e-9
    return np.where(small, 2 * waves + 1.0, np.sin((2 * waves + 1) * np.pi * x) / np.where(small, 1, turn))


def noise(seed: tuple[int, int], shape: tuple[int, int], operators: tuple[Float, Float] | None, sigma: float) -> tuple[Float, Float]:
    """The real and the imaginary channel's noise in a picture: white where acquired, as smooth in the picture as zero-filling makes it.

    Args:
        operators: From acquired to shown (rows, columns); None where the picture is as acquired.
        sigma: Standard deviation of either channel in every pixel.
    """
    rng = np.random.default_rng(seed)
    if operators is None:
        real, imaginary = rng.standard_normal((2, *shape), dtype=np.float32) * np.float32(sigma)
        return real, imaginary
    rows, columns = operators
    white = rng.standard_normal((2, rows.shape[1], columns.shape[1]), dtype=np.float32)
    scale = np.float32(sigma) / np.outer(np.sqrt((rows**2).sum(axis=1)), np.sqrt((columns**2).sum(axis=1)))
    real, imaginary = (rows @ channel @ columns.T * scale for channel in white)
    return np.asarray(real, np.float32), np.asarray(imaginary, np.float32)
