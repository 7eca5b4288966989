"""From maps to a chain of discs: against the slow definition, and round trip through maps that are drawn."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.imaging import letterbox
from spondyl.tasks.mri_discs.chain import LOG_SIZE_UNIT, STRIDE, best_chain, find_discs, peaks, typical_step

CHAIN = {"least_score": 0.05, "keep_score": 0.3, "step_cost": 8.0, "start_cost": 2.0, "start_least": 0.02}


def score_of(chain: tuple[int, ...], points: np.ndarray, step: float) -> float:
    """What a run of peaks is worth by the words of `best_chain`; -inf where a step is not allowed."""
    first = points[chain[0]]
    total = CHAIN["start_cost"] * np.log(max(first[5], CHAIN["start_least"]))
    total += sum(np.log(points[i, 4] / CHAIN["keep_score"]) for i in chain)
    for lower, upper in zip(chain, chain[1:], strict=False):  # noqa: RUF007  # a tuple of one has no pairs
        dx, up = points[upper, 0] - points[lower, 0], points[lower, 1] - points[upper, 1]
        if up <= 0 or abs(dx) > 1.73 * up:
            return -np.inf
        total -= CHAIN["step_cost"] * np.log(np.hypot(dx, up) / step) ** 2
    return float(total)


@given(st.integers(0, 2**31), st.integers(2, 7))
@settings(max_examples=40, deadline=None)
def test_the_chain_is_the_best_of_all_runs_of_peaks(seed: int, count: int):
    rng = np.random.default_rng(seed)
    places = np.column_stack([rng.uniform(60, 130, count), rng.uniform(10, 180, count)])
    points = np.column_stack([places, rng.uniform(8, 40, (count, 2)), rng.uniform(0.06, 1, count), rng.uniform(0.001, 1, count)])
    strong = points[points[:, 4] > 0.5]
    step = typical_step(strong if len(strong) >= 3 else points)
    bottom_up = sorted(range(count), key=lambda i: -points[i, 1])
    runs = [run for size in range(1, count + 1) for run in combinations(bottom_up, size)]
    best = max(score_of(run, points, step) for run in runs)
    chosen = best_chain(points, CHAIN)
    assert score_of(tuple(chosen), points, step) == pytest.approx(best, abs=1e-9)
    assert list(points[chosen, 1]) == sorted(points[chosen, 1], reverse=True)


def test_a_false_peak_between_two_discs_and_one_beside_the_spine_are_left_out():
    discs = [(100.0 + i, 170.0 - 24 * i, 30.0, 10.0, 0.9, 0.9 if i == 0 else 0.05) for i in range(6)]
    between = (100.0, 158.0, 30.0, 10.0, 0.3, 0.01)
    beside = (20.0, 120.0, 30.0, 10.0, 0.25, 0.01)
    points = np.array([*discs, between, beside])
    assert best_chain(points, CHAIN) == [0, 1, 2, 3, 4, 5]


def test_a_field_cut_above_the_sacrum_still_has_its_chain():
    points = np.array([(100.0, 170.0 - 24 * i, 30.0, 10.0, 0.9, 0.001) for i in range(5)])
    assert best_chain(points, CHAIN) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("count", [0, 1])
def test_no_peak_is_no_chain_and_one_peak_is_one(count: int):
    assert best_chain(np.zeros((count, 6)), CHAIN) == list(range(count))


def drawn(discs: list[tuple[float, float, float, float]], cells: int = 48) -> np.ndarray:
    """Maps (6, cells, cells) of discs (x, y, width, height) in frame pixels, as a perfect locator would put them out."""
    maps = np.zeros((6, cells, cells), np.float32)
    row, column = np.mgrid[0:cells, 0:cells] + 0.5
    for number, (x, y, width, height) in enumerate(discs):
        cx, cy = x / STRIDE, y / STRIDE
        bell = np.exp(-((column - cx) ** 2) / 2 - (row - cy) ** 2 / 2)
        maps[0] = np.maximum(maps[0], bell)
        maps[1] = np.maximum(maps[1], bell * (number == 0))
        near = np.hypot(column - cx, row - cy) < 2
        maps[2:, near] = [(cx - column)[near], (cy - row)[near], np.full(near.sum(), np.log(width / LOG_SIZE_UNIT)),
                          np.full(near.sum(), np.log(height / LOG_SIZE_UNIT))]
    return maps


@given(st.integers(0, 2**31), st.integers(3, 7))
@settings(max_examples=25, deadline=None)
def test_discs_that_are_drawn_into_maps_are_found_where_and_as_large_as_they_were(seed: int, count: int):
    rng = np.random.default_rng(seed)
    x, discs = 95.0, []
    for number in range(count):
        x += rng.uniform(-6, 6)
        discs.append((x, 180 - 24 * number + rng.uniform(-2, 2), rng.uniform(24, 40), rng.uniform(7, 13)))
    frame = letterbox((10.0, 20.0, 250.0, 500.0), (192, 192))
    scale = frame.to_source[0, 0]
    read = find_discs(drawn(discs), frame, CHAIN)
    assert len(read) == count
    for disc, (cx, cy, width, height) in zip(read, discs, strict=True):
        assert (disc.x, disc.y) == pytest.approx(tuple(frame.back(np.array([cx, cy]))), abs=0.1 * scale)
        assert (disc.width, disc.height) == pytest.approx((width * scale, height * scale), rel=1e-3)
        x0, y0, x1, y1 = disc.box
        assert (x0 + x1, y0 + y1, x1 - x0, y1 - y0) == pytest.approx((2 * disc.x, 2 * disc.y, disc.width, disc.height))
    assert read[0].lowest > 0.75  # a centre between two cells reads a little lower than its peak
    assert max(disc.lowest for disc in read[1:]) < 0.2


def test_peaks_come_best_first_and_weak_ones_do_not_come():
    maps = drawn([(60.0, 170.0, 30.0, 10.0), (60.0, 140.0, 30.0, 10.0), (60.0, 110.0, 30.0, 10.0)])
    maps[0, 20:30] *= 0.02
    maps[0, 30:38] *= 0.5
    table = peaks(maps, 0.05)
    assert table[:, 1] == pytest.approx([170.0, 140.0], abs=0.1)
    assert list(table[:, 4]) == sorted(table[:, 4], reverse=True)


def test_empty_maps_have_no_discs():
    maps = np.zeros((6, 48, 48), np.float32)
    assert find_discs(maps, letterbox((0, 0, 100, 100), (192, 192)), CHAIN) == []
