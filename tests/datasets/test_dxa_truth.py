"""What is true of the vertebrae on a digital cohort's pictures: it lies where the bone is, and comes back as it was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets.cohorts import SMALL, SUBJECTS, Cohorts, cohorts, order_of, plan_of, rebuilt
from spondyl.core import InputError
from spondyl.datasets import sources
from spondyl.datasets.dxa import read_picture
from spondyl.datasets.dxa_maker import write_subject
from spondyl.datasets.dxa_truth import (
    COLUMNS,
    LARGE_SPUR_MM,
    METAL_SHARE,
    RAW,
    TABLE,
    VertebraOnPicture,
    raw_of,
    read_truth,
    truth_rows,
)
from spondyl.datasets.film_records import DensityPicture
from spondyl.datasets.making.tables import write_table
from spondyl.datasets.making.views import built
from spondyl.dicom import Reader, Source
from spondyl.imaging.dual_energy import polygon_mask
from spondyl.phantom.measured import SubjectTruth, measure_subject
from spondyl.phantom.rays import DxaScan, render_dxa
from spondyl.phantom.spec_parts import ForeignSpec, FractureSpec, ImplantSpec

__all__ = ["cohorts"]
PLAIN = VertebraOnPicture("L3", 3, np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 7.0], [0.0, 7.0]]), 1.0, 14.0, 0, 0.0, 0.0, 0.0, 0.0)


def scanned(index: int) -> tuple[DxaScan, SubjectTruth]:
    volume, truth = rebuilt("dxa", index)
    return render_dxa(volume, plan_of("dxa", index).scans["dxa"]), truth


def written(root: Path, scan: DxaScan, truth: SubjectTruth) -> tuple[VertebraOnPicture, ...]:
    """What a table of this one picture says."""
    write_table(root / TABLE, truth_rows("a/b.png", truth, scan), COLUMNS)
    (rows,) = read_truth(root).values()
    return rows


def test_every_picture_has_its_vertebrae_and_no_other_has(cohorts: Cohorts):
    root = cohorts["dxa"]
    files = [one.file for one in sources.open_as(DensityPicture, "dxa", root)]
    assert len(files) == SUBJECTS
    assert sorted(read_truth(root)) == sorted(files)


@pytest.mark.parametrize("index", range(SUBJECTS))
def test_what_was_measured_on_the_subject_comes_back_by_name(index: int, tmp_path: Path):
    scan, truth = scanned(index)
    by_name = {one.name: one for one in truth.vertebrae}
    found = written(tmp_path, scan, truth)
    assert {"L1", "L2", "L3", "L4"} <= {one.name for one in found}
    for one in found:
        own = by_name[one.name]
        assert one.from_bottom == own.index + 1
        assert one.genant == own.genant
        assert one.metal_share == pytest.approx(own.numbers["metal_share"], abs=1e-4)
        assert (one.bmd_g_cm2 is None) == (own.bmd_g_cm2 is None)
        if own.bmd_g_cm2 is not None and own.area_cm2 is not None:
            assert (one.bmd_g_cm2, one.area_cm2) == (pytest.approx(own.bmd_g_cm2, abs=1e-4), pytest.approx(own.area_cm2, abs=1e-4))
        assert one.cobb_deg == pytest.approx(max((curve.cobb_deg for curve in truth.curves), default=0.0), abs=1e-4)
        wanted = scan.projection.to_pixels(np.array(own.coronal_mm))[[0, 1, 3, 2]] + 0.5  # boxes count from the edge
        assert one.corners == pytest.approx(wanted, abs=0.006)


def test_vertebrae_go_down_the_picture_and_their_centres_lie_on_it(cohorts: Cohorts):
    root = cohorts["dxa"]
    shapes = {one.file: read_picture(one).pixels.shape for one in sources.open_as(DensityPicture, "dxa", root)}
    for file, found in read_truth(root).items():
        rows, columns = shapes[file]
        centres = np.array([one.corners.mean(axis=0) for one in found])
        assert (np.diff(centres[:, 1]) > 0).all()
        assert [one.from_bottom for one in found] == list(range(found[0].from_bottom, found[0].from_bottom - len(found), -1))
        assert ((centres >= 0) & (centres < [columns, rows])).all()
        for one in found:
            top_left, top_right, bottom_right, bottom_left = one.corners
            assert top_left[0] < top_right[0]
            assert bottom_left[0] < bottom_right[0]
            assert top_left[1] < bottom_left[1]
            assert top_right[1] < bottom_right[1]


@pytest.mark.parametrize("index", range(SUBJECTS))
def test_mineral_lies_between_the_corners_and_little_beside_them(index: int, tmp_path: Path):
    scan, truth = scanned(index)
    edges = {region.level: np.array(region.corners) for region in scan.regions}
    for one in written(tmp_path, scan, truth):
        if one.name not in edges or one.reasons:
            continue
        middle = one.corners.mean(axis=0)
        width = np.ptp(one.corners[:, 0])
        inside = scan.bmd[polygon_mask(one.corners, scan.bmd.shape)].mean()
        beside = [scan.bmd[polygon_mask(one.corners + np.array([side * 1.6 * width, 0]), scan.bmd.shape)] for side in (-1, 1)]
        if one.name != "L1":  # ribs
            assert inside > 5 * max(float(part.mean()) for part in beside)
        assert edges[one.name][:, 0].min() - 4 < middle[0] < edges[one.name][:, 0].max() + 4
        assert edges[one.name].mean(axis=0) == pytest.approx(middle, abs=4 / scan.acquisition.pixel_mm)


@pytest.mark.parametrize(("changes", "wanted"), [
    ({}, ()), ({"genant": 1}, ("fracture",)), ({"metal_over": 0.5}, ("implant",)),
    ({"metal_share": METAL_SHARE}, ()), ({"metal_share": METAL_SHARE * 1.01}, ("implant",)),
    ({"spur_mm": LARGE_SPUR_MM - 0.01}, ()), ({"spur_mm": LARGE_SPUR_MM}, ("osteophytes",)), ({"cobb_deg": 30.0}, ()),
    ({"genant": 3, "metal_share": 0.4, "spur_mm": 9.0}, ("fracture", "implant", "osteophytes")),
])
def test_each_change_is_a_reason_from_its_border_on(changes: dict[str, float], wanted: tuple[str, ...]):
    assert replace(PLAIN, **changes).reasons == wanted  # type: ignore[arg-type]


def test_a_broken_and_a_screwed_vertebra_have_their_reasons_and_their_neighbours_have_none(tmp_path: Path):
    spec = plan_of("dxa", 0).spec
    broken, screwed = spec.lumbar - 1, (1, 2)
    bones = tuple(replace(one, fracture=FractureSpec("wedge", 0.45, 3.0) if k == broken else FractureSpec())
                  for k, one in enumerate(spec.vertebrae))
    trunk = replace(spec.trunk, implants=(ImplantSpec("screws", *screwed),), foreign=())
    spec = replace(spec, vertebrae=bones, trunk=trunk)
    volume = built(spec, SMALL)
    scan = render_dxa(volume, plan_of("dxa", 0).scans["dxa"])
    reasons = {one.from_bottom - 1: set(one.reasons) - {"osteophytes"} for one in written(tmp_path, scan, measure_subject(volume))}
    assert reasons[broken] == {"fracture"}
    assert all(reasons[k] == {"implant"} for k in screwed)
    assert all(not own for k, own in reasons.items() if k not in (broken, *screwed))


def test_a_coin_over_a_vertebra_is_metal_over_it_and_over_no_other(tmp_path: Path):
    spec, (_, truth) = plan_of("dxa", 0).spec, rebuilt("dxa", 0)
    x, _, z = np.array(next(one.coronal_mm for one in truth.vertebrae if one.name == "L2")).mean(axis=0)
    coin = ForeignSpec("coin", (float(x), -80.0, float(z)), 18.0)
    volume = built(replace(spec, trunk=replace(spec.trunk, implants=(), foreign=(coin,))), SMALL)
    found = written(tmp_path, render_dxa(volume, plan_of("dxa", 0).scans["dxa"]), measure_subject(volume))
    assert [one.name for one in found if one.metal_over > METAL_SHARE] == ["L2"]
    assert next(one for one in found if one.name == "L2").metal_share == 0, "it lies on the patient and not in the bone"
    assert [one.name for one in found if "implant" in one.reasons] == ["L2"]


def test_a_density_that_is_not_known_is_not_zero(tmp_path: Path):
    scan, truth = scanned(0)
    unknown = tuple(replace(one, bmd_g_cm2=None, area_cm2=None) for one in truth.vertebrae)
    assert {(one.bmd_g_cm2, one.area_cm2) for one in written(tmp_path, scan, replace(truth, vertebrae=unknown))} == {(None, None)}


def test_a_folder_of_real_pictures_has_no_such_table_and_no_pairs(tmp_path: Path):
    assert read_truth(tmp_path) == {}
    assert raw_of(tmp_path, "train/normal/a.png") is None


@pytest.mark.parametrize(("change", "code", "seen"), [
    (lambda text: text.replace("genant", "grade"), "dataset-column-missing", "'genant'"),
    (lambda text: text.rstrip().rsplit(",", 1)[0], "dataset-row-short", "line"),
    (lambda text: text.replace(",0.0,0.0,0.0,", ",two,0.0,0.0,", 1), "dataset-cell-invalid", "genant is 'two'"),
])
def test_what_is_wrong_with_the_table_is_said(change: Callable[[str], str], code: str, seen: str, tmp_path: Path):
    scan, truth = scanned(0)
    written(tmp_path, scan, truth)
    text = (tmp_path / TABLE).read_text()
    assert change(text) != text
    (tmp_path / TABLE).write_text(change(text))
    with pytest.raises(InputError) as caught:
        read_truth(tmp_path)
    assert caught.value.code == code
    assert seen in caught.value.message


def test_beside_each_picture_lies_its_calibrated_pair(cohorts: Cohorts):
    root = cohorts["dxa"]
    with Reader(b"a key of the test suite", workers=1) as reader:
        for one in sources.open_as(DensityPicture, "dxa", root):
            path = raw_of(root, one.file)
            assert path == (root / RAW / one.file).with_suffix(".dcm")
            (study,) = reader.read([Source(path, "pair")]).studies
            shape = read_picture(one).pixels.shape
            assert [image.beam is not None for image in study.images] == [True, True]
            for image in study.images:
                assert image.shape[1] == shape[1]
                assert image.shape[0] <= shape[0], "captions stand below the scan"
            assert (study.sex, study.age_years) == (one.sex, one.age_years)


def test_a_subject_without_a_label_leaves_neither_picture_nor_pair_nor_truth(tmp_path: Path):
    plan = plan_of("dxa", 0)
    young = replace(plan, spec=replace(plan.spec, age_years=31.0))
    record = write_subject(tmp_path, young, order_of("dxa"))
    assert (record["rows"], record["vertebrae"]) == ([], [])
    assert not list(tmp_path.rglob("*.*"))
