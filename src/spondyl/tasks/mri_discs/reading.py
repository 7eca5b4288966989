"""The chain from a slice to discs and logits. Serving and the laboratory's measurements both run this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image
from spondyl.imaging import affine_sample, compose, letterbox
from spondyl.imaging.affine import Affine
from spondyl.inference import Engine
from spondyl.tasks.mri_discs.chain import Disc, find_chain
from spondyl.tasks.mri_discs.crops import Pose, crop_map, crops, poses
from spondyl.tasks.mri_discs.gate import Look, look
from spondyl.tasks.mri_discs.slices import UprightSlice


@dataclass(frozen=True, slots=True)
class Members:
    """Names of the networks that answer: all of them when serving, those that never saw the patient when measuring."""

    gate: tuple[str, ...]
    locator: tuple[str, ...]
    grader: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """A slice with its discs.

    Attributes:
        slice: Upright and normalised.
        discs: From the bottom up, in pixels of the upright slice.
        places: Their poses.
        crops: float32 (n, rows, columns), what the graders see.
        passed_by: Clear peaks of the locator that are not in the chain.
    """

    slice: UprightSlice
    discs: list[Disc]
    places: list[Pose]
    crops: NDArray[np.float32]
    passed_by: int = 0

    def crop_to_image(self, index: int, settings: Mapping[str, Any]) -> Affine:
        """(2, 3) map from crop (x, y) of a disc to (x, y) of the image as it was read."""
        own = settings["crop"]
        return compose(self.slice.to_image, crop_map(self.places[index], tuple(own["shape"]), own["height_units"], own["back_shift"]))


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """Logits and activation maps of n discs, by member: (n, OUTPUTS) and (n, OUTPUTS, h, w)."""

    logits: Mapping[str, NDArray[np.float32]]
    cams: Mapping[str, NDArray[np.float32]]


def all_members(settings: Mapping[str, Any]) -> Members:
    """Every network of the bundle."""
    return Members(*(tuple(settings[part]["members"]) for part in ("gate", "locator", "grader")))


def look_at(engine: Engine, part: UprightSlice, members: Sequence[str]) -> Look:
    """What the gate says of a slice."""
    size = engine.bundle.settings["gate"]["size"]
    x = letterbox(part.content, (size, size)).sample(part.pixels)[None, None]
    return look(np.concatenate([engine.run(name, {"slice": x})["logits"] for name in members]))


def locate(engine: Engine, part: UprightSlice, members: Sequence[str]) -> Located:
    """The discs of a slice and their crops; the locators' maps are averaged."""
    settings = engine.bundle.settings
    size = settings["locator"]["size"]
    frame = letterbox(part.content, (size, size))
    x = frame.sample(part.pixels)[None, None]
    maps = np.mean([engine.run(name, {"slice": x})["maps"][0] for name in members], axis=0)
    discs, passed_by = find_chain(maps, frame, settings["locator"]["chain"])
    places = poses(discs)
    own = settings["crop"]
    cut = crops(part.pixels, places, tuple(own["shape"]), own["height_units"], own["back_shift"])
    return Located(part, discs, places, cut, passed_by)


def grade(engine: Engine, wet: NDArray[np.float32] | None, dry: NDArray[np.float32] | None, members: Sequence[str]) -> Graded:
    """Every grader's view of n discs; either stack of crops (n, rows, columns) may be missing, as may single (all-zero) crops."""
    known = wet if wet is not None else dry
    if known is None:
        raise ValueError("at least one stack of crops is needed")
    x = np.stack([part if part is not None else np.zeros_like(known) for part in (wet, dry)], axis=1)
    outputs = {name: engine.run(name, {"crops": x}) for name in members}
    return Graded({name: o["logits"] for name, o in outputs.items()}, {name: o["cam"] for name, o in outputs.items()})


def paired(first: Located, second: Located) -> list[int | None]:
    """For each disc of `first`, the index of the same disc in `second`, or None.

    Discs are compared by where they lie: in the patient where both slices share a frame of reference, else in the picture where
    both have the same size. Otherwise they go by their number from the bottom, and only if both chains are equally long.
    """
    if not second.discs:
        return [None] * len(first.discs)
    here, there = _heights(first, second), _heights(second, first)
    if here is None or there is None:
        alike = len(first.discs) == len(second.discs)
        return [index if alike else None for index in range(len(first.discs))]
    step = float(np.median(np.abs(np.diff(here)))) if len(here) > 1 else np.inf
    pairs: list[int | None] = []
    for height in here:
        nearest = int(np.argmin(np.abs(there - height)))
        pairs.append(nearest if abs(there[nearest] - height) < 0.5 * step else None)
    return pairs


def _heights(part: Located, other: Located) -> NDArray[np.float64] | None:
    """Where each disc lies along the body, on a scale that both slices share, or None where there is none."""
    image, against = part.slice.image, other.slice.image
    centres = np.array([[d.x, d.y, 1.0] for d in part.discs]) @ part.slice.to_image.T
    if image.geometry and against.geometry and image.spacing_mm and against.spacing_mm and _same_frame(image, against):
        across, down = np.asarray(image.geometry.row_direction), np.asarray(image.geometry.column_direction)
        row, column = image.spacing_mm
        places = np.asarray(image.geometry.position) + np.outer((centres[:, 0] - 0.5) * column, across)
        return np.asarray((places + np.outer((centres[:, 1] - 0.5) * row, down))[:, 2])
    if image.shape == against.shape:
        return np.asarray(centres[:, 1])
    return None


def _same_frame(image: Image, against: Image) -> bool:
    """Whether both positions are in one frame of reference (or neither file says which)."""
    first, second = (getattr(part.geometry, "frame", "") for part in (image, against))
    return bool(first == second)


def crop_sample(pixels: NDArray[np.float32], place: Pose, settings: Mapping[str, Any], margin: float = 1.0) -> NDArray[np.float32]:
    """One crop in raw intensities, `margin` times as large as the graders see at the same scale (for training)."""
    own = settings["crop"]
    rows, columns = (int(v * margin) // 2 * 2 for v in own["shape"])
    shape = (rows, columns)
    return affine_sample(pixels, crop_map(place, shape, own["height_units"] * rows / own["shape"][0], own["back_shift"]), shape)
