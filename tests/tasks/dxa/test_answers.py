"""Who answers, and for whom: the scanner's report before the measurement, that before the picture, and no class for the young."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spondyl.core import DensitySaid, Finding, Series, Study
from spondyl.metrics.bone_density import CLASSES, REFERENCES, Counted, class_chances, counted, t_score, weighted_mean, z_score
from spondyl.tasks.dxa_osteoporosis.answers import Answer, answer, class_finding, people_notices, spine_said, z_of
from spondyl.tasks.dxa_osteoporosis.density import Measured
from spondyl.tasks.dxa_osteoporosis.votes import MEMBERS, from_classes
from tasks.dxa.density_scans import image

FEW = settings(max_examples=60, deadline=None)
HERE = "nhanes-women-21-30"
READER = {"members": ["cnn"], "weights": [[1, 0], [0, 1]], "offsets": [0, 0], "slopes": [1, 1], "shifts": [0, 0]}
SETTINGS: dict[str, Any] = {"reader": READER, "decide": {"positive_from": 0.8, "negative_to": 0.1}, "quantiles": [0.9, 0.9, 0.9],
                            "calibration": {"vertebra_sd": 0.03, "mean_sd": 0.02}}
PIXELS = image(np.zeros((8, 8), np.float32))
chances = st.tuples(*[st.floats(0.02, 1)] * 3).map(lambda row: np.array(row) / sum(row))


def study(*said: DensitySaid, sex: str | None = "F", age: float | None = 66.0) -> Study:
    return Study("k" * 20, (Series("s", "BMD", (PIXELS,)),), sex, age, said)


def row(region: str = "L1-L4", bmd: float | None = None, t: float | None = None, z: float | None = None) -> DensitySaid:
    return DensitySaid(region, bmd, t, z, "Enhanced SR")


def votes(p: tuple[float, float, float] = (0.2, 0.5, 0.3)) -> dict[str, NDArray[np.float64]]:
    return {name: from_classes(np.array([p])) for name in MEMBERS}


def measured(*values: float) -> dict[str, Measured]:
    return {f"L{k + 1}": Measured(value, 100 + 10 * k) for k, value in enumerate(values)}


def counted_of(own: dict[str, Measured], *left: str) -> Counted:
    return counted({name: t_score(one.bmd) for name, one in own.items()}, dict.fromkeys(left, "fracture"))


def asked(whose: Study, own: dict[str, Measured] | None = None, left: tuple[str, ...] = (), p: tuple[float, float, float] = (0.2, 0.5, 0.3),
          reference: str = HERE) -> Answer:
    return answer(whose, own or {}, counted_of(own or {}, *left), votes(p), SETTINGS, reference)


def values(said: Answer, name: str) -> list[tuple[str | None, float]]:
    return [(one.level, one.value) for one in said.measurements if one.name == name]


def codes(said: Answer) -> list[str]:
    return [notice.code for notice in said.notices]


def finding(said: Answer, *, doubtful: bool = False) -> Finding:
    each = {name: np.array([0.2, 0.5, 0.3]) for name in MEMBERS}
    return class_finding(said, each, SETTINGS, "i" * 32, doubtful=doubtful, contributions={"noise": 0.1})


@pytest.mark.parametrize(("t", "wanted"), [
    (0.3, "normal"), (-1.0, "normal"), (-1.1, "osteopenia"), (-2.5, "osteoporosis"), (-3.2, "osteoporosis")])
def test_a_t_score_in_the_report_answers_before_anything_else_and_its_source_is_named(t: float, wanted: str):
    said = asked(study(row(bmd=0.9, t=t, z=0.4)), measured(1.4, 1.4, 1.4, 1.4), p=(0.3, 0.4, 0.3))
    assert values(said, "t_score") == [(None, t)]
    assert values(said, "z_score") == [(None, 0.4)]
    assert values(said, "areal_bone_density") == [(None, 0.9)], "what was measured here is not mixed in"
    assert all("Enhanced SR" in one.method for one in said.measurements)
    assert codes(said) == ["density-from-report"]
    own = finding(said)
    assert (own.value, own.set, own.refer) == (wanted, (wanted,), False)
    assert own.probabilities == {name: float(name == wanted) for name in CLASSES}


def test_a_report_without_a_score_gives_its_density_and_no_class_since_it_does_not_say_whom_it_compares_with():
    said = asked(study(row(bmd=0.84, z=-0.7)))
    assert values(said, "areal_bone_density") == [(None, 0.84)]
    assert values(said, "z_score") == [(None, -0.7)]
    assert values(said, "t_score") == []
    assert codes(said) == ["density-from-report"]
    assert "no T-score" in said.notices[0].message
    own = finding(said)
    assert (own.value, own.probabilities, own.refer) == (None, None, True)


def test_a_picture_that_contradicts_the_report_is_said_does_not_answer_and_calls_for_a_reader():
    said = asked(study(row(t=0.5)), p=(0.02, 0.08, 0.9))
    assert codes(said) == ["density-from-report", "picture-disagrees"]
    assert (finding(said).value, finding(said).refer) == ("normal", True)


def test_a_changed_vertebra_under_a_report_calls_for_a_reader():
    changed = counted(dict.fromkeys(("L1", "L2", "L3", "L4"), 0.0), {"L2": "fracture"})
    said = answer(study(row(t=-0.5)), {}, changed, votes(), SETTINGS, HERE)
    assert (finding(said).value, finding(said).refer) == ("normal", True)


@pytest.mark.parametrize(("rows", "wanted"), [
    ([row("L2-L4", t=-1.0), row("L1-L4", t=-2.0)], "L1-L4"),
    ([row("L1-L3", t=-1.0), row("L2-L4", t=-2.0)], "L1-L3"),
    ([row("L1-L4", bmd=0.9), row("L2-L4", t=-2.0)], "L2-L4"),
    ([row("L3", t=-4.0), row("L1+L3+L4", t=-2.0)], "L1+L3+L4"),
    ([row("L1+L3+L4", t=-2.0), row("L1-L4", t=-1.0)], "L1-L4"),
    ([row("AP Spine", t=-2.0)], "AP Spine"), ([row("", t=-2.0)], ""),
    ([row("L3", t=-4.0)], None), ([row("L1-L4")], None), ([row("L1-L4", z=-1.0)], None), ([], None),
])
def test_the_row_of_the_whole_spine_is_taken_one_with_a_score_first(rows: list[DensitySaid], wanted: str | None):
    for order in (rows, rows[::-1]):
        said = spine_said(order)
        assert (said and said.region) == wanted


def test_one_vertebra_of_a_report_is_not_the_spine():
    said = asked(study(row("L3", bmd=0.6, t=-4.0)))
    assert (said.measurements, codes(said), said.certain) == ((), [], False)


@given(st.lists(st.floats(0.5, 1.5), min_size=2, max_size=4))
@FEW
def test_what_was_measured_answers_before_the_picture_with_its_error(densities: list[float]):
    own = measured(*densities)
    said = asked(study(), own)
    mean = weighted_mean([one.bmd for one in own.values()], [one.area_mm2 for one in own.values()])
    assert values(said, "areal_bone_density") == [*((name, one.bmd) for name, one in own.items()), (None, pytest.approx(mean))]
    ((_, t),) = values(said, "t_score")
    assert t == pytest.approx(t_score(mean, HERE), abs=0.0051)
    assert said.probabilities == pytest.approx(class_chances(t, 0.02 / REFERENCES[HERE].sd))
    assert values(said, "z_score") == [(None, pytest.approx(z_score(mean, "F", 66.0), abs=0.0051))]
    assert codes(said) == ["density-measured"]
    errors = {(one.name, one.level is None): one.error for one in said.measurements}
    assert errors["areal_bone_density", True] == pytest.approx(1.645 * 0.02, rel=1e-3)
    assert errors["areal_bone_density", False] == pytest.approx(1.645 * 0.03, rel=1e-3)
    assert errors["t_score", True] == pytest.approx(1.645 * 0.02 / REFERENCES[HERE].sd, rel=1e-3)


def test_a_vertebra_that_does_not_count_is_told_and_left_out_of_the_mean():
    own = measured(0.9, 1.9, 0.9, 0.9)
    said = asked(study(), own, left=("L2",))
    assert dict(values(said, "areal_bone_density")) == {"L1": 0.9, "L2": 1.9, "L3": 0.9, "L4": 0.9, None: pytest.approx(0.9)}
    (method,) = [one.method for one in said.measurements if one.name == "areal_bone_density" and one.level is None]
    assert method.startswith("mean of L1, L3, L4,")


def test_where_too_few_vertebrae_count_no_class_is_said_and_no_score():
    said = asked(study(), measured(0.9, 0.9, 0.9, 0.9), left=("L1", "L2", "L4"))
    assert said.probabilities is None
    assert values(said, "t_score") == []
    assert [level for level, _ in values(said, "areal_bone_density")] == ["L1", "L2", "L3", "L4"]
    own = finding(said)
    assert (own.value, own.probabilities, own.refer, own.set) == (None, None, True, ())


def test_a_measurement_at_a_border_calls_for_a_reader_and_one_far_from_it_does_not():
    young = REFERENCES[HERE]
    for t, wanted, refer in ((-2.45, {"osteopenia", "osteoporosis"}, True), (-4.0, {"osteoporosis"}, False), (0.5, {"normal"}, False),
                             (-1.0, {"normal", "osteopenia"}, False)):
        own = finding(asked(study(), measured(*[young.mean + t * young.sd] * 4)))
        assert (set(own.set), own.refer) == (wanted, refer)


@pytest.mark.parametrize(("p", "undecided"), [((0.05, 0.1, 0.85), False), ((0.9, 0.06, 0.04), False), ((0.3, 0.4, 0.3), True),
                                              ((0.1, 0.2, 0.7), True)])
def test_a_picture_alone_answers_with_probabilities_and_never_with_a_score(p: tuple[float, float, float], undecided: bool):
    said = asked(study(), p=p)
    assert (said.measurements, said.notices, said.certain) == ((), (), False)
    assert said.probabilities == pytest.approx(p)
    assert said.undecided is undecided
    if undecided:
        assert finding(said).refer


@given(chances)
@FEW
def test_the_class_that_is_said_is_the_median_and_always_in_the_set(p: NDArray[np.float64]):
    own = finding(Answer(p))
    assert own.value == CLASSES[int(np.argmax(p))]
    places = [CLASSES.index(str(name)) for name in own.set]
    assert own.value in own.set
    assert places == list(range(places[0], places[-1] + 1))


@given(chances)
@FEW
def test_a_set_that_holds_osteoporosis_and_another_class_calls_for_a_reader(p: NDArray[np.float64]):
    own = finding(Answer(p))
    assert own.refer == ("osteoporosis" in own.set and len(own.set) > 1)
    assert finding(Answer(p, undecided=True)).refer
    assert finding(Answer(p), doubtful=True).refer


@given(chances)
@FEW
def test_the_set_of_a_measurement_holds_nine_tenths_of_its_error(p: NDArray[np.float64]):
    own = finding(Answer(p, True))
    inside = [float(p[CLASSES.index(str(name))]) for name in own.set]
    assert sum(inside) >= 0.9 - 1e-6


def test_members_and_contributions_are_told_with_a_class_and_not_without_one():
    own = finding(Answer(np.array([0.2, 0.5, 0.3])))
    assert set(own.members) == set(MEMBERS)
    assert all(sum(vote.values()) == pytest.approx(1) for vote in own.members.values())
    assert (own.contributions, own.explanation, own.image) == ({"noise": 0.1}, "cam", "i" * 32)
    none = finding(Answer(None))
    assert (dict(none.members), dict(none.contributions), none.explanation, none.refer) == ({}, {}, None, True)


@pytest.mark.parametrize(("age", "applies", "wanted"), [
    (None, True, ["age-unknown"]), (50.0, True, []), (82.0, True, []), (49.9, False, ["who-classes-do-not-apply"]),
    (20.0, False, ["who-classes-do-not-apply"]),
])
def test_the_classes_hold_from_fifty_on_and_it_is_said_where_they_do_not(age: float | None, applies: bool, wanted: list[str]):
    holds, notices = people_notices(study(age=age))
    assert holds is applies
    assert [notice.code for notice in notices] == wanted


def test_the_young_get_no_class_and_no_t_score_whoever_answers_but_a_z_score_where_the_density_is_known():
    reported = asked(study(row(bmd=0.7, t=-3.0, z=-2.1), age=34.0))
    own = measured(0.7, 0.7, 0.7, 0.7)
    found = asked(study(age=34.0), own)
    for said in (reported, found, asked(study(age=34.0))):
        assert values(said, "t_score") == []
        assert codes(said)[0] == "who-classes-do-not-apply"
        answered = finding(said)
        assert (answered.value, answered.probabilities, answered.members, answered.refer) == (None, None, {}, True)
    assert values(reported, "z_score") == [(None, -2.1)]
    assert values(found, "z_score") == [(None, pytest.approx(z_score(0.7, "F", 34.0), abs=0.005))]
    assert values(found, "areal_bone_density")[-1] == (None, pytest.approx(0.7))


def test_where_the_age_is_unknown_the_class_carries_a_warning():
    for said in (asked(study(row(t=-3.0), age=None)), asked(study(age=None), measured(0.7, 0.7, 0.7, 0.7)), asked(study(age=None))):
        assert codes(said)[0] == "age-unknown"
        assert finding(said).value is not None


@pytest.mark.parametrize(("sex", "age"), [(None, 60.0), ("F", None), ("O", 60.0), ("F", 15.0), ("M", 90.0)])
def test_without_peers_there_is_no_z_score(sex: str | None, age: float | None):
    assert z_of(0.9, study(sex=sex, age=age)) is None
