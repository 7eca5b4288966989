"""Training of a detector: it learns, it can be taken up again, and it says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lab.films.detect_cohort import drawn_cache
from spondyl.core import InputError
from spondyl.lab.films.augment import Augment
from spondyl.lab.films.detect import DetectPlan, fit_detector, load_detector
from spondyl.lab.films.detect_batches import DetectBatches, framed_boxes, order_of, times_a_film
from spondyl.lab.films.detect_found import boxes_of_film, find
from spondyl.lab.films.detect_plan import best_of
from spondyl.metrics import detection_average_precision

TINY = {"widths": (8, 8, 16, 16, 16), "neck": 16}
PLAN = DetectPlan(classes=2, settings=TINY, epochs=12, batch=8, lr=1e-2, average=0.9, normals=1.0, every=6, precision="32", seed=3)


def weights(folder):
    return torch.load(folder / "weights.pt", weights_only=True)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return drawn_cache(tmp_path_factory.mktemp("films"), 40)


@pytest.fixture(scope="module")
def trained(cache, tmp_path_factory):
    return fit_detector(PLAN, cache, tmp_path_factory.mktemp("run") / "detector")


def test_a_detector_learns_where_things_are_on_films_it_never_saw(trained, cache):
    places = cache.places("val")
    truth = [boxes_of_film(cache.films[place]) for place in places]
    found = find(load_detector(trained), cache, places)
    precision = detection_average_precision(found, truth, 2)
    assert precision.mean() > 0.5
    history = json.loads((trained / "history.json").read_text())
    assert [row["epoch"] for row in history] == list(range(1, 13))
    assert history[-1]["map50"] == pytest.approx(float(precision.mean()), abs=0.02)
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_a_stopped_training_goes_on_as_if_it_had_not_been_stopped(cache, tmp_path):
    plan = replace(PLAN, epochs=2, every=1)
    whole = fit_detector(plan, cache, tmp_path / "whole")
    seen = []

    def stop(what, done, of):
        seen.append(done)
        if done == of // 2 + 1:
            raise KeyboardInterrupt

    with pytest.raises(InputError) as caught:
        fit_detector(plan, cache, tmp_path / "halves", stop)
    assert caught.value.code == "training-interrupted"
    assert not (tmp_path / "halves" / "weights.pt").exists()
    halves = fit_detector(plan, cache, tmp_path / "halves")
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(halves)[name], value)
    before = (halves / "weights.pt").stat().st_mtime_ns
    assert (fit_detector(plan, cache, halves) / "weights.pt").stat().st_mtime_ns == before, "what is finished is left as it is"


def test_a_folder_of_another_plan_is_not_gone_on_with(trained, cache):
    with pytest.raises(InputError) as caught:
        fit_detector(replace(PLAN, lr=0.5), cache, trained)
    assert caught.value.code == "detector-differs"


def test_films_without_boxes_and_frames_that_do_not_fit_are_refused(cache, tmp_path):
    bare = replace(cache, films=tuple(replace(film, boxes=()) for film in cache.films))
    with pytest.raises(InputError) as caught:
        fit_detector(PLAN, bare, tmp_path / "bare")
    assert caught.value.code == "training-no-boxes"
    with pytest.raises(InputError) as caught:
        fit_detector(replace(PLAN, detector="fcos_resnet50", settings={"body": "resnet18"}), cache, tmp_path / "frame")
    assert caught.value.code == "detector-frame"


def test_boxes_move_with_what_they_are_drawn_around(cache):
    boxes, labels = framed_boxes(cache)
    order = cache.places("train")
    for augment in (Augment(*[0.0] * 11), Augment(0.0, 0.2, 0.0, 0.1, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0)):
        films, moved, told, places = DetectBatches(cache.pixels, boxes, labels, order, 16, augment, (1,))[0]
        assert places.tolist() == order[:16].tolist()
        for film, own, label in zip(films[:, 0], moved, told, strict=True):
            for box in own[label >= 0]:
                x0, y0, x1, y1 = box.round().int().tolist()
                inside = film[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1]
                assert inside.numel() == 0 or float(inside.median()) > 0.7, "a box has left its square"


def test_rare_classes_and_few_normals_make_an_epoch():
    present = [frozenset({0})] * 90 + [frozenset({0, 1})] * 10 + [frozenset()] * 100
    times = times_a_film(present, 0.4, 0.5)
    assert times[:90] == pytest.approx(1.0)
    assert times[90:100] == pytest.approx(2.0), "sqrt(0.4 / 0.1)"
    assert times[100:] == pytest.approx(0.5)
    orders = [order_of(times, np.random.default_rng(seed)) for seed in range(3)]
    assert {len(order) for order in orders} == {160}
    assert {int((order < 100).sum()) for order in orders} == {110}
    assert orders[0].tolist() != orders[1].tolist()


def test_the_best_validated_epoch_is_kept_where_there_is_patience():
    history = [{"map50": 0.1}, {}, {"map50": 0.5}, {}, {"map50": 0.4}]
    assert best_of(history, patience=2) == 2
    assert best_of(history, patience=0) == 4
