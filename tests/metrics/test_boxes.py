"""Overlap and matching of boxes, against pixels counted one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.metrics import box_iou, match_boxes

BOX = st.tuples(*[st.integers(0, 12)] * 4).map(lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])))


def painted(box):
    canvas = np.zeros((13, 13), bool)
    canvas[box[1] : box[3], box[0] : box[2]] = True
    return canvas


@settings(max_examples=60, deadline=None)
@given(BOX, BOX)
def test_overlap_is_that_of_the_painted_pixels(first, second):
    one, other = painted(first), painted(second)
    union = (one | other).sum()
    expected = (one & other).sum() / union if union else 0.0
    assert box_iou([first], [second])[0, 0] == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(st.lists(BOX, max_size=6), st.lists(BOX, max_size=6), st.integers(0, 99))
def test_each_true_box_is_given_once_and_overlaps_enough(found, truth, seed):
    scores = np.random.default_rng(seed).random(len(found))
    given_to = match_boxes(np.reshape(found, (-1, 4)), scores, np.reshape(truth, (-1, 4)), 0.3)
    used = given_to[given_to >= 0]
    assert len(set(used.tolist())) == len(used)
    overlap = box_iou(np.reshape(found, (-1, 4)), np.reshape(truth, (-1, 4)))
    for i, j in enumerate(given_to):
        if j >= 0:
            assert overlap[i, j] >= 0.3
        else:
            free = [k for k in range(len(truth)) if k not in used]
            assert all(overlap[i, k] < 0.3 for k in free), "a found box and a free true box that overlap were left apart"


def test_the_surer_box_chooses_first():
    truth = [[0, 0, 10, 10], [20, 0, 30, 10]]
    found = [[0, 0, 10, 9], [0, 0, 10, 10], [20, 0, 30, 9]]
    assert match_boxes(found, [0.9, 0.5, 0.1], truth).tolist() == [0, -1, 1]
    assert match_boxes(found, [0.5, 0.9, 0.1], truth).tolist() == [-1, 0, 1]


def test_no_boxes_match_nothing():
    assert match_boxes(np.zeros((0, 4)), [], [[0, 0, 1, 1]]).tolist() == []
    assert match_boxes([[0, 0, 1, 1]], [1.0], np.zeros((0, 4))).tolist() == [-1]
