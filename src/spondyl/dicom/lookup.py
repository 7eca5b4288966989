"""The display pipeline of one frame, as its tags describe it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from spondyl.core import InputError
from spondyl.dicom.pixels import Cells, Display, Table, Window
from spondyl.dicom.tags import items, number, numbers, raw_element, slots, word


@dataclass(frozen=True, slots=True)
class Places:
    """Where the tags of one frame are found: in functional groups (enhanced files), else at the top of the file."""

    position: Dataset
    orientation: Dataset
    measures: Dataset
    voi: Dataset
    transformation: Dataset
    groups: tuple[Dataset, ...]


def places(dataset: Dataset, frame: int, per_frame: list[Dataset], shared: list[Dataset]) -> Places:
    """The places of frame `frame` (from 0): its own groups first, then the shared ones, then the top."""
    groups = (*per_frame[frame : frame + 1], *shared)

    def find(keyword: str) -> Dataset:
        return next((item for group in groups for item in items(group, keyword)[:1]), dataset)

    return Places(
        find("PlanePositionSequence"),
        find("PlaneOrientationSequence"),
        find("PixelMeasuresSequence"),
        find("FrameVOILUTSequence"),
        find("PixelValueTransformationSequence"),
        groups,
    )


def display(dataset: Dataset, where: Places, cells: Cells | None) -> Display:
    """How the frame's stored values become grey; `cells` is None for floating-point pixels, whose range is unknown."""
    slope = number(where.transformation, "RescaleSlope") or 1.0
    intercept = number(where.transformation, "RescaleIntercept") or 0.0
    signed = cells is not None and cells.signed
    modality = next((made for item in items(dataset, "ModalityLUTSequence")[:1] if (made := table(item, signed))), None)
    low: float | None = None
    high: float | None = None
    if modality is not None:
        low, high = 0.0, modality.top
    elif cells is not None:
        low, high = sorted(slope * end + intercept for end in cells.span)
    return Display(
        slope,
        intercept,
        modality,
        voi=voi(where.voi, signed=low is not None and low < 0),
        low=low,
        high=high,
        invert=word(dataset, "PhotometricInterpretation").upper() == "MONOCHROME1",
    )


def voi(dataset: Dataset, signed: bool) -> Window | Table | None:
    """The first VOI LUT, else the first window that has a centre and a positive width, else None."""
    for item in items(dataset, "VOILUTSequence")[:1]:
        made = table(item, signed)
        if made is not None:
            return made
    function = word(dataset, "VOILUTFunction").upper()
    function = function if function in ("LINEAR_EXACT", "SIGMOID") else "LINEAR"
    for centre, width in zip(slots(dataset, "WindowCenter"), slots(dataset, "WindowWidth"), strict=False):
        if centre is not None and width is not None and width > 0:
            return Window(centre, width, function)
    return None


def table(item: Dataset, signed: bool, descriptor: str = "LUTDescriptor", entries: str = "LUTData") -> Table | None:
    """A lookup table, or None if it makes no sense.

    Args:
        item: Data set that holds the two elements.
        signed: How an ambiguous first mapped value is meant.
    """
    shape, data = numbers(item, descriptor, signed=False), raw_element(item, entries)
    if len(shape) != 3 or data is None:
        return None
    size, first, bits = int(shape[0]) or 65536, shape[1], int(shape[2])
    described = raw_element(item, descriptor)
    if first >= 2**15 and (signed or (described is not None and described[1] == "SS")):
        first -= 2**16
    values = _entries(data[0], data[2], size, bits)[:size]
    if not len(values):
        return None
    top = 2.0**bits - 1 if 1 <= bits <= 16 else 65535.0
    return Table(first, values.astype(np.float64), max(top, float(values.max())))


def _entries(data: object, little: bool, size: int, bits: int) -> NDArray[np.uint16]:
    """Table entries: one byte each where that is how many there are, else two."""
    if isinstance(data, bytes):
        if bits <= 8 and size <= len(data) < 2 * size:
            return np.frombuffer(data, np.uint8).astype(np.uint16)
        return np.frombuffer(data[: len(data) // 2 * 2], "<u2" if little else ">u2").astype(np.uint16)
    return np.asarray(data, dtype=np.int64).reshape(-1).astype(np.uint16)


def palette(dataset: Dataset, codes: NDArray[np.generic]) -> tuple[NDArray[np.float32], float]:
    """(rows, columns, 3) colours of palette indices, and their largest possible value.

    Raises:
        InputError: `pixel-layout-unsupported` without a plain palette.
    """
    planes, top = [], 1.0
    for colour in ("Red", "Green", "Blue"):
        made = table(dataset, False, f"{colour}PaletteColorLookupTableDescriptor", f"{colour}PaletteColorLookupTableData")
        if made is None:
            raise InputError("pixel-layout-unsupported", "a palette picture without a plain palette", "Export it as grey or RGB")
        planes.append(made(codes.astype(np.float64)).astype(np.float32))
        top = max(top, made.top)
    return np.stack(planes, axis=-1), top
