"""Shapley values of groups against the definition: the mean gain over every order in which the groups become known."""

from __future__ import annotations

import doctest
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spondyl.tasks.dxa_osteoporosis import shapley
from spondyl.tasks.dxa_osteoporosis.features import FEATURES, GROUPS
from spondyl.tasks.dxa_osteoporosis.shapley import shapley_values

FEW = settings(max_examples=40, deadline=None)
Rows = NDArray[np.float32]
Ask = Callable[[Rows], NDArray[np.float64]]
TABLE = {"a": [0, 3], "b": [1], "c": [2, 4, 5], "d": [6]}
WIDTH = 7


def crooked(seed: int) -> Ask:
    """A function in which everything has to do with everything."""
    rng = np.random.default_rng(seed)
    first, second, bias = rng.normal(size=(WIDTH, 5)), rng.normal(size=5), rng.normal(size=5)
    return lambda rows: np.tanh(rows.astype(np.float64) @ first + bias) @ second + rows[:, 0].astype(np.float64) * rows[:, 2] * rows[:, 6]


def drawn(seed: int, background: int = 3) -> tuple[Rows, Rows]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=WIDTH).astype(np.float32), rng.normal(size=(background, WIDTH)).astype(np.float32)


def slow(ask: Ask, case: Rows, background: Rows, groups: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """One order after another, one background case after another."""
    gains: dict[str, list[float]] = {name: [] for name in groups}
    for order in permutations(groups):
        for other in background:
            row = other.copy()
            before = float(ask(row[None])[0])
            for name in order:
                row[list(groups[name])] = case[list(groups[name])]
                after = float(ask(row[None])[0])
                gains[name].append(after - before)
                before = after
    return {name: float(np.mean(own)) for name, own in gains.items()}


def test_the_example_runs():
    assert doctest.testmod(shapley).failed == 0


@given(st.integers(0, 10**6), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_values_are_mean_gains_over_all_orders(seed: int, background: int):
    ask, (case, others) = crooked(seed), drawn(seed, background)
    assert shapley_values(ask, case, others, TABLE) == pytest.approx(slow(ask, case, others, TABLE), abs=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 6))
@FEW
def test_values_sum_to_what_is_said_of_the_case_minus_what_is_said_of_the_others(seed: int, background: int):
    ask, (case, others) = crooked(seed), drawn(seed, background)
    total = sum(shapley_values(ask, case, others, TABLE).values())
    assert total == pytest.approx(float(ask(case[None])[0] - ask(others).mean()), abs=1e-9)


@given(st.integers(0, 10**6))
@FEW
def test_of_a_linear_model_each_group_has_its_own_share_exactly(seed: int):
    case, others = drawn(seed)
    weights = np.random.default_rng(seed).normal(size=WIDTH)
    values = shapley_values(lambda rows: rows.astype(np.float64) @ weights + 5, case, others, TABLE)
    wanted = {name: float(weights[columns] @ (case[columns].astype(np.float64) - others[:, columns].mean(axis=0)))
              for name, columns in TABLE.items()}
    assert values == pytest.approx(wanted, abs=1e-5)


@given(st.integers(0, 10**6))
@FEW
def test_a_group_that_nothing_depends_on_gets_nothing(seed: int):
    ask, (case, others) = crooked(seed), drawn(seed)

    def blind(rows: Rows) -> NDArray[np.float64]:
        seen = rows.copy()
        seen[:, TABLE["c"]] = 0
        return ask(seen)

    assert shapley_values(blind, case, others, TABLE)["c"] == pytest.approx(0, abs=1e-12)


def test_a_group_that_is_the_same_everywhere_gets_exactly_nothing_and_is_not_asked_for():
    case, others = drawn(3)
    others[:, TABLE["c"]] = case[TABLE["c"]]
    asked: list[int] = []

    def ask(rows: Rows) -> NDArray[np.float64]:
        asked.append(len(rows))
        return crooked(3)(rows)

    values = shapley_values(ask, case, others, TABLE)
    assert values["c"] == 0
    assert sum(asked) == 2**3 * len(others)
    assert values == pytest.approx(slow(crooked(3), case, others, TABLE), abs=1e-9)


def test_a_case_that_is_its_own_background_moves_nothing():
    case, _ = drawn(4)
    assert shapley_values(crooked(4), case, case[None], TABLE) == dict.fromkeys(TABLE, 0.0)


@given(st.integers(0, 10**6))
@FEW
def test_groups_that_play_the_same_part_get_the_same(seed: int):
    rng = np.random.default_rng(seed)
    case, others = drawn(seed)
    case[1] = case[6]
    others[:, 1] = others[:, 6]
    weights = rng.normal(size=WIDTH)
    weights[1] = weights[6]

    def even(rows: Rows) -> NDArray[np.float64]:
        return np.tanh(rows.astype(np.float64) @ weights) * np.cos(rows[:, 0].astype(np.float64))

    values = shapley_values(even, case, others, TABLE)
    assert values["b"] == pytest.approx(values["d"], abs=1e-9)


def test_the_order_of_groups_and_of_background_cases_does_not_matter():
    ask, (case, others) = crooked(5), drawn(5, 4)
    forth = shapley_values(ask, case, others, TABLE)
    assert shapley_values(ask, case, others[::-1], dict(reversed(TABLE.items()))) == pytest.approx(forth)


def test_the_groups_of_the_measured_features_are_explained_within_a_second():
    rng = np.random.default_rng(0)
    case, others = rng.normal(size=len(FEATURES)).astype(np.float32), rng.normal(size=(64, len(FEATURES))).astype(np.float32)
    groups = {name: [FEATURES.index(one) for one in members] for name, members in GROUPS.items()}
    values = shapley_values(lambda rows: rows.astype(np.float64).sum(axis=1), case, others, groups)
    assert list(values) == list(GROUPS)
    assert sum(values.values()) == pytest.approx(float(case.sum() - others.sum(axis=1).mean()), abs=1e-3)
