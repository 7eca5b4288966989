"""Pieces of films show what was cut, and are taught what lies in them."""

import numpy as np
import torch

from spondyl.lab.films.augment import NONE, changed_boxes, changed_films, draw
from spondyl.lab.films.batches import FilmBatches, Lesson, there
from spondyl.lab.films.heads import head_of, place_loss
from spondyl.lab.films.pieces import Pieces, cut, draw_middles, targets_of

SHAPE = (64, 48)


def plain_piece(middle):
    pieces = Pieces(16, 12)
    draws = cut(draw(np.random.default_rng(0), 1, SHAPE, NONE), np.array([middle], np.float32), SHAPE, pieces)
    return draws, (pieces.rows, pieces.columns)


def test_an_unchanged_piece_is_a_cut_of_the_film():
    film = torch.rand(1, 1, *SHAPE, generator=torch.Generator().manual_seed(1))
    draws, seen = plain_piece((20, 30))
    piece = changed_films(film.clone(), draws, torch.zeros(0), seen)
    assert torch.allclose(piece[0, 0], film[0, 0, 22:38, 14:26], atol=1e-5)


def test_boxes_follow_into_the_piece_and_those_outside_are_left_out():
    draws, seen = plain_piece((20, 30))
    boxes, kept = changed_boxes(torch.tensor([[[16.0, 24, 22, 30], [40, 50, 46, 60]]]), draws, SHAPE, seen=seen)
    assert torch.allclose(boxes[0, 0], torch.tensor([2.0, 2, 8, 8]), atol=1e-4)
    assert kept.tolist() == [[True, False]]


def test_pieces_that_seek_hold_a_box_of_any_class_about_equally_often():
    boxes = np.tile(np.array([[[4, 4, 8, 8], [30, 40, 34, 44], [31, 41, 35, 45]]], np.float32), (400, 1, 1))
    labels = np.tile(np.array([[0, 1, 1]]), (400, 1))
    middles = draw_middles(np.random.default_rng(2), boxes, labels, SHAPE, Pieces(16, 12, seek=1.0))
    near_first = (np.abs(middles - 6).max(1) < 12).mean()
    assert 0.4 < near_first < 0.6


def test_a_piece_is_taught_the_most_that_its_boxes_say():
    codes = torch.tensor([[1.0, 0], [1, 1]])
    assert targets_of(torch.tensor([[0, -1], [0, 1], [-1, -1]]), codes).tolist() == [[1, 0], [1, 1], [0, 0]]


def test_pieces_of_abnormal_films_that_show_no_lesion_are_taught_as_normal():
    boxes, labels = np.array([[[2, 2, 8, 8]], [[0, 0, 0, 0]]], np.float32), np.array([[0], [-1]])
    targets = np.array([[1, 1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]], np.float32)
    lesson = Lesson(np.zeros((2, *SHAPE), np.uint16), boxes, labels, targets, np.ones_like(targets), np.ones(2, np.float32), None)
    head = head_of("xray-lesions", place_weight=1.0)
    batches = FilmBatches(lesson, head, np.repeat([0, 1], 40), 80, (4, 3), NONE, (3,), Pieces(16, 12, seek=0.5))
    taught = batches[0].taught
    shown = taught.places[:, 0].amax((1, 2)) > 0.3
    assert 0 < int(shown[:40].sum()) < 40
    assert torch.equal(taught.targets[:40, 0] > 0, taught.targets[:40, 1] > 0)
    assert bool((taught.targets[:40, 0][shown[:40]] == 1).all())
    assert bool((taught.targets[:40, 0] == 0).any())
    assert not taught.known[40:].any()  # abnormal without boxes: nobody knows what a piece of it shows


def test_what_is_left_of_a_lesion_that_is_all_but_cut_off_is_taught_neither_as_one_nor_as_none():
    labels = torch.tensor([[0, 1, 2]])
    boxes = torch.tensor([[[0.0, 0.0, 8.0, 8.0], [0.0, 0.0, 2.0, 8.0], [8.0, 0.0, 8.0, 8.0]]])
    on, cut_off = there(labels, boxes, torch.tensor([[True, False, False]]))
    assert (on.tolist(), cut_off.tolist()) == ([[0, -1, -1]], [[-1, 1, -1]])
    wanted, known = torch.zeros(1, 1, 1, 2), torch.tensor([[[[0.0, 1.0]]]])
    told = [place_loss(torch.tensor([[[[value, 0.0]]]]), wanted, known) for value in (-3.0, 3.0)]
    assert torch.equal(*told)


def test_most_pieces_that_are_cut_around_a_lesion_hold_it_whole():
    pieces, n = Pieces(32, 24, seek=1.0), 600
    boxes = np.broadcast_to(np.array([18.0, 24, 36, 40], np.float32), (n, 1, 4))
    middles = draw_middles(np.random.default_rng(2), boxes, np.zeros((n, 1), np.int64), SHAPE, pieces)
    low, high = middles - np.array([12, 16]), middles + np.array([12, 16])
    whole = ((low <= boxes[:, 0, :2]) & (high >= boxes[:, 0, 2:])).all(1)
    assert 0.62 < whole.mean() < 0.95
