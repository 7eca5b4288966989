"""Upright crops of the discs, each scaled by its own neighbourhood so that no millimetres are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import affine_sample, percentile_scale
from spondyl.imaging.affine import Affine
from spondyl.tasks.mri_discs.chain import Disc


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a disc lies and how it is turned, in pixels of the image.

    Attributes:
        x, y: Centre.
        angle_deg: Turn of the disc's front-to-back axis against the rows of the image, positive when its back lies lower.
        unit: Distance from disc to disc along the spine at this level (about 35 mm in an adult).
    """

    x: float
    y: float
    angle_deg: float
    unit: float


def poses(discs: Sequence[Disc]) -> list[Pose]:
    """A pose for each disc of a chain, from the bottom up.

    The axis of a disc stands at right angles to the curve through the centres: the mean of the directions to both neighbours;
    at the ends the last direction carries on turning as it did. Distances are a straight line (in the logarithm) over the
    discs, so that one collapsed vertebra does not rescale its neighbours. One disc alone is taken as level, 1.5 boxes high.
    """
    if len(discs) < 2:
        return [Pose(d.x, d.y, 0.0, 1.5 * d.height) for d in discs]
    steps = np.diff([(d.x, d.y) for d in discs], axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    # direction upwards, as a turn from the vertical; the disc's axis is turned as much from the horizontal
    turns = np.degrees(np.arctan2(steps[:, 0], -steps[:, 1]))
    middle = (turns[1:] + turns[:-1]) / 2
    first = turns[0] + np.clip(1.2 * (turns[0] - turns[1]), -25, 25) if len(turns) > 1 else turns[0]
    last = turns[-1] + (turns[-1] - turns[-2]) / 2 if len(turns) > 1 else turns[-1]
    angles = np.concatenate([[first], middle, [last]])
    index = np.arange(len(lengths)) + 0.5
    slope = float(np.polyfit(index, np.log(lengths), 1)[0]) if len(lengths) >= 3 else 0.0
    units = np.exp(np.log(lengths).mean() + np.clip(slope, -0.08, 0.08) * (np.arange(len(discs)) - index.mean()))
    return [Pose(d.x, d.y, float(a), float(u)) for d, a, u in zip(discs, angles, units, strict=True)]


def crop_map(pose: Pose, shape: tuple[int, int], height_units: float, back_shift: float) -> Affine:
    """The (2, 3) map from crop (x, y) to image (x, y).

    Args:
        pose: Of the disc.
        shape: (rows, columns) of the crop.
        height_units: Height of the crop in units of the pose.
        back_shift: How far the crop's middle lies behind the disc's centre (to the right: anterior is left), in units.
    """
    scale = height_units * pose.unit / shape[0]
    angle = np.radians(pose.angle_deg)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([shape[1] / 2 - back_shift * pose.unit / scale, shape[0] / 2])
    return np.column_stack([linear, np.array([pose.x, pose.y]) - linear @ middle])


def crops(
    pixels: NDArray[np.float32],
    places: Sequence[Pose],
    shape: tuple[int, int],
    height_units: float,
    back_shift: float,
    scaled: bool = True,
) -> NDArray[np.float32]:
    """Crops of all discs of one slice, (n, rows, columns), on one scale: percentiles 1 and 99 over all of them at 0 and 1."""
    cut = [affine_sample(pixels, crop_map(pose, shape, height_units, back_shift), shape) for pose in places]
    stack = np.stack(cut) if cut else np.zeros((0, *shape), np.float32)
    return percentile_scale(stack, 1.0, 99.0) if scaled and len(stack) else stack
