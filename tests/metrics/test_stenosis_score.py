"""The official score of RSNA 2024, against its definition in plain loops and against the points known from the training set's counts."""

from __future__ import annotations

import doctest
import importlib
from dataclasses import astuple, fields
from math import isnan, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.metrics import StenosisScore, level_prior, stenosis_score
from spondyl.metrics.stenosis_score import SEVERITY_WEIGHTS

STUDIES = 1975
COUNTS = np.array([  # (condition, level, severity): the training set, L1/L2 to L5/S1
    [(1886, 67, 21), (1770, 151, 53), (1622, 230, 122), (1482, 237, 255), (1904, 51, 19)],
    [(1908, 63, 2), (1791, 171, 11), (1522, 411, 40), (1204, 629, 140), (1247, 520, 206)],
    [(1891, 63, 13), (1793, 168, 6), (1512, 414, 41), (1208, 629, 130), (1281, 496, 190)],
    [(1690, 93, 28), (1555, 255, 83), (1324, 454, 194), (887, 624, 461), (1408, 409, 147)],
    [(1680, 110, 24), (1577, 243, 73), (1322, 454, 197), (891, 622, 460), (1399, 396, 173)],
])
WORST_CANAL = (1263, 346, 365)
CANAL, FORAMINAL, SUBARTICULAR = slice(0, 5), slice(5, 15), slice(15, 25)
CONDITIONS = ("canal", "foraminal", "subarticular")
EPS = 2.0**-52


def some_labels(rng, studies, missing=0.0):
    labels = rng.choice(3, (studies, 25), p=(0.6, 0.25, 0.15))
    labels[rng.random(labels.shape) < missing] = -1
    return labels


def some_answers(rng, studies, certain=0.0):
    """Answers that do not sum to one, of which a share is certain of one class, rightly or not."""
    answers = rng.dirichlet(np.ones(3), (studies, 25))
    sure = rng.random((studies, 25)) < certain
    answers[sure] = np.eye(3)[rng.integers(0, 3, sure.sum())]
    return answers * rng.uniform(0.2, 5.0, (studies, 25, 1))


def constant(answer, studies):
    return np.broadcast_to(answer, (studies, 25, 3))


def assert_same(one, other, tolerance=1e-12):
    np.testing.assert_allclose(astuple(one), astuple(other), rtol=0, atol=tolerance)


def clipped(share):
    return min(max(share, EPS), 1 - EPS)


def slow_condition(labels, answers, columns):
    above = below = 0.0
    for true, said in zip(labels, answers, strict=True):
        for column in columns:
            if true[column] >= 0:
                weight = (1, 2, 4)[true[column]]
                above -= weight * log(clipped(said[column][true[column]] / sum(said[column])))
                below += weight
    return above / below if below else float("nan")


def slow_any_severe(labels, answers):
    above = below = 0.0
    for true, said in zip(labels, answers, strict=True):
        rows = [(true[column], said[column][2] / sum(said[column])) for column in range(5) if true[column] >= 0]
        if rows:
            weight = max((1, 2, 4)[label] for label, _ in rows)
            share = clipped(max(severe for _, severe in rows))
            above -= weight * log(share if any(label == 2 for label, _ in rows) else 1 - share)
            below += weight
    return above / below if below else float("nan")


def slow_score(labels, answers):
    """Straight from the definition, with lists: one study after the other, one row after the other."""
    true, said = labels.tolist(), answers.tolist()
    parts = [slow_condition(true, said, columns) for columns in (range(5), range(5, 15), range(15, 25))]
    parts.append(slow_any_severe(true, said))
    known = [part for part in parts if not isnan(part)]
    return StenosisScore(sum(known) / len(known) if known else float("nan"), *parts)


def placed(labels, members, severity, counts):
    """Writes each level's count of a severity, going round the members: no member is skipped before all have one."""
    start = 0
    for level, count in enumerate(counts):
        labels[members[(start + np.arange(count)) % len(members)], level] = severity
        start += count


@pytest.fixture(scope="module")
def training_set():
    """Labels with the counts of the training set: of every column, and of the studies by their worst canal level."""
    labels = np.full((STUDIES, 25), -1)
    mild, moderate, severe = np.split(np.arange(sum(WORST_CANAL)), np.cumsum(WORST_CANAL)[:2])
    labels[: sum(WORST_CANAL), CANAL] = 0
    placed(labels, severe, 2, COUNTS[0, :, 2])
    placed(labels, moderate, 1, COUNTS[0, :, 1])
    assert mild.size == WORST_CANAL[0]
    for column, counts in enumerate(COUNTS.reshape(25, 3)[5:], start=5):
        labels[: counts.sum(), column] = np.repeat(np.arange(3), counts)
    return labels


def test_the_stand_in_for_the_training_set_has_its_counts(training_set):
    for column, counts in enumerate(COUNTS.reshape(25, 3)):
        assert [(training_set[:, column] == severity).sum() for severity in range(3)] == counts.tolist()
    unknown = training_set < 0
    assert [unknown[:, columns].sum() for columns in (CANAL, FORAMINAL, SUBARTICULAR)] == [5, 50, 517]
    worst = training_set[:, CANAL].max(axis=1)
    assert [(worst == severity).sum() for severity in range(3)] == list(WORST_CANAL)


def test_an_even_answer_scores_what_it_is_known_to_score(training_set):
    score = stenosis_score(training_set, constant(np.ones(3) / 3, STUDIES))
    assert round(score.total, 4) == 0.9994
    assert score.canal == pytest.approx(log(3))
    assert score.foraminal == pytest.approx(log(3))
    assert score.subarticular == pytest.approx(log(3))


def test_the_prior_of_each_level_scores_what_it_is_known_to_score(training_set):
    score = stenosis_score(training_set, constant(level_prior(training_set), STUDIES))
    assert [round(value, 4) for value in astuple(score)] == [0.7900, 0.7063, 0.8046, 0.9511, 0.6980]


def test_plain_class_frequencies_score_what_they_are_known_to_score(training_set):
    sides = [[0], [1, 2], [3, 4]]
    by_level = np.concatenate([np.tile(COUNTS[rows].sum(0), (len(rows), 1)) for rows in sides])
    pooled = np.concatenate([np.tile(COUNTS[rows].sum((0, 1)), (5 * len(rows), 1)) for rows in sides])
    assert round(stenosis_score(training_set, constant(by_level, STUDIES)).total, 3) == 0.931
    assert round(stenosis_score(training_set, constant(pooled, STUDIES)).total, 3) == 1.109


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), studies=st.integers(0, 12),
    missing=st.sampled_from((0.0, 0.3, 0.9, 1.0)), certain=st.sampled_from((0.0, 0.2)),
)
def test_the_score_is_that_of_its_definition(seed, studies, missing, certain):
    rng = np.random.default_rng(seed)
    labels, answers = some_labels(rng, studies, missing), some_answers(rng, studies, certain)
    assert_same(stenosis_score(labels, answers), slow_score(labels, answers), 1e-9)


def test_any_severe_asks_the_largest_answer_of_the_labelled_rows_only():
    labels = np.full((2, 25), -1)
    labels[0, :3], labels[1, 3:5] = (0, 1, 0), (2, 0)
    answers = np.full((2, 25, 3), 1 / 3)
    answers[0, :5, 2], answers[1, :5, 2] = (0.1, 0.2, 0.15, 0.9, 0.95), (0.99, 0.98, 0.97, 0.3, 0.6)
    answers[:, :5, 0], answers[:, :5, 1] = 1 - answers[:, :5, 2], 0
    expected = -(2 * log(1 - 0.2) + 4 * log(0.6)) / (2 + 4)
    assert stenosis_score(labels, answers).any_severe == pytest.approx(expected)


def test_a_severe_row_weighs_four_times_a_mild_one():
    labels = np.full((1, 25), -1)
    labels[0, 5:8] = (0, 1, 2)
    answers = np.tile((0.5, 0.3, 0.2), (1, 25, 1))
    assert SEVERITY_WEIGHTS == (1.0, 2.0, 4.0)
    assert stenosis_score(labels, answers).foraminal == pytest.approx(-(log(0.5) + 2 * log(0.3) + 4 * log(0.2)) / 7)


def test_the_total_is_the_mean_of_the_four_parts():
    rng = np.random.default_rng(0)
    total, *parts = astuple(stenosis_score(some_labels(rng, 20), some_answers(rng, 20)))
    assert total == pytest.approx(np.mean(parts))
    assert [field.name for field in fields(StenosisScore)] == ["total", *CONDITIONS, "any_severe"]


@pytest.mark.parametrize("seed", range(3))
def test_a_study_of_unknown_labels_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    labels, answers = some_labels(rng, 15, 0.2), some_answers(rng, 15)
    more = np.insert(labels, 7, -1, axis=0)
    assert_same(stenosis_score(more, np.insert(answers, 7, some_answers(rng, 1)[0], axis=0)), stenosis_score(labels, answers))
    assert np.array_equal(level_prior(more), level_prior(labels))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_said_of_an_unknown_row_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    labels, answers = some_labels(rng, 15, 0.4), some_answers(rng, 15)
    others = np.where((labels < 0)[..., None], some_answers(rng, 15, certain=0.9), answers)
    assert_same(stenosis_score(labels, others), stenosis_score(labels, answers))


@pytest.mark.parametrize(("columns", "silent"), [
    (CANAL, {"canal", "any_severe"}), (FORAMINAL, {"foraminal"}), (SUBARTICULAR, {"subarticular"}),
    (slice(5, 25), {"foraminal", "subarticular"}),
])
def test_a_condition_without_labels_is_nan_and_the_total_is_the_mean_of_the_others(columns, silent):
    rng = np.random.default_rng(1)
    labels, answers = some_labels(rng, 10), some_answers(rng, 10)
    whole = stenosis_score(labels, answers)
    labels[:, columns] = -1
    score = stenosis_score(labels, answers)
    for name in (*CONDITIONS, "any_severe"):
        assert isnan(getattr(score, name)) if name in silent else getattr(score, name) == getattr(whole, name)
    spoken = [getattr(whole, name) for name in (*CONDITIONS, "any_severe") if name not in silent]
    assert score.total == pytest.approx(np.mean(spoken))


@pytest.mark.parametrize("studies", [0, 3])
def test_nothing_to_score_is_nan_throughout(studies):
    assert np.isnan(astuple(stenosis_score(np.full((studies, 25), -1), np.ones((studies, 25, 3))))).all()


@pytest.mark.parametrize("absent", range(3))
def test_a_severity_that_never_occurs_leaves_every_part_finite(absent):
    rng = np.random.default_rng(absent)
    labels = some_labels(rng, 30)
    labels[labels == absent] = -1
    for answers in (some_answers(rng, 30), constant(level_prior(labels), 30)):
        assert np.isfinite(astuple(stenosis_score(labels, answers))).all()


def test_rows_are_scored_by_their_shares():
    rng = np.random.default_rng(2)
    labels, answers = some_labels(rng, 12, 0.2), some_answers(rng, 12)
    before = answers.copy()
    score = stenosis_score(labels, answers)
    assert_same(stenosis_score(labels, answers * rng.uniform(1e-3, 1e3, (12, 25, 1))), score)
    assert_same(stenosis_score(labels, answers / answers.sum(2, keepdims=True)), score)
    assert np.array_equal(answers, before)


@pytest.mark.parametrize(("labels", "answers"), [
    ((4, 25), (4, 25)), ((4, 25), (4, 25, 2)), ((4, 25), (3, 25, 3)), ((4, 24), (4, 24, 3)), ((4, 5, 5), (4, 5, 5, 3)), ((25,), (25, 3)),
    ((4, 25), (4, 3, 25)),
])
def test_other_shapes_are_refused(labels, answers):
    with pytest.raises(ValueError, match=r"\(n, 25\)"):
        stenosis_score(np.zeros(labels, int), np.ones(answers))


@pytest.mark.parametrize("row", [(-0.1, 0.6, 0.5), (0, 0, 0), (np.nan, 0.5, 0.5), (np.inf, 0.5, 0.5), (np.inf, -np.inf, 1), (-1, -1, -1)])
@pytest.mark.parametrize("label", [0, -1])
def test_a_row_that_is_no_distribution_is_refused_even_where_the_label_is_unknown(row, label):
    answers = np.full((3, 25, 3), 1 / 3)
    answers[1, 12] = row
    with pytest.raises(ValueError, match="every row"):
        stenosis_score(np.full((3, 25), label), answers)


@pytest.mark.parametrize("label", [3, -2])
def test_a_label_that_is_no_severity_is_refused(label):
    labels = np.zeros((3, 25), int)
    labels[2, 24] = label
    with pytest.raises(ValueError, match="labels are"):
        stenosis_score(labels, np.ones((3, 25, 3)))


def with_every_severity(rng, studies):
    labels = some_labels(rng, studies, 0.2)
    labels[:3] = np.arange(3)[:, None]
    return labels


@pytest.mark.parametrize("seed", range(4))
def test_no_constant_answer_of_a_level_beats_the_prior_on_its_own_labels(seed):
    rng = np.random.default_rng(seed)
    labels = with_every_severity(rng, 50)
    prior = level_prior(labels)
    best = stenosis_score(labels, constant(prior, 50))
    by_level = prior.reshape(5, 5, 3)[[0, 1, 3]]
    frequency = by_level / SEVERITY_WEIGHTS
    drawn = rng.dirichlet(np.ones(3), (60, 3, 5))
    nudged = by_level * np.exp(rng.normal(0, 0.05, (60, 3, 5, 3)))
    for answer in (np.ones((3, 5, 3)), frequency, *drawn, *nudged):
        score = stenosis_score(labels, constant(answer[[0, 1, 1, 2, 2]].reshape(25, 3), 50))
        for name in CONDITIONS:
            assert getattr(best, name) < getattr(score, name)


def test_the_prior_is_a_distribution_and_the_same_on_both_sides():
    prior = level_prior(with_every_severity(np.random.default_rng(5), 40))
    assert prior.shape == (25, 3)
    assert prior.sum(1) == pytest.approx(1)
    assert np.array_equal(prior[5:10], prior[10:15])
    assert np.array_equal(prior[15:20], prior[20:25])


def test_a_severity_that_never_occurs_stays_possible():
    labels = np.zeros((7, 25), int)
    labels[:2, CANAL] = 1
    labels[:, SUBARTICULAR] = -1
    prior = level_prior(labels)
    frequency = prior / SEVERITY_WEIGHTS
    frequency /= frequency.sum(1, keepdims=True)
    assert frequency[CANAL, 2] == pytest.approx(1 / (7 + 3))
    assert frequency[FORAMINAL, 1:] == pytest.approx(1 / (14 + 3))
    assert frequency[SUBARTICULAR] == pytest.approx(1 / 3)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), studies=st.integers(1, 30))
def test_the_order_of_the_studies_changes_nothing(seed, studies):
    rng = np.random.default_rng(seed)
    labels, answers, order = some_labels(rng, studies, 0.3), some_answers(rng, studies), rng.permutation(studies)
    assert_same(stenosis_score(labels[order], answers[order]), stenosis_score(labels, answers))


def test_swapping_the_sides_changes_nothing():
    rng = np.random.default_rng(3)
    labels, answers = some_labels(rng, 20, 0.2), some_answers(rng, 20)
    swapped = np.arange(25).reshape(5, 5)[[0, 2, 1, 4, 3]].ravel()
    assert_same(stenosis_score(labels[:, swapped], answers[:, swapped]), stenosis_score(labels, answers))
    assert level_prior(labels[:, swapped]) == pytest.approx(level_prior(labels))


def test_a_perfect_answer_scores_nothing_and_its_opposite_a_finite_lot():
    rng = np.random.default_rng(4)
    labels = some_labels(rng, 25, 0.1)
    perfect = np.eye(3)[np.maximum(labels, 0)]
    assert np.array(astuple(stenosis_score(labels, perfect))) == pytest.approx(0, abs=1e-12)
    wrong = stenosis_score(labels, np.roll(perfect, 1, axis=2))
    assert 20 < wrong.total < 37


def test_the_example_runs():
    outcome = doctest.testmod(importlib.import_module("spondyl.metrics.stenosis_score"))
    assert outcome.attempted > 0
    assert outcome.failed == 0
