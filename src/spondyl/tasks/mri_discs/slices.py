"""Which slices of a study are looked at, and how they are turned upright."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image, Notice, Refusal, Series, Study
from spondyl.imaging.affine import Affine
from spondyl.tasks.mri_discs.frame import normalised

OTHER_MODALITIES = {
    "CR": "a radiograph", "DX": "a radiograph", "RF": "a radiograph", "CT": "a CT", "US": "an ultrasound", "MG": "a mammogram",
    "PT": "a PET scan", "NM": "a nuclear medicine scan", "XA": "an angiogram", "BMD": "a bone densitometry",
}  # fmt: skip
READ_SEQUENCES = ("t1", "t2", "t2_space", "unknown")


@dataclass(frozen=True, slots=True, eq=False)
class UprightSlice:
    """A slice with the front of the body on the left and the head up, as far as its geometry tells.

    Attributes:
        image: The image as it was read.
        pixels: Upright and normalised, float32 (rows, columns).
        to_image: (2, 3) map from upright (x, y) to (x, y) of the image as it was read.
        spacing_mm: (row, column) of the upright picture, or None.
    """

    image: Image
    pixels: NDArray[np.float32]
    to_image: Affine
    spacing_mm: tuple[float, float] | None


def candidates(study: Study) -> tuple[list[Image], list[Notice]]:
    """One sagittal slice of each series (its middle one by geometry), and what was left out.

    Raises:
        Refusal: If no series can hold a sagittal lumbar MR slice, with the reason for the last one.
    """
    chosen: list[Image] = []
    notices: list[Notice] = []
    refusal = Refusal("no-images", "the study has no images", "Send a sagittal lumbar MR slice")
    for series in study.series:
        try:
            images, notice = _of_series(series)
        except Refusal as reason:
            refusal = reason
            continue
        chosen += images
        notices += notice
    if not chosen:
        raise refusal
    return chosen, notices


def _of_series(series: Series) -> tuple[list[Image], list[Notice]]:
    if series.modality in OTHER_MODALITIES:
        said = f"the image is {OTHER_MODALITIES[series.modality]} (modality {series.modality}), not an MR slice"
        raise Refusal("not-an-mr", said, "Send a sagittal T1, T2 or SPACE slice of the lumbar spine")
    images = [image for image in series.images if image.view in ("sagittal", "unknown")]
    if not images:
        view = series.images[0].view
        raise Refusal("view-not-sagittal", f"the series is {view}, not sagittal", "Send the sagittal series of the study")
    readable = [image for image in images if image.sequence in READ_SEQUENCES]
    if not readable:
        said = f"the series is {images[0].sequence}, on which this task was not measured"
        raise Refusal("sequence-not-measured", said, "Send a sagittal T1, T2 or SPACE series")
    if any(image.geometry is None for image in readable):
        return readable[:4], []
    middle, place = middle_slice(readable)
    if len(readable) == 1:
        return [middle], []
    return [middle], [Notice("slice-chosen", f"slice {place + 1} of {len(readable)}, the middle one along the slice normal, was read")]


def middle_slice(images: Sequence[Image]) -> tuple[Image, int]:
    """The image nearest the middle between the first and the last along the slice normal, and its place in that order."""
    ordered = sorted(images, key=lambda image: image.geometry.offset_mm if image.geometry else 0.0)
    offsets = np.array([image.geometry.offset_mm if image.geometry else 0.0 for image in ordered])
    place = int(np.argmin(np.abs(offsets - (offsets[0] + offsets[-1]) / 2)))
    return ordered[place], place


def check_content(image: Image) -> None:
    """Let a picture pass that could be a slice at all.

    Raises:
        Refusal: If it is black or flat, too small, or in colour.
    """
    pixels = image.pixels
    if image.colour:
        raise Refusal("colour-picture", "the picture is in colour, an MR slice is grey", "Send the slice itself, not a photograph")
    if min(image.shape) < 96:
        said = f"the picture has {image.shape[0]} x {image.shape[1]} pixels, at least 96 x 96 are needed"
        raise Refusal("picture-too-small", said, "Send the slice in its full size")
    if float(pixels.max()) <= 0:
        raise Refusal("all-black", "every pixel of the image is black", "Export it again with a display window that shows the spine")
    if float(np.percentile(pixels, 99.5) - np.percentile(pixels, 5)) < 0.01:
        raise Refusal("no-contrast", "the image has next to no contrast", "Export it again with a display window that shows the spine")


def upright(image: Image) -> UprightSlice:
    """The slice turned by its geometry, or as it is where there is none."""
    flip_x, flip_y, swap = _turn_of(image)
    pixels = image.pixels
    rows, columns = pixels.shape
    to_image = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    spacing = image.spacing_mm
    if swap:
        pixels = pixels.T
        to_image = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
        spacing = (spacing[1], spacing[0]) if spacing else None
        rows, columns = columns, rows
    if flip_x:
        pixels = pixels[:, ::-1]
        to_image = np.column_stack([-to_image[:, 0], to_image[:, 1], to_image[:, 2] + to_image[:, 0] * columns])
    if flip_y:
        pixels = pixels[::-1]
        to_image = np.column_stack([to_image[:, 0], -to_image[:, 1], to_image[:, 2] + to_image[:, 1] * rows])
    return UprightSlice(image, normalised(np.ascontiguousarray(pixels)), to_image, spacing)


def _turn_of(image: Image) -> tuple[bool, bool, bool]:
    """(flip x, flip y, swap axes first) that bring the back of the body (+y) to the right and the head (+z) up."""
    if image.geometry is None or image.view != "sagittal":
        return False, False, False
    across, down = np.asarray(image.geometry.row_direction), np.asarray(image.geometry.column_direction)
    swap = abs(across[2]) > abs(across[1])
    if swap:
        across, down = down, across
    return bool(across[1] < 0), bool(down[2] > 0), bool(swap)
