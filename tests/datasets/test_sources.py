"""Every registered layout: it reads the miniature that it writes, and what it hands out is the phantom's truth."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from conftest import require_data
from datasets.cohorts import FLAT, SEED, SUBJECTS, Cohorts, cohorts, plan_of, profile_of, rebuilt
from spondyl import datasets
from spondyl.core import InputError, NotFoundError
from spondyl.datasets import DiscGrades, DiscSlice, miniatures, sources
from spondyl.datasets.cohort import Member, draw_member, grades_of_truth, padded, subject_rng
from spondyl.datasets.film_records import CornerFilm, SpineStudy
from spondyl.datasets.making.truths import whole_discs
from spondyl.phantom import render_sagittal
from spondyl.phantom.resonance import render_mr

__all__ = ["cohorts"]

LAYOUTS = sources.names()


def test_the_module_list_is_every_module_that_registers_a_layout():
    folder = Path(datasets.__file__).parent
    registering = sorted(path.stem for path in folder.glob("*.py") if "@sources.register(" in path.read_text("utf-8"))
    assert list(sources.MODULES) == registering


def test_every_layout_that_can_be_read_can_be_made():
    assert sorted(miniatures.LAYOUTS) == list(LAYOUTS)
    assert all(miniatures.layout_named(layout).name == layout for layout in LAYOUTS)


def test_layouts_are_told_apart_by_the_kind_of_their_records(tmp_path: Path):
    assert sources.names(DiscSlice) == ("dicom", "spider", "spider_pack")
    assert sources.names(CornerFilm) == ("aasce", "aasce_pack")
    assert sources.names(SpineStudy) == ("dicom",)
    with pytest.raises(NotFoundError, match="No layout is called 'vindr'"):
        sources.open_source("vindr", tmp_path)


@pytest.mark.parametrize("name", ["spider-pack", "spider_pack"])
def test_hyphens_and_underscores_mean_the_same(name: str, cohorts: Cohorts):
    assert len(list(sources.open_source(name, cohorts[FLAT]))) == 2 * SUBJECTS
    assert miniatures.layout_named(name).name == "spider_pack"


def test_a_name_claimed_twice_raises():
    with pytest.raises(ValueError, match="claimed twice"):
        sources.register("spider", DiscSlice)(lambda root: iter(()))


def test_a_misspelt_layout_is_told_the_right_one(tmp_path: Path):
    with pytest.raises(NotFoundError, match="Did you mean 'spider'"):
        sources.open_source("spidr", tmp_path)
    with pytest.raises(InputError, match="Did you mean 'dicom'"):
        miniatures.make("dicm", tmp_path, 1, 0)


def members() -> list[Member]:
    """The subjects of the flat layout's cohort, drawn again."""
    return [draw_member(SEED, "train", index, profile_of(FLAT)) for index in range(SUBJECTS)]


def pairs(layout: str, root: Path) -> list[list[DiscSlice]]:
    """The slices of each patient, in the order of the patients."""
    by_patient: dict[str, list[DiscSlice]] = {}
    for one in sources.open_source(layout, root):
        by_patient.setdefault(one.patient, []).append(one)
    assert len(by_patient) == SUBJECTS
    return list(by_patient.values())


def test_flat_slices_give_back_the_subjects_that_were_drawn(cohorts: Cohorts):
    for member, pair in zip(members(), pairs(FLAT, cohorts[FLAT]), strict=True):
        assert sorted(one.sequence for one in pair) == sorted(member.scans)
        for one in pair:
            scan = member.scans[one.sequence]
            drawn = render_sagittal(member.spec, scan)
            truth = {disc.from_bottom: disc for disc in drawn.truth.discs}
            assert one.grades == {number: grades_of_truth(disc) for number, disc in truth.items()}
            assert one.spacing_mm == pytest.approx(scan.spacing_mm, rel=1e-5)
            assert (one.num_discs, one.boxes_complete, set(one.boxes)) == (len(truth), True, set(truth))
            for number, box in one.boxes.items():
                assert box == pytest.approx(padded(truth[number].box, one.pixels.shape), abs=1)
            assert np.abs(one.pixels - drawn.pixels).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("layout", ["dicom", "spider"])
def test_slices_of_built_patients_give_back_what_was_measured_on_them(layout: str, cohorts: Cohorts):
    for index, pair in enumerate(pairs(layout, cohorts[layout])):
        volume, truth = rebuilt(layout, index)
        assert sorted(one.sequence for one in pair) == ["t1", "t2"]
        for one in pair:
            series = render_mr(volume, plan_of(layout, index).scans[one.sequence])
            whole = {disc.from_bottom: disc for disc in whole_discs(truth, series)}
            assert whole
            assert set(one.grades) == set(whole)
            for number, disc in whole.items():
                assert one.grades[number] == DiscGrades(**{field.name: getattr(disc, field.name) for field in fields(DiscGrades)})
            assert one.spacing_mm == pytest.approx(series.spacing_mm, rel=1e-5)
            assert one.num_discs == len(whole)
            likeness = [np.corrcoef(one.pixels.ravel(), picture.ravel())[0, 1] for picture in series.pixels]
            assert max(likeness) > 0.95
            shown = int(np.argmax(likeness))
            for number, box in one.boxes.items():
                corners = series.to_image(np.array(whole[number].corners_mm))
                assert abs(corners[:, 2].mean() - shown) < 2
                inner = corners[:, 0].min(), corners[:, 1].min(), corners[:, 0].max() + 1, corners[:, 1].max() + 1
                assert box == pytest.approx(padded(inner, one.pixels.shape), abs=6)  # spurs cover a worn disc's edge
            assert set(one.boxes) == set(whole) or layout == "spider"


def test_cohorts_roles_and_subjects_never_share_a_stream():
    draws = [subject_rng(seed, role, index).random() for seed in range(4) for role in ("train", "test") for index in range(4)]
    assert len(set(draws)) == len(draws)
    assert draw_member(3, "val", 2) == draw_member(3, "val", 2)
    with pytest.raises(NotFoundError, match="Did you mean 'train'"):
        subject_rng(0, "trian", 0)


def test_a_grade_outside_its_range_is_not_a_grade():
    with pytest.raises(ValueError, match="pfirrmann is 1 to 5, got 6"):
        DiscGrades(6, 0, 0, 0, 0, 0, 0, 0)


def test_the_lumbar_pack_reads_as_its_readme_counts_it():
    slices = list(sources.open_source("spider_pack", require_data("spider")))
    assert len(slices) == 360
    assert len({one.patient for one in slices}) == 179
    assert sum(one.boxes_complete for one in slices) == 118
    assert sum(len(one.boxes) for one in slices) == 949
    assert sum(len(one.grades) for one in {one.patient: one for one in slices}.values()) == 1240
    assert {one.sequence for one in slices} == {"t1", "t2", "t2_space"}
