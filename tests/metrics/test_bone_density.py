"""Rules of reading bone density: the borders of the classes, the references, which vertebrae count, and chances against simulation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.core import InputError, NotFoundError
from spondyl.metrics.bone_density import (
    CLASSES,
    DEFAULT_REFERENCE,
    PEER_AGES,
    PEERS,
    REFERENCES,
    REGION,
    class_chances,
    class_of,
    counted,
    predictive_values,
    reference_named,
    rms_sd,
    t_score,
    weighted_mean,
    who_class,
    z_score,
)

FEW = settings(max_examples=80, deadline=None)
scores = st.floats(-6, 4)
shares = st.floats(0.01, 0.99)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_s_own_mean_has_a_score_of_zero_and_a_deviation_less_is_minus_one(name):
    young = reference_named(name)
    assert young.name == name
    assert young.source
    assert t_score(young.mean, name) == 0
    assert t_score(young.mean - young.sd, name) == pytest.approx(-1)
    assert t_score(young.mean - 2.5 * young.sd, name) == pytest.approx(-2.5)


def test_who_asks_for_no_reference_gets_the_one_that_is_named_as_usual():
    assert t_score(0.9) == t_score(0.9, DEFAULT_REFERENCE)
    assert t_score(0.9) != t_score(0.9, "ge")


def test_a_misspelt_reference_is_told_the_right_one():
    with pytest.raises(NotFoundError, match="Did you mean 'hologic'") as unknown:
        t_score(1.0, "hologik")
    assert unknown.value.code == "unknown-reference"


@pytest.mark.parametrize("sex", PEERS)
@pytest.mark.parametrize("decade", range(len(PEER_AGES)))
def test_peers_of_a_decade_are_those_of_the_table(sex, decade):
    mean, sd = PEERS[sex][decade]
    spread = sd if sd is not None else PEERS["F"][decade][1]
    assert spread is not None
    assert z_score(mean, sex, PEER_AGES[decade]) == pytest.approx(0)
    assert z_score(mean + spread, sex, PEER_AGES[decade]) == pytest.approx(1)


@given(st.sampled_from("FM"), st.floats(25, 75), st.floats(0.4, 1.8))
@FEW
def test_between_two_decades_peers_change_evenly(sex, age, bmd):
    k = min(int((age - 25) // 10), len(PEER_AGES) - 2)
    part = (age - PEER_AGES[k]) / 10
    (low, low_sd), (high, high_sd) = [(PEERS[sex][j][0], PEERS[sex][j][1] or PEERS["F"][j][1]) for j in (k, k + 1)]
    assert low_sd is not None
    assert high_sd is not None
    wanted = (bmd - (low + part * (high - low))) / (low_sd + part * (high_sd - low_sd))
    assert z_score(bmd, sex, age) == pytest.approx(wanted)


@pytest.mark.parametrize(("age", "same_as"), [(21, 25), (24.9, 25), (76, 75), (80, 75)])
def test_at_the_ends_of_the_table_the_last_decade_stands(age, same_as):
    assert z_score(0.9, "F", age) == z_score(0.9, "F", same_as)


@pytest.mark.parametrize(("sex", "age"), [("F", 20.9), ("M", 80.1), ("O", 60.0), ("", 60.0), ("F", float("nan"))])
def test_people_whom_the_table_does_not_know_have_no_peers(sex, age):
    with pytest.raises(InputError, match="21 to 80") as refused:
        z_score(1.0, sex, age)
    assert refused.value.code == "no-peers"
    assert refused.value.hint


@pytest.mark.parametrize(("t", "wanted"), [
    (1.0, "normal"), (-1.0, "normal"), (np.nextafter(-1.0, -2), "osteopenia"), (-1.01, "osteopenia"),
    (np.nextafter(-2.5, 0), "osteopenia"), (-2.5, "osteoporosis"), (-4.0, "osteoporosis"),
])
def test_the_borders_of_the_classes_are_those_of_the_who(t, wanted):
    assert class_of(t) == wanted
    assert who_class(t, 50.0) == wanted
    assert who_class(t, 91.0) == wanted


def test_the_classes_do_not_hold_for_the_young():
    assert who_class(-3.0, 49.99) is None
    assert who_class(0.0, 20.0) is None


@given(scores, st.floats(0.01, 3))
@FEW
def test_chances_of_the_classes_add_up_to_one_and_none_is_negative(t, sd):
    chances = class_chances(t, sd)
    assert sum(chances) == pytest.approx(1)
    assert min(chances) >= 0


@given(scores, st.floats(0.01, 3), st.floats(0, 2))
@FEW
def test_a_lower_score_never_makes_osteoporosis_less_likely(t, sd, step):
    assert class_chances(t - step, sd)[2] >= class_chances(t, sd)[2]
    assert class_chances(t - step, sd)[0] <= class_chances(t, sd)[0]


@pytest.mark.parametrize(("t", "sd"), [(-1.0, 0.3), (-2.5, 0.4), (-1.8, 0.5), (-3.0, 0.2), (0.2, 1.0)])
def test_chances_are_those_of_measuring_many_times(t, sd):
    rng = np.random.default_rng(4)
    said = [class_of(value) for value in rng.normal(t, sd, 20000)]
    assert class_chances(t, sd) == pytest.approx([said.count(name) / len(said) for name in CLASSES], abs=0.012)


@given(scores.filter(lambda t: min(abs(t + 1), abs(t + 2.5)) > 0.01))
@FEW
def test_a_score_that_is_known_exactly_has_its_class_for_certain(t):
    assert class_chances(t, 1e-4)[CLASSES.index(class_of(t))] == pytest.approx(1)


tables = st.dictionaries(st.sampled_from(REGION), st.sampled_from([-4.0, -3.0, -2.5, -2.0, -1.0, 0.5, 2.0]))
changes = st.dictionaries(st.sampled_from(REGION), st.sampled_from(["fracture", "implant"]))


@given(tables, changes)
@FEW
def test_what_counts_is_what_was_measured_and_is_not_changed_if_two_remain(t_scores, changed):
    said = counted(t_scores, changed)
    sound = [name for name in ("L1", "L2", "L3", "L4") if name in t_scores and name not in changed]
    assert said.vertebrae == (tuple(sound) if len(sound) >= 2 else ())
    assert dict(said.left_out) == {name: why for name, why in changed.items() if name in t_scores}


@given(tables, changes)
@FEW
def test_neighbours_are_apart_only_where_both_are_sound_and_more_than_one_t_differs(t_scores, changed):
    said = counted(t_scores, changed)
    for first, second in said.apart:
        assert abs(t_scores[first] - t_scores[second]) > 1.0
        assert not {first, second} & set(changed)
        between = REGION[REGION.index(first) + 1:REGION.index(second)]
        assert not set(between) & set(t_scores), "no measured vertebra lies between neighbours"
    for first, second in pairwise(REGION):
        if {first, second} <= set(t_scores) - set(changed):
            assert ((first, second) in said.apart) == (abs(t_scores[first] - t_scores[second]) > 1.0)


def test_exactly_one_t_is_no_reason_to_leave_a_vertebra_out():
    assert counted({"L1": -1.0, "L2": -2.0}, {}).apart == ()
    assert counted({"L1": -1.0, "L2": -2.01}, {}).apart == (("L1", "L2"),)


def test_an_implant_between_two_vertebrae_does_not_make_them_neighbours():
    assert counted({"L1": 0.0, "L2": 5.0, "L3": -3.0}, {"L2": "implant"}).apart == ()


@given(st.lists(st.tuples(st.floats(0.2, 2), st.floats(1, 30)), min_size=1, max_size=4))
@FEW
def test_the_mean_of_several_vertebrae_is_all_their_mineral_over_all_their_area(parts):
    mineral = sum(value * area for value, area in parts)
    assert weighted_mean(*zip(*parts, strict=True)) == pytest.approx(mineral / sum(area for _, area in parts))


@given(st.lists(st.lists(st.floats(0.5, 1.5), min_size=2, max_size=4), min_size=1, max_size=6))
@FEW
def test_the_precision_error_is_the_root_of_the_mean_variance(repeats):
    variances = []
    for own in repeats:
        mean = sum(own) / len(own)
        variances.append(sum((value - mean) ** 2 for value in own) / (len(own) - 1))
    assert rms_sd([np.array(own) for own in repeats]) == pytest.approx((sum(variances) / len(variances)) ** 0.5, abs=1e-12)


def test_subjects_of_any_density_show_the_precision_that_was_put_in():
    rng = np.random.default_rng(2)
    assert rms_sd([rng.normal(mean, 0.012, 3) for mean in rng.uniform(0.5, 1.5, 4000)]) == pytest.approx(0.012, rel=0.03)


@given(shares, shares, shares)
@FEW
def test_predictive_values_are_the_shares_of_a_counted_population(sensitivity, specificity, prevalence):
    people = 1_000_000.0
    sick, well = people * prevalence, people * (1 - prevalence)
    called = {"sick": sick * sensitivity, "well": well * (1 - specificity)}
    cleared = {"sick": sick - called["sick"], "well": well - called["well"]}
    positive, negative = predictive_values(sensitivity, specificity, prevalence)
    assert positive == pytest.approx(called["sick"] / sum(called.values()))
    assert negative == pytest.approx(cleared["well"] / sum(cleared.values()))


@given(shares, shares, shares, shares)
@FEW
def test_where_more_are_sick_a_positive_answer_is_worth_more_and_a_negative_one_less(sensitivity, specificity, one, other):
    (few_ppv, few_npv), (many_ppv, many_npv) = (predictive_values(sensitivity, specificity, p) for p in sorted((one, other)))
    assert many_ppv >= few_ppv - 1e-12
    assert many_npv <= few_npv + 1e-12


def test_where_nobody_is_called_so_there_is_no_predictive_value():
    positive, negative = predictive_values(0.0, 1.0, 0.2)
    assert np.isnan(positive)
    assert negative == pytest.approx(0.8)
    positive, negative = predictive_values(1.0, 0.0, 0.2)
    assert positive == pytest.approx(0.2)
    assert np.isnan(negative)
