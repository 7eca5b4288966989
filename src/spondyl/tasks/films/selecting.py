"""Which images of a study are looked at: its radiographs, all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spondyl.core import Image, Notice, Refusal, Series, Study
from spondyl.tasks.port import LeftOut, Selection, left_out

RADIOGRAPHS = ("CR", "DX", "DR", "RG", "OT", "SC", "")
"""Modalities that may be films: OT and SC are what some archives write, and a picture has none. The gate has the last word."""
OTHERS = {
    "MR": "an MR slice", "CT": "a CT slice", "US": "an ultrasound", "MG": "a mammogram", "PT": "a PET scan", "RF": "a fluoroscopy",
    "NM": "a nuclear medicine scan", "XA": "an angiogram", "BMD": "a bone densitometry", "SR": "a report", "PX": "a dental film",
    "IO": "a dental film",
}  # fmt: skip
MOST_FILMS = 16
"""Films of one study that are read: more are not one examination of a spine, and each is held in memory."""
SMALLEST = 96
"""Pixels a side under which a picture is no film."""
LEAST_CONTRAST = 0.01
"""Of the display range, between the 5th and the 99.5th percentile."""
HINT = "Send a frontal or lateral radiograph of the lumbar spine"


def films_of(study: Study, hint: str = HINT) -> Selection:
    """The radiographs of a study, each once, in an order that does not depend on the files'; and what was left out.

    Of more than MOST_FILMS the first ones are read, in the order of the study. `hint` says what to send instead.

    Raises:
        Refusal: If none is left, with the reason for the first one.
    """
    refusals: list[LeftOut] = []
    usable: dict[str, Image] = {}
    for series in study.series:
        try:
            check_modality(series, hint)
        except Refusal as reason:
            refusals.append(LeftOut(reason, tuple(image.id for image in series.images)))
            continue
        for image in series.images:
            try:
                check_content(image)
            except Refusal as reason:
                refusals.append(LeftOut(reason, (image.id,)))
            else:
                usable.setdefault(image.id, image)
    if not usable:
        raise refusals[0].reason if refusals else Refusal("no-images", "the study has no images", hint)
    names = list(usable)
    chosen = tuple(usable[name] for name in sorted(names[:MOST_FILMS]))
    return Selection(chosen, (*left_out(refusals), *_beyond(names)))


def check_modality(series: Series, hint: str = HINT) -> None:
    """Let a series pass that may hold films.

    Raises:
        Refusal: `not-a-radiograph`, if its modality says that it holds something else.
    """
    if series.modality not in RADIOGRAPHS:
        said = OTHERS.get(series.modality, "something else")
        raise Refusal("not-a-radiograph", f"the image is {said} (modality {series.modality}), not a radiograph", hint)


def check_content(image: Image) -> None:
    """Let a picture pass that could be a film at all.

    Raises:
        Refusal: If it is in colour, too small, black or flat.
    """
    if image.colour:
        raise Refusal("colour-picture", "the picture is in colour, a radiograph is grey", "Send the film itself, not a photograph")
    if min(image.shape) < SMALLEST:
        said = f"the picture has {image.shape[0]} x {image.shape[1]} pixels, at least {SMALLEST} x {SMALLEST} are needed"
        raise Refusal("picture-too-small", said, "Send the film in its full size")
    sample = image.pixels[:: max(1, image.shape[0] // 512), :: max(1, image.shape[1] // 512)]
    low, high = np.percentile(sample, [5, 99.5])
    if float(high) <= 0 and float(image.pixels.max()) <= 0:
        raise Refusal("all-black", "every pixel of the image is black", "Export it again with a display window that shows the spine")
    if not float(high - low) >= LEAST_CONTRAST:
        raise Refusal("no-contrast", "the image has next to no contrast", "Export it again with a display window that shows the spine")


def _beyond(names: Sequence[str]) -> list[Notice]:
    rest = names[MOST_FILMS:]
    said = f"{len(rest)} of {len(names)} films of the study were not read: at most {MOST_FILMS} are"
    return [Notice("films-left-out", said, images=tuple(sorted(rest)))] if rest else []
