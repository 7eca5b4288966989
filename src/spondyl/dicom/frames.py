"""One DICOM file -> its frames, as a person would see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from spondyl.core import Beam, DensitySaid, Geometry, InputError
from spondyl.dicom import tags
from spondyl.dicom.beams import beams
from spondyl.dicom.cells import Layout, PixelData, frame_cells, pixel_data, read_layout
from spondyl.dicom.dataset import is_directory, parse
from spondyl.dicom.density_report import densities
from spondyl.dicom.geometry import film_source, geometry, left_at, spacing, view
from spondyl.dicom.lookup import Places, display, palette, places
from spondyl.dicom.pixels import luminance, render
from spondyl.dicom.sequence import enhanced, sequence, timing
from spondyl.dicom.wire import Head


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """`core.Image` before it has an id."""

    pixels: NDArray[np.float32]
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str | None = None
    view: str = "unknown"
    sequence: str = "unknown"
    geometry: Geometry | None = None
    colour: bool = False
    decoded_scale: int = 1
    enhanced: bool = False
    beam: Beam | None = None
    left_at: str | None = None


def read_dicom(data: bytes, max_pixels: int, max_inflated: int) -> tuple[Head, Iterator[Frame]]:
    """The file's head and its frames, decoded one at a time; a density report has no frame.

    Raises:
        InputError: With the code of what is wrong; the frames may raise too.
    """
    dataset = parse(data, max_inflated)
    if is_directory(dataset):
        raise InputError("dicom-directory", "a DICOMDIR lists files and holds no image", "Its files are read from the folder beside it")
    modality = tags.modality(dataset)
    source = pixel_data(dataset)
    if source is None:
        return _report(dataset, modality), iter(())
    layout = read_layout(dataset, source, max_pixels)
    said = densities(dataset, modality, image=True)
    return _head(dataset, modality, layout.frames, said), _frames(dataset, modality, source, layout)


def _head(dataset: Dataset, modality: str, frames: int, said: tuple[DensitySaid, ...]) -> Head:
    return Head(
        study_uid=tags.word(dataset, "StudyInstanceUID"),
        series_uid=tags.word(dataset, "SeriesInstanceUID"),
        instance_uid=tags.word(dataset, "SOPInstanceUID"),
        frame_uid=tags.word(dataset, "FrameOfReferenceUID"),
        **tags.patient(dataset),
        instance=int(tags.number(dataset, "InstanceNumber") or 0),
        modality=modality,
        sex=tags.sex(dataset),
        age_years=tags.age_years(dataset),
        frames=frames,
        densities=said,
    )


def _report(dataset: Dataset, modality: str) -> Head:
    """The head of an object without pixels.

    Raises:
        InputError: If it tells no bone density of the spine either.
    """
    if tags.numbers(dataset, "Rows"):
        raise InputError("pixel-data-truncated", "the file describes an image and ends before its pixels", "Copy or export the file again")
    if said := densities(dataset, modality):
        return _head(dataset, modality, 0, said)
    what = f"a DICOM object of modality {modality}" if modality else "a DICOM object"
    raise InputError("no-pixel-data", f"{what} without pixels", "Only images are read, and reports of the spine's bone density")


def _frames(dataset: Dataset, modality: str, source: PixelData, layout: Layout) -> Iterator[Frame]:
    per_frame = tags.items(dataset, "PerFrameFunctionalGroupsSequence")
    shared = tags.items(dataset, "SharedFunctionalGroupsSequence")[:1]
    taken_with = beams(dataset, float(layout.cells.span[1])) if layout.frames == 2 else ()
    for index, (cells, photometric, scale) in enumerate(frame_cells(source, layout)):
        where = places(dataset, index, per_frame, shared)
        pixels, colour = _grey(dataset, where, layout, cells, photometric)
        seen = view(dataset, where.orientation, modality)
        distance, distance_source = spacing(where.measures, dataset)
        lies = geometry(where.position, where.orientation)
        yield Frame(
            pixels=pixels,
            spacing_mm=distance,
            spacing_source=film_source(dataset, distance_source, modality),
            view=seen,
            sequence=sequence(dataset, timing(dataset, *where.groups), seen) if modality == "MR" else "unknown",
            # One position for many frames is the position of none of them.
            geometry=None if layout.frames > 1 and where.position is dataset else lies,
            colour=colour,
            decoded_scale=scale,
            enhanced=modality == "MR" and enhanced(dataset),
            beam=taken_with[index] if len(taken_with) == layout.frames else None,
            left_at=left_at(dataset, seen),
        )


def _grey(dataset: Dataset, where: Places, layout: Layout, cells: NDArray[Any], photometric: str) -> tuple[NDArray[np.float32], bool]:
    """Grey picture of one frame's cells, and whether they were coloured."""
    if cells.ndim == 3:
        return luminance(layout.cells.codes(cells), layout.cells.span[1], ybr=photometric.startswith("YBR"))
    if photometric == "PALETTE COLOR":
        colours, top = palette(dataset, layout.cells.codes(cells))
        return luminance(colours, top)
    if cells.dtype.kind == "f":
        return display(dataset, where, None)(np.nan_to_num(cells.astype(np.float64))), False
    return render(cells, layout.cells, display(dataset, where, layout.cells)), False
