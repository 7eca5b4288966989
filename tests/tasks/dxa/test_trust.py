"""Whether a vertebra is to be trusted: chances against their slow definition, and reasons in the order of their likelihood."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.tasks.dxa_osteoporosis.trust import REASONS, WORDS, chances, reasons, unreliable

FEW = settings(max_examples=60, deadline=None)
numbers = st.floats(-30, 30)
shares = st.lists(st.floats(0, 1), min_size=3, max_size=3)


@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=0, max_size=5), st.lists(st.floats(0.1, 3), min_size=3, max_size=3),
       st.lists(st.floats(-3, 3), min_size=3, max_size=3))
@FEW
def test_each_reason_has_a_calibration_of_its_own(logits: list[list[float]], slopes: list[float], offsets: list[float]):
    found = chances(np.array(logits).reshape(-1, 3), {"slopes": slopes, "offsets": offsets})
    assert found.shape == (len(logits), len(REASONS))
    for row, said in zip(logits, found, strict=True):
        assert said == pytest.approx([1 / (1 + exp(-(s * x + o))) for x, s, o in zip(row, slopes, offsets, strict=True)])


@given(shares)
@FEW
def test_a_vertebra_is_unreliable_where_not_every_reason_is_absent(row: list[float]):
    said = float(unreliable(np.array(row)))
    assert said == pytest.approx(1 - (1 - row[0]) * (1 - row[1]) * (1 - row[2]))
    assert max(row) - 1e-12 <= said <= 1
    assert unreliable(np.array([row, row])) == pytest.approx([said, said])


@given(shares, st.integers(0, 2), st.floats(0, 1))
@FEW
def test_a_likelier_reason_never_makes_a_vertebra_more_reliable(row: list[float], which: int, more: float):
    higher = list(row)
    higher[which] = max(row[which], more)
    assert unreliable(np.array(higher)) >= unreliable(np.array(row)) - 1e-12


@given(shares, st.floats(0, 1))
@FEW
def test_reasons_are_named_from_the_least_probability_on_and_the_likeliest_always(row: list[float], least: float):
    named = reasons(row, least)
    of = dict(zip(REASONS, row, strict=True))
    assert named
    assert of[named[0]] == max(row)
    assert [of[name] for name in named] == sorted((of[name] for name in named), reverse=True)
    assert set(named[1:]) <= {name for name, p in of.items() if p >= least} <= set(named)


def test_every_reason_has_its_words():
    assert set(WORDS) == set(REASONS)
    assert all(WORDS.values())
