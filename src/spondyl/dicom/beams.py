"""Calibrated dual-energy pairs: which beam a frame was taken with. The private block is described in `docs/reference`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset

from spondyl.core import Beam
from spondyl.dicom.tags import TAG_ERRORS, numbers, word

GROUP, CREATOR = 0x0019, "SPONDYL DXA 1"
ENERGIES, MINERAL, SOFT, STEP = 0x01, 0x02, 0x03, 0x04


def beams(dataset: Dataset, top: float) -> tuple[Beam, ...]:
    """A beam for each frame, low energy first; empty where the file is no calibrated pair.

    Args:
        top: Stored value that the display range ends at.
    """
    try:
        block = dataset.private_block(GROUP, CREATOR)
        energies, mineral, soft, step = (_numbers(block[element].value) for element in (ENERGIES, MINERAL, SOFT, STEP))
        (one,) = step
        beams_ = tuple(Beam(*row, one * top) for row in zip(energies, mineral, soft, strict=True))
    except TAG_ERRORS:
        return ()
    return beams_ if _shown_as_stored(dataset, top) else ()


def _shown_as_stored(dataset: Dataset, top: float) -> bool:
    """Whether the display range is that of the stored values, so that pixels of 0..1 can be taken back to logarithms."""
    tables = any(name in dataset for name in ("ModalityLUTSequence", "VOILUTSequence"))
    if tables or word(dataset, "PhotometricInterpretation").upper() != "MONOCHROME2":
        return False
    wanted = {"RescaleSlope": 1.0, "RescaleIntercept": 0.0, "WindowCenter": (top + 1) / 2, "WindowWidth": top + 1}
    said = {name: numbers(dataset, name) for name in wanted}
    return all(not values or values == (wanted[name],) for name, values in said.items())


def _numbers(value: Any) -> list[float]:
    """The numbers of a private element, also where the transfer syntax hides its kind."""
    if isinstance(value, bytes):
        value = value.decode("ascii").rstrip(" \0").split("\\")
    return [float(one) for one in (value if isinstance(value, Sequence) and not isinstance(value, str) else [value])]
