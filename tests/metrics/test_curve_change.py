"""Change of a curve: nothing within the error is called a change, and two different curves are never compared."""

from __future__ import annotations

import doctest
from dataclasses import replace
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spondyl.core.level import VERTEBRAE_UP
from spondyl.metrics import curve_change
from spondyl.metrics.curve_change import BULGES, LARGER, SIDES, SMALLER, UNCHANGED, FilmCurve, compare

LEFT, RIGHT = BULGES
DOWN = tuple(reversed(VERTEBRAE_UP))
OPPOSITE = {LARGER: SMALLER, SMALLER: LARGER, UNCHANGED: UNCHANGED}
FIRST = FilmCurve(30.0, 3.0, "T5", "T12", RIGHT)


@st.composite
def curves(draw: Any) -> FilmCurve:
    """Any curve: named or not, its side told or not."""
    upper, lower = sorted(draw(st.lists(st.integers(0, len(DOWN) - 1), min_size=2, max_size=2, unique=True)))
    names = [name if draw(st.integers(0, 5)) else None for name in (DOWN[upper], DOWN[lower])]
    return FilmCurve(draw(st.floats(1, 120)), draw(st.floats(0, 20)), names[0], names[1], draw(st.sampled_from(BULGES)),
                     draw(st.sampled_from((None, *SIDES))))


def test_the_examples_run():
    outcome = doctest.testmod(curve_change)
    assert (outcome.attempted, outcome.failed) == (3, 0)


@given(curves())
def test_a_curve_against_itself_is_no_change(curve: FilmCurve):
    said = compare(curve, curve)
    if curve.upper is None or curve.lower is None:
        assert (said.same, said.verdict) == (None, None)
    else:
        assert (said.same, said.change_deg, said.verdict, said.reason) == (True, 0.0, UNCHANGED, "")


@given(curves(), curves())
def test_the_way_back_is_the_opposite(earlier: FilmCurve, later: FilmCurve):
    there, back = compare(earlier, later), compare(later, earlier)
    assert there.same == back.same
    if there.verdict is None or there.change_deg is None:
        assert (back.verdict, back.change_deg) == (None, None)
    else:
        assert back.change_deg == -there.change_deg
        assert back.error_deg == there.error_deg
        assert back.verdict == OPPOSITE[there.verdict]


@given(curves(), curves())
def test_there_is_a_verdict_exactly_for_one_and_the_same_curve_and_else_a_reason(earlier: FilmCurve, later: FilmCurve):
    said = compare(earlier, later)
    assert (said.verdict is not None) == (said.same is True) == (said.change_deg is not None) == (not said.reason)
    if said.same:
        enclosed = [set(range(DOWN.index(one.upper), DOWN.index(one.lower))) for one in (earlier, later) if one.upper and one.lower]
        assert enclosed[0] & enclosed[1]


@given(st.floats(1, 120), st.floats(1, 120), st.floats(0, 20), st.floats(0, 20))
def test_a_change_is_said_exactly_beyond_the_root_of_the_sum_of_squares(before: float, after: float, one: float, other: float):
    said = compare(replace(FIRST, angle_deg=before, error_deg=one), replace(FIRST, angle_deg=after, error_deg=other))
    error = sqrt(one**2 + other**2)
    assert said.error_deg == pytest.approx(error)
    if after - before > error + 1e-8:
        assert said.verdict == LARGER
    elif before - after > error + 1e-8:
        assert said.verdict == SMALLER
    elif abs(after - before) < error - 1e-8:
        assert said.verdict == UNCHANGED


def test_exactly_the_error_is_no_change():
    assert compare(FIRST, replace(FIRST, angle_deg=35.0, error_deg=4.0)).verdict == UNCHANGED
    assert compare(FIRST, replace(FIRST, angle_deg=35.01, error_deg=4.0)).verdict == LARGER


@pytest.mark.parametrize(
    ("changes", "same", "words"),
    [
        ({"bulges_to": LEFT}, False, "left of the picture"),
        ({"upper": "T12", "lower": "L4"}, False, "T12 to L4"),  # curves that follow each other share an end vertebra
        ({"upper": "T11", "lower": "L4"}, True, ""),
        ({"upper": "C7", "lower": "T6"}, True, ""),
        ({"upper": "L1", "lower": "L6"}, False, "different curves"),
        ({"upper": None}, None, "later has no sure name"),
        ({"lower": None}, None, "later has no sure name"),
        ({"upper": None, "bulges_to": LEFT}, False, "different curves"),
    ],
)
def test_one_curve_bulges_to_one_side_between_common_vertebrae(changes: dict[str, Any], same: bool | None, words: str):
    said = compare(FIRST, replace(FIRST, angle_deg=60.0, **changes))
    assert said.same is same
    assert words in said.reason
    assert (said.verdict is not None) == (same is True)


@pytest.mark.parametrize(
    ("earlier", "later", "same"),
    [
        ((RIGHT, "right"), (RIGHT, "right"), True), ((RIGHT, "right"), (LEFT, "right"), True), ((RIGHT, "right"), (RIGHT, "left"), False),
        ((RIGHT, "right"), (RIGHT, None), True), ((RIGHT, "right"), (LEFT, None), False),
    ],
)
def test_the_side_is_the_patients_where_both_films_tell_it(earlier: tuple[str, str | None], later: tuple[str, str | None], same: bool):
    pair = [replace(FIRST, bulges_to=bulges_to, side=side) for bulges_to, side in (earlier, later)]
    assert compare(*pair).same is same


@pytest.mark.parametrize(("earlier", "later", "words"), [
    (None, FIRST, "the earlier film has no curve"), (FIRST, None, "the later film has no curve"), (None, None, "both films have no curve"),
])
def test_a_film_without_a_curve_gets_no_verdict(earlier: FilmCurve | None, later: FilmCurve | None, words: str):
    said = compare(earlier, later)
    assert (said.same, said.verdict, said.change_deg) == (None, None, None)
    assert words in said.reason


@pytest.mark.parametrize("changes", [
    {"angle_deg": -1.0}, {"angle_deg": 181.0}, {"angle_deg": float("nan")}, {"error_deg": -0.1}, {"error_deg": float("nan")},
    {"error_deg": float("inf")}, {"bulges_to": "left"}, {"side": "both"}, {"upper": "L3"}, {"upper": "T12"}, {"upper": "X1"},
    {"lower": "T"},
])
def test_a_curve_that_makes_no_sense_cannot_be_built(changes: dict[str, Any]):
    with pytest.raises(ValueError, match=r"got|side"):
        replace(FIRST, **changes)
