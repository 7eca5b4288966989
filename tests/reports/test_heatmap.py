from __future__ import annotations

from io import BytesIO

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Picture

from spondyl.core import HeatMap
from spondyl.reports import heat_png, overlay
from spondyl.reports.heatmap import OPACITY, colours


def heat(values: NDArray[np.floating], to_image: list[list[float]]) -> HeatMap:
    return HeatMap("pfirrmann_grade", "image-a", values.astype(np.float32), np.array(to_image, np.float64))


def slow_opacity(item: HeatMap, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Opacity by the definition: each pixel centre carried into the map, bilinear between the map's pixel centres, edge repeated."""
    rows, columns = item.values.shape
    back = np.linalg.inv(np.vstack([item.to_image, [0, 0, 1]]))
    answer = np.zeros(shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            x, y, _ = back @ (column + 0.5, row + 0.5, 1)
            if not (0 <= x <= columns and 0 <= y <= rows):
                continue
            u, v = np.clip(x - 0.5, 0, columns - 1), np.clip(y - 0.5, 0, rows - 1)
            left, top = min(int(u), max(columns - 2, 0)), min(int(v), max(rows - 2, 0))
            right, bottom = min(left + 1, columns - 1), min(top + 1, rows - 1)
            upper = item.values[top, left] * (1 - (u - left)) + item.values[top, right] * (u - left)
            lower = item.values[bottom, left] * (1 - (u - left)) + item.values[bottom, right] * (u - left)
            answer[row, column] = (upper * (1 - (v - top)) + lower * (v - top)) * OPACITY * 255
    return answer


@settings(max_examples=25, deadline=None)
@given(
    angle=st.floats(-1.5, 1.5), scale=st.floats(1.0, 6.0), x=st.floats(-5, 25), y=st.floats(-5, 25), seed=st.integers(0, 99),
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
)
def test_the_map_lies_where_its_affine_map_says(angle: float, scale: float, x: float, y: float, seed: int, size: tuple[int, int]):
    turn = [[scale * np.cos(angle), -scale * np.sin(angle), x], [scale * np.sin(angle), scale * np.cos(angle), y]]
    item = heat(np.random.default_rng(seed).random(size), turn)
    off = np.abs(overlay(item, (24, 31))[..., 3] - slow_opacity(item, (24, 31)))
    assert np.mean(off > 1.5) <= 0.01  # a pixel centre just on the map's edge may fall on either side


def test_nothing_is_drawn_outside_the_map():
    shown = overlay(heat(np.ones((4, 4)), [[2, 0, 10], [0, 2, 6]]), (30, 40))
    inside = np.zeros((30, 40), bool)
    inside[6:14, 10:18] = True
    assert (shown[inside, 3] == round(OPACITY * 255)).all()
    assert (shown[~inside] == 0).all()


def test_a_map_beside_the_picture_draws_nothing():
    assert not overlay(heat(np.ones((4, 4)), [[1, 0, 100], [0, 1, 100]]), (30, 40)).any()


def test_a_value_has_the_same_colour_whatever_else_the_map_holds():
    weak, strong = np.full((3, 3), 0.3), np.full((3, 3), 0.3)
    strong[0, 0] = 1.0
    frame = [[8.0, 0, 0], [0, 8.0, 0]]
    assert (overlay(heat(weak, frame), (24, 24))[20, 20] == overlay(heat(strong, frame), (24, 24))[20, 20]).all()


def test_more_is_more_opaque_and_nothing_is_invisible():
    opacity = colours(np.linspace(0, 1, 11, dtype=np.float32))[:, 3].astype(int)
    assert opacity[0] == 0
    assert (np.diff(opacity) > 0).all()


def test_the_png_is_the_overlay():
    item = heat(np.eye(3), [[4, 0, 2], [0, 4, 2]])
    assert np.array_equal(np.asarray(Picture.open(BytesIO(heat_png(item, (20, 20))))), overlay(item, (20, 20)))
