"""A name is a distribution: it adds up, and it is said only where it is sure."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.tasks.mri_discs.levels import lowest_probability, name_disc

LUMBAR = {"4": 0.06, "5": 0.91, "6": 0.03}
FEW = settings(max_examples=60, deadline=None)


@given(st.integers(1, 15), st.floats(0, 1), st.floats(0.01, 0.99), st.floats(0.3, 0.95))
@FEW
def test_the_name_and_its_alternatives_add_up(from_bottom: int, on_sacrum: float, five: float, least: float):
    prior = {"4": (1 - five) / 2, "5": five, "6": (1 - five) / 2}
    level = name_disc(from_bottom, on_sacrum, prior, least)
    total = sum(level.alternatives.values()) + (level.confidence if level.name else 0)
    left_out = 15 * 0.01  # at most 4 hidden discs x 3 counts, each name under 1 %
    assert 1 - left_out <= total <= 1 + 1e-9
    assert min(level.alternatives.values(), default=1) >= 0.01
    assert level.name not in level.alternatives
    assert (level.name is None) == (level.confidence < least)
    assert list(level.alternatives.values()) == sorted(level.alternatives.values(), reverse=True)


def test_a_spine_that_stands_on_its_sacrum_is_named_by_the_ordinary_count():
    names = [name_disc(number, 1.0, LUMBAR, 0.8) for number in range(1, 7)]
    assert [level.name for level in names] == ["L5/S1", "L4/L5", "L3/L4", "L2/L3", "L1/L2", "T12/L1"]
    assert all(level.confidence == pytest.approx(0.91) for level in names)


def test_transitional_anatomy_stays_in_view_as_an_alternative():
    lowest = name_disc(1, 1.0, LUMBAR, 0.8)
    assert lowest.alternatives == pytest.approx({"L4/S1": 0.06, "L6/S1": 0.03})
    even = name_disc(1, 1.0, {"4": 0.3, "5": 0.4, "6": 0.3}, 0.8)
    assert even.name is None
    assert next(iter(even.alternatives)) == "L5/S1"
    assert even.confidence == pytest.approx(0.4)


def test_a_field_cut_above_the_sacrum_has_alternatives_and_no_name():
    level = name_disc(1, 0.05, LUMBAR, 0.8)
    assert level.name is None
    assert {"L5/S1", "L4/L5", "L3/L4"} <= set(level.alternatives)
    assert level.alternatives["L4/L5"] > level.alternatives["L3/L4"] > level.alternatives["L2/L3"]


@given(st.floats(0.05, 0.95))
@FEW
def test_the_surer_the_sacrum_the_surer_the_name(on_sacrum: float):
    less, more = (name_disc(1, p, LUMBAR, 0.0) for p in (on_sacrum, min(1.0, on_sacrum + 0.05)))
    chance = [level.confidence if level.name == "L5/S1" else level.alternatives.get("L5/S1", 0) for level in (less, more)]
    assert chance[1] > chance[0]


@given(st.floats(0, 1), st.floats(0, 1))
@FEW
def test_the_locator_s_score_becomes_a_probability_that_keeps_its_order(one: float, other: float):
    low, high = sorted((one, other))
    settings_ = {"slope": 1.3, "offset": 0.4}
    assert 0 < lowest_probability(low, settings_) <= lowest_probability(high, settings_) < 1


def test_an_uncalibrated_score_is_its_own_probability():
    assert lowest_probability(0.3, {"slope": 1.0, "offset": 0.0}) == pytest.approx(0.3)


def test_a_disc_that_may_have_been_passed_over_below_makes_the_next_name_as_likely():
    level = name_disc(2, 1.0, LUMBAR, 0.8, missed=True)
    assert level.name is None
    assert level.alternatives["L4/L5"] == pytest.approx(level.alternatives["L3/L4"], abs=0.05)
    assert sum(level.alternatives.values()) == pytest.approx(1, abs=0.05)
