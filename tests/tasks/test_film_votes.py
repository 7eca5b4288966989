"""From members' logits to probabilities: they add up, they agree with the slow words, and the frozen reader is the one that answers."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.tasks.films.votes import (
    asked,
    best_score,
    calibrated,
    falling,
    fused,
    grade_probabilities,
    grades_of,
    joined_views,
    lesion_probability,
    median_grade,
    threshold_of,
    together,
)

FEW = settings(max_examples=40, deadline=None)
PLAIN = {"slope": 1.0, "offsets": [0.0]}
numbers = st.floats(-12, 12)
chances = st.floats(0, 1)


@st.composite
def bundles(draw: st.DrawFn, outputs: int) -> dict:
    """Settings of two or three members with this many calibrated outputs."""
    names = draw(st.sampled_from([("a", "b"), ("a", "b", "c")]))

    def calibration() -> dict:
        return {"slope": draw(st.floats(0.1, 3)), "offsets": draw(st.lists(st.floats(-3, 3), min_size=outputs, max_size=outputs))}

    weights = draw(st.lists(st.floats(0.01, 1), min_size=len(names), max_size=len(names)))
    return {"members": {name: {"network": name, "weight": weight, **calibration()} for name, weight in zip(names, weights, strict=True)},
            "ensemble": calibration(), "threshold": 0.449}


def slow(x: float) -> float:
    return 1 / (1 + exp(-x))


@given(bundles(1), st.integers(0, 2**31))
@FEW
def test_the_ensemble_is_the_weighted_mean_of_calibrated_members_calibrated_once_more(own: dict, seed: int):
    rng = np.random.default_rng(seed)
    votes = {name: rng.normal(0, 2, (3, 8)).astype(np.float32) for name in own["members"]}
    said = together(votes, own)
    total = sum(row["weight"] for row in own["members"].values())
    for film in range(3):
        mean = sum(row["weight"] / total * slow(row["slope"] * float(votes[name][film, 0]) + row["offsets"][0])
                   for name, row in own["members"].items())
        wanted = slow(own["ensemble"]["slope"] * log(mean / (1 - mean)) + own["ensemble"]["offsets"][0])
        assert said[film, 0] == pytest.approx(wanted, abs=1e-5)


@given(bundles(1), st.integers(0, 2**31))
@FEW
def test_a_member_with_no_weight_changes_nothing(own: dict, seed: int):
    rng = np.random.default_rng(seed)
    votes = {name: rng.normal(0, 2, (2, 8)) for name in (*own["members"], "useless")}
    with_it = {**own, "members": {**own["members"], "useless": {"network": "u", "weight": 0.0, **PLAIN}}}
    assert together(votes, with_it) == pytest.approx(together(votes, own))


@given(bundles(4), st.integers(0, 2**31))
@FEW
def test_grades_are_five_probabilities_that_add_up_to_one(own: dict, seed: int):
    rng = np.random.default_rng(seed)
    votes = {name: rng.normal(0, 4, (6, 4)) for name in own["members"]}
    table = grade_probabilities(votes, own)
    assert table.shape == (6, 5)
    assert table.min() >= 0
    assert table.sum(axis=1) == pytest.approx(1)


@given(st.lists(st.floats(0.001, 1), min_size=5, max_size=5))
@FEW
def test_grades_go_to_cumulative_probabilities_and_back(weights: list[float]):
    grades = np.array(weights) / sum(weights)
    at_least = np.array([[grades[k:].sum() for k in range(1, 5)]])
    assert grades_of(at_least)[0] == pytest.approx(grades, abs=1e-12)


@given(st.lists(chances, min_size=4, max_size=4))
@FEW
def test_probabilities_of_more_never_rise(row: list[float]):
    fallen = falling(np.array([row]))[0]
    assert (np.diff(fallen) <= 0).all()
    assert [min(row[: k + 1]) for k in range(4)] == list(fallen)


@given(st.lists(st.floats(0.001, 1), min_size=5, max_size=5))
@FEW
def test_the_grade_that_is_said_is_the_median(weights: list[float]):
    grades = np.array(weights) / sum(weights)
    said = int(median_grade(grades[None])[0])
    costs = [sum(p * abs(k - other) for other, p in enumerate(grades)) for k in range(5)]
    assert costs[said] == pytest.approx(min(costs), abs=1e-9), "the median has the smallest mean absolute error"


@given(st.lists(chances, min_size=4, max_size=4), st.sampled_from(["frontal", "lateral"]))
@FEW
def test_a_study_of_one_view_has_that_views_answer(row: list[float], view: str):
    cumulative = falling(np.array([row]))
    weights = {"frontal": 0.4, "lateral": 0.6}
    assert joined_views(cumulative, [view], weights) == pytest.approx(cumulative[0], abs=2e-6)
    assert joined_views(np.repeat(cumulative, 3, axis=0), [view] * 3, weights) == pytest.approx(cumulative[0], abs=2e-6)


def test_views_are_joined_as_logits_by_their_weights_whatever_the_order():
    rows = np.array([[0.9, 0.7, 0.2, 0.1], [0.99, 0.4, 0.3, 0.05]])
    weights = {"frontal": 0.25, "lateral": 0.75}
    wanted = [slow(0.25 * log(a / (1 - a)) + 0.75 * log(b / (1 - b))) for a, b in zip(*rows, strict=True)]
    assert joined_views(rows, ["frontal", "lateral"], weights) == pytest.approx(wanted, abs=1e-6)
    assert joined_views(rows[::-1], ["lateral", "frontal"], weights) == pytest.approx(wanted, abs=1e-6)


def test_a_view_whose_weight_is_nothing_still_answers_alone():
    row = np.array([[0.9, 0.7, 0.2, 0.1]])
    assert joined_views(row, ["frontal"], {"frontal": 0.0, "lateral": 1.0}) == pytest.approx(row[0], abs=1e-6)


STUDENT = {"members": {"a": {"network": "a", "weight": 1.0, **PLAIN}}, "ensemble": {"slope": 3.0, "offsets": [1.0]}, "threshold": 0.4,
           "student": {"network": "student", "weight": 1.0, "slope": 2.0, "offsets": [0.5], "threshold": 0.6}, "reader": "student",
           "fusion": {"ensemble": 1.0, "detector": 1.0, "offset": 0.0}}


def test_the_student_answers_alone_with_its_own_calibration_and_threshold():
    said = lesion_probability({"student": np.array([[1.0]])}, np.array([0.99]), STUDENT)
    assert said == pytest.approx([slow(2.5)])
    assert threshold_of(STUDENT) == 0.6
    assert threshold_of({**STUDENT, "reader": "ensemble"}) == 0.4


def test_boxes_raise_and_lower_the_probability_only_where_the_detector_was_asked():
    own = {**STUDENT, "reader": "ensemble", "ensemble": PLAIN}
    votes = {"a": np.zeros((3, 8))}
    high, low, unasked = lesion_probability(votes, np.array([0.9, 0.1, np.nan]), own)
    assert (high, low, unasked) == (pytest.approx(0.9), pytest.approx(0.1), pytest.approx(0.5))
    assert lesion_probability(votes, None, own) == pytest.approx([0.5] * 3)


@given(chances, chances)
@FEW
def test_a_detector_without_weight_leaves_the_probability_as_it_is(probability: float, score: float):
    plain = {"ensemble": 1.0, "detector": 0.0, "offset": 0.0}
    assert fused(np.array([probability]), np.array([score]), plain).tolist() == [probability]


@given(st.floats(0.01, 0.99), st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 2))
@FEW
def test_a_surer_box_never_makes_a_film_look_more_normal(probability: float, score: float, other: float, weight: float):
    fusion = {"ensemble": 1.0, "detector": weight, "offset": 0.1}
    low, high = fused(np.array([probability] * 2), np.array(sorted((score, other))), fusion)
    assert low <= high


def test_the_detector_is_asked_from_the_probability_on_that_the_bundle_says():
    own = {"detector": {"ask_from": 0.2}}
    assert asked([0.1, 0.2, 0.9], own).tolist() == [False, True, True]
    assert asked([0.1], {"detector": {}}).tolist() == [True]
    assert asked([0.1, 0.3], {**own, "reader": "student", "student": {"ask_from": 0.05}}).tolist() == [True, True]
    assert asked([0.1, 0.9], {}).tolist() == [False, False]


def test_the_strongest_box_is_taken_before_any_are_left_out():
    assert best_score(np.array([[0.01, 0.02], [0.0, 0.03]])) == pytest.approx(0.03)
    assert best_score(np.zeros((0, 7))) == 0.0


def test_calibration_looks_at_as_many_outputs_as_it_has_offsets():
    logits = np.array([[0.0, 50.0]])
    assert calibrated(logits, PLAIN).tolist() == [[0.5]]
    assert calibrated(logits, {"slope": 1.0, "offsets": [0.0, -50.0]}).tolist() == [[0.5, 0.5]]
