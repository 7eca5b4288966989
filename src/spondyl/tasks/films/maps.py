"""Where networks saw what they said, on a scale that is the same for every film."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import HeatMap
from spondyl.imaging import Letterbox, affine_sample, compose
from spondyl.tasks.films.votes import voters


def joint_map(cams: Mapping[str, NDArray[np.floating[Any]]], settings: Mapping[str, Any]) -> NDArray[np.float32]:
    """Class activation of the reader, (h, w), in units of its calibrated logit: members' maps times slope, averaged by weight.

    Maps of different sizes are sampled on the finest grid.

    Args:
        cams: (h, w) of one film and one output, by member.
        settings: Of the bundle.
    """
    own = voters(settings)
    finest = max((cams[name].shape for name in own), key=lambda shape: shape[0] * shape[1])
    total = sum(row["weight"] for row in own.values())
    shares = {name: row["weight"] * row["slope"] / total for name, row in own.items()}
    return np.asarray(sum(shares[name] * _resized(cams[name], finest) for name in own), np.float32)


def heat_map(finding: str, image: str, values: NDArray[np.float32], frame: Letterbox, scale: float) -> HeatMap:
    """A map (h, w) of a frame as the reader sees it: 0 none to 1 the bundle's `cam_scale`, placed on the film."""
    rows, columns = frame.shape
    to_frame = np.array([[columns / values.shape[1], 0.0, 0.0], [0.0, rows / values.shape[0], 0.0]])
    shown = np.clip(values / scale, 0, 1).astype(np.float32)
    return HeatMap(finding, image, shown, compose(frame.to_source, to_frame))


def _resized(values: NDArray[np.floating[Any]], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The map on another grid over the same field, its edge repeated."""
    plain = np.asarray(values, np.float32)
    if plain.shape == shape:
        return plain
    (rows, columns), (wanted_rows, wanted_columns) = plain.shape, shape
    step = np.array([[columns / wanted_columns, 0.0, 1.0], [0.0, rows / wanted_rows, 1.0]])
    return affine_sample(np.pad(plain, 1, mode="edge"), step, (wanted_rows, wanted_columns))
