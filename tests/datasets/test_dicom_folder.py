"""Phantom studies as DICOM: legal, nameless, the same bytes from the same seed; and the verb that makes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from typer.testing import CliRunner

from datasets.cohorts import SEED, SUBJECTS, Cohorts, cohorts, complaints, contents, order_of, plan_of, rebuilt
from spondyl.apps.lab_cli import app
from spondyl.core import InputError
from spondyl.datasets import DiscSlice, dicom_folder, sources
from spondyl.datasets.dicom_writer import derived_uid
from spondyl.datasets.film_records import SpineStudy
from spondyl.datasets.making.truths import film_truth, stenosis_marks
from spondyl.phantom import subject_from_json
from spondyl.phantom.measured import density_words
from spondyl.phantom.rays import render_dxa, render_xray
from spondyl.phantom.resonance import render_mr

__all__ = ["cohorts"]


def kinds(root: Path) -> dict[str, list[Path]]:
    """Files of the first subject, by the folder they lie in."""
    found: dict[str, list[Path]] = {}
    for path in sorted((root / "subject-0000").rglob("*.dcm")):
        found.setdefault(path.parent.name, []).append(path)
    return found


def test_a_subject_is_one_study_of_an_mr_two_films_and_a_density_picture(cohorts: Cohorts):
    found = kinds(cohorts["dicom"])
    heads = {name: dcmread(files[0]) for name, files in found.items()}
    assert {name: ds.Modality for name, ds in heads.items()} == {
        "t1": "MR", "t2": "MR", "axial_t2": "MR", "ap": "DX", "lateral": "DX", "dxa": "BMD"}
    assert len({str(ds.StudyInstanceUID) for ds in heads.values()}) == 1
    assert len({str(ds.SeriesInstanceUID) for ds in heads.values()}) == 6
    assert {name for name, files in found.items() if len(files) > 3} == {"t1", "t2", "axial_t2"}


def test_every_object_is_legal_and_nobody_s(cohorts: Cohorts):
    for files in kinds(cohorts["dicom"]).values():
        assert complaints(files[0]) == []
        ds = dcmread(files[0])
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
        assert (str(ds.PatientName), ds.PatientBirthDate, ds.PatientIdentityRemoved) == ("", "", "YES")
        assert ds.pixel_array.shape == (ds.Rows, ds.Columns)
        for uid in (ds.SOPInstanceUID, ds.SeriesInstanceUID, ds.StudyInstanceUID):
            assert uid.is_valid
            assert uid.startswith("2.25.")
    instances = [str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in cohorts["dicom"].rglob("*.dcm")]
    assert len(set(instances)) == len(instances)


def test_a_midline_slice_is_a_legal_object_with_its_timing(tmp_path: Path):
    dicom_folder.write_miniature(tmp_path, 1, SEED)
    files = sorted(tmp_path.rglob("*.dcm"))
    assert [path.parent.name for path in files] == ["t1", "t2"]
    for path in files:
        assert complaints(path) == []
        ds = dcmread(path)
        assert ds.ImageOrientationPatient == [0, 1, 0, 0, 0, -1]
        assert (ds.BitsStored, ds.PixelRepresentation) == (12, 0)
        assert float(ds.EchoTime) < 20 if path.parent.name == "t1" else float(ds.EchoTime) > 70


def test_whole_studies_come_back_with_every_picture_and_its_truth(cohorts: Cohorts):
    studies = list(sources.open_as(SpineStudy, "dicom", cohorts["dicom"]))
    assert len(studies) == SUBJECTS
    for index, study in enumerate(studies):
        volume, truth = rebuilt("dicom", index)
        plan = plan_of("dicom", index)
        assert (study.subject, study.truth) == (index, truth)
        assert [film.view for film in study.films] == ["ap", "lateral"]
        for film in study.films:
            drawn = render_xray(volume, plan.scans[film.view])
            assert film.truth == film_truth(truth, drawn, order_of("dicom"), index)
            assert np.array_equal(dcmread(film.path).pixel_array, drawn.pixels)
        scan = render_dxa(volume, plan.scans["dxa"], words=density_words(truth))
        assert study.density.bmd_g_cm2 == pytest.approx(scan.bmd_g_cm2)
        assert study.density.t_score == pytest.approx(scan.t_score)
        assert np.array_equal(dcmread(study.density.path).pixel_array, scan.picture)
        rendered = {name: render_mr(volume, plan.scans[name]) for name in ("t1", "t2", "axial_t2")}
        assert {one.description: len(one.instances) for one in study.series} == {name: len(one.pixels) for name, one in rendered.items()}
        for series in study.series:
            for instance in series.instances:
                k = instance.number - 1
                assert np.array_equal(dcmread(instance.path).pixel_array, rendered[series.description].pixels[k])
                assert instance.position_mm == pytest.approx(tuple(rendered[series.description].positions_mm[k]), abs=1e-3)
        marks = stenosis_marks(truth, rendered)
        assert study.grades == {target: mark[0] for target, mark in marks.items()}
        assert [(p.series, p.instance - 1, p.x, p.y) for p in study.points] == [pytest.approx(mark[1:]) for mark in marks.values()]


def test_derived_uids_are_legal_and_differ(cohorts: Cohorts):
    uids = {derived_uid(seed, i) for seed in range(30) for i in range(30)}
    assert len(uids) == 900
    assert all(uid.is_valid and len(uid) <= 64 for uid in uids)
    assert derived_uid(1, 2) == derived_uid(1, 2)


def test_the_spec_beside_a_study_draws_it_again(cohorts: Cohorts):
    body = json.loads((cohorts["dicom"] / "subjects" / "0001.json").read_text())
    spec = subject_from_json(json.dumps(body["spec"]))
    truth = json.loads((cohorts["dicom"] / "truth.json").read_text())
    assert truth["evidence"] == "in-silico"
    assert truth["subjects"][1]["slices"][0]["lumbar"] == spec.lumbar
    assert rebuilt("dicom", 1)[0].spec == spec


def test_a_whole_series_is_ordered_along_its_normal_and_its_middle_is_the_slice_with_the_truth(tmp_path: Path):
    dicom_folder.write_miniature(tmp_path / "series", 1, SEED, slices=3)
    files = sorted((tmp_path / "series" / "subject-0000" / "t2").glob("*.dcm"))
    places = [float(dcmread(path, stop_before_pixels=True).ImagePositionPatient[0]) for path in files]
    assert np.diff(places) == pytest.approx([4.4] * 2, abs=1e-3)
    middle = {one.stem: one for one in sources.open_source("dicom", tmp_path / "series")}["0000_t2"]
    assert np.array_equal(middle.pixels, dcmread(files[1]).pixel_array.astype(np.float32) / np.float32(4000))
    assert not np.array_equal(dcmread(files[0]).pixel_array, dcmread(files[1]).pixel_array)


@pytest.mark.parametrize(("text", "code"), [(None, "dataset-file-missing"), ("{", "dataset-truth-invalid"),
                                            ('{"schema": "other/1"}', "dataset-truth-invalid"),
                                            ('{"schema": "spondyl.phantom-truth/1", "subjects": [{}]}', "dataset-truth-invalid")])
def test_a_folder_without_a_usable_truth_is_an_error(text: str | None, code: str, tmp_path: Path):
    if text is not None:
        (tmp_path / "truth.json").write_text(text)
    for kind in (DiscSlice, SpineStudy):
        with pytest.raises(InputError) as caught:
            list(sources.open_as(kind, "dicom", tmp_path))
        assert caught.value.code == code


def test_samples_are_six_small_studies_one_of_them_to_be_refused(tmp_path: Path):
    rows = dicom_folder.write_samples(tmp_path, 1)
    for _, _, make in dicom_folder.SAMPLES:
        assert make(np.random.default_rng(4)) == make(np.random.default_rng(4))
    assert sorted(contents(tmp_path)) == sorted(file for row in rows for file in row["files"])
    assert [row["name"] for row in rows if row["refused"]] == ["axial"]
    assert len(rows) == 6


def test_the_verb_makes_a_cohort_and_says_so_in_json(tmp_path: Path):
    arguments = ["phantom", "make", "--layout", "spider-pack", "--subjects", "1", "--seed", str(SEED), "--out", str(tmp_path / "p")]
    said = CliRunner().invoke(app, [*arguments, "--json"])
    assert said.exit_code == 0, said.output
    body = json.loads(said.stdout)
    assert (body["layout"], body["subjects"], body["evidence"], body["files"]) == ("spider_pack", 1, "in-silico", 7)
    assert (body["seed"], body["profile"], body["labels"]) == (SEED, "symptomatic", "truth")
    assert len(list(sources.open_source("spider_pack", tmp_path / "p"))) == 2
    again = CliRunner().invoke(app, arguments)
    assert isinstance(again.exception, InputError)
    assert again.exception.code == "output-not-empty"
    assert CliRunner().invoke(app, [*arguments, "--resume"]).exit_code == 0
