"""The digital densitometer's report is a legal object that says what was measured, and of nobody."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import dcmread

from datasets.cohorts import complaints
from spondyl.core import DensitySaid
from spondyl.datasets.density_report import report_object
from spondyl.datasets.dicom_film import density_object
from spondyl.datasets.dicom_objects import Owner, save
from spondyl.datasets.making.truths import DensityLabel
from spondyl.dicom.density_report import densities

OWNER, LABEL = Owner("1/train/0", "F", 63.4), DensityLabel("osteopenia", 0.9123, -1.428, "L1-L4")
VERTEBRAE = (DensitySaid("L1", 0.85, -1.9, -0.2, ""), DensitySaid("L2", 0.9, None, None, ""))


def test_a_report_is_legal_and_tells_its_numbers(tmp_path: Path) -> None:
    save(tmp_path / "sr.dcm", report_object(LABEL, OWNER, 2, VERTEBRAE))
    assert complaints(tmp_path / "sr.dcm") == []
    ds = dcmread(tmp_path / "sr.dcm")
    assert [(row.region, row.bmd_g_cm2, row.t_score, row.z_score) for row in densities(ds, "SR")] == [
        ("L1-L4", 0.912, -1.43, None), ("L1", 0.85, -1.9, -0.2), ("L2", 0.9, None, None),
    ]  # fmt: skip
    assert (str(ds.PatientName), ds.PatientSex, ds.PatientAge) == ("", "F", "063Y")


def test_a_report_belongs_to_the_study_of_its_picture_and_has_the_same_bytes_again(tmp_path: Path) -> None:
    film = density_object(np.zeros((8, 8), np.uint8), 0.8, OWNER, 1)
    for name in ("a", "b"):
        save(tmp_path / name, report_object(LABEL, OWNER, 2))
    report = dcmread(tmp_path / "a")
    assert report.StudyInstanceUID == film.StudyInstanceUID
    assert len({report.SeriesInstanceUID, film.SeriesInstanceUID, report.SOPInstanceUID, film.SOPInstanceUID}) == 4
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
