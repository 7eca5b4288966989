"""Devices, foreign bodies and dense spots, found in the voxels.

What a thing is called comes from what was put in; where it lies is measured. What is too small for the voxels around it is not there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.core.level import disc_name
from spondyl.phantom.materials import material
from spondyl.phantom.measured.bodies import as_points
from spondyl.phantom.measured.records import ObjectTruth, Points
from spondyl.phantom.posture import Pose
from spondyl.phantom.spec_parts import ImplantSpec
from spondyl.phantom.volume import Block, Volume

HARDWARE = ("titanium", "steel", "peek", "cement")
LEAST_SHARE = 96
"""Of 255: how much of a voxel a thing fills to count."""
FOREIGN_MARGIN_MM = 4.0
WITHIN_MM = {"cage": (24.0, 19.0), "cement": (26.0, 20.0)}
"""Half (width, depth) of the room in which a cage or cement is looked for."""
GRID = np.stack(np.meshgrid(*((-1.0, 0.0, 1.0),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
DIRECTIONS = GRID[np.abs(GRID).sum(axis=1) > 0]


def find_objects(volume: Volume) -> tuple[ObjectTruth, ...]:
    """Everything in or on the patient that does not belong to a healthy one."""
    found = []
    trunk = volume.spec.trunk
    fine = _places(volume.fine, HARDWARE) if trunk.foreign or trunk.implants else np.zeros((0, 3))
    coarse = _places(volume.trunk, HARDWARE) if trunk.foreign else np.zeros((0, 3))
    for thing in trunk.foreign:
        reach = thing.size_mm / 2 + FOREIGN_MARGIN_MM
        near = [np.linalg.norm(metal - np.array(thing.centre_mm), axis=1) < reach for metal in (fine, coarse)]
        spans = [_span(metal[own], block.grid.spacing_mm) for metal, own, block in zip((fine, coarse), near, (volume.fine, volume.trunk),
                                                                                       strict=True) if own.any()]
        if spans:
            found.append(ObjectTruth("foreign", thing.kind, tuple(p for span in spans for p in span)))
        fine, coarse = fine[~near[0]], coarse[~near[1]]
    return (*found, *_implants(volume, fine), *_lesions(volume))


def _implants(volume: Volume, metal: NDArray[np.float64]) -> list[ObjectTruth]:
    """Each device's part of the metal: a cage in its disc, cement in its body, screws and rods at the heights that they hold."""
    found = []
    for one in sorted(volume.spec.trunk.implants, key=lambda i: i.kind == "screws"):
        own = _of_device(volume, one, metal)
        if own.any():
            found.append(ObjectTruth("implant", one.kind, _span(metal[own], volume.fine.grid.spacing_mm)))
            metal = metal[~own]
    return found


def _of_device(volume: Volume, one: ImplantSpec, metal: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the metal belongs to a device."""
    posture, spine = volume.posture, volume.spine
    if one.kind == "screws":
        centres = {-1: posture.sacrum[0].centre[2], **{k: pose.centre[2] for k, pose in enumerate(posture.bodies)}}
        if one.lowest not in centres or one.highest not in centres:
            return np.zeros(len(metal), bool)
        return np.asarray((metal[:, 2] > centres[one.lowest] - 24) & (metal[:, 2] < centres[one.highest] + 24))
    lowest, highest = max(one.lowest, 0), min(one.highest, len(posture.bodies) - 1)
    if one.kind == "cage":
        disc = spine.discs[lowest]
        tall = float(np.hypot(*(disc.above.anterior + disc.above.posterior - disc.below.anterior - disc.below.posterior))) / 4 + 3.0
        return _within(posture.discs[lowest], metal, (*WITHIN_MM["cage"], tall))
    own = np.zeros(len(metal), bool)
    for index in range(lowest, highest + 1):
        own |= _within(posture.bodies[index], metal, (*WITHIN_MM["cement"], volume.spec.vertebrae[index].posterior_height_mm / 2))
    return own


def _within(pose: Pose, points: NDArray[np.float64], half: tuple[float, float, float]) -> NDArray[np.bool_]:
    local = np.abs((points - pose.centre) @ pose.axes.T)
    return np.asarray((local < np.array(half)).all(axis=1))


def _lesions(volume: Volume) -> list[ObjectTruth]:
    """Dense spots, each within its own vertebra."""
    if not any(one.lesion.radius_mm > 0 for one in volume.spec.vertebrae):
        return []
    places = _places(volume.fine, ("lesion",))
    found = []
    for index, pose in enumerate(volume.posture.bodies):
        near = np.linalg.norm(places - pose.centre, axis=1) < 32 if volume.spec.vertebrae[index].lesion.radius_mm > 0 else np.zeros(0, bool)
        if near.any():
            name = disc_name(index + 1, volume.spec.lumbar).split("/")[0]
            found.append(ObjectTruth("lesion", name, _span(places[near], volume.fine.grid.spacing_mm)))
    return found


def _places(block: Block, names: tuple[str, ...]) -> NDArray[np.float64]:
    """(n, 3) mm of the voxels that those materials fill enough of."""
    wanted = np.zeros(256, bool)
    wanted[[material(name) for name in names]] = True
    flat = np.flatnonzero(wanted[block.label.ravel()])
    flat = flat[block.share.ravel()[flat] >= LEAST_SHARE]
    z, y, x = np.unravel_index(flat, block.grid.shape)
    return np.asarray(np.stack([x, y, z], axis=-1) * block.grid.spacing_mm + np.asarray(block.grid.origin_mm), np.float64)


def _span(points: NDArray[np.float64], spacing_mm: float) -> Points:
    """Points that span the same box in every view, to a voxel: the farthest along 26 directions, out to their voxels' faces."""
    farthest = points[(points @ DIRECTIONS.T).argmax(axis=0)]
    return as_points(farthest + DIRECTIONS * spacing_mm / 2)
