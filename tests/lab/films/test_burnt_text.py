"""Writing near an edge is suspected; what rays draw is not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from spondyl.lab.films.burnt_text import SUSPICIOUS, text_line
from spondyl.reports.panel import font

Film = NDArray[np.float32]


def blurred(film: Film, times: int = 1) -> Film:
    """As focus and detector blur: the mean of each pixel and its neighbours, so many times."""
    for _ in range(times):
        wide = np.pad(film, 1, mode="edge")
        film = (wide[1:-1, 1:-1] * 2 + wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]) / 6
    return film


def film_of(seed: int) -> Film:
    """Ribs at the top, a lead letter, a collimated edge and screws, all blurred, with the noise of a dark film."""
    rng = np.random.default_rng(seed)
    film = np.full((900, 640), 0.35, np.float32)
    y, x = np.mgrid[0:900, 0:640].astype(np.float32)
    for rib in range(5):
        film += 0.2 * np.exp(-(((y - 40 - 45 * rib - 0.15 * x) / 6) ** 2))
    film[80:130, 560:568] = film[122:130, 560:590] = 1.0
    for screw in range(3):
        film[780:786, 250 + 60 * screw : 290 + 60 * screw] = 0.95
        film[760:800, 255 + 60 * screw : 260 + 60 * screw] = 0.95
    film[:, :30] = film[:20] = 0.02
    return np.asarray(np.clip(blurred(film, 2) + rng.normal(0, 0.03, film.shape), 0, 1), np.float32)


def written(film: Film, size: int, fill: int, place: tuple[int, int]) -> Film:
    picture = Image.fromarray((film * 255).astype(np.uint8))
    ImageDraw.Draw(picture).text(place, "PORTABLE 12:41 SUPINE", font=font(size), fill=fill)
    return np.asarray(picture, np.float32) / np.float32(255)


@pytest.mark.parametrize("size", [16, 22, 34])
@pytest.mark.parametrize("fill", [255, 0])
@pytest.mark.parametrize("place", [(60, 30), (90, 840)])
def test_writing_near_an_edge_is_suspected(size: int, fill: int, place: tuple[int, int]):
    assert all(text_line(written(film_of(seed), size, fill, place)) >= SUSPICIOUS for seed in range(2))


def test_ribs_screws_edges_and_a_lead_letter_are_no_writing():
    assert all(text_line(film_of(seed)) < SUSPICIOUS for seed in range(6))
    assert all(text_line(1 - film_of(seed)) < SUSPICIOUS for seed in range(2))


def test_noise_stripes_and_tiny_pictures_are_no_writing():
    rng = np.random.default_rng(1)
    assert text_line(np.asarray(rng.random((400, 300)), np.float32)) < SUSPICIOUS
    stripes = np.zeros((400, 300), np.float32)
    stripes[::40] = 1.0
    assert text_line(stripes) == 0
    assert text_line(np.zeros((5, 400), np.float32)) == 0
    assert text_line(np.zeros((400, 5), np.float32)) == 0
