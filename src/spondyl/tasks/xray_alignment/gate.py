"""Is this a frontal film of a whole spine, the right way up? If not, a sentence that says what it looks like instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spondyl.core import Image, Refusal
from spondyl.inference import Engine
from spondyl.inference.calibration import softmax
from spondyl.tasks.xray_alignment.frames import FILM_NEAR, Pixels, even, film_frame, looked_at

KINDS = ("spine", "inverted", "upside_down", "on_its_side", "lateral", "chest", "pelvis", "photo", "other")
"""The gate's outputs."""
HINT = "Send a frontal radiograph of the whole spine"
TURN = "Turn the film so that the head is up, and send it again"
REFUSALS = {
    "inverted": ("grey-inverted", "the grey levels are inverted: bone is dark", "Export it with bone bright, and send it again"),
    "upside_down": ("film-upside-down", "the spine stands on its head in this film", TURN),
    "on_its_side": ("film-on-its-side", "the spine lies on its side in this film", TURN),
    "lateral": ("lateral-film", "the film was taken from the side, and alignment is measured on frontal films", HINT),
    "chest": ("chest-film", "the picture looks like a chest film", HINT),
    "pelvis": ("pelvis-film", "the picture looks like a film of the pelvis or of a hip", HINT),
    "photo": ("photograph", "the picture looks like a photograph", HINT),
    "other": ("not-a-spine-film", "the picture does not look like a radiograph of a spine", HINT),
}
SMALLEST = 192
"""Rows under which a vertebra of a whole spine has fewer than five."""
SQUARE = 0.01
WRONG_VIEW = {"lateral": "lateral"}
"""Views that a file names, and as what such a film is refused."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What the gate says of a film that it lets in."""

    probability: float
    doubtful: bool
    kind: str


def check_film(image: Image) -> None:
    """Let a film pass that could be a frontal one of a whole spine.

    Raises:
        Refusal: If it is too small, of pixels that are not square, or named as of another view.
    """
    if image.shape[0] < SMALLEST:
        said = f"the picture has {image.shape[0]} rows of pixels, at least {SMALLEST} are needed for a whole spine"
        raise Refusal("picture-too-small", said, "Send the film in its full size, not a thumbnail")
    if image.spacing_mm is not None and abs(image.spacing_mm[0] / image.spacing_mm[1] - 1) > SQUARE:
        row, column = image.spacing_mm
        said = f"the pixels are not square ({row:g} by {column:g} mm), which turns every angle"
        raise Refusal("pixels-not-square", said, "Export the film with square pixels")
    if image.view in WRONG_VIEW:
        raise Refusal(*REFUSALS[WRONG_VIEW[image.view]])


def framed(pixels: Pixels, shape: tuple[int, int]) -> Pixels:
    """The film as the gate sees it, float32 of that shape."""
    return even(looked_at(pixels, film_frame((pixels.shape[0], pixels.shape[1]), shape)), FILM_NEAR)


def admit(pixels: Pixels, engine: Engine, settings: Mapping[str, Any], shape: tuple[int, int]) -> Pass:
    """Let a film pass that looks like a frontal whole spine the right way up.

    Args:
        pixels: As `frames.scaled` makes it.
        settings: `gate` of a bundle: `least` probability to pass, where nothing else is likelier; `sure`, below which a film is doubtful.
        shape: Of the gate's frame.

    Raises:
        Refusal: The code says what it looks like instead.
    """
    chances = softmax(engine.run("gate", {"film": framed(pixels, shape)[None, None]})["logits"][0])
    spine, kind = float(chances[0]), KINDS[1 + int(np.argmax(chances[1:]))]
    if spine < max(settings["least"], float(chances[1:].max())):
        raise Refusal(*REFUSALS[kind])
    return Pass(spine, spine < settings["sure"], kind)
