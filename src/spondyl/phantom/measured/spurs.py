"""Osteophytes: how far bone stands out beyond the wall of its body beside a disc, found on the voxels.

The wall is the straight line between the corners of the body's two plates; a spur's length is its reach beyond that line, true size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.anatomy import Body
from spondyl.phantom.measured.bodies import BODY_TABLE, width_of
from spondyl.phantom.measured.records import SpurTruth
from spondyl.phantom.measured.sampling import covers, sample, touching
from spondyl.phantom.posture import Pose, plate_corners
from spondyl.phantom.volume import Volume

LEAST_MM = 0.5
STEP_MM = 0.6
OUT_MM = {"anterior": 15.0, "posterior": 8.0, "right": 13.0, "left": 13.0}
"""How far out a spur is looked for; behind, the canal's far wall must not be met."""
NEEDED_MM = 6.0
"""How far out the fine block has to reach for a spur to be looked for at all."""
INTO_MM, BEYOND_MM = 9.0, 3.0
"""How far from the plate's corner into the body's side, and over the disc, a spur is looked for."""


def find_spurs(volume: Volume, index: int) -> tuple[SpurTruth, ...]:
    """All spurs of half a millimetre or more around a disc, on the vertebra above and on the one below."""
    above = volume.spine.bodies[index], volume.posture.bodies[index], False
    below = (volume.spine.sacrum[0], volume.posture.sacrum[0], True) if index == 0 else \
        (volume.spine.bodies[index - 1], volume.posture.bodies[index - 1], True)
    found = []
    for place, (body, pose, upper) in (("above", above), ("below", below)):
        for end in OUT_MM:
            if body.index < 0 and end != "anterior":
                continue  # the wings of the sacrum join it at the sides, and its back is the sacral canal's front
            spur = _spur(volume, body, pose, upper, end)
            if spur and spur[0] >= LEAST_MM:
                base, tip = (tuple(float(c) for c in row) for row in pose.to_patient(np.array(spur[1:])))
                found.append(SpurTruth(f"{end}_{place}", spur[0], base, tip))  # type: ignore[arg-type]
    return tuple(found)


def _spur(volume: Volume, body: Body, pose: Pose, upper: bool, end: str) -> tuple[float, list[float], list[float]] | None:
    """(length, base, tip) in the body's frame, or None where the fine block does not reach."""
    corner, other = _corners(volume, body, pose, upper, end)
    out = np.array({"anterior": (0, -1, 0), "posterior": (0, 1, 0), "right": (-1, 0, 0), "left": (1, 0, 0)}[end], np.float64)
    wall = (other - corner) / np.linalg.norm(other - corner)
    far, down = np.arange(-3.0, OUT_MM[end], STEP_MM), np.arange(-BEYOND_MM, INTO_MM, STEP_MM)
    local = corner + down[:, None, None] * wall + far[None, :, None] * out
    points = pose.to_patient(local.reshape(-1, 3)).reshape(local.shape)
    if not covers(volume.fine, points[:, far < NEEDED_MM].reshape(-1, 3)):
        return None
    bone = sample(volume.fine, points, BODY_TABLE)
    mask = bone > 0.5
    if not mask[:, far > LEAST_MM].any():
        return None
    seed = np.zeros_like(mask)
    seed[down > 2.0, :2] = True
    own = touching(mask, seed)
    if not own.any():
        return None
    row, column = np.unravel_index(np.where(own, far[None], -9.0).argmax(), own.shape)
    length = float(far[column] + _beyond(bone[row], int(column)))
    base = corner + down[row] * wall
    return length, list(base), list(base + length * out)


def _beyond(line: NDArray[np.floating], at: int) -> float:
    """How far past the last covered point the cover falls to a half, mm."""
    if at + 1 >= len(line):
        return 0.0
    fall = max(float(line[at] - line[at + 1]), 1e-6)
    return STEP_MM * min(float(line[at] - 0.5) / fall, 1.0)


def _corners(volume: Volume, body: Body, pose: Pose, upper: bool, end: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The end of the plate beside the disc, and the one of the body's other plate, in the body's frame."""
    rows = []
    for which in (upper, not upper):
        front_v, front_w, rear_v, rear_w = plate_corners(body, pose, which)
        half = width_of(volume.spec, body.index, which) / 2
        rows.append({"anterior": (0.0, front_v, front_w), "posterior": (0.0, rear_v, rear_w),
                     "right": (-half, (front_v + rear_v) / 2, (front_w + rear_w) / 2),
                     "left": (half, (front_v + rear_v) / 2, (front_w + rear_w) / 2)}[end])
    return np.array(rows[0]), np.array(rows[1])
