"""A plain subject for tests of what is measured: nothing wrong with it, every number written here."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from spondyl.phantom.solid import Detail, build
from spondyl.phantom.spec import DiscSpec, PlateSpec, SacrumSpec, SoftTissueSpec, SubjectSpec, VertebraSpec
from spondyl.phantom.volume import Volume

LOW = Detail(fine_mm=1.0, trunk_mm=8.0, half_width_mm=40.0, levels=(-1, 1))
"""The two lowest vertebrae and the top of the sacrum: what a test of one level needs."""
PLATE = PlateSpec(1.0)
VERTEBRA = VertebraSpec(26.0, 35.0, 35.0, 2.0, (1.5, 1.0), 0.4, (30.0, 20.0), 8.0)
DISC = DiscSpec(12.0, 0.0, 7.0, 130.0, 55.0, 0.9, (0.5, 0.3), upper_plate=PLATE, lower_plate=PLATE)
SOFT = SoftTissueSpec((16.0, 15.0, 14.0), 2.0, 4.3, (3.0, 4.0), (12.0, 16.0, 20.0), 110.0, (5.0, 14.0), 0.2, 0.4, 0.0)


def subject(count: int = 7, lumbar: int = 5, **changes: Any) -> SubjectSpec:
    """A healthy woman of 55."""
    spec = SubjectSpec("F", 55.0, lumbar, SacrumSpec(36.0, 35.0, (7, 5, -5, -12, -16), 2.5), (VERTEBRA,) * count, (DISC,) * count, SOFT, 7)
    return replace(spec, **changes)


def with_disc(spec: SubjectSpec, index: int, **changes: Any) -> SubjectSpec:
    """The same subject with one disc changed."""
    discs = list(spec.discs)
    discs[index] = replace(discs[index], **changes)
    return replace(spec, discs=tuple(discs))


def with_vertebra(spec: SubjectSpec, index: int, **changes: Any) -> SubjectSpec:
    """The same subject with one vertebra changed."""
    vertebrae = list(spec.vertebrae)
    vertebrae[index] = replace(vertebrae[index], **changes)
    return replace(spec, vertebrae=tuple(vertebrae))


@lru_cache(maxsize=24)
def low(spec: SubjectSpec, highest: int = 1) -> Volume:
    """Its lowest levels up to that vertebra, built once."""
    return build(spec, replace(LOW, levels=(-1, highest)))


def bare(spec: SubjectSpec) -> Volume:
    """Its geometry, with hardly a voxel."""
    return build(spec, Detail(fine_mm=4.0, trunk_mm=16.0, half_width_mm=8.0, levels=(-1, -1)))
