"""RSNA 2024's layout: geometry, labels and marks survive the files; gaps, empty cells and both spellings are read."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from datasets.cohorts import SEED, SMALL, SUBJECTS, Cohorts, cohorts, complaints, plan_of, profile_of, rebuilt
from spondyl.core import InputError
from spondyl.datasets import miniatures, sources
from spondyl.datasets.file_pixels import read_file
from spondyl.datasets.film_records import StenosisStudy
from spondyl.datasets.making.truths import stenosis_marks, target_of
from spondyl.datasets.rsna2024 import TARGETS, printed, read_stack, title
from spondyl.datasets.rsna2024_flip import flipped_labels, flipped_point, flipped_stack, other_side
from spondyl.datasets.rsna2024_truth import TABLE, read_truth
from spondyl.phantom.measured.readers import chances, read_stenosis
from spondyl.phantom.resonance import render_mr

__all__ = ["cohorts"]


def studies_of(root: Path) -> list[StenosisStudy]:
    return list(sources.open_as(StenosisStudy, "rsna2024", root))


@pytest.fixture
def copy(cohorts: Cohorts, tmp_path: Path) -> Path:
    return Path(shutil.copytree(cohorts["rsna2024"], tmp_path / "rsna2024"))


def test_targets_are_the_25_columns_of_the_real_table():
    assert len(TARGETS) == 25
    assert TARGETS[0] == "spinal_canal_stenosis_l1_l2"
    assert TARGETS[-1] == "right_subarticular_stenosis_l5_s1"
    assert (title("left_neural_foraminal_narrowing"), printed("l5_s1")) == ("Left Neural Foraminal Narrowing", "L5/S1")
    assert target_of("subarticular_stenosis", "left", 2) == "left_subarticular_stenosis_l4_l5"


def test_series_come_back_in_space_with_their_pixels(cohorts: Cohorts):
    for index, study in enumerate(studies_of(cohorts["rsna2024"])):
        volume, _ = rebuilt("rsna2024", index)
        plan = plan_of("rsna2024", index)
        assert {one.description for one in study.series} == {"Sagittal T1", "Sagittal T2/STIR", "Axial T2"}
        for series, name in zip(study.series, sorted(plan.scans, key=lambda n: (n.startswith("axial"), n != "t1", n)), strict=True):
            drawn = render_mr(volume, plan.scans[name])
            numbers = plan.choices["numbers"][name]
            assert sorted(one.number for one in series.instances) == sorted(numbers)
            assert min(numbers) == 1
            assert np.all(np.diff([one.along_mm for one in series.instances]) > -1e-6)
            for slice_index, number in enumerate(numbers):
                instance = series.instances[series.index_of(number)]
                assert instance.position_mm == pytest.approx(tuple(drawn.positions_mm[slice_index]), abs=1e-3)
                ds = dcmread(instance.path)
                assert ds.InstanceNumber == number
                assert np.array_equal(ds.pixel_array, drawn.pixels[slice_index])
                assert [float(v) for v in ds.ImageOrientationPatient] == pytest.approx(list(drawn.orientations[slice_index]), abs=1e-6)


def test_grades_and_marks_come_back_as_they_were_measured(cohorts: Cohorts):
    for index, study in enumerate(studies_of(cohorts["rsna2024"])):
        volume, truth = rebuilt("rsna2024", index)
        plan = plan_of("rsna2024", index)
        rendered = {name: render_mr(volume, scan) for name, scan in plan.scans.items()}
        wanted = {t: mark for t, mark in stenosis_marks(truth, rendered).items() if t not in plan.choices["missing"]}
        assert {target: grade for target, grade in study.grades.items() if grade is not None} == {t: mark[0] for t, mark in wanted.items()}
        assert len(wanted) > 15
        points = {point.target: point for point in study.points}
        assert set(points) == set(wanted)
        for target, (_, name, k, x, y) in wanted.items():
            point = points[target]
            assert (point.x, point.y) == pytest.approx((x, y))
            series = next(one for one in study.series if one.series == point.series)
            instance = series.instances[series.index_of(point.instance)]
            assert instance.position_mm == pytest.approx(tuple(rendered[name].positions_mm[k]), abs=1e-3)


def test_a_mark_carried_through_the_files_geometry_lies_where_it_was_measured(cohorts: Cohorts):
    for index, study in enumerate(studies_of(cohorts["rsna2024"])):
        _, truth = rebuilt("rsna2024", index)
        places = {target_of(one.condition, one.side, one.from_bottom): np.array(one.point_mm) for one in truth.stenosis}
        for point in study.points:
            series = next(one for one in study.series if one.series == point.series)
            ds = dcmread(series.instances[series.index_of(point.instance)].path, stop_before_pixels=True)
            row, column = (float(v) for v in ds.PixelSpacing)
            across, down = np.array(ds.ImageOrientationPatient[:3], float), np.array(ds.ImageOrientationPatient[3:], float)
            place = np.array(ds.ImagePositionPatient, float) + point.x * column * across + point.y * row * down
            away = places[point.target] - place
            normal = np.cross(across, down)
            assert np.linalg.norm(away - (away @ normal) * normal) < 0.05
            assert abs(away @ normal) <= float(ds.SpacingBetweenSlices) / 2 + 0.05


def test_slices_are_legal_and_nameless(cohorts: Cohorts):
    for study in studies_of(cohorts["rsna2024"])[:1]:
        for series in study.series:
            assert complaints(series.instances[0].path) == []
            ds = dcmread(series.instances[0].path, stop_before_pixels=True)
            assert (ds.Modality, str(ds.PatientName), ds.PatientIdentityRemoved) == ("MR", "", "YES")
            assert len({str(dcmread(one.path, stop_before_pixels=True).SeriesInstanceUID) for one in series.instances}) == 1


def test_both_spellings_of_the_series_table_are_read(copy: Path):
    before = studies_of(copy)
    (copy / "train_series_descriptions.csv").rename(copy / "train_series_description.csv")
    assert studies_of(copy) == before


def test_several_axial_series_gaps_and_empty_labels_are_read(copy: Path):
    first = studies_of(copy)[0]
    axial = first.described("Axial T2")[0]
    again = copy / "train_images" / first.study / "77"
    again.mkdir()
    for place, instance in enumerate(reversed(axial.instances)):
        shutil.copy(instance.path, again / f"{3 * place + 1}.dcm")
    with (copy / "train_series_descriptions.csv").open("a") as stream:
        stream.write(f"{first.study},77,Axial T2\n")
    lines = (copy / "train.csv").read_text().splitlines()
    lines[1] = ",".join([first.study, "", *lines[1].split(",")[2:]])
    (copy / "train.csv").write_text("\n".join(lines) + "\n")
    study = studies_of(copy)[0]
    twin = study.described("Axial T2")[-1]
    assert [one.position_mm for one in twin.instances] == [one.position_mm for one in axial.instances]
    assert [one.number for one in twin.instances] == [3 * k + 1 for k in reversed(range(len(axial.instances)))]
    assert study.grades["spinal_canal_stenosis_l1_l2"] is None
    with pytest.raises(KeyError):
        twin.index_of(2)


def test_a_stack_is_ordered_in_space_between_its_1st_and_99th_percentile(cohorts: Cohorts):
    series = studies_of(cohorts["rsna2024"])[0].series[0]
    stack = read_stack(series)
    plain = np.stack([read_file(one.path, "a slice").pixels for one in series.instances])
    low, high = np.percentile(plain, (1, 99))
    assert np.allclose(stack, np.clip((plain - low) / (high - low), 0, 1), atol=1e-5)


def test_a_test_cohort_has_its_own_names(tmp_path: Path):
    root = tmp_path / "test"
    miniatures.make("rsna2024", root, 1, SEED, role="test", profile=profile_of("rsna2024"), scale=SMALL)
    (study,) = studies_of(root)
    assert study.split == "test"
    assert sorted(path.name for path in root.iterdir() if not path.name.startswith(("cohort", "subjects"))) == [
        "digital_spine.csv", "sample_submission.csv", "test.csv", "test_images", "test_label_coordinates.csv",
        "test_series_descriptions.csv"]
    (root / "test.csv").unlink()
    assert set(studies_of(root)[0].grades.values()) == {None}


def test_the_sample_submission_asks_for_every_target_of_every_study(cohorts: Cohorts):
    lines = (cohorts["rsna2024"] / "sample_submission.csv").read_text().splitlines()
    ids = {f"{study.study}_{target}" for study in studies_of(cohorts["rsna2024"]) for target in TARGETS}
    assert lines[0] == "row_id,normal_mild,moderate,severe"
    assert {line.split(",")[0] for line in lines[1:]} == ids
    assert len(lines) == 25 * SUBJECTS + 1


def test_readers_write_other_labels_on_the_same_pictures(cohorts: Cohorts, tmp_path: Path):
    miniatures.make("rsna2024", tmp_path / "read", SUBJECTS, SEED, labels="read", profile=profile_of("rsna2024"), scale=SMALL)
    differing = 0
    for measured, written in zip(studies_of(cohorts["rsna2024"]), studies_of(tmp_path / "read"), strict=True):
        for one, other in zip(measured.series, written.series, strict=True):
            assert [a.path.read_bytes() for a in one.instances] == [b.path.read_bytes() for b in other.instances]
        assert {p.target for p in measured.points} == {p.target for p in written.points}
        differing += sum(measured.grades[t] != written.grades[t] for t in TARGETS)
    assert 0 < differing < 20 * SUBJECTS


@pytest.mark.parametrize(("file", "old", "new", "code", "seen"), [
    ("train.csv", "Normal/Mild", "Normal", "dataset-cell-invalid", "No severity is called 'Normal'"),
    ("train.csv", "spinal_canal_stenosis_l1_l2", "canal_l1_l2", "dataset-column-missing", "spinal_canal_stenosis_l1_l2"),
    ("train_series_descriptions.csv", "Sagittal T1", "Sagital T1", "dataset-cell-invalid", "Did you mean 'Sagittal T1'"),
    ("train_label_coordinates.csv", "L1/L2", "L1-L2", "dataset-cell-invalid", "No level is called"),
    ("train_label_coordinates.csv", ",x,y\n", ",x,z\n", "dataset-column-missing", "'y'"),
])
def test_what_is_wrong_with_a_table_is_said(file: str, old: str, new: str, code: str, seen: str, copy: Path):
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        studies_of(copy)
    assert caught.value.code == code
    assert seen in caught.value.message
    assert caught.value.hint


def test_missing_and_broken_files_are_said_without_their_paths(copy: Path):
    study = studies_of(copy)[0]
    marked = next(one.path for series in study.series for one in series.instances
                  if (series.series, one.number) in {(p.series, p.instance) for p in study.points})
    data = marked.read_bytes()
    for damage, code in ((marked.unlink, "dataset-point-astray"), (partial(marked.write_bytes, b"junk"), "dataset-image-unreadable")):
        damage()
        with pytest.raises(InputError) as caught:
            studies_of(copy)
        assert caught.value.code == code
        assert str(copy) not in caught.value.message
        marked.write_bytes(data)
    shutil.rmtree(copy / "train_images" / study.study / study.series[0].series)
    with pytest.raises(InputError, match="Sagittal T1") as caught:
        studies_of(copy)
    assert caught.value.code == "dataset-file-missing"
    with pytest.raises(InputError, match="train_series_descriptions"):
        studies_of(copy / "train_images")


def test_the_truth_behind_the_labels_comes_back(cohorts: Cohorts):
    truths = read_truth(cohorts["rsna2024"])
    for index, study in enumerate(studies_of(cohorts["rsna2024"])):
        _, truth = rebuilt("rsna2024", index)
        own = truths[study.study]
        assert len(own) == len(truth.stenosis)
        for one in truth.stenosis:
            said = own[target_of(one.condition, one.side, one.from_bottom)]
            assert (said.level, said.grade) == (one.level, one.grade)
            assert said.point_mm == pytest.approx(one.point_mm)
            assert said.chances == pytest.approx(chances(one))
            assert sum(said.chances) == pytest.approx(1)
            assert said.numbers.get("sac_area_mm2") == pytest.approx(one.numbers.get("sac_area_mm2"))


def test_a_real_set_has_no_such_table(copy: Path):
    (copy / TABLE).unlink()
    assert read_truth(copy) == {}


def test_chances_are_how_often_readers_write_each_grade():
    _, truth = rebuilt("rsna2024", 0)
    rng = np.random.default_rng(5)
    for one in truth.stenosis[:6]:
        seen = np.bincount([read_stenosis(one, rng).grade for _ in range(1500)], minlength=3) / 1500
        assert np.abs(seen - chances(one)).max() < 0.05


def test_the_mirror_image_exchanges_sides_in_labels_marks_and_pixels(cohorts: Cohorts):
    study = studies_of(cohorts["rsna2024"])[0]
    once = flipped_labels(study.grades)
    assert once["left_subarticular_stenosis_l4_l5"] == study.grades["right_subarticular_stenosis_l4_l5"]
    assert once["spinal_canal_stenosis_l4_l5"] == study.grades["spinal_canal_stenosis_l4_l5"]
    assert flipped_labels(once) == dict(study.grades)
    series = {one.series: one for one in study.series}
    stacks = {name: read_stack(one) for name, one in series.items()}
    for point in study.points:
        own, stack = series[point.series], stacks[point.series]
        mirror = flipped_point(point, own, stack.shape[2])
        assert mirror.target == other_side(point.target)
        again = flipped_point(mirror, own, stack.shape[2])
        assert (again.target, again.instance, again.y) == (point.target, point.instance, point.y)
        assert again.x == pytest.approx(point.x)
        column = int(point.x)
        mirrored_column = stack.shape[2] - 1 - column if own.description == "Axial T2" else column
        row = stack[own.index_of(point.instance), int(point.y)]
        assert flipped_stack(stack, own.description)[own.index_of(mirror.instance), int(point.y), mirrored_column] == row[column]


def test_a_stack_flipped_twice_is_as_it_was():
    stack = np.random.default_rng(0).random((4, 5, 6), dtype=np.float32)
    for description in ("Sagittal T1", "Sagittal T2/STIR", "Axial T2"):
        assert np.array_equal(flipped_stack(flipped_stack(stack, description), description), stack)
