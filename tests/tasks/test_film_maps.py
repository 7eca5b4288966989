"""Heat maps of several networks become one, on the film."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.imaging import apply_affine, letterbox
from spondyl.tasks.films.maps import heat_map, joint_map


def voted(**rows: tuple[float, float]) -> dict:
    """Settings of members of (weight, slope)."""
    return {"members": {name: {"network": name, "weight": weight, "slope": slope} for name, (weight, slope) in rows.items()}}


def test_members_maps_are_averaged_by_weight_in_units_of_their_calibrated_logits():
    cams = {"a": np.full((3, 2), 1.0, np.float32), "b": np.full((3, 2), 4.0, np.float32)}
    assert joint_map(cams, voted(a=(0.25, 2.0), b=(0.75, 0.5))) == pytest.approx(np.full((3, 2), 0.25 * 2 + 0.75 * 2))


def test_the_mean_of_the_joint_map_is_the_mean_of_the_calibrated_logits_where_heads_pool_by_the_mean():
    rng = np.random.default_rng(0)
    cams = {name: rng.normal(0, 1, (6, 4)).astype(np.float32) for name in "ab"}
    together = joint_map(cams, voted(a=(0.5, 1.5), b=(0.5, 0.7)))
    assert together.mean() == pytest.approx(0.5 * 1.5 * cams["a"].mean() + 0.5 * 0.7 * cams["b"].mean(), abs=1e-6)


def test_maps_of_different_sizes_meet_on_the_finest_and_point_at_the_same_place():
    coarse, fine = np.zeros((3, 2), np.float32), np.zeros((12, 8), np.float32)
    coarse[1, 1] = 1.0
    fine[4:8, 4:8] = 1.0
    for first, second in ((coarse, fine), (fine, coarse)):
        together = joint_map({"a": first, "b": second}, voted(a=(0.5, 1.0), b=(0.5, 1.0)))
        assert together.shape == (12, 8)
        row, column = np.unravel_index(int(together.argmax()), together.shape)
        assert 4 <= row < 8
        assert 4 <= column < 8


def test_a_map_of_one_value_stays_so_on_a_finer_grid():
    together = joint_map({"a": np.full((2, 2), 3.0, np.float32), "b": np.full((7, 5), 3.0, np.float32)}, voted(a=(0.4, 1.0), b=(0.6, 1.0)))
    assert together == pytest.approx(np.full((7, 5), 3.0))


def test_a_value_is_shown_the_same_whatever_else_is_in_the_map():
    frame = letterbox((0, 0, 100, 200), (64, 32))
    for other in (0.0, 9.0):
        heat = heat_map("abnormal", "i" * 32, np.array([[2.0, other], [-1.0, 4.0]], np.float32), frame, 4.0)
        assert (heat.values[0, 0], heat.values[1, 0], heat.values[1, 1]) == (0.5, 0.0, 1.0)


def test_a_map_lies_where_its_frame_lay_on_the_film():
    frame = letterbox((0, 0, 100, 150), (64, 64))
    heat = heat_map("abnormal", "i" * 32, np.zeros((8, 8), np.float32), frame, 1.0)
    corners = apply_affine(heat.to_image, np.array([[0.0, 0.0], [8.0, 8.0]]))
    assert corners == pytest.approx(np.array([[-25.0, 0.0], [125.0, 150.0]]))
