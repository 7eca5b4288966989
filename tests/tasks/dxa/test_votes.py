"""Members' votes as cumulative log odds, the stack over them, and what is decided: against slow words, and adding up."""

from __future__ import annotations

import doctest
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.tasks.dxa_osteoporosis import votes
from spondyl.tasks.dxa_osteoporosis.votes import EDGE, MEMBERS, classes, decided, from_classes, from_cumulative, odds_of, stacked

FEW = settings(max_examples=60, deadline=None)
numbers = st.floats(-12, 12)
pairs = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=6)
tables = st.lists(st.tuples(*[st.floats(0.001, 1)] * 3), min_size=1, max_size=6)


def slow(x: float) -> float:
    return 1 / (1 + exp(-x))


def normal(rows: list[tuple[float, float, float]]) -> np.ndarray:
    table = np.array(rows)
    return table / table.sum(axis=1, keepdims=True)


@st.composite
def readers(draw: st.DrawFn) -> dict:
    """Settings of a stack of some members."""
    members = draw(st.sampled_from([MEMBERS, ("cnn",), ("forest", "trees"), ("trees", "cnn", "vgg16")]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    weights = rng.normal(0.3, 0.3, (2, 2 * len(members))).tolist()
    return {"members": list(members), "weights": weights, "offsets": rng.normal(size=2).tolist(),
            "slopes": rng.uniform(0.3, 2, 2).tolist(), "shifts": rng.normal(size=2).tolist()}


def test_the_example_runs():
    assert doctest.testmod(votes).failed == 0


@given(pairs)
@FEW
def test_classes_add_up_to_one_and_none_is_negative_whatever_a_network_says(rows: list[tuple[float, float]]):
    table = classes(np.array(rows))
    assert table.shape == (len(rows), 3)
    assert table.sum(axis=1) == pytest.approx(1)
    assert table.min() >= 0


@given(pairs)
@FEW
def test_the_worse_of_two_is_never_likelier_than_either(rows: list[tuple[float, float]]):
    for (first, second), (worse, worst) in zip(rows, from_cumulative(np.array(rows)), strict=True):
        assert (worse, worst) == (first, min(first, second))


@given(tables)
@FEW
def test_class_probabilities_come_back_where_they_are_not_at_the_edge(rows: list[tuple[float, float, float]]):
    table = normal(rows)
    cumulative = np.stack([table[:, 1] + table[:, 2], table[:, 2]], axis=1)
    there = classes(from_classes(table))
    held = ((cumulative > EDGE) & (cumulative < 1 - EDGE)).all(axis=1)
    assert there[held] == pytest.approx(table[held])
    assert np.abs(there - table).max() <= 2 * EDGE + 1e-9


@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=5), st.sampled_from(MEMBERS))
@FEW
def test_no_member_is_surer_than_the_edge(rows: list[tuple[float, float, float]], name: str):
    said = {"forest": np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True), "trees": np.array(rows)}.get(name, 10 * np.array(rows)[:, :2])
    odds = odds_of(name, said)
    bound = log((1 - EDGE) / EDGE)
    assert odds.shape == (len(rows), 2)
    assert np.abs(odds).max() <= bound + 1e-9
    assert (odds[:, 1] <= odds[:, 0] + 1e-12).all()


def test_each_member_speaks_in_its_own_way_and_means_the_same():
    table = np.array([[0.2, 0.5, 0.3]])
    wanted = [log(0.8 / 0.2), log(0.3 / 0.7)]
    assert odds_of("forest", table)[0] == pytest.approx(wanted)
    assert odds_of("trees", np.log(table) + 4)[0] == pytest.approx(wanted)
    for name in ("cnn", "vgg16"):
        assert odds_of(name, np.array([wanted], np.float32))[0] == pytest.approx(wanted, abs=1e-6)


@given(readers(), st.integers(0, 10**6))
@FEW
def test_the_stack_is_a_weighted_sum_for_each_cut_calibrated_afterwards(reader: dict, seed: int):
    rng = np.random.default_rng(seed)
    odds = {name: from_cumulative(rng.normal(0, 2, (3, 2))) for name in MEMBERS}
    found = stacked(odds, reader)
    for case in range(3):
        columns = [float(odds[name][case, cut]) for name in reader["members"] for cut in range(2)]
        raw = [sum(w * x for w, x in zip(reader["weights"][cut], columns, strict=True)) + reader["offsets"][cut] for cut in range(2)]
        raw[1] = min(raw)
        out = [raw[cut] * reader["slopes"][cut] + reader["shifts"][cut] for cut in range(2)]
        assert found[case] == pytest.approx([out[0], min(out)])


@given(readers(), st.integers(0, 10**6))
@FEW
def test_a_member_that_the_reader_does_not_name_changes_nothing(reader: dict, seed: int):
    rng = np.random.default_rng(seed)
    odds = {name: rng.normal(0, 2, (2, 2)) for name in MEMBERS}
    changed = {name: own if name in reader["members"] else own + 9 for name, own in odds.items()}
    assert np.array_equal(stacked(changed, reader), stacked(odds, reader))


@given(pairs, st.sampled_from(MEMBERS))
@FEW
def test_a_single_member_without_calibration_answers_as_it_voted(rows: list[tuple[float, float]], name: str):
    alone = {"members": [name], "weights": [[1, 0], [0, 1]], "offsets": [0, 0], "slopes": [1, 1], "shifts": [0, 0]}
    odds = from_cumulative(np.array(rows))
    assert stacked({name: odds}, alone) == pytest.approx(odds)
    assert classes(odds)[:, 2] == pytest.approx([slow(row[1]) for row in odds])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.none() | st.floats(0.5, 1), st.none() | st.floats(0, 0.49))
@FEW
def test_a_case_is_decided_only_beyond_a_threshold_that_there_is(said: list[float], high: float | None, low: float | None):
    wanted = [1 if high is not None and p >= high else 0 if low is not None and p <= low else -1 for p in said]
    assert decided(np.array(said), {"positive_from": high, "negative_to": low}).tolist() == wanted


def test_thresholds_themselves_decide():
    own = {"positive_from": 0.8, "negative_to": 0.1}
    assert decided(np.array([0.8, 0.1, 0.1001, 0.7999]), own).tolist() == [1, 0, -1, -1]
    assert decided(np.array([1.0, 0.0]), {"positive_from": None, "negative_to": None}).tolist() == [-1, -1]
