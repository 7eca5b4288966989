"""Which MR sequence a frame is, from its names first and its timing second; "other" where the names say that it is none of ours,
"unknown" rather than a guess where they are silent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydicom.dataset import Dataset

from spondyl.dicom.tags import items, number, word

_NAMES = ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName", "AcquisitionContrast")
_OTHER = re.compile(
    r"(?<![a-z])(?:loc|scouts?|survey|lo[ck]ali[sz]ers?|topogram|calibration|dwi|dti|diff|diffusion|[de]?adc|tracew?"
    r"|ep2d|ep b\d+|tof|mra|angio|swi|t2\*|t2[ -]?star"
    r"|myelo\w*|haste|ssfse|ssh|ciss|fiesta|trufi|true ?fisp|tfi2d|ssfp|dess|perf|perfusion|fmri)"
    r"(?![a-z])"
)
_STIR = re.compile(r"stir|tirm")
_T1 = re.compile(r"(?<![a-z0-9])t1(?![0-9])|t1w")
_T2 = re.compile(r"(?<![a-z0-9])t2(?![0-9*])|t2w")
_VOLUME = re.compile(r"space|cube|vista|(?<![a-z0-9])spc|(?<![a-z0-9])3d(?![a-z0-9])")
_GRADIENT = re.compile(r"(?<![a-z])(?:gre|medic|me2d|merge|ffe|fl2d|fl3d|spgr|flash|vibe)(?![a-z])")
_DENSITY = re.compile(r"(?<![a-z])(?:pdw?|proton density)(?![a-z])")
_FLAIR = re.compile(r"flair|dark fluid|fluid attenuated")
_PLAIN = re.compile(r"(?<![a-z])(?:pre|no|non|without|w/o|wo|ohne|sans|sin)[ -]?(?:c(?:ontrast)?|gd|gado\w*|km|iv)(?![a-z])")
_ENHANCED = re.compile(r"(?<![a-z])(?:gd|gado\w*|post[ -]?(?:c|con\w*|gd|km)|\+ ?(?:c|gd|km)|c\+|ce|km|contrast)(?![a-z])")
_DERIVED = frozenset({"LOCALIZER", "DIFFUSION", "ADC", "TRACEW", "PROJECTION IMAGE"})
"""Words of ImageType that none of our sequences has."""


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
    scanning, kinds = (word(dataset, keyword).upper().replace(" \\", "\\").split("\\") for keyword in ("ScanningSequence", "ImageType"))
    if _OTHER.search(names) or not _DERIVED.isdisjoint(kinds):
        return "other"
    if _is_stir(names, scanning, times):
        return "stir"
    weighting = _weighting(names, times, gradient="GR" in scanning)
    if weighting != "t2":
        return weighting
    if view == "axial":
        return "axial_t2"
    volume = _VOLUME.search(names) or word(dataset, "MRAcquisitionType").upper() == "3D"
    return "t2_space" if volume else "t2"


def enhanced(dataset: Dataset) -> bool:
    """Whether contrast agent was given, by ContrastBolusAgent or by the names of the series."""
    agent = word(dataset, "ContrastBolusAgent").lower().strip()
    if agent and agent not in ("no", "none", "n", "0"):
        return True
    names = " ".join(word(dataset, keyword) for keyword in _NAMES).lower().replace("_", " ")
    return bool(_ENHANCED.search(names)) and not _PLAIN.search(names)


def _is_stir(names: str, scanning: list[str], times: Timing) -> bool:
    if _STIR.search(names) and "t2/stir" not in names:
        return True
    short = times.inversion is not None and 80 <= times.inversion <= 300
    return "IR" in scanning and short and not _T1.search(names)


def _weighting(names: str, times: Timing, gradient: bool) -> str:
    """ "t1", "t2", "other" or "unknown". Gradient echoes are named by their names only: their timing says little."""
    t1, t2 = bool(_T1.search(names)), bool(_T2.search(names))
    named = bool(_GRADIENT.search(names) or _FLAIR.search(names))
    if t1 != t2:
        return "t1" if t1 else "other" if named or gradient else "t2"
    if not t1 and (named or _DENSITY.search(names)):
        return "other"
    echo, repetition = times.echo, times.repetition
    if gradient or named or echo is None or repetition is None:
        return "unknown"
    if echo <= 30 and repetition <= 1000:
        return "t1"
    return "t2" if echo >= 60 and repetition >= 1000 else "unknown"
