"""The second look, with a network that sees bright dots: what is found lies where the dots are, whatever the first look said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spondyl.tasks.xray_alignment.corners import look_closer

from .columns import spine

SHAPE = (80, 96)


class Dots:
    """An engine whose every network gives each corner to the bright pixels of its quarter of the crop."""

    def __init__(self, blur: float = 0.0) -> None:
        self.blur, self.asked = blur, 0

    def run(self, network: str, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        crops = inputs["vertebra"][:, 0]
        self.asked += len(crops)
        pooled = crops.reshape(len(crops), SHAPE[0] // 2, 2, SHAPE[1] // 2, 2).max(axis=(2, 4))
        bright = np.maximum(pooled - 0.7, 0) + self.blur * 1e-3
        y, x = np.mgrid[0 : SHAPE[0] // 2, 0 : SHAPE[1] // 2]
        low, right = y >= SHAPE[0] // 4, x >= SHAPE[1] // 4
        quarters = np.stack([~low & ~right, ~low & right, low & ~right, low & right])
        chances = bright[:, None] * quarters
        return {"chances": (chances / np.maximum(chances.sum(axis=(2, 3), keepdims=True), 1e-9)).astype(np.float32)}


def dotted(corners: NDArray[np.float64]) -> NDArray[np.float32]:
    pixels = np.zeros((1200, 800), np.float32)
    y, x = np.mgrid[0:1200, 0:800] + 0.5
    for px, py in corners.reshape(-1, 2):
        pixels = np.maximum(pixels, np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 2.0**2)).astype(np.float32))
    return pixels


def look(engine: Any, rough: NDArray[np.float64], true: NDArray[np.float64], networks: int = 1) -> Any:
    return look_closer(dotted(true), rough, engine, [f"corners-{k}" for k in range(networks)], SHAPE)


def test_corners_are_found_where_the_dots_are() -> None:
    true = spine(3, 15.0, top=40.0, pitch=60.0) * 2.5
    rough = true + np.random.default_rng(0).normal(0, 4.0, true.shape)
    found = look(Dots(), rough, true)
    assert np.abs(found.points - true).max() < 2.0
    assert found.spread.shape == (3, 4, 2, 2)
    assert (np.linalg.eigvalsh(found.spread) >= -1e-6).all()


def test_a_network_that_is_unsure_says_so() -> None:
    true = spine(2, 5.0, top=40.0, pitch=60.0) * 2.5
    sure, unsure = (look(Dots(blur), true, true).spread.trace(axis1=2, axis2=3).mean() for blur in (0.0, 3.0))
    assert unsure > 3 * sure


@pytest.mark.parametrize("networks", [1, 5])
def test_the_first_look_asks_one_network_and_the_second_all_of_them_twice(networks: int) -> None:
    engine = Dots()
    look(engine, spine(4) * 2.5, spine(4) * 2.5, networks)
    assert engine.asked == 4 + 2 * 4 * networks


def test_nothing_is_looked_at_where_nothing_was_found() -> None:
    found = look(Dots(), np.zeros((0, 4, 2)), spine(2) * 2.5)
    assert found.points.shape == (0, 4, 2)
    assert found.spread.shape == (0, 4, 2, 2)
