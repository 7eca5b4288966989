"""Which MR sequence a frame is, from its names first and its timing second; "unknown" rather than a guess."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydicom.dataset import Dataset

from spondyl.dicom.tags import items, number, word

_NAMES = ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName", "AcquisitionContrast")
_OTHER = re.compile(
    r"(?<![a-z])(?:loc|scout|survey|locali[sz]er|dwi|diff|adc|trace|tof|mra|swi|t2\*|t2star|myelo|haste|perf|fmri)(?![a-z])"
)
_STIR = re.compile(r"stir|tirm")
_T1 = re.compile(r"(?<![a-z0-9])t1(?![0-9])|t1w")
_T2 = re.compile(r"(?<![a-z0-9])t2(?![0-9*])|t2w")
_VOLUME = re.compile(r"space|cube|vista|(?<![a-z0-9])spc|(?<![a-z0-9])3d(?![a-z0-9])")
_GRADIENT = re.compile(r"(?<![a-z])(?:gre|medic|merge|ffe|fl2d|fl3d|spgr|flash)(?![a-z])")


@dataclass(frozen=True, slots=True)
class Timing:
    """Echo, repetition and inversion time in ms, None when unknown."""

    echo: float | None = None
    repetition: float | None = None
    inversion: float | None = None


def timing(dataset: Dataset, *groups: Dataset) -> Timing:
    """Times of a frame, from its functional groups (enhanced MR) or from the top of the file."""
    echo = repetition = inversion = None
    for group in groups:
        for item in items(group, "MREchoSequence"):
            echo = echo or number(item, "EffectiveEchoTime")
        for item in items(group, "MRTimingAndRelatedParametersSequence"):
            repetition = repetition or number(item, "RepetitionTime")
        for item in items(group, "MRModifierSequence"):
            inversion = inversion or number(item, "InversionTimes")
    return Timing(
        echo or number(dataset, "EchoTime"), repetition or number(dataset, "RepetitionTime"), inversion or number(dataset, "InversionTime")
    )


def sequence(dataset: Dataset, times: Timing, view: str) -> str:
    """One of `core.vocabulary.SEQUENCES` for an MR frame."""
    names = " ".join(word(dataset, keyword) for keyword in _NAMES).lower().replace("_", " ")
    kinds = word(dataset, "ScanningSequence").upper().split("\\"), word(dataset, "ImageType").upper()
    if _OTHER.search(names) or "LOCALIZER" in kinds[1]:
        return "unknown"
    if _is_stir(names, kinds[0], times):
        return "stir"
    weighting = _weighting(names, times, gradient="GR" in kinds[0] or bool(_GRADIENT.search(names)))
    if weighting != "t2":
        return weighting
    if view == "axial":
        return "axial_t2"
    volume = _VOLUME.search(names) or word(dataset, "MRAcquisitionType").upper() == "3D"
    return "t2_space" if volume else "t2"


def _is_stir(names: str, scanning: list[str], times: Timing) -> bool:
    if _STIR.search(names) and "t2/stir" not in names:
        return True
    short = times.inversion is not None and 80 <= times.inversion <= 300
    return "IR" in scanning and short and not _T1.search(names)


def _weighting(names: str, times: Timing, gradient: bool) -> str:
    """ "t1", "t2" or "unknown". Gradient echoes are named by their names only: their timing says little."""
    t1, t2 = bool(_T1.search(names)), bool(_T2.search(names))
    flair = "flair" in names or "dark fluid" in names
    if t1 != t2:
        return "t1" if t1 else "unknown" if flair or gradient else "t2"
    echo, repetition = times.echo, times.repetition
    if gradient or flair or echo is None or repetition is None:
        return "unknown"
    if echo <= 30 and repetition <= 1000:
        return "t1"
    return "t2" if echo >= 60 and repetition >= 1000 else "unknown"
