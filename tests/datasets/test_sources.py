"""Every registered layout: it reads the miniature that it writes, and what it hands out is the phantom's truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conftest import require_data
from datasets.cohorts import SEED, SUBJECTS, cohorts
from spondyl import datasets
from spondyl.core import InputError, NotFoundError
from spondyl.datasets import DiscGrades, DiscSlice, miniatures, sources
from spondyl.datasets.cohort import draw_member, grades_of_truth, padded, subject_rng
from spondyl.phantom import render_sagittal

__all__ = ["cohorts"]

LAYOUTS = sources.names()


def test_the_module_list_is_every_module_that_registers_a_layout():
    folder = Path(datasets.__file__).parent
    registering = sorted(path.stem for path in folder.glob("*.py") if "@sources.register(" in path.read_text("utf-8"))
    assert list(sources.MODULES) == registering


def test_every_layout_that_can_be_read_can_be_made():
    assert sorted(miniatures.LAYOUTS) == list(LAYOUTS)


def test_a_name_claimed_twice_raises():
    with pytest.raises(ValueError, match="claimed twice"):
        sources.register("spider")(lambda root: iter(()))


def test_a_misspelt_layout_is_told_the_right_one(tmp_path: Path):
    with pytest.raises(NotFoundError, match="Did you mean 'spider'"):
        sources.open_source("spidr", tmp_path)
    with pytest.raises(InputError, match="Did you mean 'dicom'"):
        miniatures.make("dicm", tmp_path, 1, 0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_gives_back_the_subjects_that_were_written(layout: str, cohorts: dict[str, Path]):
    slices = list(sources.open_source(layout, cohorts[layout]))
    assert len(slices) == 2 * SUBJECTS
    assert len({one.stem for one in slices}) == len(slices)
    by_patient: dict[str, list[DiscSlice]] = {}
    for one in slices:
        by_patient.setdefault(one.patient, []).append(one)
    assert len(by_patient) == SUBJECTS
    for index, pair in enumerate(by_patient.values()):
        member = draw_member(SEED, "train", index)
        assert sorted(one.sequence for one in pair) == sorted(member.scans)
        for one in pair:
            scan = member.scans[one.sequence]
            truth = render_sagittal(member.spec, scan).truth
            assert one.grades == {disc.from_bottom: grades_of_truth(disc) for disc in truth.discs}
            assert one.spacing_mm == pytest.approx(scan.spacing_mm, rel=1e-5)
            assert one.num_discs == len(truth.discs)
            assert one.boxes_complete


@pytest.mark.parametrize("layout", LAYOUTS)
def test_boxes_lie_inside_the_picture_around_their_discs(layout: str, cohorts: dict[str, Path]):
    for index, one in enumerate(sources.open_source(layout, cohorts[layout])):
        member = draw_member(SEED, "train", index // 2)
        truth = {disc.from_bottom: disc for disc in render_sagittal(member.spec, member.scans[one.sequence]).truth.discs}
        rows, columns = one.pixels.shape
        assert set(one.boxes) == set(truth)
        for disc, (x0, y0, x1, y1) in one.boxes.items():
            assert 0 <= x0 < x1 <= columns
            assert 0 <= y0 < y1 <= rows
            assert (x0, y0, x1, y1) == pytest.approx(padded(truth[disc].box, one.pixels.shape), abs=4)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pictures_are_the_phantom_s_upright_with_the_front_at_the_left(layout: str, cohorts: dict[str, Path]):
    for index, one in enumerate(sources.open_source(layout, cohorts[layout])):
        member = draw_member(SEED, "train", index // 2)
        drawn = render_sagittal(member.spec, member.scans[one.sequence]).pixels
        assert one.pixels.dtype == np.float32
        assert one.pixels.shape == drawn.shape
        assert np.corrcoef(one.pixels.ravel(), drawn.ravel())[0, 1] > 0.95


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
