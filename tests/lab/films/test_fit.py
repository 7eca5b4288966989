"""Networks are trained to the end however often they are stopped, and the same seed gives the same weights."""

from __future__ import annotations

import json
import math
import multiprocessing
import signal
import traceback
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.multiprocessing.spawn import ProcessRaisedException

from lab.films.toy_films import toy_cache
from spondyl.core import InputError
from spondyl.lab.films.across import is_out_of_memory
from spondyl.lab.films.batches import Batch
from spondyl.lab.films.cache import FilmCache
from spondyl.lab.films.curve import learning_curve
from spondyl.lab.films.detect_plan import DetectPlan
from spondyl.lab.films.fit import FitPlan, build, fit_member, load_member
from spondyl.models.film_nets import Body, Wish, register

TINY = "tiny_body_for_tests"
HUNGRY = "hungry_body_for_tests"


class TinyBody(nn.Module):
    """Two convolutions, stride 8."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 8, 5, 4, 2), nn.BatchNorm2d(8), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU())

    def forward(self, film: torch.Tensor) -> list[torch.Tensor]:
        return [self.second(self.first(film))]


class HungryBody(TinyBody):
    """The same, on a device with memory for so many films."""

    most = 4

    def forward(self, film: torch.Tensor) -> list[torch.Tensor]:
        if self.training and len(film) > self.most:
            raise torch.OutOfMemoryError(f"no room for {len(film)} films")
        return super().forward(film)


def made(kind: type[TinyBody], wish: Wish) -> Body:
    return Body(kind(), (16,))


register(TINY, lambda wish: made(TinyBody, wish))
register(HUNGRY, lambda wish: made(HungryBody, wish))
PLAN = FitPlan(
    task="xray-lesions", network=TINY, pool="lse", epochs=3, batch=8, lr=1e-2, place_weight=0.5, average=0.9, dropout=0.2, seed=4
)


@pytest.fixture
def cache(tmp_path: Path) -> FilmCache:
    return toy_cache(tmp_path)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(folder / "weights.pt", weights_only=True))


def same(first: Path, second: Path, within: float = 1e-6) -> bool:
    mine, theirs = weights(first), weights(second)
    return all(torch.allclose(value.double(), theirs[name].double(), atol=within) for name, value in mine.items())


def history(folder: Path) -> list[dict[str, float]]:
    return list(json.loads((folder / "history.json").read_text()))


def test_a_network_learns_what_the_films_show(cache: FilmCache, tmp_path: Path):
    folder = fit_member(replace(PLAN, epochs=16, lr=3e-2, flip=False, dropout=0.0), cache, tmp_path / "a")
    rows = history(folder)
    assert [row["epoch"] for row in rows] == list(range(1, 17))
    assert rows[-1]["auroc"] > 0.9
    assert rows[-1]["val_loss"] < rows[0]["val_loss"]
    assert all(row["films_per_second"] > 0 and row["seconds"] > 0 for row in rows)
    net = load_member(folder)
    places = cache.places("val")
    with torch.no_grad():
        logits, cam = net(torch.from_numpy(cache.pixels[places].astype(np.float32) / 65535)[:, None])
    assert cam.shape == (len(places), 8, 8, 6)
    abnormal = np.array([cache.films[place].target for place in places]) == 1
    assert float(logits[abnormal, 0].mean()) > float(logits[~abnormal, 0].mean())


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_stopped_training_ends_as_one_that_was_never_stopped(cache: FilmCache, tmp_path: Path, average: float):
    plan = replace(PLAN, average=average)
    whole = fit_member(plan, cache, tmp_path / "whole")
    steps = []

    def stop(what: str, done: int, of: int) -> None:
        steps.append((done, of))
        if done > of // 2:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(InputError, match=f"stopped after epoch 1 of {plan.epochs}") as stopped:
        fit_member(plan, cache, tmp_path / "parts", stop)
    assert stopped.value.code == "training-interrupted"
    assert stopped.value.hint
    assert signal.getsignal(signal.SIGINT) is before
    assert (tmp_path / "parts" / "last.ckpt").exists()
    parts = fit_member(plan, cache, tmp_path / "parts")
    assert same(whole, parts)
    assert [row["val_loss"] for row in history(parts)] == pytest.approx([row["val_loss"] for row in history(whole)])


def test_a_training_that_fell_over_goes_on(cache: FilmCache, tmp_path: Path):
    def fall(what: str, done: int, of: int) -> None:
        if done == of:
            raise RuntimeError("no power")

    whole = fit_member(PLAN, cache, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="no power"):
        fit_member(PLAN, cache, tmp_path / "parts", fall)
    assert len(history(tmp_path / "parts")) == 2
    assert same(whole, fit_member(PLAN, cache, tmp_path / "parts"))


def test_what_is_finished_is_left_as_it_is(cache: FilmCache, tmp_path: Path):
    folder = fit_member(PLAN, cache, tmp_path / "a")
    first = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert fit_member(replace(PLAN, threads=2), cache, tmp_path / "a") == folder
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == first


def test_a_folder_of_another_plan_is_refused(cache: FilmCache, tmp_path: Path):
    fit_member(replace(PLAN, epochs=1), cache, tmp_path / "a")
    with pytest.raises(InputError) as differs:
        fit_member(replace(PLAN, epochs=1, lr=1e-3), cache, tmp_path / "a")
    assert differs.value.code == "member-differs"


def test_seeds_decide(cache: FilmCache, tmp_path: Path):
    plan = replace(PLAN, epochs=1)
    first, again, other = (fit_member(replace(plan, seed=seed), cache, tmp_path / name) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert same(first, again)
    assert not same(first, other)


def test_a_device_with_little_memory_takes_each_step_in_pieces(cache: FilmCache, tmp_path: Path):
    said: list[str] = []
    folder = fit_member(replace(PLAN, network=HUNGRY, epochs=2, batch=16), cache, tmp_path / "a", lambda what, *_: said.append(what))
    notices = [word for word in said if "memory" in word]
    assert [f"{films} at a time" in notice for films, notice in zip((8, 4), notices, strict=True)] == [True, True]
    assert len(history(folder)) == 2


def test_a_device_without_memory_for_one_film_is_told_of(cache: FilmCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(HungryBody, "most", 0)
    with pytest.raises(InputError) as hungry:
        fit_member(replace(PLAN, network=HUNGRY, epochs=1), cache, tmp_path / "a")
    assert hungry.value.code == "training-out-of-memory"


def test_a_training_with_patience_stops_and_keeps_its_best_epoch(cache: FilmCache, tmp_path: Path):
    plan = replace(PLAN, epochs=30, lr=0.3, patience=2, average=0.0)
    folder = fit_member(plan, cache, tmp_path / "a")
    losses = [row["val_loss"] for row in history(folder)]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 30
    module = build(plan, cache)
    module.net.load_state_dict(weights(folder))
    assert validation_loss(module) == pytest.approx(losses[best], rel=1e-4)


def validation_loss(module: object) -> float:
    """By its definition: every film of validation once, the network as it reads."""
    module.net.eval()
    batches: list[Batch] = list(module.val_dataloader())
    with torch.no_grad():
        answers = [(module.net(batch.films), batch) for batch in batches]
        losses = [module.head.film_loss(logits, batch.taught) * len(logits) for (logits, _), batch in answers]
    return float(sum(losses)) / sum(len(batch.films) for batch in batches)


def test_the_body_stays_as_it_is_while_only_the_head_learns(cache: FilmCache, tmp_path: Path):
    plan = replace(PLAN, epochs=2, head_epochs=2, average=0.0)
    first = {name: value.clone() for name, value in build(plan, cache).net.state_dict().items()}
    learnt = weights(fit_member(plan, cache, tmp_path / "a"))
    for name, value in first.items():
        assert torch.equal(value, learnt[name]) == name.startswith("body."), name
    moved = weights(fit_member(replace(plan, head_epochs=1), cache, tmp_path / "b"))
    assert not torch.equal(first["body.first.0.weight"], moved["body.first.0.weight"])


def test_every_weight_has_a_rate_and_the_body_moves_slower_the_nearer_it_is_to_the_film(cache: FilmCache):
    module = build(replace(PLAN, network="mobilenetv4_conv_small_050", stride=8, body_lr=0.1, layer_decay=0.5), cache)
    groups = module.groups()
    assert sum(len(group["params"]) for group in groups) == len(list(module.net.parameters()))
    rates = {id(weight): group["lr"] for group in groups for weight in group["params"]}
    stages = [rates[id(next(stage.parameters()))] for stage in module.net.body.children() if list(stage.parameters())]
    assert stages == sorted(stages)
    assert max(stages) == pytest.approx(0.1 * PLAN.lr)
    assert rates[id(module.net.head.weight)] == PLAN.lr
    assert all(group["weight_decay"] == 0 for group in groups if group["params"][0].ndim == 1)


def test_a_student_follows_its_teacher_rather_than_the_labels(cache: FilmCache, tmp_path: Path):
    logits = np.full((len(cache.films), 8), 3.0, np.float32)
    np.save(tmp_path / "teacher.npy", logits)
    plan = replace(PLAN, epochs=8, lr=3e-2, teacher=tmp_path / "teacher.npy", teacher_weight=1.0, place_weight=0.0)
    net = load_member(fit_member(plan, cache, tmp_path / "a"))
    films = torch.from_numpy(cache.pixels[cache.places("val")].astype(np.float32) / 65535)[:, None]
    with torch.no_grad():
        assert torch.sigmoid(net(films)[0]).mean().item() == pytest.approx(0.95, abs=0.1)  # of the labels a tenth are yes
    np.save(tmp_path / "teacher.npy", logits[:-1])
    with pytest.raises(InputError) as shape:
        fit_member(plan, cache, tmp_path / "b")
    assert shape.value.code == "teacher-shape"


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"mixup": 0.4}, {"sampling": "repeat"}, {"class_weights": "effective"},
                                     {"pool": "mean", "flip": False}], ids=str)  # fmt: skip
def test_every_way_of_training_ends(cache: FilmCache, tmp_path: Path, changes: dict[str, object]):
    rows = history(fit_member(replace(PLAN, epochs=1, **changes), cache, tmp_path / "a"))
    assert len(rows) == 1
    assert all(math.isfinite(value) for value in rows[0].values())


def test_batches_may_be_prepared_by_another_process(cache: FilmCache, tmp_path: Path):
    """In a new process, as trainings begin: torch forks its loaders, which a process that has run every runtime does not survive."""
    plan = replace(PLAN, network="resnet10t_slim", epochs=1, loaders=1)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        rows = history(pool.submit(fit_member, plan, cache, tmp_path / "a").result())
    assert len(rows) == 1
    assert math.isfinite(rows[0]["val_loss"])


def test_grades_are_taught_too(tmp_path: Path):
    cache = toy_cache(tmp_path, 60, task="xray-grade")
    folder = fit_member(replace(PLAN, task="xray-grade", epochs=12, lr=3e-2, flip=False, dropout=0.0), cache, tmp_path / "a")
    assert history(folder)[-1]["kappa"] > 0.5
    assert load_member(folder)(torch.zeros(1, 1, 64, 48))[0].shape == (1, 4)


def test_there_is_nothing_to_learn_without_validation(cache: FilmCache, tmp_path: Path):
    films = tuple(replace(film, split="train") for film in cache.films)
    with pytest.raises(InputError) as missing:
        fit_member(PLAN, replace(cache, films=films), tmp_path / "a")
    assert missing.value.code == "training-no-films"


@pytest.mark.parametrize("wrong", [{"precision": "8"}, {"watch": "luck"}, {"epochs": 0}, {"average": 1.0}], ids=str)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, object]):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(PLAN, **wrong)


def test_a_learning_curve_has_a_row_a_size_and_larger_sizes_hold_the_smaller_ones(cache: FilmCache, tmp_path: Path):
    plan = replace(PLAN, epochs=1)
    rows = learning_curve(plan, cache, (8, 16), tmp_path / "curve")
    assert [(row["subjects"], row["films"]) for row in rows] == [(8, 8), (16, 16)]
    for row in rows:
        auroc = row["auroc"]
        assert auroc["low"] <= auroc["estimate"] <= auroc["high"]
        assert auroc["estimate"] == pytest.approx(history(tmp_path / "curve" / str(row["subjects"]))[-1]["auroc"])
    with pytest.raises(InputError, match="train has") as many:
        learning_curve(plan, cache, (1000,), tmp_path / "more")
    assert many.value.code == "curve-size"


@pytest.mark.slow
def test_two_devices_train_one_network_and_tell_how_far_they_are(cache: FilmCache, tmp_path: Path):
    steps = []
    plan = replace(PLAN, network="mobilenetv4_conv_small_050", devices=2, epochs=2)
    folder = fit_member(plan, cache, tmp_path / "a", lambda what, done, of: steps.append((done, of)))
    assert len(history(folder)) == 2
    assert steps[-1] == (2 * (24 // 8), 2 * (24 // 8))
    assert load_member(folder)(torch.zeros(1, 1, 64, 48))[0].shape == (1, 8)


@pytest.mark.slow
def test_two_devices_train_the_head_first_and_then_all(cache: FilmCache, tmp_path: Path):
    plan = replace(PLAN, network="mobilenetv4_conv_small_050", devices=2, epochs=3, head_epochs=2, average=0.0)
    first = {name: value.clone() for name, value in build(plan, cache).net.state_dict().items()}
    learnt = weights(fit_member(replace(plan, epochs=2), cache, tmp_path / "head"))
    assert all(torch.equal(value, learnt[name]) == name.startswith("body.") for name, value in first.items())
    folder = fit_member(plan, cache, tmp_path / "all")
    assert len(history(folder)) == 3
    moved = weights(folder)
    assert not all(torch.equal(value, moved[name]) for name, value in first.items() if name.startswith("body."))


def test_a_process_without_memory_is_told_from_one_with_another_fault():
    for error, full in ((torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True), (RuntimeError("no power"), False)):
        try:
            raise error
        except RuntimeError:
            said = traceback.format_exc()  # what torch's spawn sends of it
        assert is_out_of_memory(error) == full
        assert is_out_of_memory(ProcessRaisedException(f"\n\n-- Process 1 terminated with the following error:\n{said}", 1, 2)) == full


@pytest.mark.slow
def test_processes_with_little_memory_take_each_step_in_pieces(cache: FilmCache, tmp_path: Path):
    said: list[str] = []
    plan = replace(PLAN, network=HUNGRY, epochs=1, batch=16, devices=2)
    assert len(history(fit_member(plan, cache, tmp_path / "a", lambda what, *_: said.append(what)))) == 1
    assert any("4 at a time" in word for word in said)


def test_films_of_a_step_are_shared_out_evenly():
    with pytest.raises(ValueError, match="batch is a multiple of devices"):
        replace(PLAN, batch=9, devices=2)
    with pytest.raises(ValueError, match="batch is a multiple of devices"):
        DetectPlan(batch=9, devices=2)
