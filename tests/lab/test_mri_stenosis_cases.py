"""What training takes of a study: marks of every block, labels of the right level, sequences from the table, no test study."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from spondyl.core import InputError
from spondyl.datasets import miniatures
from spondyl.datasets.making import Scale
from spondyl.dicom import Reader
from spondyl.lab.mri_stenosis import run as stenosis_run
from spondyl.lab.mri_stenosis.batches import astray
from spondyl.lab.mri_stenosis.cases import KEY, marked_points, open_studies, prepare, read_study
from spondyl.lab.mri_stenosis.levels import level_engine
from spondyl.lab.mri_stenosis.recipe import StenosisRecipe
from spondyl.lab.mri_stenosis.splitting import kept

RECIPE = StenosisRecipe("mri-stenosis", "0", "MIT", "Spondyl digital spine", "the digital spine", gates=1, locators=1)
SCALE = Scale(fine_mm=1.4, trunk_mm=4.5, slices=11, matrix_mm=1.0)
SILENT = ("SeriesDescription", "ProtocolName", "ScanningSequence", "SequenceVariant", "RepetitionTime", "EchoTime", "InversionTime")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cases") / "rsna"
    miniatures.make_as(miniatures.order_of("rsna2024", 3, role="train", scale=SCALE), root, 2)
    return root


def test_marks_on_every_block_of_an_axial_series_are_found_in_space(cohort: Path):
    studies, truths = open_studies("rsna2024", cohort)
    blocks = set()
    with Reader(KEY, workers=1) as reader:
        for study in studies:
            read = read_study(reader, cohort, study)
            assert read is not None
            points = marked_points(study, read)
            assert set(points) == {mark.target for mark in study.points}
            for target, place in points.items():
                assert np.linalg.norm(place - truths[study.study][target].point_mm) < 6
            blocks |= {instance.orientation for one in study.series for instance in one.instances}
    assert len(blocks) > 4  # there are turned blocks among them


def test_a_header_that_names_no_sequence_is_helped_by_the_table(cohort: Path, tmp_path: Path):
    root = Path(shutil.copytree(cohort, tmp_path / "silent"))
    for file in root.rglob("*.dcm"):
        ds = dcmread(file)
        for keyword in SILENT:
            if keyword in ds:
                delattr(ds, keyword)
        ds.save_as(file)
    study = open_studies("rsna2024", root)[0][0]
    with Reader(KEY, workers=1) as reader:
        read = read_study(reader, root, study)
    assert read is not None
    assert {image.sequence for image in read.images} == {"t1", "t2", "axial_t2"}


def test_studies_of_the_test_split_are_not_prepared(cohort: Path, tmp_path: Path):
    root = Path(shutil.copytree(cohort, tmp_path / "both"))
    with (root / "train_series_descriptions.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    last = rows[-1][0]
    for name, keep in (("train", False), ("test", True)):
        text = "\n".join(",".join(row) for row in [rows[0], *(row for row in rows[1:] if (row[0] == last) == keep)])
        (root / f"{name}_series_descriptions.csv").write_text(text + "\n", "utf-8")
    (root / "test_images").mkdir()
    (root / "train_images" / last).rename(root / "test_images" / last)
    prepare("rsna2024", root, tmp_path / "cases", level_engine(RECIPE, tmp_path / "levels"), RECIPE.plan, 4, lambda *_: None)
    assert last not in {path.stem for path in kept(tmp_path / "cases")}
    assert len(kept(tmp_path / "cases")) == 1


def test_levels_whose_marks_lie_a_disc_away_teach_nothing():
    points = np.full((3, 5, 3), np.nan, np.float32)
    points[0, :, 2], points[1, 1:, 2] = 2.0, -33.0
    assert astray(points).tolist() == [False, True, False]


def test_a_bundle_cannot_call_the_digital_spine_real(cohort: Path, tmp_path: Path):
    real = {"evidence": "real", "task": "mri-stenosis", "version": "0", "licence": "MIT", "attribution": "x", "trained_on": "y"}
    with pytest.raises(InputError) as refused:
        stenosis_run.check_evidence(StenosisRecipe(**real), cohort)
    assert refused.value.code == "evidence-not-real"
    with pytest.raises(InputError) as refused:
        stenosis_run.check_evidence(StenosisRecipe(**{**real, "attribution": "Spondyl digital spine"}), tmp_path)
    assert refused.value.code == "attribution-missing"
