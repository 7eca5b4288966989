"""The chain from a study to numbers: assembled, located, cropped, read. Serving, training and measuring all run this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image, Notice
from spondyl.imaging.affine import apply_affine
from spondyl.inference import Engine
from spondyl.tasks.mri_stenosis.answers import CANAL, FORAMEN, RECESS, TARGETS, middle_of_attention, place_in_map
from spondyl.tasks.mri_stenosis.crops import SIGNS, LevelCrops, level_crops, network_inputs, plan_of
from spondyl.tasks.mri_stenosis.locate import Levels

MAP_NAMES = ("sagittal_maps", "axial_maps")
OFF_MM = 8.0
"""From here on the levels are moved: well beyond what a lumbar curve and the choice of a middle slice make of ordinary studies."""
NEAR_MM = {CANAL: (-9.0, 9.0), FORAMEN: (9.0, 29.0), RECESS: (2.0, 18.0)}
"""From where to where across, outwards from the slice that the level was found on, a sagittal slice shows each of them: two standard
deviations around their places in built volumes, whose spines do not lie exactly in that slice [O]."""
RECESS_ROWS = {"left": 2, "right": 5}
"""Of the axial maps, which one shows the recess of a side."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the networks say of n levels.

    Attributes:
        crops: What they saw.
        logits: By member, (n, 5, 3).
        sizes: (n, 2) logarithms of the sac's area and depth, mean of the members.
        sagittal_maps: (n, 5, slots, h, w) attention that sums to one, mean of the members.
        axial_maps: (n, 6, slots, h, w).
    """

    crops: Sequence[LevelCrops]
    logits: Mapping[str, NDArray[np.float32]]
    sizes: NDArray[np.float64]
    sagittal_maps: NDArray[np.float64]
    axial_maps: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """Where an answer rests: the slice, the point in its pixels, and the map over its crop.

    Attributes:
        image: The slice.
        point: (x, y) pixels of it.
        attention: (h, w) share of the attention.
        to_image: (2, 3) from pixels of the map to pixels of the slice.
    """

    image: Image
    point: tuple[float, float]
    attention: NDArray[np.float64]
    to_image: NDArray[np.float64]


def read_levels(levels: Levels, engine: Engine) -> tuple[Levels, Reading]:
    """The networks' view of the levels of a study; the levels are moved across where the canal is seen elsewhere than on their slice."""
    reading = _read(levels, engine)
    away = canal_across_mm(reading)
    if abs(away) < OFF_MM:
        return levels, reading
    frames = tuple(replace(frame, origin=frame.origin + away * frame.left) for frame in levels.frames)
    said = Notice("midline-moved", f"the slice that shows the discs lies {abs(away):.0f} mm beside the canal; left and right are counted "
                                   "from the canal")
    moved = replace(levels, frames=frames, notices=(*levels.notices, said), doubtful=True)
    return moved, _read(moved, engine)


def _read(levels: Levels, engine: Engine) -> Reading:
    crops = level_crops(levels.frames, levels.stacks, plan_of(engine.bundle.settings))
    return run_networks(engine, crops, [frame.number for frame in levels.frames])


def canal_across_mm(reading: Reading) -> float:
    """How far to the left of the levels' slice the canal is seen, mm: median over the levels of the middle of its attention."""
    places = []
    for crops, maps in zip(reading.crops, reading.sagittal_maps[:, 0], strict=True):
        seen = np.array([any(pair) for pair in zip(*crops.sagittal_maps, strict=True)])
        if seen.any():
            places.append(middle_of_attention(maps, seen, crops.across_mm))
    return float(np.median(places)) if places else 0.0


def run_networks(engine: Engine, crops: Sequence[LevelCrops], numbers: Sequence[int]) -> Reading:
    """Every member's numbers of n levels."""
    inputs = network_inputs(crops, numbers)
    members = engine.bundle.settings["reader"]["members"]
    outputs = {name: engine.run(name, inputs) for name in members}
    maps = [np.mean([_shares(output[name]) for output in outputs.values()], axis=0) for name in MAP_NAMES]
    sizes = np.mean([np.asarray(output["sizes"], np.float64) for output in outputs.values()], axis=0)
    return Reading(crops, {name: output["logits"] for name, output in outputs.items()}, sizes, maps[0], maps[1])


def _shares(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Softmax of maps (n, k, slots, h, w) over their slots and places."""
    flat = np.asarray(scores, np.float64).reshape(*scores.shape[:2], -1)
    powers = np.exp(flat - flat.max(axis=-1, keepdims=True))
    return np.asarray((powers / powers.sum(axis=-1, keepdims=True)).reshape(scores.shape))


def is_shown(crops: LevelCrops, target: int) -> bool:
    """Whether any slice passes near enough to the place of an answer to see it: else nothing should be said.

    An axial slice of the level shows all five. A sagittal one shows the canal within NEAR_MM of the mid-line, and a foramen or recess
    where it passes at the distance from the mid-line at which they lie, on their side.
    """
    condition, side = TARGETS[target]
    if any(crops.axial_maps):
        return True
    there = np.array([any(maps) for maps in zip(*crops.sagittal_maps, strict=True)])
    across = crops.across_mm[there] * (SIGNS[side] if side else 1.0)
    low, high = NEAR_MM[condition]
    return bool(((across >= low) & (across <= high)).any())


def rest_of(reading: Reading, index: int, target: int) -> Rest | None:
    """What an answer rests on: the canal on T2, foramina on T1, recesses on axial slices, as readers mark them; where that series is
    missing, the other sagittal one. None where the level is seen on no slice.

    Args:
        index: Of the level.
        target: Index in TARGETS.
    """
    condition, side = TARGETS[target]
    crops = reading.crops[index]
    size = crops.sagittal.shape[-1]
    if condition == RECESS and side is not None and any(crops.axial_maps):
        attention = reading.axial_maps[index, RECESS_ROWS[side]]
        found = place_in_map(attention, np.array([m is not None for m in crops.axial_maps]), crops.along_mm, size)
        assert found is not None
        image, maps = crops.axial_maps[found[0]] or (None, None)
        assert image is not None
        assert maps is not None
        return _rest(image, maps[0 if side == "left" else 1], attention[found[0]], found, size)
    attention = reading.sagittal_maps[index, target]
    channels = (1, 0) if condition == CANAL else (0, 1)
    for channel in channels:
        slots = crops.sagittal_maps[channel]
        found = place_in_map(attention, np.array([m is not None for m in slots]), crops.across_mm, size)
        if found is not None:
            shown = slots[found[0]]
            assert shown is not None
            return _rest(shown[0], shown[1], attention[found[0]], found, size)
    return None


def _rest(image: Image, to_slice: NDArray[np.float64], attention: NDArray[np.float64], found: tuple[int, float, float], size: int) -> Rest:
    x, y = apply_affine(to_slice, np.array(found[1:]))
    scale = size / attention.shape[1]
    from_map = np.column_stack([to_slice[:, :2] * scale, to_slice[:, 2]])
    return Rest(image, (float(np.clip(x, 0, image.shape[1])), float(np.clip(y, 0, image.shape[0]))), attention, from_map)

