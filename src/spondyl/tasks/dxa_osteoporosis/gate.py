"""Is this the density picture of a spine, the right way up? If not, a sentence that says what it looks like instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spondyl.core import Image, Refusal, Series
from spondyl.inference import Engine
from spondyl.inference.calibration import softmax
from spondyl.tasks.dxa_osteoporosis.looking import HINT, Scan

KINDS = ("spine", "inverted", "upside_down", "on_its_side", "hip", "radiograph", "chest", "report", "photo", "other")
"""The gate's outputs."""
TURN = "Turn the picture so that the head is up, and send it again"
REFUSALS = {
    "inverted": ("grey-inverted", "the grey levels are inverted: bone is dark", "Export it with bone bright, and send it again"),
    "upside_down": ("picture-upside-down", "the spine stands on its head in this picture", TURN),
    "on_its_side": ("picture-on-its-side", "the spine lies on its side in this picture", TURN),
    "hip": ("hip-density", "the picture looks like a density scan of a hip or of another part, not of the spine", HINT),
    "radiograph": ("radiograph", "the picture looks like a radiograph, not like a density scan", "Send it to xray-grade or xray-lesions"),
    "chest": ("chest-film", "the picture looks like a chest film", HINT),
    "report": ("report-page", "the picture is a page of a report, and the scan on it is too small to be read", HINT),
    "photo": ("photograph", "the picture looks like a photograph of a print or a screen, which loses the grey levels", HINT),
    "other": ("not-a-spine-density", "the picture does not look like a density scan of a spine", HINT),
}
MODALITIES = ("BMD", "OT", "SC", "")
"""Modalities that may hold density pictures: OT and SC are what some archives write, and a picture has none."""
OTHERS = {"MR": "an MR slice", "CT": "a CT slice", "US": "an ultrasound", "MG": "a mammogram", "PT": "a PET scan",
          "CR": "a radiograph", "DX": "a radiograph", "DR": "a radiograph", "RG": "a radiograph", "RF": "a fluoroscopy",
          "XA": "an angiogram", "PX": "a dental film",
          "NM": "a nuclear medicine scan"}
SMALLEST = 64
"""Pixels a side under which a picture shows no vertebrae."""
LEAST_CONTRAST = 0.03
LEAST_SCAN = 0.3
"""Share of the picture that the scan covers at the least: on a page of a report it is small."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What the gate says of a picture that it lets in."""

    probability: float
    doubtful: bool


def check_series(series: Series) -> None:
    """Let a series pass that may hold density pictures.

    Raises:
        Refusal: `not-a-density-picture`, if its modality says that it holds something else.
    """
    if series.modality not in MODALITIES:
        said = OTHERS.get(series.modality, "something else")
        raise Refusal("not-a-density-picture", f"the image is {said} (modality {series.modality}), not a bone density scan", HINT)


def check_image(image: Image) -> None:
    """Let a picture pass that could be a density scan at all.

    Raises:
        Refusal: If it is in colour, too small or flat.
    """
    if image.colour:
        raise Refusal("colour-picture", "the picture is in colour, a density scan is grey",
                      "Send the scan as the densitometer exports it, not a photograph or a screenshot")
    if min(image.shape) < SMALLEST:
        said = f"the picture has {image.shape[0]} x {image.shape[1]} pixels, at least {SMALLEST} x {SMALLEST} are needed"
        raise Refusal("picture-too-small", said, "Send the picture in its full size, not a thumbnail")
    low, high = np.percentile(image.pixels[::2, ::2], [2, 99.5])
    if not float(high - low) >= LEAST_CONTRAST:
        raise Refusal("no-contrast", "the picture has next to no contrast", "Export it again with a display window that shows the spine")


def admit(scan: Scan, engine: Engine, settings: Mapping[str, Any]) -> Pass:
    """Let a scan pass that looks like a spine the right way up.

    Args:
        settings: `gate` of a bundle: `least` probability to pass, and `sure` below which a scan is doubtful.

    Raises:
        Refusal: The code says what it looks like instead.
    """
    if scan.panel.share < LEAST_SCAN:
        raise Refusal(*REFUSALS["report"])
    chances = softmax(engine.run("gate", {"scan": scan.framed[None, None]})["logits"][0])
    spine = float(chances[0])
    if spine < settings["least"]:
        raise Refusal(*REFUSALS[KINDS[1 + int(np.argmax(chances[1:]))]])
    return Pass(spine, spine < settings["sure"])
