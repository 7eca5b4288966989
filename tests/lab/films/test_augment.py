"""What is drawn is what happens, and boxes and answers go where the picture goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.films.toy_films import toy_cache
from spondyl.lab.films.augment import NONE, Augment, changed_boxes, changed_films, draw, noise_grain
from spondyl.lab.films.batches import FilmBatches, lesson_of
from spondyl.lab.films.heads import head_of
from spondyl.lab.films.loading import loader_rate
from spondyl.lab.films.places import cell_targets, overlaps

SHAPE = (64, 48)
FEW = settings(max_examples=25, deadline=None)
STILL = replace(NONE, rotate_deg=20.0, zoom=0.3, stretch=0.1, shift=0.1, flip=0.5)


def films(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 1, *SHAPE, generator=torch.Generator().manual_seed(1))


@given(st.integers(0, 2**31))
@FEW
def test_the_draws_alone_decide_and_films_stay_within_0_and_1(seed: int):
    grain = noise_grain(SHAPE)
    draws = draw(np.random.default_rng(seed), 3, SHAPE, Augment())
    once = changed_films(films(), draws, grain)
    assert torch.equal(once, changed_films(films(), draws, grain))
    assert float(once.min()) >= 0
    assert float(once.max()) <= 1
    assert not torch.equal(once, films())


def test_no_change_is_no_change():
    draws = draw(np.random.default_rng(0), 3, SHAPE, NONE)
    assert torch.allclose(changed_films(films(), draws, torch.zeros(0)), films(), atol=1e-6)


def test_a_mirrored_film_is_the_film_read_from_the_right():
    draws = draw(np.random.default_rng(0), 3, SHAPE, replace(NONE, flip=1.0))
    assert bool(draws.mirrored.all())
    assert torch.allclose(changed_films(films(), draws, torch.zeros(0)), films().flip(3), atol=1e-5)


@given(st.integers(0, 2**31), st.integers(8, 30), st.integers(8, 46))
@FEW
def test_a_box_follows_the_square_in_it(seed: int, x: int, y: int):
    film = torch.zeros(1, 1, *SHAPE)
    film[0, 0, y : y + 8, x : x + 8] = 1
    draws = draw(np.random.default_rng(seed), 1, SHAPE, STILL)
    seen = changed_films(film.clone(), draws, torch.zeros(0))[0, 0] > 0.5
    boxes, kept = changed_boxes(torch.tensor([[[x, y, x + 8.0, y + 8.0]]]), draws, SHAPE)
    rows, columns = torch.nonzero(seen, as_tuple=True)
    if not len(rows):
        return
    middle = torch.stack([columns.float().mean(), rows.float().mean()]) + 0.5
    box = boxes[0, 0]
    assert bool(kept[0, 0]) or len(rows) < 0.6 * 64
    if kept[0, 0] and box.min() > 0 and box[2] < SHAPE[1] and box[3] < SHAPE[0]:
        assert torch.allclose((box[:2] + box[2:]) / 2, middle, atol=0.8)


def test_a_box_that_has_left_the_film_is_no_longer_there():
    draws = draw(np.random.default_rng(0), 1, SHAPE, NONE)
    draws.theta[0, 0, 2] = 1.0  # what was in the middle is now at the left edge
    _, kept = changed_boxes(torch.tensor([[[2.0, 20, 10, 28], [30, 20, 40, 28]]]), draws, SHAPE)
    assert kept.tolist() == [[False, True]]


@given(st.floats(0, 40), st.floats(0, 56), st.floats(1, 40), st.floats(1, 40))
@FEW
def test_cells_share_with_a_box_what_counting_pixels_says(x: float, y: float, width: float, height: float):
    fine = 8
    box = np.round(np.array([x, y, min(x + width, SHAPE[1]), min(y + height, SHAPE[0])]) * fine) / fine
    found = overlaps(torch.tensor(box, dtype=torch.float32)[None, None], SHAPE, (8, 6))[0, 0].numpy()
    cell = SHAPE[0] // 8
    ys, xs = (np.arange(size * fine) / fine + 0.5 / fine for size in SHAPE)
    inside = ((ys >= box[1]) & (ys < box[3]))[:, None] & ((xs >= box[0]) & (xs < box[2]))
    counts = inside.reshape(8, cell * fine, 6, cell * fine).sum((1, 3)) / fine**2
    area = (box[2] - box[0]) * (box[3] - box[1])
    if area:
        assert np.allclose(found, counts / min(area, cell**2), atol=1e-3)


def test_a_cell_is_taught_the_most_that_any_box_says():
    codes = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    boxes = torch.tensor([[[0.0, 0, 16, 16], [8, 8, 16, 16], [32, 32, 40, 40]]])
    cells = cell_targets(boxes, torch.tensor([[0, 1, -1]]), codes, SHAPE, (8, 6))
    assert cells[0, 0, :2, :2].tolist() == [[1, 1], [1, 1]]
    assert cells[0, 1, :2, :2].tolist() == [[0, 0], [0, 1]]
    assert float(cells.sum()) == 5


def test_left_and_right_answers_change_places_on_mirrored_films_only(tmp_path):
    cache = toy_cache(tmp_path, 24)
    head = head_of("xray-lesions", place_weight=1.0)
    sided = replace(head, swap=(0, 2, 1, 3, 4, 5, 6, 7))
    batches = FilmBatches(lesson_of(cache, sided), sided, np.arange(24), 24, (8, 6), replace(NONE, flip=0.5), (5,))
    batch = batches[0]
    mirrored = draw(np.random.default_rng([5, 0]), 24, SHAPE, replace(NONE, flip=0.5)).mirrored
    abnormal = np.array([film.target for film in cache.films]) == 1
    assert 0 < mirrored.sum() < 24
    assert np.array_equal(batch.taught.targets[:, 2].numpy() == 1, abnormal & mirrored)
    assert np.array_equal(batch.taught.targets[:, 1].numpy() == 1, abnormal & ~mirrored)
    assert batch.taught.places is not None
    assert np.array_equal(batch.taught.places[:, 2].amax((1, 2)).numpy() > 0, abnormal & mirrored)
    again = batches[0]
    assert torch.equal(again.films, batch.films)


def test_squares_lie_in_the_cells_that_are_taught(tmp_path):
    cache = toy_cache(tmp_path, 24)
    head = head_of("xray-lesions", place_weight=1.0)
    quiet = replace(Augment(), bend=0, gain=0, offset=0, noise=0, blur=0)
    batch = FilmBatches(lesson_of(cache, head), head, np.arange(24), 24, SHAPE, quiet, (6,))[0]
    assert batch.taught.places is not None
    bright, taught = batch.films[:, 0] > 0.7, batch.taught.places[:, 0] > 0.5
    assert float((bright & taught).sum()) > 0.95 * float(bright.sum()) > 0


def test_mixed_films_are_taught_the_mixture(tmp_path):
    cache = toy_cache(tmp_path, 24)
    head = head_of("xray-lesions", place_weight=1.0)
    batch = FilmBatches(lesson_of(cache, head), head, np.arange(24), 24, (8, 6), replace(NONE, mixup=0.8), (1,))[0]
    drawn = draw(np.random.default_rng([1, 0]), 24, SHAPE, replace(NONE, mixup=0.8))
    truth = np.array([film.target for film in cache.films], np.float32)
    share = drawn.share
    assert 0.5 <= share[0] < 1
    assert np.allclose(batch.taught.targets[:, 0].numpy(), share * truth + (1 - share) * truth[drawn.partner], atol=1e-6)
    plain = cache.pixels[:24].astype(np.float32) / 65535
    assert np.allclose(batch.films[:, 0].numpy(), share[0] * plain + (1 - share[0]) * plain[drawn.partner], atol=1e-5)


def test_the_rate_of_batches_is_measured(tmp_path):
    assert loader_rate(toy_cache(tmp_path, 24), 64, loaders=0, batch=8) > 10
