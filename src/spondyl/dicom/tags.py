"""Tolerant access to DICOM tags: numbers and words from the raw bytes, whatever the writer got wrong.

pydicom converts values on access and raises in many ways for bad ones; here a value that makes no sense is simply absent.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from spondyl.core import InputError

TAG_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, NotImplementedError, EOFError, struct.error)
"""What pydicom is seen to raise for a malformed element."""

_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_LONGEST = 1024
"""Characters of a name that are compared."""

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_MODALITIES = re.compile(
    "AR|ASMT|AU|BDUS|BI|BMD|CR|CT|CTPROTOCOL|DG|DOC|DX|ECG|EPS|ES|FID|GM|HC|HD|IO|IOL|IVOCT|IVUS|KER|KEY|KO|"
    "LEN|LS|MG|MR|M3D|NM|OAM|OCT|OP|OPM|OPT|OPV|OSS|OT|PLAN|PR|PT|PX|REG|RESP|RF|RG|RTDOSE|RTIMAGE|RTPLAN|"
    "RTRECORD|RTSEGANN|RTSTRUCT|RWV|SEG|SM|SMR|SR|SRF|STAIN|TG|US|VA|XA|XC|DR|SC"
)
"""Defined terms of Modality (PS3.3 C.7.3.1.1.1), and the DR and SC that are seen."""


def raw_element(dataset: Dataset, keyword: str) -> tuple[Any, str, bool] | None:
    """(value, VR, little endian) of an element as it lies in the file, or None when absent."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return None
    element = dataset.get_item(tag)
    if isinstance(element, RawDataElement):
        vr = element.VR if element.VR not in (None, "UN") else dictionary_VR(tag)
        return element.value, str(vr).split(" or ")[0], element.is_little_endian
    return (None if element is None else element.value), "", True


def numbers(dataset: Dataset, keyword: str, signed: bool | None = None) -> tuple[float, ...]:
    """The finite numbers of an element; empty if there is none. Garbage between the backslashes is left out."""
    return tuple(value for value in slots(dataset, keyword, signed) if value is not None)


def slots(dataset: Dataset, keyword: str, signed: bool | None = None) -> tuple[float | None, ...]:
    """Every value of an element in its place, None where it is no finite number; empty if there is no element.

    Args:
        signed: For "US or SS" elements, which of both it is.
    """
    found = raw_element(dataset, keyword)
    if found is None:
        return ()
    value, vr, little = found
    if isinstance(value, bytes):
        if vr in _BINARY:
            vr = {True: "SS", False: "US", None: vr}[signed] if vr in ("US", "SS") else vr
            size = struct.calcsize(_BINARY[vr])
            values: Iterable[Any] = struct.unpack_from(f"{'<' if little else '>'}{len(value) // size}{_BINARY[vr]}", value)
        else:
            values = value.decode("latin-1").split("\\")
    else:
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    return tuple(map(_finite, values))


def _finite(value: Any) -> float | None:
    if isinstance(value, str):
        text = value.strip(" \x00").replace(",", ".")
        if not _NUMBER.fullmatch(text):
            return None
        value = text
    try:
        number = float(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first number of an element, or None."""
    return next(iter(numbers(dataset, keyword)), None)


def count(dataset: Dataset, keyword: str, default: int | None = None, least: int = 0) -> int | None:
    """A whole number; `default` when the element is absent, empty or below `least`.

    Raises:
        InputError: `tag-unusable` if it is stored as a list of different numbers, or is no whole number.
    """
    found = sorted(set(numbers(dataset, keyword)))
    if not found:
        return default
    if len(found) > 1 or found[0] != int(found[0]):
        raise InputError("tag-unusable", f"{keyword} should be one whole number and is {_shown(found)}", "Export the image again")
    return int(found[0]) if found[0] >= least else default


def _shown(values: Sequence[float]) -> str:
    listed = ", ".join(f"{value:g}" for value in values[:4])
    return f"the list {listed}{', ...' if len(values) > 4 else ''}" if len(values) > 1 else listed


def word(dataset: Dataset, keyword: str) -> str:
    """Text of an element without padding, "" when absent; for closed lists and searching, never for showing."""
    found = raw_element(dataset, keyword)
    if found is None or found[0] is None:
        return ""
    value = found[0]
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    elif not isinstance(value, str):
        value = "\\".join(map(str, value)) if isinstance(value, Sequence) else str(value)
    return value.strip(" \x00\r\n\t")


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Items of a sequence; empty if there is none that can be read."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return []
    try:
        return [item for item in dataset[tag].value if isinstance(item, Dataset)]
    except TAG_ERRORS:
        return []


def modality(dataset: Dataset) -> str:
    """Modality if it is a defined term, "OT" if it is anything else, "" if it is absent."""
    value = word(dataset, "Modality").upper()
    return value if _MODALITIES.fullmatch(value) else "OT" if value else ""


def patient(dataset: Dataset) -> dict[str, str]:
    """Whose the file is, as `wire.Head` has it: only for telling patients apart, so case and padding do not count."""
    identifier, name = (word(dataset, keyword).casefold().rstrip("^= ")[:_LONGEST] for keyword in ("PatientID", "PatientName"))
    born = re.sub(r"\D", "", word(dataset, "PatientBirthDate"))[:8]
    return {"patient_id": identifier, "birth_date": born if born.strip("0") else "", "patient_name": name}


def sex(dataset: Dataset) -> str | None:
    """ "M", "F", "O" or None."""
    value = word(dataset, "PatientSex").upper()
    return value if value in ("M", "F", "O") else None


def age_years(dataset: Dataset) -> float | None:
    """Age from PatientAge or from the dates, capped at 90 (older ages can identify), or None."""
    match = re.fullmatch(r"(\d{1,3})([DWMY])", word(dataset, "PatientAge").upper())
    if match:
        years = int(match[1]) / {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}[match[2]]
    else:
        born, seen = (_date(word(dataset, keyword)) for keyword in ("PatientBirthDate", "StudyDate"))
        if born is None or seen is None or seen < born:
            return None
        years = (seen - born).days // 365.25
    return round(min(years, 90.0), 1) if years <= 130 else None


def _date(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) == 8 else None
    except ValueError:
        return None
