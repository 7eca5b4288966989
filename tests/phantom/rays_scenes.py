"""Small synthetic volumes for the tests of the rays: known blocks of known materials in the frame of a real subject."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from spondyl.phantom.anatomy import stack
from spondyl.phantom.draw import draw_subject
from spondyl.phantom.materials import Material, material, table
from spondyl.phantom.posture import pose_spine
from spondyl.phantom.volume import Block, Volume, grid_of


@lru_cache(maxsize=1)
def subject():
    spec = draw_subject(np.random.default_rng(5))
    upright = tuple(replace(v, coronal_deg=0.0, axial_deg=0.0) for v in spec.vertebrae)
    return replace(spec, vertebrae=upright)


def empty(fine_low, fine_high, fine_mm=0.7, trunk_low=(-180, -180, -60), trunk_high=(180, 180, 240), trunk_mm=4.0) -> Volume:
    """A volume with nothing in it but air."""
    spec = subject()
    spine = stack(spec)
    blocks = Block(grid_of(fine_low, fine_high, fine_mm)), Block(grid_of(trunk_low, trunk_high, trunk_mm))
    return Volume(spec, spine, pose_spine(spec, spine), table(spec), *blocks)


def fill(block: Block, low, high, name: str) -> None:
    """A box of one material between two corners (x, y, z) mm, with exact shares at its faces."""
    cover = np.ones(())
    for k, axis in enumerate("zyx"):
        at, half = block.grid.axis(axis).astype(float), block.grid.spacing_mm / 2
        part = np.clip((np.minimum(at + half, high[2 - k]) - np.maximum(at - half, low[2 - k])) / (2 * half), 0, 1)
        cover = cover[..., None] * part
    block.paint((slice(None),) * 3, cover, material(name))


def with_material(volume: Volume, name: str, **changes: float) -> Volume:
    """The same volume where one material is of other stuff."""
    rows = list(volume.materials)
    rows[material(name)] = replace(Material(name, 0.0), **changes)
    return replace(volume, materials=tuple(rows))
