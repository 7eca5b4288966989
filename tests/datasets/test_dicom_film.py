"""Films and density pictures as DICOM objects: legal in every kind and view, and the same picture tame and wild."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import config, dcmread

from datasets.cohorts import complaints
from spondyl.datasets.dicom_film import density_object, film_object, save_film
from spondyl.datasets.dicom_objects import Owner, save, window_of
from spondyl.datasets.file_pixels import read_file
from spondyl.dicom.pixels import Window, apply_window
from spondyl.phantom.rays import XrayAcquisition

OWNER = Owner("1/train/0", "F", 63.4)
STORED = np.random.default_rng(0).integers(0, 4096, (60, 41)).astype(np.uint16)
NAMES = ("a" * 32, "b" * 32, "0123456789abcdef" * 2)


@pytest.mark.parametrize("view", ["ap", "lateral"])
@pytest.mark.parametrize("kind", ["DX", "CR"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_every_kind_of_film_is_legal_and_shows_bright_as_high(kind: str, view: str, photometric: str, tmp_path: Path):
    scan = XrayAcquisition(view=view, rows=60, columns=41, photometric=photometric, pixel_mm=0.15)
    save_film(tmp_path / "tame.dcm", film_object(STORED, scan, OWNER, 1, kind))
    save_film(tmp_path / "wild.dcm", film_object(STORED, scan, OWNER, 1, kind), NAMES)
    assert complaints(tmp_path / "tame.dcm") == []
    shown = (4095 - STORED if photometric == "MONOCHROME1" else STORED) / 4095
    tame, wild = (read_file(tmp_path / f"{name}.dcm", "a film") for name in ("tame", "wild"))
    assert np.abs(tame.pixels - shown).max() < 1e-6
    assert np.array_equal(tame.pixels, wild.pixels)
    assert (tame.view, tame.spacing_mm, wild.view, wild.spacing_mm) == (view, (0.15, 0.15), "unknown", None)
    ds = dcmread(tmp_path / "tame.dcm")
    assert (ds.PatientAge, ds.PatientSex, str(ds.PatientName)) == ("063Y", "F", "")
    assert ds.SOPInstanceUID.startswith("2.25.")


def test_wild_uids_are_the_names_in_the_tables(tmp_path: Path):
    save_film(tmp_path / "wild.dcm", film_object(STORED, XrayAcquisition(rows=60, columns=41), OWNER, 1, "DX"), NAMES)
    with config.disable_value_validation():
        ds = dcmread(tmp_path / "wild.dcm")
        assert (str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)) == NAMES


def test_the_same_film_has_the_same_bytes(tmp_path: Path):
    for name, wild in (("tame", None), ("wild", NAMES)):
        for k in range(2):
            save_film(tmp_path / f"{name}{k}", film_object(STORED, XrayAcquisition(rows=60, columns=41), OWNER, 1, "CR"), wild)
        assert (tmp_path / f"{name}0").read_bytes() == (tmp_path / f"{name}1").read_bytes()


@pytest.mark.parametrize("columns", [41, 40])
def test_a_density_picture_is_legal_with_any_number_of_pixels(columns: int, tmp_path: Path):
    stored = np.random.default_rng(1).integers(0, 256, (31, columns)).astype(np.uint8)
    save(tmp_path / "dxa.dcm", density_object(stored, 0.8, OWNER, 3, text=True))
    assert complaints(tmp_path / "dxa.dcm") == []
    picture = read_file(tmp_path / "dxa.dcm", "a picture")
    assert np.array_equal(np.rint(picture.pixels * 255), stored)
    assert picture.spacing_mm == (0.8, 0.8)
    assert dcmread(tmp_path / "dxa.dcm").BurnedInAnnotation == "YES"


@pytest.mark.parametrize(("low", "high"), [(0, 4095), (0, 4000), (17, 1234), (5, 6)])
def test_a_window_maps_its_ends_to_black_and_white(low: int, high: int):
    centre, width = (float(text) for text in window_of(low, high))
    shown = apply_window(np.array([low, (low + high) / 2, high], float), Window(centre, width))
    assert shown == pytest.approx([0, 0.5, 1])
