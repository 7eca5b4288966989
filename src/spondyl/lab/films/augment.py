"""Films as they could have been taken: turned, nearer, mirrored, darker, noisier. The chance is drawn first, boxes follow the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Numbers = NDArray[np.float32]
GRAIN = 1 << 20
"""Length of the one stretch of noise that films get pieces of."""


@dataclass(frozen=True, slots=True)
class Augment:
    """How far films are changed in training; 0 leaves a thing as it is.

    Attributes:
        rotate_deg: Largest turn.
        zoom: Largest zoom, as a natural logarithm.
        stretch: Largest zoom of one side alone, as a natural logarithm.
        shift: Largest shift, as a share of the frame.
        flip: Share of films that are mirrored left to right.
        bend: Largest bend of the grey curve x + b x (1 - x); 0.5 is about a gamma of 0.6 to 1.6.
        gain: Largest gain, as a natural logarithm.
        offset: Largest brightness that is added.
        noise: Largest standard deviation of noise that is added; every other film gets some.
        blur: Share of films that are blurred by one pixel.
        mixup: Alpha of the beta distribution that films are mixed by in pairs (Zhang et al. 2018).
    """

    rotate_deg: float = 8.0
    zoom: float = 0.15
    stretch: float = 0.05
    shift: float = 0.05
    flip: float = 0.5
    bend: float = 0.4
    gain: float = 0.2
    offset: float = 0.08
    noise: float = 0.03
    blur: float = 0.15
    mixup: float = 0.0


NONE = Augment(*[0.0] * 11)


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """What was drawn for n films.

    Attributes:
        theta: (n, 2, 3), from the new film to the old, in coordinates that are -1 and 1 at the frame's edges.
        mirrored: (n,) bool.
        bend, gain, offset, noise: (n,).
        blurred: (n,) bool.
        grain: (n,) where each film's noise begins in the common stretch.
        share, partner: (n,) what a film keeps of itself, and whom it is mixed with.
    """

    theta: Numbers
    mirrored: NDArray[np.bool_]
    bend: Numbers
    gain: Numbers
    offset: Numbers
    noise: Numbers
    blurred: NDArray[np.bool_]
    grain: NDArray[np.int64]
    share: Numbers
    partner: NDArray[np.int64]


def draw(rng: np.random.Generator, n: int, shape: tuple[int, int], augment: Augment) -> Draws:
    """All the chance of one batch, for films of (rows, columns)."""

    def between(most: float) -> Numbers:
        return rng.uniform(-most, most, n).astype(np.float32)

    angle, zoom, stretch = np.radians(between(augment.rotate_deg)), between(augment.zoom), between(augment.stretch)
    across, down = between(2 * augment.shift), between(2 * augment.shift)
    mirrored = rng.random(n) < augment.flip
    bend, gain, offset = between(augment.bend), np.exp(between(augment.gain)), between(augment.offset)
    noise = np.maximum(between(augment.noise), 0.0)
    blurred = rng.random(n) < augment.blur
    grain = rng.integers(0, GRAIN, n)
    own = float(rng.beta(augment.mixup, augment.mixup)) if augment.mixup else 1.0
    share = np.full(n, max(own, 1 - own), np.float32)
    theta = _theta(angle, np.exp(zoom + stretch), np.exp(zoom - stretch), np.where(mirrored, -1.0, 1.0), shape)
    theta[:, 0, 2], theta[:, 1, 2] = across, down
    return Draws(theta, mirrored, bend, gain, offset, noise, blurred, grain, share, rng.permutation(n))


def _theta(angle: Numbers, across: Numbers, down: Numbers, mirror: NDArray[np.float64], shape: tuple[int, int]) -> Numbers:
    rows, columns = shape
    theta = np.zeros((len(angle), 2, 3), np.float32)
    theta[:, 0, 0] = np.cos(angle) * across * mirror
    theta[:, 0, 1] = -np.sin(angle) * down * rows / columns
    theta[:, 1, 0] = np.sin(angle) * across * mirror * columns / rows
    theta[:, 1, 1] = np.cos(angle) * down
    return theta


def changed_films(films: Tensor, draws: Draws, grain: Tensor, seen: tuple[int, int] | None = None) -> Tensor:
    """The films as drawn, mixing left out.

    Args:
        films: float32 (n, 1, rows, columns), 0..1.
        draws: For these films.
        grain: (GRAIN + rows x columns,) standard normal noise.
        seen: (rows, columns) of the new films where they are pieces of the old ones.
    """
    rows, columns = seen or (films.shape[2], films.shape[3])
    if seen or not np.array_equal(draws.theta, np.broadcast_to(np.eye(2, 3, dtype=np.float32), draws.theta.shape)):
        grid = _grid(torch.from_numpy(draws.theta), rows, columns)
        films = functional.grid_sample(films, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    for row in np.flatnonzero(draws.blurred):
        films[row, 0] = _blurred(films[row, 0])
    bend, gain, offset = (torch.from_numpy(v)[:, None, None, None] for v in (draws.bend, draws.gain, draws.offset))
    films = (films * ((1 + bend) - bend * films)).mul_(gain).add_(offset)
    for row in np.flatnonzero(draws.noise):
        start = int(draws.grain[row])
        films[row, 0].add_(grain[start : start + rows * columns].view(rows, columns), alpha=float(draws.noise[row]))
    return films.clamp_(0, 1)


def _grid(theta: Tensor, rows: int, columns: int) -> Tensor:
    """What torch's affine_grid gives (n, rows, columns, 2), in a fifth of the time."""
    x = (torch.arange(columns) * 2 + 1) / columns - 1
    y = (torch.arange(rows) * 2 + 1) / rows - 1
    across, down = theta[:, :, 0, None, None], (theta[:, :, 1, None] * y + theta[:, :, 2, None])[..., None]
    grid = torch.empty(len(theta), rows, columns, 2)
    for axis in range(2):
        torch.add(across[:, axis] * x, down[:, axis], out=grid[..., axis])
    return grid


def _blurred(film: Tensor) -> Tensor:
    """Each pixel with a quarter of its neighbours' grey, along rows and then columns; edges stay."""
    for axis in range(2):
        most = film.shape[axis] - 1
        mixed = film.narrow(axis, 1, most - 1) * 0.5 + (film.narrow(axis, 0, most - 1) + film.narrow(axis, 2, most - 1)) * 0.25
        film = torch.cat([film.narrow(axis, 0, 1), mixed, film.narrow(axis, most, 1)], axis)
    return film


def noise_grain(shape: tuple[int, int]) -> Tensor:
    """The one stretch of standard normal noise, the same in every run."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(GRAIN + shape[0] * shape[1], generator=generator)


def changed_boxes(
    boxes: Tensor, draws: Draws, shape: tuple[int, int], least: float = 0.3, seen: tuple[int, int] | None = None
) -> tuple[Tensor, Tensor]:
    """Where boxes lie on the changed films, (n, B, 4), and which of them are still there, (n, B) bool.

    A turned box becomes the box about the turned ellipse in it, which fits what is in boxes better than the box about its corners.

    Args:
        boxes: (n, B, 4) in pixels of the frame.
        draws: For these films.
        shape: (rows, columns) of the frame.
        least: Share of a box that must stay in the frame.
        seen: (rows, columns) of the new films where they are pieces of the old ones.
    """
    frame, size = (torch.tensor([columns, rows], dtype=torch.float32) for rows, columns in (shape, seen or shape))
    theta = torch.from_numpy(draws.theta)
    linear = torch.linalg.inv(theta[:, :, :2])  # old to new
    middle = (boxes[..., :2] + boxes[..., 2:]) / frame - 1
    half = (boxes[..., 2:] - boxes[..., :2]) / frame
    middle = torch.einsum("nij,nbj->nbi", linear, middle - theta[:, None, :, 2])
    half = torch.einsum("nij,nbj->nbi", linear.square(), half.square()).sqrt()
    low, high = (middle - half + 1) / 2 * size, (middle + half + 1) / 2 * size
    whole = (high - low).clamp(min=0).prod(-1)
    inside_low, inside_high = low.clamp(min=0).minimum(size), high.clamp(min=0).minimum(size)
    left = (inside_high - inside_low).clamp(min=0).prod(-1)
    return torch.cat([inside_low, inside_high], -1), (left >= least * whole) & (left > 0)
