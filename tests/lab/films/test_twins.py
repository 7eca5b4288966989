"""Digital patients whose lesions come and go."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.core import InputError
from spondyl.datasets.making.order import Scale
from spondyl.lab.films.twin_figures import Pair, twin_figures
from spondyl.lab.films.twin_films import Wanted, examine, order_for
from spondyl.lab.films.twins import given, place_of, places_of, taken
from spondyl.phantom import draw_subject
from spondyl.phantom.measured import FilmBox, FilmDisc, FilmTruth
from spondyl.phantom.twin import disc_names

COARSE = Scale(fine_mm=1.4, trunk_mm=5.0, film_mm=1.0)


def _truth(*boxes: tuple[str, str], grades: tuple[int, ...] = ()) -> FilmTruth:
    discs = tuple(FilmDisc(f"L{4 - k}/L{5 - k}", k + 2, (0.0, 0.0, 1.0, 1.0), grade, True) for k, grade in enumerate(grades))
    found = tuple(FilmBox(lesion, (0.0, 0.0, 2.0 + k, 2.0), where, "") for k, (lesion, where) in enumerate(boxes))
    return FilmTruth("lateral", (10, 10), found, (), discs, max(grades, default=None), bool(boxes))


def test_every_finding_of_a_level_goes_with_the_level():
    truth = _truth(("Osteophytes", "L4/L5 anterior_above"), ("Osteophytes", "L4/L5 anterior_below"), ("Disc space narrowing", "L4/L5"))
    assert set(places_of(truth, "xray-lesions")) == {"L4/L5:spurs", "L4/L5:narrowing"}


@pytest.mark.parametrize(
    ("lesion", "where", "place"),
    [("Spondylolysthesis", "L4/L5", "L4/L5:slip"), ("Vertebral collapse", "L1", "L1:fracture"), ("Surgical implant", "screws", "implants"),
     ("Foraminal stenosis", "L5/S1", "L5/S1:stenosis"), ("Other lesions", "L3/L4 sclerosis", "L3/L4:sclerosis"),
     ("Other lesions", "L2", "L2:lesion"), ("Other lesions", "coin", "foreign")],
)  # fmt: skip
def test_every_kind_of_finding_has_a_place(lesion, where, place):
    assert place_of(FilmBox(lesion, (0, 0, 1, 1), where, "")) == place


def test_the_worst_discs_of_a_film_make_its_grade():
    assert places_of(_truth(grades=(1, 3, 3)), "xray-grade") == ("L3/L4:worn", "L2/L3:worn")
    assert places_of(_truth(grades=(0, 0)), "xray-grade") == ()


def test_taking_a_thing_away_leaves_every_other_number():
    spec = draw_subject(np.random.default_rng(4), "uniform")
    at = disc_names(spec).index("L4/L5")
    twin = taken(spec, ["L4/L5:spurs"])
    assert spec.discs[at].spurs_mm > twin.discs[at].spurs_mm == (0.0, 0.0)
    assert twin.discs[at].height_loss == spec.discs[at].height_loss
    assert twin.discs[:at] == spec.discs[:at]
    assert (twin.vertebrae, twin.trunk, twin.texture_seed) == (spec.vertebrae, spec.trunk, spec.texture_seed)


def test_what_is_given_comes_at_one_level_and_is_the_same_for_the_same_seed():
    spec = draw_subject(np.random.default_rng(4), "healthy")
    twin, place = given(np.random.default_rng(1), spec, "vindr", "xray-lesions")
    assert (twin, place) == given(np.random.default_rng(1), spec, "vindr", "xray-lesions")
    changed = [k for k, pair in enumerate(zip(spec.discs, twin.discs, strict=True)) if pair[0] != pair[1]]
    bent = [k for k, pair in enumerate(zip(spec.vertebrae, twin.vertebrae, strict=True)) if pair[0] != pair[1]]
    assert len(changed) + len(bent) == 1


def test_nothing_can_be_given_where_nobody_has_anything():
    from spondyl.phantom import Profile

    spec = draw_subject(np.random.default_rng(4), "healthy")
    with pytest.raises(InputError) as error:
        given(np.random.default_rng(1), spec, Profile("well", grade_shift=-9.0, spur=0.0, loss=0.0, slip=0.0), "xray-lesions")
    assert error.value.code == "twin-no-donor"


def test_a_twin_is_the_same_film_but_for_what_was_taken_and_the_placebo_but_for_noise():
    wanted = Wanted("xray-lesions", order_for("xray-lesions", 5, COARSE))
    patient = examine(wanted, 1)
    assert patient.change == "taken"
    labels = {view: (patient.before[view].truth.abnormal, patient.after[view].truth.abnormal) for view in patient.before}
    assert (True, False) in labels.values()
    for view, shot in patient.before.items():
        placebo, twin = patient.placebo[view], patient.after[view]
        assert shot.pixels.shape == placebo.pixels.shape == twin.pixels.shape
        assert 0 < float(np.abs(shot.pixels - placebo.pixels).mean()) < 0.05
        assert placebo.truth == shot.truth


def test_patients_of_the_trust_tests_are_no_others():
    from spondyl.datasets.miniatures import judging_order

    for task, name in (("xray-lesions", "xray_lesions_eval"), ("xray-grade", "xray_grade_eval")):
        judged = judging_order(name)[0]
        assert order_for(task, judged.seed).owner(0) != judged.owner(0)
        assert order_for(task, judged.seed).role_of(0) == "twin"


def _pair(change: str, first: float, placebo: float, twin: float, kind: str = "only one", group: str = "a") -> Pair:
    return Pair(group, change, kind if change == "taken" else "given", first, placebo, twin)


def test_a_fall_counts_only_beyond_what_noise_changed():
    clear, within = _pair("taken", 0.9, 0.88, 0.2), _pair("taken", 0.9, 0.95, 0.87, group="b")
    figures = twin_figures([clear, within, _pair("taken", 0.5, 0.4, 0.6, group="c")])
    assert figures["pairs"] == 3
    assert figures["twins_fall"]["estimate"] == pytest.approx(1 / 3, abs=1e-4)
    assert figures["twins_fall_any"]["estimate"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["placebo"]["estimate"] == pytest.approx(1 / 3, abs=1e-4)
    assert figures["reverse_rise"] is None


def test_pairs_whose_label_stays_are_told_apart():
    figures = twin_figures([_pair("taken", 0.9, 0.9, 0.8, "one of several"), _pair("given", 0.1, 0.1, 0.7, group="b")])
    assert figures["pairs"] == 0
    assert figures["twins_fall"] is None
    assert figures["twins_fall_kinds"]["one of several"]["fall"]["estimate"] == 1.0
    assert figures["reverse_rise"]["estimate"] == 1.0
