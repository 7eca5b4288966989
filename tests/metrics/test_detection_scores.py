"""Average precision and its intervals, against slow definitions."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.metrics import FilmBoxes, box_iou, detection_average_precision, detection_table, froc, mean_precision
from spondyl.metrics.detection_scores import OVERLAPS


def a_cohort(seed, films=20, classes=3):
    """Films with true boxes, and found ones of which many are true ones moved a little."""
    rng = np.random.default_rng(seed)
    found, truth = [], []
    for _ in range(films):
        corner = rng.uniform(0, 80, (rng.integers(0, 5), 2))
        boxes = np.concatenate([corner, corner + rng.uniform(8, 40, corner.shape)], 1)
        labels = rng.integers(0, classes, len(boxes))
        strays = rng.uniform(0, 50, (2, 4)) + np.array([0, 0, 60, 60])
        moved = np.concatenate([boxes, boxes[::2], strays])
        moved += rng.normal(0, 3, moved.shape)
        guessed = np.concatenate([labels, labels[::2], rng.integers(0, classes, 2)])
        truth.append(FilmBoxes(labels, boxes))
        found.append(FilmBoxes(guessed, moved, rng.permutation(1000)[: len(moved)] / 1000 + rng.random() * 1e-4))
    return found, truth


def slow_average_precision(found, truth, label, overlap):
    """Straight from the definition: one found box after the other, one recall after the other."""
    said = sorted(
        (
            (own.scores[i], film, own.boxes[i])
            for film, own in enumerate(found)
            for i in np.flatnonzero(own.labels == label)
        ),
        key=lambda item: -item[0],
    )
    left = [[list(box) for box, c in zip(own.boxes, own.labels, strict=True) if c == label] for own in truth]
    total = sum(map(len, left))
    if not total:
        return float("nan")
    points, right = [], 0
    for number, (_, film, box) in enumerate(said, start=1):
        overlaps = [box_iou([box], [other])[0, 0] for other in left[film]]
        if overlaps and max(overlaps) >= overlap:
            left[film].pop(int(np.argmax(overlaps)))
            right += 1
        points.append((right / total, right / number))
    return sum(max([p for r, p in points if r >= step / 100 - 1e-12], default=0.0) for step in range(101)) / 101


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_its_definition(seed):
    found, truth = a_cohort(seed)
    table = detection_average_precision(found, truth, 4, OVERLAPS)
    for row, overlap in enumerate(OVERLAPS):
        for label in range(4):
            assert table[row, label] == pytest.approx(slow_average_precision(found, truth, label, overlap), nan_ok=True)
    assert np.isnan(table[:, 3]).all(), "a class that never occurs has no score"


def test_boxes_that_are_all_right_score_one_and_none_found_score_zero():
    _, truth = a_cohort(5)
    right = [FilmBoxes(own.labels, own.boxes, np.linspace(0.2, 0.9, len(own.labels))) for own in truth]
    nothing = [FilmBoxes(np.zeros(0, np.int64), np.zeros((0, 4))) for _ in truth]
    assert mean_precision(detection_average_precision(right, truth, 3, OVERLAPS)) == pytest.approx(1.0)
    assert mean_precision(detection_average_precision(nothing, truth, 3)) == 0.0
    assert np.isnan(mean_precision(detection_average_precision(right, nothing, 3)))


def test_a_box_found_twice_is_right_once():
    truth = [FilmBoxes(np.zeros(2, np.int64), np.array([[0.0, 0, 10, 10], [50, 50, 60, 60]]))]
    found = [FilmBoxes(np.zeros(3, np.int64), np.array([[0.0, 0, 10, 10], [0, 0, 10, 10], [50, 50, 60, 60]]), np.array([0.9, 0.8, 0.7]))]
    assert detection_average_precision(found, truth, 1)[0, 0] == pytest.approx((51 * 1.0 + 50 * 2 / 3) / 101)


def test_a_draw_of_films_scores_as_the_films_copied_that_often():
    found, truth = a_cohort(7, films=12)
    units = [f"study {film // 2}" for film in range(12)]
    table = detection_table(found, truth, units, 3, np.random.default_rng(3), draws=20)
    rng = np.random.default_rng(3)
    means = []
    for _ in range(20):
        picked = [film for unit in rng.integers(0, 6, 6) for film in (2 * unit, 2 * unit + 1)]
        means.append(mean_precision(detection_average_precision([found[i] for i in picked], [truth[i] for i in picked], 3)))
    assert (table.map50.low, table.map50.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))
    assert table.map50.estimate == pytest.approx(mean_precision(detection_average_precision(found, truth, 3)))
    assert table.map5095 == pytest.approx(mean_precision(detection_average_precision(found, truth, 3, OVERLAPS)))
    assert sum(table.true) == sum(len(own.labels) for own in truth)


def test_sensitivity_at_false_boxes_is_counted_threshold_by_threshold():
    found, truth = a_cohort(13)
    said = froc(found, truth, 0, (0.1, 0.5, 1.0, 8.0))
    slow = []
    for rate in (0.1, 0.5, 1.0, 8.0):
        best = 0.0
        for threshold in sorted({s for own in found for s in own.scores[own.labels == 0]}):
            sure = [own.scores >= threshold for own in found]
            kept = [FilmBoxes(o.labels[s], o.boxes[s], o.scores[s]) for o, s in zip(found, sure, strict=True)]
            right, false = 0, 0
            for one, other in zip(kept, truth, strict=True):
                free = other.boxes[other.labels == 0]
                for box in one.boxes[one.labels == 0][np.argsort(-one.scores[one.labels == 0])]:
                    overlap = box_iou([box], free)[0] if len(free) else np.zeros(0)
                    if len(overlap) and overlap.max() >= 0.5:
                        free = np.delete(free, overlap.argmax(), 0)
                        right += 1
                    else:
                        false += 1
            if false <= rate * len(truth):
                best = max(best, right / sum(int((o.labels == 0).sum()) for o in truth))
        slow.append(best)
    assert said == pytest.approx(slow)
    assert np.isnan(froc(found, truth, 9)).all()
