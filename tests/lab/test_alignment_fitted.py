"""What folds choose for each other: error bars that hold, and nothing learnt from the films that are judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spondyl.lab.alignment import measure
from spondyl.lab.alignment.asking import Asked, matched, read, within
from spondyl.lab.alignment.digital import NAMES as ARMS
from spondyl.lab.alignment.digital import markdown
from spondyl.lab.alignment.fitted import FIRST, fit_settings, shape_gaps, widest
from spondyl.lab.alignment.measure import figures, nested
from spondyl.tasks.xray_alignment.corners import Corners
from spondyl.tasks.xray_alignment.reading import Column
from spondyl.tasks.xray_alignment.shapes import SHAPES
from tasks.xray_alignment.columns import seen_as, spine

STRENGTHS = (0.0, 0.05, 0.5)


def asked(number: int, sd: float = 1.0, told: float = 1.0) -> Asked:
    """A film of fold `number % 4` whose corners were seen `sd` pixels off, with a spread of `told`."""
    rng = np.random.default_rng(number)
    truth = spine(17, float(rng.uniform(4, 25)))
    found = truth + rng.normal(0, sd, truth.shape)
    spread = np.tile(np.eye(2) * told**2, (17, 4, 1, 1))
    column = Column(seen_as(found, score=float(rng.uniform(0.6, 0.95))), Corners(found, spread), tuple(range(17)))
    return Asked(f"film-{number}", f"group-{number // 2}", number % 4, 512, truth, column)


FILMS = [asked(number) for number in range(32)]


def test_every_vertebra_is_matched_where_it_lies_and_a_second_one_there_is_false() -> None:
    truth = spine()
    assert matched(truth + 1.0, truth) == (tuple(range(17)), 0)
    assert matched(np.concatenate([truth, truth[3:4] + 2.0]), truth)[1] == 1
    assert matched(truth + np.array([200.0, 0.0]), truth) == ((-1,) * 17, 17)


def test_a_point_lies_within_a_turned_quadrilateral() -> None:
    box = spine(1, 30.0)[0]
    assert within(box.mean(axis=0), box)
    assert not within(box[0] + (box[0] - box.mean(axis=0)), box)


@pytest.mark.parametrize("told", [0.5, 1.0, 3.0])
def test_intervals_hold_nine_in_ten_whatever_the_networks_say_of_their_spread(told: float) -> None:
    films = [asked(number, told=told) for number in range(120)]
    settings = fit_settings(films[:60], STRENGTHS)
    readings = [read(film, settings) for film in films[60:]]
    held = [abs(one.angled.widest[0] - widest(one.asked.truth)) <= one.angled.widest[1] for one in readings]
    assert np.mean(held) == pytest.approx(0.9, abs=0.1)
    for name in SHAPES:
        inside = [np.abs(gap) <= one.factors[name] * sd for one in readings for gap, sd in (shape_gaps(one)[name],)]
        assert np.concatenate(inside).mean() == pytest.approx(0.9, abs=0.04)


def test_smoothing_is_chosen_where_corners_are_noisy() -> None:
    assert fit_settings([asked(number, sd=2.5) for number in range(24)], STRENGTHS)["angles"]["plate_strength"] == 0.5
    assert fit_settings([asked(number, sd=0.02) for number in range(24)], STRENGTHS)["angles"]["plate_strength"] < 0.5


def test_a_film_never_has_a_say_in_its_own_settings() -> None:
    before = nested(FILMS, STRENGTHS)
    spoilt = [replace(film, truth=film.truth + np.array([3.0, 9.0])) if film.fold == 2 else film for film in FILMS]
    after = nested(spoilt, STRENGTHS)
    for film, one, other in zip(FILMS, before, after, strict=True):
        if film.fold == 2:
            assert np.array_equal(one.angled.plates, other.angled.plates)
            assert one.angled.errors_deg == other.angled.errors_deg


def test_figures_of_perfect_corners_are_perfect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "DRAWS", 20)
    films = [asked(number, sd=0.0) for number in range(10)]
    settings = {**FIRST, "angles": {**FIRST["angles"], "plate_strength": 0.0, "mid_strength": 0.0}}
    table = figures([read(film, settings) for film in films], settings["angles"], 0)
    assert table["found"][0] == 1
    assert table["false_per_film"][0] == 0
    assert table["corner_error"]["median"] == 0
    assert table["cobb"]["mean_absolute_error"][0] == pytest.approx(0, abs=1e-9)
    assert table["smape"][0] == pytest.approx(0, abs=1e-9)
    assert table["names"]["right"] == 1


def test_too_few_columns_leave_the_first_settings() -> None:
    empty = Column((), Corners(np.zeros((0, 4, 2)), np.zeros((0, 4, 2, 2))), ())
    assert fit_settings([replace(film, raw=empty) for film in FILMS[:8]], STRENGTHS) == FIRST


def test_the_comparison_says_both_arms_and_their_paired_difference() -> None:
    rng = np.random.default_rng(0)
    without = rng.random((12, len(ARMS)))
    words = markdown(without, without + 0.5, [f"g{k}" for k in range(12)])
    assert words.count("+0.50 (+0.50 to +0.50)") == len(ARMS)
