"""The judging cohorts stay as they were committed, and nobody in them is met in training."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from spondyl.core import InputError, NotFoundError
from spondyl.datasets.cohort import ROLES, subject_rng
from spondyl.datasets.judging import JudgingCohort, judging_cohort, judging_names, read_cohort, subjects_digest
from spondyl.datasets.making.order import make_order, profile_of
from spondyl.phantom import draw_subject
from spondyl.phantom.rays import styles as films
from spondyl.phantom.resonance import style as scans

NAMES = judging_names()
FOLDER = Path(__file__).parents[2] / "src" / "spondyl" / "datasets" / "judging"
STYLES = {"xray": films.STYLES, "dxa": films.DXA_STYLES, "mr": scans.STYLES}


def as_lists(value: object) -> object:
    """TOML has lists where styles have tuples."""
    return [as_lists(one) for one in value] if isinstance(value, tuple) else value


def test_the_tasks_of_the_later_issues_have_their_cohorts():
    assert {"xray_lesions_eval", "xray_grade_eval", "mri_stenosis_eval", "dxa_eval", "mri_realism_tuning", "mri_realism_test"} <= set(NAMES)
    assert judging_cohort("mri_stenosis_eval").subjects == 1500


@pytest.mark.parametrize("name", NAMES)
def test_a_committed_cohort_draws_the_people_it_was_committed_with(name: str):
    cohort = judging_cohort(name)
    assert subjects_digest(cohort) == cohort.subjects_sha256, (
        f"the drawing of {name} has changed: once a model was trained on the phantom, this voids the figures measured on it")


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_file_is_refused(name: str):
    text = (FOLDER / f"{name}.toml").read_bytes()
    assert read_cohort(name, text) == judging_cohort(name)
    with pytest.raises(InputError, match=name) as caught:
        read_cohort(name, text.replace(b"seed = ", b"seed = 1"))
    assert caught.value.code == "judging-cohort-changed"


def test_a_cohort_cannot_pass_under_another_s_name():
    with pytest.raises(InputError, match="dxa_eval"):
        read_cohort("dxa_eval", (FOLDER / "xray_grade_eval.toml").read_bytes())


def test_an_unknown_cohort_is_told_the_nearest():
    with pytest.raises(NotFoundError, match="mri_stenosis_eval"):
        judging_cohort("mri_stenosis_evil")


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_turn_today_s_profile_into_the_committed_one(name: str):
    cohort = judging_cohort(name)
    order = make_order(cohort.layout, cohort.seed, [cohort.layout], cohort.settings, role=cohort.role, profile=cohort.profile,
                       labels=cohort.labels)
    assert profile_of(order) == cohort.people


def test_settings_undo_a_later_change_of_the_profile():
    cohort = judging_cohort("dxa_eval")
    older = replace(cohort, people=replace(cohort.people, osteoporosis=0.31, age_low=55.0))
    assert older.settings == ("age_low=55.0", "osteoporosis=0.31")


@pytest.mark.parametrize("name", NAMES)
def test_the_ranges_in_the_file_are_those_that_acquisitions_are_drawn_from(name: str):
    cohort = judging_cohort(name)
    for kind, ranges in cohort.acquisition.items():
        assert ranges == {key: as_lists(value) for key, value in asdict(STYLES[kind][cohort.style]).items() if key != "name"}


def test_pictures_to_be_judged_are_taken_otherwise_than_those_of_training():
    for kind, styles in STYLES.items():
        changed = [name for name, value in asdict(styles["eval"]).items() if name != "name" and value != asdict(styles["train"])[name]]
        assert len(changed) >= 4, kind
    judged = [judging_cohort(name) for name in NAMES if name.endswith("_eval")]
    assert {cohort.style for cohort in judged} == {"eval"}


def specs_of(cohort: JudgingCohort, role: str, count: int) -> set[str]:
    return {draw_subject(subject_rng(cohort.seed, role, index), cohort.people).to_json() for index in range(count)}


def test_no_two_roles_or_cohorts_share_a_subject():
    cohorts = [judging_cohort(name) for name in NAMES]
    assert len({cohort.seed for cohort in cohorts}) == len(cohorts)
    groups = [specs_of(cohort, role, 6) for cohort in cohorts for role in ROLES]
    assert len(set().union(*groups)) == 6 * len(groups)
    assert {"train", "val", "test", "twin"} == set(ROLES)


def test_a_subject_does_not_depend_on_how_many_there_are():
    cohort = judging_cohort("mri_stenosis_eval")
    whole = [cohort.subject(index) for index in range(6)]
    assert cohort.subject(4) == whole[4]
    assert replace(cohort, subjects=5).subject(4) == whole[4]
