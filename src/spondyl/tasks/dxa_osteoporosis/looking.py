"""What is looked at before a class is said: the scan, its vertebrae, the spine upright, each vertebra. Training comes through here too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Refusal
from spondyl.imaging import Letterbox
from spondyl.inference import Engine
from spondyl.metrics.bone_density import LEAST_VERTEBRAE, REGION
from spondyl.tasks.dxa_osteoporosis.locate import Found, find_vertebrae
from spondyl.tasks.dxa_osteoporosis.panel import Panel, find_panel, holds_writing, inside
from spondyl.tasks.dxa_osteoporosis.space import Frames, regions, scan_frame, spine_frame, vertebra_frame

Picture = NDArray[np.float32]
LEAST_RANGE = 0.06
"""Greys between the 5th and 95th percentile of a scan at the least: with less, bone cannot be told from what is around it."""
HINT = "Send the picture of a spine scan as the densitometer exports it, with L1 to L4 in view"


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A picture cut to its scan.

    Attributes:
        pixels: Of the whole picture, all around the scan black.
        panel: Where the scan lies in it.
        frame: Of the scan.
        framed: The scan in its frame.
    """

    pixels: Picture
    panel: Panel
    frame: Letterbox
    framed: Picture


@dataclass(frozen=True, slots=True, eq=False)
class Spine:
    """A scan whose vertebrae were found.

    Attributes:
        found: Vertebrae in pixels of the picture.
        regions: Of L1 to L4, by name, (4, 2) pixels of the picture.
        frame, framed: L1 to L4 upright.
        vertebrae: (len(regions), rows, columns): each region upright, in their order.
    """

    found: Found
    regions: Mapping[str, NDArray[np.float64]]
    frame: Letterbox
    framed: Picture
    vertebrae: Picture


def cut(pixels: Picture, frames: Frames, captions: bool = True) -> Scan:
    """The scan of a picture, captions left out.

    Args:
        captions: Whether there may be any: a calibrated pair has none, and is scan all over.

    Raises:
        Refusal: `text-only`, or `no-contrast` where nothing of it can be told apart.
    """
    whole = Panel((0, 0, pixels.shape[1], pixels.shape[0]), 1.0)
    panel = find_panel(pixels) if captions else whole
    if panel is None:
        if holds_writing(pixels):
            raise Refusal("text-only", "the picture holds writing or blank paper, and no scan", HINT)
        raise Refusal("no-contrast", "nearly all of the picture has one grey, as where metal takes the whole range of greys", HINT)
    x0, y0, x1, y1 = panel.box
    low, high = np.percentile(pixels[y0:y1, x0:x1], [5, 95])
    if high - low < LEAST_RANGE:
        raise Refusal("no-contrast", "nearly all of the scan has one grey, as where metal takes the whole range of greys", HINT)
    frame, own = scan_frame(panel, frames.scan), inside(pixels, panel)
    return Scan(own, panel, frame, frame.sample(own))


def find_spine(scan: Scan, engine: Engine, settings: Mapping[str, Any]) -> Spine:
    """The vertebrae of a scan.

    Raises:
        Refusal: `vertebrae-not-found` where fewer than two of L1 to L4 are seen.
    """
    frames = Frames.of(settings["frames"])
    maps = engine.run("locator", {"scan": scan.framed[None, None]})["maps"][0]
    found = find_vertebrae(maps, scan.frame)
    if sum(one.name in REGION for one in found.vertebrae) < LEAST_VERTEBRAE:
        seen = ", ".join(one.name for one in found.vertebrae) or "none"
        raise Refusal("vertebrae-not-found", f"two of L1 to L4 are needed, seen were: {seen}", HINT)
    own = regions(found.vertebrae)
    frame = spine_frame(found.vertebrae, frames.spine)
    each = np.stack([vertebra_frame(box, frames.vertebra).sample(scan.pixels) for box in own.values()])
    return Spine(found, own, frame, frame.sample(scan.pixels), each)
