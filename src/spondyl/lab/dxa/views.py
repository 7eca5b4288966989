"""Looks at density pictures in training: another frame, another display window, more noise. Drawn first, applied afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox, affine_sample, compose

Picture = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What was drawn.

    Attributes:
        around: (2, 3) from pixels of the new frame to pixels of the old one.
        black, white: Greys that become 0 and 1.
        noise: Standard deviation of what is added.
        blur: Share of a 3 x 3 mean.
        seed: Of the noise.
    """

    around: NDArray[np.float64]
    black: float
    white: float
    noise: float
    blur: float
    seed: int


def draw_look(rng: np.random.Generator, shape: tuple[int, int], strength: float = 1.0, flip: bool = True) -> Look:
    """One look at a frame of that shape; `strength` scales turns, zooms and shifts."""
    s = strength
    angle, zoom, stretch = np.radians(rng.uniform(-8, 8) * s), np.exp(rng.uniform(-0.18, 0.18) * s), np.exp(rng.uniform(-0.08, 0.08) * s)
    mirror = -1.0 if flip and rng.random() < 0.5 else 1.0
    linear = zoom * np.array([[np.cos(angle) * stretch * mirror, -np.sin(angle) / stretch],
                              [np.sin(angle) * stretch * mirror, np.cos(angle) / stretch]])
    middle = np.array([shape[1], shape[0]]) / 2
    shift = rng.uniform(-0.08, 0.08, 2) * s * np.array([shape[1], shape[0]])
    around = np.column_stack([linear, middle - linear @ middle + shift])
    return Look(around, float(rng.uniform(-0.05, 0.06)), float(rng.uniform(0.85, 1.12)), float(max(rng.uniform(-0.015, 0.03), 0.0)),
                float(max(rng.uniform(-0.6, 0.6), 0.0)), int(rng.integers(2**31)))


def seen(pixels: Picture, frame: Letterbox, look: Look) -> tuple[Picture, Letterbox]:
    """The picture through a look, float32 of the frame's shape, and the way back to its own pixels."""
    there = Letterbox(compose(frame.to_source, look.around), frame.shape)
    return shaded(there.sample(pixels), look), there


def again(picture: Picture, look: Look) -> Picture:
    """A picture that is in its frame already, through a look."""
    return shaded(affine_sample(picture, look.around, (picture.shape[0], picture.shape[1])), look)


def shaded(picture: Picture, look: Look) -> Picture:
    """Only the greys of a look."""
    if look.blur > 0:
        padded = np.pad(picture, 1, mode="edge")
        rows, columns = picture.shape
        mean = sum(padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)) / np.float32(9)
        picture = np.asarray((1 - np.float32(look.blur)) * picture + np.float32(look.blur) * mean, np.float32)
    out = (picture - np.float32(look.black)) / np.float32(look.white - look.black)
    if look.noise > 0:
        out = out + np.random.default_rng(look.seed).standard_normal(out.shape, dtype=np.float32) * np.float32(look.noise)
    return np.asarray(np.clip(out, 0, 1), np.float32)
