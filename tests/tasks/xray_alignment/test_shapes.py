"""Numbers of each vertebra, and their error bars against corners that are moved by chance."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.tasks.xray_alignment.shapes import SHAPES, shape_sds, shapes

from .columns import column, spine


def test_a_tilted_box_has_its_tilt_even_edges_and_no_shift_at_the_ends() -> None:
    told = shapes(spine(9, 20.0))
    assert told["vertebra_tilt"] == pytest.approx(20 * np.cos(np.linspace(0, 2 * np.pi, 9)), abs=1e-6)
    assert told["height_ratio"] == pytest.approx(np.ones(9))
    assert told["lateral_shift"][[0, -1]] == pytest.approx([0, 0], abs=1e-9)


def test_a_wedge_is_lower_on_one_side() -> None:
    corners = spine(3, 0.0)
    corners[1, 3] -= [0.0, 6.0]
    assert shapes(corners)["height_ratio"][1] == pytest.approx(18 / 12)


@pytest.mark.parametrize("name", SHAPES)
def test_the_spread_of_each_number_is_that_of_moved_corners(name: str) -> None:
    corners, sd = spine(8, 15.0), 0.4
    told = shape_sds(column(corners, sd).corners)[name]
    rng = np.random.default_rng(0)
    drawn = np.stack([shapes(corners + rng.normal(0, sd, corners.shape))[name] for _ in range(1500)])
    inner = slice(1, -1) if name == "lateral_shift" else slice(None)
    ratio = told[inner] / drawn.std(axis=0)[inner]
    assert (ratio > 0.9).all()
    assert (ratio < (1.5 if name == "lateral_shift" else 1.1)).all()


def test_one_vertebra_has_numbers_too() -> None:
    for told in (shapes(spine(1)), shape_sds(column(spine(1)).corners)):
        assert all(np.isfinite(told[name]).all() for name in SHAPES)
