"""The spec made solid: painters that fill the blocks of a `Volume`, from the outside in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spondyl.phantom.anatomy import stack
from spondyl.phantom.materials import table
from spondyl.phantom.posture import Posture, pose_spine
from spondyl.phantom.solid.arches import paint_arches
from spondyl.phantom.solid.bodies import paint_bodies
from spondyl.phantom.solid.canal import paint_canal
from spondyl.phantom.solid.devices import paint_devices
from spondyl.phantom.solid.discs import paint_discs
from spondyl.phantom.solid.ridges import paint_ridges
from spondyl.phantom.solid.roots import paint_roots
from spondyl.phantom.solid.sacrum import paint_sacrum
from spondyl.phantom.solid.torso import sway
from spondyl.phantom.solid.trunk import paint_trunk
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.volume import Block, Grid, Volume, grid_of

BESIDE_MM, AHEAD_MM, BEHIND_MM = 56.0, 34.0, 92.0
"""How far the fine block reaches from the spine's line: to either side, in front, behind (transverse and spinous processes)."""


@dataclass(frozen=True, slots=True)
class Detail:
    """How finely, and how much of, a subject is built.

    Attributes:
        fine_mm, trunk_mm: Voxel edges of the two blocks.
        half_width_mm: Reach of the fine block to either side of the spine; less is faster where only mid-line slices are wanted.
        levels: (lowest, highest) vertebra whose surroundings are built finely, counted from 0, the lowest above the sacrum;
            None is T10 to the sacrum.
    """

    fine_mm: float = 0.7
    trunk_mm: float = 2.1
    half_width_mm: float = BESIDE_MM
    levels: tuple[int, int] | None = None


PAINTERS = (paint_trunk, paint_canal, paint_discs, paint_ridges, paint_sacrum, paint_bodies, paint_arches, paint_roots, paint_devices)
"""In the order in which they lay things over each other."""


def build(spec: SubjectSpec, detail: Detail | None = None) -> Volume:
    """The subject as voxels of materials. Same spec, same voxels."""
    volume = unpainted(spec, detail or Detail())
    for paint in PAINTERS:
        paint(volume)
    return volume


def unpainted(spec: SubjectSpec, how: Detail) -> Volume:
    """The subject's geometry and materials, with blocks that hold nothing yet."""
    spine = stack(spec)
    posture = pose_spine(spec, spine)
    fine, trunk = _grids(how, np.vstack([posture.bent, *([p.centre] for p in posture.discs)]), posture, spec)
    return Volume(spec, spine, posture, table(spec), Block(fine), Block(trunk))


def _grids(how: Detail, centres: np.ndarray, posture: Posture, spec: SubjectSpec) -> tuple[Grid, Grid]:
    """The box of the fine block follows the centres; the trunk's holds the whole body."""
    bent, aside = posture.bent, sway(posture, posture.heights)
    first, last = how.levels or (-5, min(spec.lumbar + 2, len(spec.vertebrae) - 1))
    below = 5
    chosen = bent[max(first + below, 0):last + below + 1]
    low, high = chosen.min(axis=0), chosen.max(axis=0)
    fine = grid_of((float(low[0]) - how.half_width_mm, float(low[1]) - AHEAD_MM, float(low[2]) - (24.0 if first > -5 else 14.0)),
                   (float(high[0]) + how.half_width_mm, float(high[1]) + BEHIND_MM, float(high[2]) + 24.0), how.fine_mm)
    low, high = centres.min(axis=0), centres.max(axis=0)
    half, deep = spec.trunk.half_width_mm + 12.0, spec.soft.belly_mm + 40.0
    trunk = grid_of((float(aside.min()) - half, float(bent[7][1]) - deep, float(low[2]) - 40.0),
                    (float(aside.max()) + half, float(high[1]) + 120.0, float(high[2]) + 30.0), how.trunk_mm)
    return fine, trunk
