"""A densitometer's report as an Enhanced SR object (PS3.3 A.35.2): for each region a container with BMD, T-score and Z-score."""

from __future__ import annotations

from collections.abc import Sequence as Rows

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedSRStorage

from spondyl.core import DensitySaid
from spondyl.datasets.dicom_objects import Owner, new_object
from spondyl.datasets.making.truths import DensityLabel

Code = tuple[str, str, str]
"""(value, scheme, meaning)."""

TITLE: Code = ("126000", "DCM", "Imaging Measurement Report")
SPINE: Code = ("122496007", "SCT", "Lumbar spine")
PRIVATE = "99SPONDYL"
"""Scheme of the regions: a row of several vertebrae has no code of its own elsewhere."""
NUMBERS: dict[str, tuple[Code, Code, int]] = {
    "bmd_g_cm2": (("24966-4", "LN", "DXA Lumbar spine BMD"), ("g/cm2", "UCUM", "g/cm2"), 3),
    "t_score": (("38267-1", "LN", "DXA Lumbar spine T-score"), ("{T-score}", "UCUM", "T-score"), 2),
    "z_score": (("85394-5", "LN", "DXA Lumbar spine Z-score"), ("{Z-score}", "UCUM", "Z-score"), 2),
}
"""Fields of a row: name, unit and decimals."""


def report_object(label: DensityLabel, owner: Owner, series: int, vertebrae: Rows[DensitySaid] = ()) -> Dataset:
    """The report of a scan: the numbers of its label, then of single vertebrae where they are given; `series` is its number."""
    whole = DensitySaid(label.region, label.bmd_g_cm2, label.t_score, None, "Enhanced SR")
    return rows_object([whole, *vertebrae], owner, series)


def rows_object(rows: Rows[DensitySaid], owner: Owner, series: int) -> Dataset:
    """A report of these rows."""
    ds = new_object(EnhancedSRStorage, owner, series, 1)
    del ds.BurnedInAnnotation
    ds.Modality, ds.SeriesDescription = "SR", "Bone density report"
    ds.ContentDate, ds.ContentTime, ds.CompletionFlag, ds.VerificationFlag = ds.StudyDate, ds.StudyTime, "COMPLETE", "UNVERIFIED"
    ds.ReferencedPerformedProcedureStepSequence, ds.PerformedProcedureCodeSequence = Sequence([]), Sequence([])
    ds.update(container(TITLE, [container(SPINE, [_region(row) for row in rows])]))
    del ds.RelationshipType
    return ds


def _region(row: DensitySaid) -> Dataset:
    values = [(how, getattr(row, field)) for field, how in NUMBERS.items()]
    return container((row.region, PRIVATE, row.region), [number(*how, value) for how, value in values if value is not None])


def container(name: Code, content: Rows[Dataset]) -> Dataset:
    """A CONTAINER item."""
    item = _item("CONTAINER", name)
    item.ContinuityOfContent, item.ContentSequence = "SEPARATE", Sequence(content)
    return item


def number(name: Code, unit: Code, decimals: int, value: float) -> Dataset:
    """A NUM item."""
    item, measured = _item("NUM", name), Dataset()
    measured.NumericValue = f"{value:.{decimals}f}"
    measured.MeasurementUnitsCodeSequence = Sequence([code_item(*unit)])
    item.MeasuredValueSequence = Sequence([measured])
    return item


def _item(kind: str, name: Code) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.ConceptNameCodeSequence = "CONTAINS", kind, Sequence([code_item(*name)])
    return item


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
