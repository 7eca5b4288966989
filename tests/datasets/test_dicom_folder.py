"""Phantom studies as DICOM: legal, nameless, the same bytes from the same seed; and the verb that makes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from typer.testing import CliRunner

from datasets.cohorts import SEED, cohorts
from spondyl.apps.lab_cli import app
from spondyl.core import InputError
from spondyl.datasets import dicom_folder, miniatures, sources
from spondyl.datasets.dicom_writer import derived_uid
from spondyl.phantom import subject_from_json

__all__ = ["cohorts"]


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_files_are_mr_images_with_geometry_timing_and_nobody_s_name(cohorts: dict[str, Path]):
    files = sorted(cohorts["dicom"].rglob("*.dcm"))
    assert len(files) == 4
    for path in files:
        ds = dcmread(path)
        assert ds.SOPClassUID.name == "MR Image Storage"
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
        assert (ds.Modality, str(ds.PatientName), ds.PatientBirthDate, ds.PatientIdentityRemoved) == ("MR", "", "", "YES")
        assert ds.ImageOrientationPatient == [0, 1, 0, 0, 0, -1]
        assert (ds.BitsStored, ds.PixelRepresentation, ds.pixel_array.shape) == (12, 0, (ds.Rows, ds.Columns))
        assert ds.pixel_array.max() < 4096
        assert float(ds.EchoTime) < 20 if path.parent.name == "t1" else float(ds.EchoTime) > 70
        for uid in (ds.SOPInstanceUID, ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.FrameOfReferenceUID):
            assert uid.is_valid
            assert uid.startswith("2.25.")
    studies = {str(dcmread(path, stop_before_pixels=True).StudyInstanceUID) for path in files}
    series = {str(dcmread(path, stop_before_pixels=True).SeriesInstanceUID) for path in files}
    assert (len(studies), len(series)) == (2, 4)


def test_derived_uids_are_legal_and_differ(cohorts: dict[str, Path]):
    uids = {derived_uid(seed, i) for seed in range(30) for i in range(30)}
    assert len(uids) == 900
    assert all(uid.is_valid and len(uid) <= 64 for uid in uids)
    assert derived_uid(1, 2) == derived_uid(1, 2)


def test_the_spec_beside_a_study_draws_it_again(cohorts: dict[str, Path]):
    body = json.loads((cohorts["dicom"] / "subjects" / "0001.json").read_text())
    spec = subject_from_json(json.dumps(body["spec"]))
    truth = json.loads((cohorts["dicom"] / "truth.json").read_text())
    assert truth["evidence"] == "in-silico"
    assert truth["subjects"][1]["slices"][0]["lumbar"] == spec.lumbar


def test_the_same_seed_gives_the_same_bytes(cohorts: dict[str, Path], tmp_path: Path):
    miniatures.make("dicom", tmp_path / "again", 1, SEED)
    before = contents(cohorts["dicom"])
    after = contents(tmp_path / "again")
    assert len(after) == 4
    assert all(before[name] == data for name, data in after.items() if name != "truth.json")


def test_a_stopped_run_goes_on_and_ends_the_same(cohorts: dict[str, Path], tmp_path: Path):
    done = []
    miniatures.make("dicom", tmp_path / "out", 1, SEED)
    miniatures.make("dicom", tmp_path / "out", 2, SEED, resume=True, on_subject=done.append)
    assert done == [1, 2]
    assert contents(tmp_path / "out") == contents(cohorts["dicom"])


def test_a_full_folder_or_another_cohort_is_not_written_over(cohorts: dict[str, Path]):
    with pytest.raises(InputError) as caught:
        miniatures.make("dicom", cohorts["dicom"], 1, SEED)
    assert caught.value.code == "output-not-empty"
    with pytest.raises(InputError) as caught:
        miniatures.make("dicom", cohorts["dicom"], 1, SEED + 1, resume=True)
    assert caught.value.code == "output-other-cohort"


def test_a_whole_series_is_ordered_along_its_normal_and_its_middle_is_the_slice_with_the_truth(tmp_path: Path):
    dicom_folder.write_miniature(tmp_path / "series", 1, SEED, slices=3)
    files = sorted((tmp_path / "series" / "subject-0000" / "t2").glob("*.dcm"))
    places = [float(dcmread(path, stop_before_pixels=True).ImagePositionPatient[0]) for path in files]
    assert np.diff(places) == pytest.approx([4.4] * 2, abs=1e-3)
    middle = {one.stem: one for one in sources.open_source("dicom", tmp_path / "series")}["0000_t2"]
    assert np.array_equal(middle.pixels, dcmread(files[1]).pixel_array.astype(np.float32) / np.float32(4000))
    assert not np.array_equal(dcmread(files[0]).pixel_array, dcmread(files[1]).pixel_array)


@pytest.mark.parametrize(("text", "code"), [(None, "dataset-file-missing"), ("{", "dataset-truth-invalid"),
                                            ('{"schema": "other/1"}', "dataset-truth-invalid")])
def test_a_folder_without_a_usable_truth_is_an_error(text: str | None, code: str, tmp_path: Path):
    if text is not None:
        (tmp_path / "truth.json").write_text(text)
    with pytest.raises(InputError) as caught:
        list(sources.open_source("dicom", tmp_path))
    assert caught.value.code == code


def test_samples_are_six_small_studies_one_of_them_to_be_refused(tmp_path: Path):
    rows = dicom_folder.write_samples(tmp_path, 1)
    for _, _, make in dicom_folder.SAMPLES:
        assert make(np.random.default_rng(4)) == make(np.random.default_rng(4))
    assert sorted(contents(tmp_path)) == sorted(file for row in rows for file in row["files"])
    assert [row["name"] for row in rows if row["refused"]] == ["axial"]
    assert len(rows) == 6


def test_the_verb_makes_a_cohort_and_says_so_in_json(tmp_path: Path):
    arguments = ["phantom", "make", "--layout", "spider_pack", "--subjects", "1", "--seed", str(SEED), "--out", str(tmp_path / "p")]
    said = CliRunner().invoke(app, [*arguments, "--json"])
    assert said.exit_code == 0, said.output
    body = json.loads(said.stdout)
    assert (body["layout"], body["subjects"], body["evidence"], body["files"]) == ("spider_pack", 1, "in-silico", 6)
    assert len(list(sources.open_source("spider_pack", tmp_path / "p"))) == 2
    again = CliRunner().invoke(app, arguments)
    assert isinstance(again.exception, InputError)
    assert again.exception.code == "output-not-empty"
    assert CliRunner().invoke(app, [*arguments, "--resume"]).exit_code == 0
