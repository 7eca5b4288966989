"""The second look: each vertebra upright in a frame of its own, for corners finer than the detector's, and how unsure each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox
from spondyl.inference import Engine
from spondyl.tasks.xray_alignment.frames import VERTEBRA_NEAR, Pixels, Points, even, looked_at, vertebra_frame

FINE = 2
"""Crop pixels of a cell."""
MIRRORED = [1, 0, 3, 2]


@dataclass(frozen=True, slots=True, eq=False)
class Corners:
    """Corners of n vertebrae, from the top down.

    Attributes:
        points: (n, 4, 2) top-left, top-right, bottom-left, bottom-right; pixels (x, y) of the film.
        spread: (n, 4, 2, 2) covariance of each, pixels squared: of the maps, and of the networks among themselves.
    """

    points: Points
    spread: NDArray[np.float64]


def look_closer(pixels: Pixels, rough: Points, engine: Engine, networks: Sequence[str], shape: tuple[int, int]) -> Corners:
    """Corners seen in each vertebra's own frame: once by the first network, to stand it upright, and from there by all of them.

    Args:
        pixels: float32 (rows, columns), 0..1.
        rough: (n, 4, 2) as the detector saw them.
        networks: Names in the bundle; the second time mirrored crops are asked too.
        shape: Of a crop.
    """
    points, spread = rough, np.zeros((len(rough), 4, 2, 2))
    for names, mirrored in ((networks[:1], False), (networks, True)):
        if not len(points):
            break
        frames = [vertebra_frame(one, shape) for one in points]
        crops = np.stack([even(looked_at(pixels, frame), VERTEBRA_NEAR) for frame in frames])[:, None]
        views = np.concatenate([crops, crops[..., ::-1]]) if mirrored else crops
        said = [moments(engine.run(name, {"vertebra": views})["chances"], len(points), shape) for name in names]
        points, spread = _joined(np.concatenate(said), frames)
    return Corners(points, spread)


def moments(chances: NDArray[np.float32], count: int, shape: tuple[int, int]) -> NDArray[np.float64]:
    """(1 or 2, count, 4, 6): x, y, and the variances xx, xy, xy, yy in crop pixels, of the crops and, where there are twice as many, of
    their mirror images turned back."""
    x = (np.arange(chances.shape[3]) + 0.5) * FINE
    y = (np.arange(chances.shape[2]) + 0.5) * FINE
    across, down = chances.sum(axis=2, dtype=np.float64), chances.sum(axis=3, dtype=np.float64)
    mx, my = across @ x, down @ y
    xx, yy = across @ x**2 - mx**2, down @ y**2 - my**2
    xy = np.einsum("nkij,i,j->nk", chances.astype(np.float64), y, x) - mx * my
    rows = np.stack([mx, my, xx, xy, xy, yy], axis=-1)
    if len(rows) == count:
        return rows[None]
    own, other = rows[:count], rows[count:][:, MIRRORED]
    return np.stack([own, other * [-1, 1, 1, -1, -1, 1] + [shape[1], 0, 0, 0, 0, 0]])


def _joined(said: NDArray[np.float64], frames: Sequence[Letterbox]) -> tuple[Points, NDArray[np.float64]]:
    """Means of all looks, and covariances: the looks' own, and theirs among each other, in pixels of the film."""
    means, own = said[..., :2], said[..., 2:].reshape(*said.shape[:-1], 2, 2).mean(axis=0)
    middle = means.mean(axis=0)
    apart = means - middle
    among = np.einsum("lnki,lnkj->nkij", apart, apart) / len(said)
    points = np.stack([frame.back(place) for frame, place in zip(frames, middle, strict=True)])
    linear = np.stack([frame.to_source[:, :2] for frame in frames])
    return points, np.einsum("nij,nkjl,nml->nkim", linear, own + among, linear)
