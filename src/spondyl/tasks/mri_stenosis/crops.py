"""What the reader network sees of a level: crops of physical size from the sagittal and the axial slices around it.

Sagittal crops have two channels, T1 and T2 (or STIR), of the same place; a missing one is black. Axial crops are halves of the patient,
turned so that the mid-line is on the left: one network reads both sides. Both training and serving make them here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image
from spondyl.imaging import affine_sample
from spondyl.imaging.affine import Affine
from spondyl.tasks.mri_stenosis.assembly import AXIAL, FLUID, T1, Stack
from spondyl.tasks.mri_stenosis.space import LevelFrame, crop_map, height_over, to_pixels

SIDES = ("left", "right")
SIGNS = {"left": 1.0, "right": -1.0}
APART_MM = 1.0
"""Axial slices of several series that cut the back of a disc nearer to each other than this show the same thing: one of them is enough."""
WHITE = 255.0
"""Grey values are kept in 8 bits, in the cache of the training and when serving alike."""


@dataclass(frozen=True, slots=True)
class CropPlan:
    """Sizes of the crops; part of a bundle's settings.

    Attributes:
        size: Rows and columns of every crop.
        sagittal_mm, axial_mm: Their pixels.
        sagittal_slots, axial_slots: Slices of a level.
        reach_mm: Sagittal slices further from the origin's slice than this are not looked at.
        sagittal_middle_mm: (v, w) of the middle of a sagittal crop in the level's frame.
        axial_middle_mm: (outwards, v) of the middle of an axial half.
        axial_heights_mm: (lowest, best, highest) w at which an axial slice may cut the back of the disc.
        twin_mm: How far the two channels' slices may lie apart.
    """

    size: int = 64
    sagittal_mm: float = 0.6
    axial_mm: float = 0.55
    sagittal_slots: int = 14
    axial_slots: int = 4
    reach_mm: float = 30.0
    sagittal_middle_mm: tuple[float, float] = (6.0, 2.0)
    axial_middle_mm: tuple[float, float] = (10.5, 9.0)
    axial_heights_mm: tuple[float, float, float] = (-12.0, -2.0, 10.0)
    twin_mm: float = 2.6


SagittalView = tuple[Image, Affine] | None
"""A slice and the map of its crop, or None where a slot is empty."""
AxialView = tuple[Image, tuple[Affine, Affine]] | None
"""The same with the maps of both halves, left first."""


@dataclass(frozen=True, slots=True, eq=False)
class LevelCrops:
    """One level.

    Attributes:
        sagittal: uint8 (slots, 2, size, size).
        across_mm: (slots,) u of each slot's slice.
        sagittal_maps: By channel, by slot: the slice and its map, or None.
        axial: uint8 (slots, 2 sides, size, size).
        along_mm: (slots,) w at which each slot's slice cuts the back of the disc.
        axial_maps: By slot: the slice and its maps by side, or None.
    """

    sagittal: NDArray[np.uint8]
    across_mm: NDArray[np.float32]
    sagittal_maps: tuple[tuple[SagittalView, ...], tuple[SagittalView, ...]]
    axial: NDArray[np.uint8]
    along_mm: NDArray[np.float32]
    axial_maps: tuple[AxialView, ...]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Whether there is (a T1 slice, a T2 or STIR slice, an axial slice)."""
        return np.array([any(self.sagittal_maps[0]), any(self.sagittal_maps[1]), any(self.axial_maps)])


def plan_of(settings: Mapping[str, Any]) -> CropPlan:
    """The plan that a bundle's settings hold."""
    own: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in settings["crops"].items()}
    return CropPlan(**own)


def level_crops(frames: Sequence[LevelFrame], stacks: Mapping[str, Sequence[Stack]], plan: CropPlan, margin: int = 0) -> list[LevelCrops]:
    """The crops of all levels of a study, on one grey scale for each role.

    Args:
        frames: Of the levels.
        stacks: By role; of the sagittal roles the first one is read, of the axial role all.
        margin: Pixels that each crop is wider on every side (for training); the scale is that of the crops without it.
    """
    picked = [_picked(frame, stacks, plan) for frame in frames]
    shape = (plan.size + 2 * margin, plan.size + 2 * margin)
    maps = [_maps(frame, one, plan, shape) for frame, one in zip(frames, picked, strict=True)]
    raw = [_sample(one, shape) for one in maps]
    inner = slice(margin, margin + plan.size)
    scales = []
    for part in range(3):
        seen = [crop[..., inner, inner] for one in raw for crop in one[part].values()]
        scales.append(tuple(np.percentile(np.stack(seen), (1, 99)).tolist()) if seen else (0.0, 1.0))
    return [_finished(one, where, crops, plan, shape, scales) for one, where, crops in zip(picked, maps, raw, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class _Picked:
    """Slices of a level: by channel and slot, and axial by slot; with their places."""

    sagittal: tuple[list[Image | None], list[Image | None]]
    across: list[float]
    axial: list[Image | None]
    along: list[float]


Slot = tuple[float, Image | None, Image | None]
"""Where a sagittal slice lies across, and what T1 and T2 (or STIR) show there."""


def _picked(frame: LevelFrame, stacks: Mapping[str, Sequence[Stack]], plan: CropPlan) -> _Picked:
    slots = _thinned(_slots(frame, stacks, plan), plan)
    missing = plan.sagittal_slots - len(slots)
    axial = _axial(frame, stacks.get(AXIAL, ()), plan)
    blank = plan.axial_slots - len(axial)
    columns = [[slot[k] for slot in slots] for k in (1, 2)]
    return _Picked(([*columns[0], *[None] * missing], [*columns[1], *[None] * missing]), [*(u for u, _, _ in slots), *[0.0] * missing],  # type: ignore[list-item]
                   [*[image for _, image in axial], *[None] * blank], [*[w for w, _ in axial], *[0.0] * blank])


def _slots(frame: LevelFrame, stacks: Mapping[str, Sequence[Stack]], plan: CropPlan) -> list[Slot]:
    """The slices of the series that shows the level on more of them, each with its twin of the other, and the other's that have none."""
    series = [list(stacks[role][0].images) if stacks.get(role) else [] for role in (T1, FLUID)]
    near = [_near(frame, images, plan) for images in series]
    main = 0 if len(near[0]) >= len(near[1]) else 1
    paired = [(u, image, _twin(frame, u, series[1 - main], plan)) for u, image in near[main]]
    alone = [(u, image) for u, image in near[1 - main]
             if all(image is not twin and abs(u - at) > plan.twin_mm for at, _, twin in paired)]
    slots: list[Slot] = [(u, image, twin) if main == 0 else (u, twin, image) for u, image, twin in paired]
    slots += [(u, None, image) if main == 0 else (u, image, None) for u, image in alone]
    return sorted(slots, key=lambda slot: slot[0])


def _near(frame: LevelFrame, images: Sequence[Image], plan: CropPlan) -> list[tuple[float, Image]]:
    """Slices that show the level within reach, with where they lie across."""
    places = [(-_signed(image, frame), image) for image in images]
    return sorted(((u, image) for u, image in places if abs(u) <= plan.reach_mm and _shows(image, frame.patient(np.array([u, 0.0, 0.0])))),
                  key=lambda one: one[0])


def _signed(image: Image, frame: LevelFrame) -> float:
    """How far left the level's origin lies of the slice's plane, along the level's left, mm."""
    assert image.geometry is not None
    along = float(image.geometry.normal @ frame.left)
    return float(height_over(image, frame.origin)) / along if abs(along) > 0.3 else float("inf")


def _shows(image: Image, point: NDArray[np.float64]) -> bool:
    x, y = to_pixels(image, point)
    return bool(0 <= x <= image.shape[1] and 0 <= y <= image.shape[0])


def _thinned(slots: list[Slot], plan: CropPlan) -> list[Slot]:
    """At most `sagittal_slots` of them, the nearest ones to evenly spaced places."""
    if len(slots) <= plan.sagittal_slots:
        return slots
    wanted = np.linspace(-plan.reach_mm, plan.reach_mm, plan.sagittal_slots)
    places = np.array([u for u, _, _ in slots])
    return [slots[k] for k in sorted({int(np.argmin(np.abs(places - u))) for u in wanted})]


def _twin(frame: LevelFrame, u: float, images: Sequence[Image], plan: CropPlan) -> Image | None:
    """The slice of the other series that shows the same place."""
    if not images:
        return None
    point = frame.patient(np.array([u, 0.0, 0.0]))
    away = [abs(float(height_over(image, point))) for image in images]
    best = int(np.argmin(away))
    return images[best] if away[best] <= plan.twin_mm and _shows(images[best], point) else None


def _axial(frame: LevelFrame, stacks: Sequence[Stack], plan: CropPlan) -> list[tuple[float, Image]]:
    """The axial slices that cut the back of the disc nearest to the best height, from the lowest up."""
    low, best, high = plan.axial_heights_mm
    found = []
    for image in (image for stack in stacks for image in stack.images):
        assert image.geometry is not None
        along = float(image.geometry.normal @ frame.up)
        if abs(along) < 0.7:
            continue
        w = -float(height_over(image, frame.origin)) / along
        point = frame.patient(np.array([0.0, plan.axial_middle_mm[1], w]))
        if low <= w <= high and _shows(image, point):
            found.append((w, image))
    kept: list[tuple[float, Image]] = []
    for w, image in sorted(found, key=lambda one: (abs(one[0] - best), one[1].id)):
        if len(kept) < plan.axial_slots and all(abs(w - other) >= APART_MM for other, _ in kept):
            kept.append((w, image))
    return sorted(kept, key=lambda one: one[0])


Crops = tuple[dict[int, NDArray[np.float32]], dict[int, NDArray[np.float32]], dict[int, NDArray[np.float32]]]


def _sagittal_map(image: Image, frame: LevelFrame, u: float, plan: CropPlan, shape: tuple[int, int]) -> Affine:
    v, w = plan.sagittal_middle_mm
    return crop_map(image, frame.patient(np.array([u, v, w])), frame.back, -frame.up, shape, plan.sagittal_mm)


def _axial_map(image: Image, frame: LevelFrame, w: float, side: str, plan: CropPlan, shape: tuple[int, int]) -> Affine:
    out, v = plan.axial_middle_mm
    sign = SIGNS[side]
    return crop_map(image, frame.patient(np.array([sign * out, v, w])), sign * frame.left, frame.back, shape, plan.axial_mm)


@dataclass(frozen=True, slots=True, eq=False)
class _Maps:
    """The slices of a level with the maps of their crops, as `LevelCrops` has them."""

    sagittal: tuple[tuple[SagittalView, ...], tuple[SagittalView, ...]]
    axial: tuple[AxialView, ...]


def _maps(frame: LevelFrame, one: _Picked, plan: CropPlan, shape: tuple[int, int]) -> _Maps:
    def seen(image: Image | None, u: float) -> SagittalView:
        return (image, _sagittal_map(image, frame, u, plan, shape)) if image is not None else None

    def halves(image: Image | None, w: float) -> AxialView:
        if image is None:
            return None
        left, right = (_axial_map(image, frame, w, side, plan, shape) for side in SIDES)
        return image, (left, right)

    t1, fluid = (tuple(seen(image, u) for image, u in zip(images, one.across, strict=True)) for images in one.sagittal)
    return _Maps((t1, fluid), tuple(halves(image, w) for image, w in zip(one.axial, one.along, strict=True)))


def _sample(maps: _Maps, shape: tuple[int, int]) -> Crops:
    t1, fluid = ({slot: affine_sample(view[0].pixels, view[1], shape) for slot, view in enumerate(views) if view}
                 for views in maps.sagittal)
    axial = {slot: np.stack([affine_sample(view[0].pixels, half, shape) for half in view[1]])
             for slot, view in enumerate(maps.axial) if view}
    return t1, fluid, axial


def _finished(one: _Picked, maps: _Maps, crops: Crops, plan: CropPlan, shape: tuple[int, int],
              scales: Sequence[tuple[float, float]]) -> LevelCrops:
    sagittal = np.zeros((plan.sagittal_slots, 2, *shape), np.uint8)
    for channel in (0, 1):
        for slot, crop in crops[channel].items():
            sagittal[slot, channel] = _grey(crop, *scales[channel])
    axial = np.zeros((plan.axial_slots, 2, *shape), np.uint8)
    for slot, halves in crops[2].items():
        axial[slot] = _grey(halves, *scales[2])
    return LevelCrops(sagittal, np.array(one.across, np.float32), maps.sagittal, axial, np.array(one.along, np.float32), maps.axial)


def _grey(crop: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    if not high > low:
        return np.zeros(crop.shape, np.uint8)
    return np.asarray(np.rint(np.clip((crop - low) / (high - low), 0, 1) * WHITE), np.uint8)


def network_inputs(levels: Sequence[LevelCrops], numbers: Sequence[int]) -> dict[str, NDArray[np.float32]]:
    """The network's inputs for n levels: crops in 0..1, places in tens of mm, and the level as one of five.

    A slot that is empty has a place of 0 and a mark of 0.
    """
    have = [[[float(m is not None) for m in one.sagittal_maps[c]] for c in (0, 1)] for one in levels]
    return {
        "sagittal": np.stack([one.sagittal for one in levels]).astype(np.float32) / np.float32(WHITE),
        "across": np.stack([one.across_mm for one in levels]) / np.float32(10),
        "sagittal_seen": np.array(have, np.float32).transpose(0, 2, 1),
        "axial": np.stack([one.axial for one in levels]).astype(np.float32) / np.float32(WHITE),
        "along": np.stack([one.along_mm for one in levels]) / np.float32(10),
        "axial_seen": np.array([[float(m is not None) for m in one.axial_maps] for one in levels], np.float32),
        "level": np.eye(5, dtype=np.float32)[[number - 1 for number in numbers]],
    }
