"""Which slices of a study are looked at, and how they are turned upright."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image, Notice, Refusal, Series, Study
from spondyl.imaging import affine_sample, compose, content_box
from spondyl.imaging.affine import Affine
from spondyl.tasks.mri_discs.frame import normalised

OTHER_MODALITIES = {
    "CR": "a radiograph", "DX": "a radiograph", "DR": "a radiograph", "RG": "a radiograph", "RF": "a radiograph", "CT": "a CT",
    "US": "an ultrasound", "MG": "a mammogram", "PT": "a PET scan", "NM": "a nuclear medicine scan", "XA": "an angiogram",
    "BMD": "a bone densitometry",
}  # fmt: skip
READ_SEQUENCES = ("t1", "t2", "t2_space", "unknown")
MOST_PICTURES = 4
SQUARE = 1.05
"""Pixels whose sides differ by more than this ratio are made square."""


@dataclass(frozen=True, slots=True, eq=False)
class UprightSlice:
    """A slice with the front of the body on the left and the head up, as far as its geometry tells.

    Attributes:
        image: The image as it was read.
        pixels: Upright and normalised, float32 (rows, columns).
        to_image: (2, 3) map from upright (x, y) to (x, y) of the image as it was read.
        spacing_mm: (row, column) of the upright picture, or None.
        content: (x0, y0, x1, y1) of `pixels` that is not background.
    """

    image: Image
    pixels: NDArray[np.float32]
    to_image: Affine
    spacing_mm: tuple[float, float] | None
    content: tuple[int, int, int, int]


def candidates(study: Study) -> tuple[list[Image], list[Notice]]:
    """One sagittal slice of each series (its middle one), in an order that does not depend on the files', and what was left out.

    Pictures have no series: each of them (at most MOST_PICTURES) may be the slice.

    Raises:
        Refusal: If no series can hold a sagittal lumbar MR slice, with the reason for the first one.
    """
    chosen: list[Image] = []
    notices: list[Notice] = []
    refusals: list[Refusal] = []
    for series in study.series:
        try:
            images, notice = _of_series(series)
        except Refusal as reason:
            refusals.append(reason)
            continue
        chosen += images
        notices += notice
    if not chosen:
        raise refusals[0] if refusals else Refusal("no-images", "the study has no images", "Send a sagittal lumbar MR slice")
    said = sorted({reason.message for reason in refusals})
    notices += [Notice("series-left-out", f"a series was not read: {message}") for message in said]
    return sorted(chosen, key=lambda image: image.id), notices


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
        name = {"other": "neither T1 nor T2 by its header"}.get(images[0].sequence, images[0].sequence)
        said = f"the series is {name}, on which this task was not measured"
        raise Refusal("sequence-not-measured", said, "Send a sagittal T1, T2 or SPACE series")
    placed = [image for image in readable if image.geometry is not None] or readable
    if not series.modality and placed[0].geometry is None:
        return placed[:MOST_PICTURES], []
    middle, place = middle_slice(placed)
    if len(placed) == 1:
        return [middle], []
    how = "along the slice normal" if middle.geometry is not None else "in the order of the frames, as their positions are not known"
    return [middle], [Notice("slice-chosen", f"slice {place + 1} of {len(placed)}, the middle one {how}, was read")]


def middle_slice(images: Sequence[Image]) -> tuple[Image, int]:
    """The image nearest the middle between the first and the last along the slice normal, and its place in that order.

    Without a geometry it is the middle one of the order given.
    """
    if images[0].geometry is None:
        return images[(len(images) - 1) // 2], (len(images) - 1) // 2
    offsets = np.array([image.geometry.offset_mm if image.geometry else 0.0 for image in images])
    order = np.argsort(offsets, kind="stable")
    place = int(np.argmin(np.abs(offsets[order] - (offsets.min() + offsets.max()) / 2)))
    return images[int(order[place])], place


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
    pixels = np.ascontiguousarray(pixels)
    if spacing is not None and not 1 / SQUARE < spacing[0] / spacing[1] < SQUARE:
        pixels, to_image, spacing = _squared(pixels, to_image, spacing)
    grey = normalised(pixels)
    return UprightSlice(image, grey, to_image, spacing, content_box(grey))


def _squared(
    pixels: NDArray[np.float32], to_image: Affine, spacing: tuple[float, float]
) -> tuple[NDArray[np.float32], Affine, tuple[float, float]]:
    """The picture sampled anew with square pixels of the finer spacing, so that angles and shapes are true."""
    fine = min(spacing)
    rows, columns = (max(1, round(size * step / fine)) for size, step in zip(pixels.shape, spacing, strict=True))
    to_source = np.array([[pixels.shape[1] / columns, 0.0, 0.0], [0.0, pixels.shape[0] / rows, 0.0]])
    square = (spacing[0] * pixels.shape[0] / rows, spacing[1] * pixels.shape[1] / columns)
    return affine_sample(pixels, to_source, (rows, columns)), compose(to_image, to_source), square


def _turn_of(image: Image) -> tuple[bool, bool, bool]:
    """(flip x, flip y, swap axes first) that bring the back of the body (+y) to the right and the head (+z) up."""
    if image.geometry is None or image.view != "sagittal":
        return False, False, False
    across, down = np.asarray(image.geometry.row_direction), np.asarray(image.geometry.column_direction)
    swap = abs(across[2]) > abs(across[1])
    if swap:
        across, down = down, across
    return bool(across[1] < 0), bool(down[2] > 0), bool(swap)
