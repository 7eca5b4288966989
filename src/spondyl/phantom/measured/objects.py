"""Devices, foreign bodies and dense spots, found in the voxels.

What a thing is called comes from what was put in; where it lies is measured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import material
from spondyl.phantom.measured.bodies import as_points
from spondyl.phantom.measured.records import ObjectTruth, Points
from spondyl.phantom.volume import Block, Volume

HARDWARE = ("titanium", "steel", "peek", "cement")
FOREIGN_MARGIN_MM = 4.0


def find_objects(volume: Volume) -> tuple[ObjectTruth, ...]:
    """Everything in or on the patient that does not belong to a healthy one."""
    put_in = volume.spec.trunk.foreign or volume.spec.trunk.implants
    metal = np.vstack([_places(block, HARDWARE) for block in (volume.fine, volume.trunk)]) if put_in else np.zeros((0, 3))
    found = []
    for thing in volume.spec.trunk.foreign:
        near = np.linalg.norm(metal - np.array(thing.centre_mm), axis=1) < thing.size_mm / 2 + FOREIGN_MARGIN_MM
        half = np.full(3, thing.size_mm / 2)
        points = metal[near] if near.any() else np.stack([thing.centre_mm - half, thing.centre_mm + half])
        found.append(ObjectTruth("foreign", thing.kind, _span(points)))
        metal = metal[~near]
    found += _implants(volume, metal)
    return (*found, *_lesions(volume))


def _implants(volume: Volume, metal: NDArray[np.float64]) -> list[ObjectTruth]:
    """Each device's part of the metal: what lies at the heights of the vertebrae that it holds."""
    found = []
    centres = {-1: volume.posture.sacrum[0].centre[2], **{k: pose.centre[2] for k, pose in enumerate(volume.posture.bodies)}}
    for one in volume.spec.trunk.implants:
        if one.highest not in centres or one.lowest not in centres:
            continue
        between = (metal[:, 2] > centres[one.lowest] - 22) & (metal[:, 2] < centres[one.highest] + 22)
        if between.any():
            found.append(ObjectTruth("implant", one.kind, _span(metal[between])))
    return found


def _lesions(volume: Volume) -> list[ObjectTruth]:
    """Dense spots, each within its own vertebra."""
    if not any(one.lesion.radius_mm > 0 for one in volume.spec.vertebrae):
        return []
    places = _places(volume.fine, ("lesion",))
    found = []
    for index, pose in enumerate(volume.posture.bodies):
        near = np.linalg.norm(places - pose.centre, axis=1) < 32 if volume.spec.vertebrae[index].lesion.radius_mm > 0 else np.zeros(0, bool)
        if near.any():
            found.append(ObjectTruth("lesion", f"vertebra {index}", _span(places[near])))
    return found


def _places(block: Block, names: tuple[str, ...]) -> NDArray[np.float64]:
    """(n, 3) mm of the voxels that are at least half of those materials."""
    wanted = np.zeros(256, bool)
    wanted[[material(name) for name in names]] = True
    flat = np.flatnonzero(wanted[block.label.ravel()])
    flat = flat[block.share.ravel()[flat] >= 128]
    z, y, x = np.unravel_index(flat, block.grid.shape)
    return np.asarray(np.stack([x, y, z], axis=-1) * block.grid.spacing_mm + np.asarray(block.grid.origin_mm), np.float64)


def _span(points: NDArray[np.float64]) -> Points:
    """Those of the points that reach farthest along 26 directions: they span the same box in every view, to a voxel."""
    grid = np.stack(np.meshgrid(*((-1.0, 0.0, 1.0),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    directions = grid[np.abs(grid).sum(axis=1) > 0]
    return as_points(points[np.unique((points @ directions.T).argmax(axis=0))])
