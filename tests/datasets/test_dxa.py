"""DXA folders: classes by density, numbers beside them; three classes or two, with splits or without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from datasets.cohorts import SMALL, SUBJECTS, Cohorts, cohorts, order_of, plan_of, rebuilt
from spondyl.core import InputError
from spondyl.datasets import sources
from spondyl.datasets.dxa import read_picture
from spondyl.datasets.dxa_maker import write_subject
from spondyl.datasets.film_records import DensityPicture
from spondyl.datasets.making.truths import density_label
from spondyl.datasets.making.views import built
from spondyl.datasets.pictures import write_grey
from spondyl.phantom.measured import density_words, measure_subject
from spondyl.phantom.rays import render_dxa
from spondyl.phantom.rays.marks import text_mask
from spondyl.phantom.spec_parts import FractureSpec

__all__ = ["cohorts"]


def pictures_of(root: Path) -> list[DensityPicture]:
    return list(sources.open_as(DensityPicture, "dxa", root))


def test_classes_densities_and_pixels_come_back(cohorts: Cohorts):
    pictures = pictures_of(cohorts["dxa"])
    assert len(pictures) == SUBJECTS
    for index in range(SUBJECTS):
        volume, truth = rebuilt("dxa", index)
        plan = plan_of("dxa", index)
        drawn = render_dxa(volume, plan.scans["dxa"], words=density_words(truth)).picture
        (own,) = [one for one in pictures if np.array_equal(np.rint(read_picture(one).pixels * 255), drawn)]
        assert truth.density is not None
        assert (own.who_class, own.split, own.sex) == (truth.density.who_class, plan.choices["split"], truth.sex)
        assert own.bmd_g_cm2 == pytest.approx(truth.density.bmd_g_cm2, abs=1e-4)
        assert own.t_score == truth.density.t_score
        assert own.age_years == round(truth.age_years)
        assert (label := density_label(truth)) is not None
        assert own.region == label.region


def lines_of(picture: np.ndarray, words: list[str]) -> list[str]:
    """Which of these lines are burnt into the last rows of a picture, one below the other."""
    strips = picture[len(picture) - 8 * len(words):].reshape(len(words), 8, -1)
    masks = [text_mask(word) for word in words]
    return [word for word, mask, strip in zip(words, masks, strips, strict=True)
            if np.array_equal(strip[1:6, 3:3 + mask.shape[1]] > 0, mask) and not strip[:, 3 + mask.shape[1]:].any()]


def test_the_text_in_a_picture_says_its_label_s_numbers_of_its_label_s_vertebrae(tmp_path: Path):
    plan = plan_of("dxa", 0)
    broken = plan.spec.lumbar - 2
    vertebrae = tuple(replace(one, fracture=FractureSpec("wedge", 0.45, 3.0) if k == broken else FractureSpec())
                      for k, one in enumerate(plan.spec.vertebrae))
    plan = replace(plan, spec=replace(plan.spec, vertebrae=vertebrae), scans={"dxa": replace(plan.scans["dxa"], text=True)})
    ((name, *_, bmd, t_score, region),) = write_subject(tmp_path, plan, order_of("dxa"))["rows"]
    assert region == "L1+L3+L4"
    truth = measure_subject(built(plan.spec, SMALL))
    own = {one.name: one.bmd_g_cm2 for one in truth.vertebrae}
    words = ["IN-SILICO", *(f"{level} {own[level]:.3f}" for level in region.split("+")), f"BMD {bmd:.3f}", f"T {t_score:.2f}"]
    with Picture.open(tmp_path / name) as picture:
        assert lines_of(np.asarray(picture), words) == words


@pytest.mark.parametrize(("vertebrae", "wanted"), [("L1 L2 L3 L4", "L1-L4"), ("L2 L3", "L2-L3"), ("L1 L3 L4", "L1+L3+L4"),
                                                    ("L1 L4", "L1+L4")])
def test_the_region_names_no_vertebra_that_was_left_out(vertebrae: str, wanted: str):
    _, truth = rebuilt("dxa", 0)
    assert truth.density is not None
    label = density_label(replace(truth, density=replace(truth.density, vertebrae=tuple(vertebrae.split()))))
    assert label is not None
    assert label.region == wanted


def test_every_class_has_its_folder(cohorts: Cohorts):
    assert {path.name for path in (cohorts["dxa"] / "train").iterdir()} == {"normal", "osteopenia", "osteoporosis"}


def fill(root: Path, folders: list[str]) -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        write_grey(root / folder / f"{folder.replace('/', '-')}.png", np.full((8, 9), 100))
    return root


@pytest.mark.parametrize(("folders", "wanted"), [
    (["normal", "osteopenia", "osteoporosis"], [(None, "normal"), (None, "osteopenia"), (None, "osteoporosis")]),
    (["Normal", "Osteoporosis", "notes"], [(None, "normal"), (None, "osteoporosis")]),
    (["train/normal", "train/osteoporosis", "test/normal"], [("train", "normal"), ("train", "osteoporosis"), ("test", "normal")]),
])
def test_two_classes_or_three_with_splits_or_without(folders: list[str], wanted: list[tuple[str | None, str]], tmp_path: Path):
    pictures = pictures_of(fill(tmp_path, folders))
    assert [(one.split, one.who_class) for one in pictures] == wanted
    assert {(one.patient, one.bmd_g_cm2, one.t_score) for one in pictures} == {(None, None, None)}


@pytest.mark.parametrize(("table", "code", "seen"), [
    ("file,t_score\nnormal-x.png,1\n", "dataset-row-astray", "line 2 of subjects.csv"),
    ("file,t_score\nnormal.png,low\n", "dataset-cell-invalid", "t_score is 'low'"),
    ("file,sex\nnormal.png,x\n", "dataset-cell-invalid", "'x'"),
    ("file,bmd_g_cm\nnormal.png,1\n", "dataset-column-unknown", "Did you mean 'bmd_g_cm2'"),
])
def test_what_is_wrong_with_the_table_is_said(table: str, code: str, seen: str, tmp_path: Path):
    (fill(tmp_path, ["normal"]) / "subjects.csv").write_text(table)
    with pytest.raises(InputError) as caught:
        pictures_of(tmp_path)
    assert caught.value.code == code
    assert seen in caught.value.message


def test_empty_cells_are_unknown_not_zero(tmp_path: Path):
    (fill(tmp_path, ["normal"]) / "subjects.csv").write_text("file,patient_id,sex,age,bmd_g_cm2,t_score,region\nnormal.png,p1,f,,1.02,,\n")
    (one,) = pictures_of(tmp_path)
    assert (one.patient, one.sex, one.age_years, one.bmd_g_cm2, one.t_score, one.region) == ("p1", "F", None, 1.02, None, None)


def test_a_folder_without_classes_is_told_what_is_wanted(tmp_path: Path):
    with pytest.raises(InputError, match="osteoporosis"):
        pictures_of(tmp_path)
