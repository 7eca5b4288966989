"""Raw DXA pairs as DICOM objects: legal, the same each time, and read back as the signals they were made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from datasets.cohorts import complaints, plan_of, rebuilt
from spondyl.core import Image
from spondyl.datasets.dicom_objects import Owner, save
from spondyl.datasets.dual_energy import STEP_VALUE, TOP, pair_object
from spondyl.dicom import Reader, Source
from spondyl.imaging.dual_energy import mineral_map, polygon_mask
from spondyl.phantom.rays import DxaScan, render_dxa
from spondyl.phantom.rays.acquisition import DXA_PAIRS
from spondyl.phantom.rays.attenuation import BASIS, attenuation

OWNER = Owner("1/train/0", "F", 63.4)


@cache
def scan_of(energies_kev: tuple[float, float]) -> DxaScan:
    volume, _ = rebuilt("dxa", 0)
    return render_dxa(volume, replace(plan_of("dxa", 0).scans["dxa"], energies_kev=energies_kev))


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader(b"a key of the test suite", workers=1) as opened:
        yield opened


def read_back(reader: Reader, scan: DxaScan, path: Path) -> tuple[Image, Image]:
    save(path, pair_object(scan, OWNER, 1))
    report = reader.read([Source(path, "the pair")])
    assert not report.skipped
    (study,) = report.studies
    assert (study.modality, study.sex, study.age_years) == ("BMD", "F", 63.0)
    low, high = study.images
    return low, high


@pytest.mark.parametrize("energies", DXA_PAIRS)
def test_a_pair_comes_back_as_two_images_with_their_beams_within_a_step(energies: tuple[float, float], reader: Reader, tmp_path: Path):
    scan = scan_of(energies)
    table = attenuation(np.array(energies))
    for k, image in enumerate(read_back(reader, scan, tmp_path / "pair.dcm")):
        assert image.beam is not None
        assert image.beam.kev == energies[k]
        assert image.beam.mineral_cm2_g == pytest.approx(table[k, BASIS.index("mineral")], abs=1e-6)
        assert image.beam.soft_cm2_g == pytest.approx(table[k, BASIS.index("soft")], abs=1e-6)
        wanted = np.clip(scan.logs[k], 0, TOP * STEP_VALUE)
        assert np.abs(image.pixels * image.beam.span - wanted).max() <= 0.51 * STEP_VALUE
        assert image.spacing_mm == pytest.approx((scan.acquisition.pixel_mm,) * 2, abs=1e-6)


def test_what_is_measured_on_the_file_is_what_the_machine_measured(reader: Reader, tmp_path: Path):
    scan = scan_of(DXA_PAIRS[0])
    images = read_back(reader, scan, tmp_path / "pair.dcm")
    logs = np.stack([image.pixels * (image.beam.span if image.beam else 0.0) for image in images]).astype(np.float64)
    low, high = attenuation(np.array(DXA_PAIRS[0]))[:, BASIS.index("mineral")]
    ratio = (scan.logs[0] - low * scan.bmd) / (scan.logs[1] - high * scan.bmd)  # the baseline that the machine took
    bone = mineral_map(logs, np.median(ratio, axis=1, keepdims=True), (float(low), float(high)))
    for region in scan.regions:
        inside = polygon_mask(np.array(region.corners), scan.bmd.shape)
        assert bone[inside].mean() == pytest.approx(region.bmd_g_cm2, abs=0.002)


def test_the_object_is_legal_and_the_same_each_time(tmp_path: Path):
    for name in ("one", "two"):
        save(tmp_path / name, pair_object(scan_of(DXA_PAIRS[1]), OWNER, 1))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    ds = dcmread(tmp_path / "one")
    assert list(ds.FrameLabelVector) == ["LOW", "HIGH"]
    assert (ds.NumberOfFrames, ds.PatientAge, ds.PatientSex, str(ds.PatientName), ds.BurnedInAnnotation) == (2, "063Y", "F", "", "NO")
    assert complaints(tmp_path / "one") == []


def test_signals_beyond_the_scale_end_at_its_ends(reader: Reader, tmp_path: Path):
    scan = scan_of(DXA_PAIRS[0])
    logs = scan.logs.copy()
    logs[:, 0, 0], logs[:, 0, 1] = 99.0, -0.2
    low, high = read_back(reader, replace(scan, logs=logs), tmp_path / "pair.dcm")
    assert [float(image.pixels[0, 0]) for image in (low, high)] == [1.0, 1.0]
    assert [float(image.pixels[0, 1]) for image in (low, high)] == [0.0, 0.0]
