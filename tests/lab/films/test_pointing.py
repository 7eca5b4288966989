"""Does the map point at the lesion?"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from spondyl.core import HeatMap
from spondyl.imaging import letterbox
from spondyl.lab.films.pointing import Pointed, covered, fixed_place, hits, peak_of, pointing
from spondyl.lab.films.randomised import DEPTHS, randomised, rank_correlation, scrambled
from spondyl.models.film_nets import create
from spondyl.reports.heatmap import overlay
from spondyl.tasks.films.maps import heat_map


def _film(peak: tuple[float, float], *boxes: tuple[float, float, float, float], group: str = "a", view: str = "ap") -> Pointed:
    return Pointed(group, view, (400, 200), boxes or ((50.0, 100.0, 70.0, 120.0),), peak, (16.0, 16.0))


def test_the_peak_is_where_the_map_is_drawn_brightest():
    values = np.zeros((6, 4), np.float32)
    values[4, 1] = 1.0
    heat = heat_map("abnormal", "id", values, letterbox((0, 0, 90, 150), (96, 64)), 1.0)
    (x, y), (width, height) = peak_of(heat.values, heat.to_image)
    shown = overlay(HeatMap("abnormal", "id", heat.values, heat.to_image), (150, 90))[..., 3].astype(float)
    rows, columns = np.nonzero(shown > 0.9 * shown.max())
    assert abs(x - (columns.mean() + 0.5)) < 1.5
    assert abs(y - (rows.mean() + 0.5)) < 1.5
    assert (width, height) == pytest.approx((16 * 150 / 96, 16 * 150 / 96))


def test_a_peak_half_a_cell_beside_the_box_counts_but_not_strictly():
    table = pointing([_film((77.0, 110.0))], np.random.default_rng(0))
    assert table["pointing"]["estimate"] == 1.0
    assert table["pointing_strict"]["estimate"] == 0.0
    assert pointing([_film((79.0, 110.0))], np.random.default_rng(0))["pointing"]["estimate"] == 0.0


def test_what_the_aim_asks_is_the_box_itself_on_films_with_exactly_one():
    inside, beside, outside = (60.0, 110.0), (77.0, 110.0), (150.0, 300.0)
    two = ((50.0, 100.0, 70.0, 120.0), (52.0, 100.0, 72.0, 120.0))
    films = [_film(inside, group="a"), _film(beside, group="b"), _film(outside, group="c"), _film(inside, group="d"),
             *(_film(inside, *two, group=f"two{number}") for number in range(5))]
    table = pointing(films, np.random.default_rng(0))
    assert (table["pointing_one_box_strict"]["estimate"], table["pointing_one_box"]["estimate"]) == (0.5, 0.75)


def test_any_box_of_the_place_will_do():
    film = _film((150.0, 300.0), (0.0, 0.0, 9.0, 9.0), (140.0, 290.0, 160.0, 310.0))
    assert hits(np.array([film.peak]), film.boxes).all()


def test_chance_is_the_share_of_the_film_that_would_count():
    assert covered(_film((0, 0), (0.0, 0.0, 200.0, 400.0))) == 1.0
    assert covered(_film((0, 0), (42.0, 92.0, 58.0, 108.0))) == pytest.approx(32 * 32 / (200 * 400), rel=0.25)


def test_the_fixed_place_is_chosen_on_other_patients_and_for_the_view():
    here, there = ((50.0, 100.0, 70.0, 120.0),), ((150.0, 300.0, 170.0, 320.0),)
    films = [_film((0, 0), *here, group=name) for name in "abc"] + [_film((0, 0), *there, group=name, view="lateral") for name in "def"]
    assert fixed_place(films).all()
    alone = [replace(films[0], boxes=there), *films[1:]]
    assert not fixed_place(alone)[0], "its own box does not help it"


def test_nothing_to_point_at_is_said_so():
    assert pointing([], np.random.default_rng(0)) == {"pointing_films": 0}


def test_random_weights_change_the_map_and_leave_the_network_alone():
    torch.manual_seed(0)
    net = create("resnet10t", 2, shape=(64, 48)).eval()
    torch.nn.init.normal_(net.head.weight, std=0.5)
    frames = np.random.default_rng(0).random((6, 64, 48), np.float32)
    kept = {name: value.clone() for name, value in net.state_dict().items()}
    table = randomised(net, frames, [0, 1] * 3, list("aabbcc"), seed=1)
    assert list(table) == list(DEPTHS)
    assert table["all"]["estimate"] < 0.95
    assert table == randomised(net, frames, [0, 1] * 3, list("aabbcc"), seed=1)
    assert all(torch.equal(value, kept[name]) for name, value in net.state_dict().items())


def test_each_depth_scrambles_more():
    torch.manual_seed(0)
    net = create("resnet10t", 2, shape=(64, 48)).eval()
    films = torch.rand(2, 1, 64, 48)
    changed = []
    for share in DEPTHS.values():
        blank = scrambled(net, share, films).state_dict()
        weights = [name for name, value in net.state_dict().items() if value.ndim == 4]
        changed.append({name for name in weights if not torch.equal(blank[name], net.state_dict()[name])})
    assert changed[0] == {"head.weight"}
    assert all(few < more for few, more in pairwise(changed))
    assert len(changed[-1]) == len(weights)


def test_rank_correlation_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=(2, 8, 5))
    assert rank_correlation(one, other) == pytest.approx(stats.spearmanr(one.ravel(), other.ravel()).statistic)
    assert rank_correlation(one, np.ones((8, 5))) == 0.0
