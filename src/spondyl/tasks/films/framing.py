"""A film as networks see it. Training and serving both come through here, and there is no other preprocessing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox, affine_sample, letterbox, percentile_scale, scaled_block_mean

SAMPLE_STEP = 4
"""Percentiles are taken over every fourth row and column."""


@dataclass(frozen=True, slots=True)
class FilmFrame:
    """The frame of one network.

    Attributes:
        rows, columns: Its size in pixels.
        low, high: Percentiles of the film that become 0 and 1.
    """

    rows: int
    columns: int
    low: float = 1.0
    high: float = 99.0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> FilmFrame:
        """From the `frame` of a bundle's settings."""
        return cls(int(settings["rows"]), int(settings["columns"]), float(settings["low"]), float(settings["high"]))


@dataclass(frozen=True, slots=True, eq=False)
class FramedFilm:
    """A film in its frame: float32 (rows, columns), 0..1, 0 outside the film; and the way back to the film's own pixels."""

    pixels: NDArray[np.float32]
    box: Letterbox


def frame_film(pixels: NDArray[np.float32], frame: FilmFrame) -> FramedFilm:
    """The whole film fitted into the frame, aspect kept, bright is bone.

    Args:
        pixels: float32 (rows, columns), 0..1, as `core.Image` holds them.
    """
    rows, columns = pixels.shape
    box = letterbox((0.0, 0.0, float(columns), float(rows)), (frame.rows, frame.columns))
    sample = pixels[::SAMPLE_STEP, ::SAMPLE_STEP]
    bottom, top = (float(value) for value in np.percentile(sample, [frame.low, frame.high]))
    factor = int(box.to_source[0, 0])
    if factor < 2 or not top > bottom:
        return FramedFilm(box.sample(percentile_scale(pixels, frame.low, frame.high, sample)), box)
    reduced = scaled_block_mean(pixels, bottom, top, factor)  # what `Letterbox.sample` of the scaled film does, in one pass
    return FramedFilm(affine_sample(reduced, box.to_source / factor, box.shape), box)
