"""Change of bone density: nothing below the least significant change is called a change, and nothing is said that is not known."""

from __future__ import annotations

import doctest
from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spondyl.metrics import bone_change
from spondyl.metrics.bone_change import (
    GAIN,
    GIVEN,
    LOSS,
    UNCHANGED,
    WORST,
    WORST_LSC_PERCENT,
    Examination,
    compare,
    least_significant_change,
    over_common,
    pairs,
)
from spondyl.metrics.bone_density import REGION, rms_sd

DENSITIES = st.dictionaries(st.sampled_from(REGION), st.floats(0.3, 2.0), min_size=2)
PRECISIONS = st.floats(0.001, 0.05)
OPPOSITE = {GAIN: LOSS, LOSS: GAIN, UNCHANGED: UNCHANGED}


def examination(density: dict[str, float], *left_out: str, **more: object) -> Examination:
    """An examination that counts all its vertebrae but some."""
    return Examination(density, tuple(name for name in REGION if name in density and name not in left_out), **more)  # type: ignore[arg-type]


def four(value: float, **more: object) -> Examination:
    """L1 to L4 of one density."""
    return examination(dict.fromkeys(REGION, value), **more)


def test_the_examples_run():
    outcome = doctest.testmod(bone_change)
    assert (outcome.attempted, outcome.failed) == (2, 0)


@given(DENSITIES, DENSITIES, PRECISIONS)
def test_a_change_has_a_verdict_exactly_from_the_least_significant_change_on(before, after, precision):
    said = compare(examination(before), examination(after), machines="same", rms_sd_g_cm2=precision)
    if len(set(before) & set(after)) < 2:
        assert said.verdict is None
        assert said.change is None
        assert "fewer than two vertebrae" in said.reason
        return
    assert said.change is not None
    assert said.lsc == least_significant_change(precision)
    if abs(said.change) < said.lsc - 1e-8:
        assert said.verdict == UNCHANGED
    if abs(said.change) > said.lsc + 1e-8:
        assert said.verdict == (GAIN if said.change > 0 else LOSS)
    assert said.reason == ""


@given(DENSITIES, DENSITIES, PRECISIONS)
def test_the_way_back_is_the_opposite(before, after, precision):
    there = compare(examination(before), examination(after), machines="same", rms_sd_g_cm2=precision)
    back = compare(examination(after), examination(before), machines="same", rms_sd_g_cm2=precision)
    assert (there.common is None) == (back.common is None)
    if there.common is not None and there.change is not None and there.verdict is not None:
        assert there.common.vertebrae == back.common.vertebrae  # type: ignore[union-attr]
        assert back.change == pytest.approx(-there.change)
        assert back.verdict == OPPOSITE[there.verdict]


@given(DENSITIES, DENSITIES, PRECISIONS)
def test_percent_and_g_cm2_say_the_same(before, after, precision):
    said = compare(examination(before), examination(after), machines="same", rms_sd_g_cm2=precision)
    if said.common is not None and said.change is not None and said.change_percent is not None and said.lsc_percent is not None:
        first, last = said.common.means
        assert isclose(first * (1 + said.change_percent / 100), last, rel_tol=1e-9)
        assert isclose(said.lsc_percent / 100 * first, said.lsc or 0, rel_tol=1e-9)


@given(st.lists(st.tuples(*[st.floats(0.3, 2.0)] * 4), min_size=2, max_size=4), st.sets(st.sampled_from(REGION)))
def test_a_vertebra_that_one_examination_does_not_count_moves_nothing(values, out):
    whole = [examination(dict(zip(REGION, row, strict=True))) for row in values]
    whole[0] = examination(dict(whole[0].density), *out)
    common = over_common(whole)
    if len(out) > 2:
        assert common is None
        return
    kept = [name for name in REGION if name not in out]
    assert common is not None
    assert common.vertebrae == tuple(kept)
    assert common.means == pytest.approx([float(np.mean([row[REGION.index(name)] for name in kept])) for row in values])


@pytest.mark.parametrize("precision", [0.008, 0.010, 0.019])
def test_where_nothing_changed_one_pair_in_twenty_is_called_changed(precision):
    rng = np.random.default_rng(6)
    truth = rng.normal(1.0, 0.12, 3000)
    study = [rng.normal(mean, precision, 2) for mean in truth]
    found = rms_sd(study)
    assert found == pytest.approx(precision, rel=0.05)
    pairs_seen = [rng.normal(mean, precision, 2) for mean in truth]
    said = [compare(four(a), four(b), machines="same", rms_sd_g_cm2=found).verdict for a, b in pairs_seen]
    changed = np.mean([verdict != UNCHANGED for verdict in said])
    assert changed == pytest.approx(0.05, abs=0.012)  # three standard errors of 3000 pairs
    assert said.count(GAIN) == pytest.approx(said.count(LOSS), abs=45)


def test_exactly_the_least_significant_change_counts():
    assert compare(four(0.9), four(0.9277), machines="same", rms_sd_g_cm2=0.010).verdict == GAIN
    assert compare(four(0.9277), four(0.9), machines="same", rms_sd_g_cm2=0.010).verdict == LOSS
    assert compare(four(0.9), four(0.9276), machines="same", rms_sd_g_cm2=0.010).verdict == UNCHANGED


@pytest.mark.parametrize(("later", "would"), [(0.94, LOSS), (0.96, UNCHANGED), (1.06, GAIN)])
def test_without_a_precision_there_is_no_verdict_but_what_the_worst_accepted_one_would_give(later, would):
    said = compare(four(1.0), four(later), machines="same")
    assert said.verdict is None
    assert said.provisional == would
    assert said.lsc_from == WORST
    assert said.lsc_percent == pytest.approx(5.3, abs=0.05)
    assert said.lsc == pytest.approx(WORST_LSC_PERCENT / 100)
    assert "precision of the site is not known" in said.reason
    assert "5.3 %" in said.reason


@pytest.mark.parametrize(
    ("earlier", "later", "machines", "words"),
    [
        (four(1.0), four(0.8), None, "one machine"),
        (four(1.0), four(0.8, unit="HU"), "same", "the units differ: g/cm2 and HU"),
        (four(1.0, unit="HU"), four(0.8, unit="HU"), "same", "the densities are in HU"),
        (four(1.0, source="measured"), four(0.8, source="read from the report"), "same", "measured, the other read from the report"),
        (four(1.0, source="measured"), four(0.8), "cross-calibrated", "an unknown way"),
        (examination({"L1": 1.0, "L2": 1.0}), examination({"L3": 0.8, "L4": 0.8}), "same", "earlier: L1, L2; later: L3, L4"),
        (examination(dict.fromkeys(REGION, 1.0), "L3", "L4"), examination(dict.fromkeys(REGION, 0.8), "L1"), "same", "fewer than two"),
    ],
)
def test_where_a_comparison_is_not_allowed_there_is_no_verdict_and_a_reason(earlier, later, machines, words):
    said = compare(earlier, later, machines=machines, rms_sd_g_cm2=0.010)
    assert said.verdict is None
    assert said.provisional is None
    assert said.lsc is None
    assert words in said.reason


def test_machines_that_were_cross_calibrated_are_compared_as_one_is():
    said = compare(four(1.0), four(0.9), machines="cross-calibrated", rms_sd_g_cm2=0.012)
    assert (said.verdict, said.lsc_from) == (LOSS, GIVEN)
    with pytest.raises(ValueError, match="machines are one of"):
        compare(four(1.0), four(0.9), machines="alike")


def test_the_mean_is_weighted_by_area_where_all_areas_are_known_and_plain_where_one_is_not():
    areas = {"L1": 12.0, "L2": 13.0, "L3": 15.0, "L4": 17.0}
    before = {"L1": 0.8, "L2": 0.9, "L3": 1.0, "L4": 1.1}
    weighted = over_common([examination(before, areas_cm2=areas), four(1.0, areas_cm2=areas)])
    assert weighted is not None
    assert weighted.means[0] == pytest.approx(sum(before[name] * areas[name] for name in REGION) / sum(areas.values()))
    assert weighted.method == "area-weighted mean"
    plain = over_common([examination(before, areas_cm2=areas), four(1.0, areas_cm2={"L1": 12.0})])
    assert plain is not None
    assert plain.means[0] == pytest.approx(0.95)
    assert "plain" in plain.method


def test_the_mean_that_examinations_give_themselves_holds_only_over_the_very_same_vertebrae():
    one, two = four(1.0, mean=0.97), four(1.0, mean=0.99)
    same = over_common([one, two])
    assert same is not None
    assert same.means == (0.97, 0.99)
    other = over_common([one, examination(dict.fromkeys(REGION, 1.0), "L3", mean=0.99)])
    assert other is not None
    assert other.vertebrae == ("L1", "L2", "L4")
    assert other.means == pytest.approx((1.0, 1.0))
    told = over_common([Examination({}, ("L1", "L2"), mean=0.9), Examination({}, ("L1", "L2"), mean=0.8)])
    assert told is not None
    assert told.means == (0.9, 0.8)


def test_each_examination_of_a_series_is_compared_with_the_first_and_with_the_one_before():
    assert [row[:2] for row in pairs(4)] == [(0, 1), (0, 2), (1, 2), (0, 3), (2, 3)]
    assert pairs(1) == ()


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_a_density_that_is_no_positive_number_is_refused(bad):
    with pytest.raises(ValueError, match="positive"):
        four(bad)
    with pytest.raises(ValueError, match="positive"):
        four(1.0, mean=bad)


def test_only_l1_to_l4_count():
    with pytest.raises(ValueError, match="L5"):
        Examination({"L5": 1.0, "L4": 1.0}, ("L4", "L5"))
