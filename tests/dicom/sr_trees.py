"""Structured reports as densitometers and people write them, item by item."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom.dicom_files import dataset, plasma
from spondyl.datasets import density_report as writer

ENHANCED, BASIC = "1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.5.1.4.1.1.88.11"
UNITS = {short: (unit, "UCUM", unit) for short, unit in {"g": "g/cm2", "mg": "mg/cm2", "sd": "{T-score}", "%": "%"}.items()}


def box(name: str, *content: Dataset) -> Dataset:
    """A container that is known by its words alone."""
    return writer.container(("1", "99VENDOR", name), content)


def num(name: str, value: float, unit: str = "sd", *under: Dataset, code: tuple[str, str] = ("2", "99VENDOR")) -> Dataset:
    """A number; `unit` is a key of UNITS or its own meaning."""
    item = writer.number((*code, name), UNITS.get(unit, ("3", "99VENDOR", unit)), 4, value)
    if under:
        item.ContentSequence = Sequence(under)
    return item


def bmd(value: float = 0.9, name: str = "BMD") -> Dataset:
    return num(name, value, "g")


def text(name: str, value: str) -> Dataset:
    item = box(name)
    item.ValueType, item.TextValue = "TEXT", value
    del item.ContinuityOfContent, item.ContentSequence
    return item


def code(name: str, meaning: str, value: str = "4", scheme: str = "99VENDOR") -> Dataset:
    item = box(name)
    item.ValueType, item.ConceptCodeSequence = "CODE", Sequence([writer.code_item(value, scheme, meaning)])
    del item.ContinuityOfContent, item.ContentSequence
    return item


def report(*content: Dataset, title: str = "Bone densitometry report", **tags: object) -> Dataset:
    """A report of the patient of `dicom_files`, in the study of `picture`."""
    own = {"Modality": "SR", "SOPClassUID": ENHANCED, "SpecificCharacterSet": "ISO_IR 192"}
    made = dataset(plasma(), PixelData=None, Rows=None, Columns=None, **own | tags)
    made.ConceptNameCodeSequence, made.ValueType = Sequence([writer.code_item("5", "99VENDOR", title)]), "CONTAINER"
    made.ContentSequence = Sequence(content)
    return made


def picture(seed: int = 0, **tags: object) -> Dataset:
    """A density picture of the same study."""
    return dataset(plasma(seed=seed), **{"Modality": "BMD"} | tags)
