"""Calibrated dual-energy pairs: which beam a frame was taken with. The private block is described in `docs/reference`."""

from __future__ import annotations

from pydicom.dataset import Dataset

from spondyl.core import Beam
from spondyl.dicom.tags import TAG_ERRORS

GROUP, CREATOR = 0x0019, "SPONDYL DXA 1"
ENERGIES, MINERAL, SOFT, STEP = 0x01, 0x02, 0x03, 0x04


def beams(dataset: Dataset, top: float) -> tuple[Beam, ...]:
    """A beam for each frame, low energy first; empty where the file is no calibrated pair.

    Args:
        top: Stored value that the display range ends at.
    """
    try:
        block = dataset.private_block(GROUP, CREATOR)
        energies, mineral, soft = ([float(v) for v in block[element].value] for element in (ENERGIES, MINERAL, SOFT))
        span = float(block[STEP].value) * top
        return tuple(Beam(*row, span) for row in zip(energies, mineral, soft, strict=True))
    except TAG_ERRORS:
        return ()
