"""The gate for films: what it learns from, what it is judged on, and that it is kept as one piece."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from spondyl.lab.films.cache import FilmCache
from spondyl.lab.films.gate import GatePlan, fit_gate, load_gate, posed, read_plan
from spondyl.lab.films.gate_figures import Samples, figures_of
from spondyl.lab.films.records import FilmRecord
from spondyl.lab.films.strangers import STRANGERS, Drawing, draw_strangers
from spondyl.lab.onnx_export import to_onnx
from spondyl.tasks.films.framing import FilmFrame
from spondyl.tasks.films.gate import POSES, VIEWS

PLAN = GatePlan(size=48, steps=45, batch=24, each=1, seed=3)


def _cache(count: int = 24) -> FilmCache:
    """Films that get brighter from head to foot, the lateral ones with a bright front."""
    rng = np.random.default_rng(0)
    films, pixels = [], []
    for number in range(count):
        view = VIEWS[number % 2]
        film = np.linspace(0.1, 1, 48)[:, None] * np.ones(48) + rng.normal(0, 0.05, (48, 48))
        if view == "lateral":
            film[:, :12] += 0.5
        pixels.append(np.clip(film, 0.01, 1))
        split = ("train", "train", "val")[number % 3]
        films.append(FilmRecord(f"f{number}", Path("x"), "x", f"p{number // 2}", f"s{number}", split, view, 0))
    stack = np.rint(np.stack(pixels) * 65535).astype(np.uint16)
    ids = tuple(str(number) for number in range(count))
    return FilmCache(tuple(films), PLAN.frame, stack, np.zeros((count, 2, 3)), np.zeros((count, 2), np.int64), ids, ids, (), Path("x"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    return fit_gate(_cache(), folder, plan=PLAN)


def test_a_gate_learns_which_way_is_up(trained):
    figures = json.loads((trained / "figures.json").read_text("utf-8"))
    assert figures["films"] == 8
    assert figures["false_refusals"]["estimate"] <= 0.25
    assert all(figures["let_in"][pose]["estimate"] <= 0.25 for pose in ("upside_down", "on_its_side", "inverted"))
    assert figures["views"]["estimate"] >= 0.75
    assert set(figures["wrong_acceptances"]["kinds"]) == set(STRANGERS)


def test_a_finished_gate_is_kept_and_another_plan_is_another_gate(trained):
    before = (trained / "weights.pt").stat().st_mtime_ns
    fit_gate(_cache(), trained, plan=PLAN)
    assert (trained / "weights.pt").stat().st_mtime_ns == before
    assert read_plan(trained) == PLAN
    weights = {name: value.clone() for name, value in load_gate(trained).state_dict().items()}
    fit_gate(_cache(), trained, plan=replace(PLAN, steps=2))
    assert read_plan(trained).steps == 2
    assert any(not torch.equal(value, weights[name]) for name, value in load_gate(trained).state_dict().items())


def test_the_exported_gate_says_the_same(trained):
    net = load_gate(trained)
    film = torch.rand(3, 1, 48, 48)
    graph = to_onnx(net, film[:1], "film", ["logits"])
    said = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(["logits"], {"film": film.numpy()})[0]
    assert said.shape == (3, len(POSES) + len(VIEWS))
    with torch.inference_mode():
        np.testing.assert_allclose(said, net(film).numpy(), atol=2e-2)


def test_settings_hold_what_the_task_reads():
    settings = PLAN.settings()
    assert FilmFrame.of(settings["frame"]) == PLAN.frame
    assert (settings["network"], settings["least"]) == ("gate", 0.5)


@pytest.mark.parametrize("pose", POSES)
def test_poses_are_what_their_names_say(pose):
    film = np.linspace(0.1, 0.9, 32, dtype=np.float32)[:, None] * np.ones((1, 32), np.float32)
    seen = posed(film, pose, np.random.default_rng(0))
    down, across = seen.mean(axis=1), seen.mean(axis=0)
    rises = {"film": down[-1] > down[0], "upside_down": down[0] > down[-1], "other": down[0] > down[-1],
             "on_its_side": abs(across[0] - across[-1]) > 0.5}  # fmt: skip
    assert rises[pose]


def test_strangers_are_the_same_for_the_same_seed_and_hold_both_views_of_a_spine():
    frame = FilmFrame(24, 24)
    drawn = draw_strangers(frame, 1, 7)
    assert {one.kind for one in drawn} == {*STRANGERS, "film"}
    assert {one.view for one in drawn if one.kind == "film"} == set(VIEWS)
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(drawn, draw_strangers(frame, 1, 7), strict=True))


def _samples(count: int) -> Samples:
    ramp = np.linspace(0.1, 1, 20)[:, None] * np.ones((20, 20))
    stack = np.tile(np.rint(ramp * 65535).astype(np.uint16), (max(count, 1), 1, 1))
    return Samples(stack, np.arange(count), ("frontal",) * count, tuple(str(k) for k in range(count)))


def test_figures_count_what_is_refused_and_what_is_let_in():
    """A gate that takes whatever is brighter below than above."""

    def ask(frames):
        up = frames[:, -5:].mean((1, 2)) - frames[:, :5].mean((1, 2))
        right = np.abs(frames[:, :, -5:].mean((1, 2)) - frames[:, :, :5].mean((1, 2)))
        logits = np.stack([20 * up, -20 * up, 20 * right, np.full(len(frames), 1.0), up, -up], axis=1)
        return logits.astype(np.float32)

    ramp, flat = _samples(1).pixels[0], np.full((20, 20), 30000, np.uint16)
    figures = figures_of(ask, _samples(6), [Drawing(ramp, "page"), Drawing(flat, "page"), Drawing(flat, "chest")], 0.5)
    assert figures["false_refusals"]["estimate"] == 0.0
    assert figures["let_in"]["upside_down"]["estimate"] == 0.0
    assert figures["named_rightly"] == {pose: pytest.approx({"estimate": 1.0, "low": 0.61, "high": 1.0}, abs=0.01)
                                        for pose in ("upside_down", "on_its_side")}
    assert figures["views"]["estimate"] == 1.0
    assert figures["wrong_acceptances"]["kinds"] == {"chest": {"shown": 1, "accepted": 0}, "page": {"shown": 2, "accepted": 1}}


def test_figures_say_nothing_where_nothing_was_judged():
    figures = figures_of(lambda frames: np.zeros((len(frames), 6), np.float32), _samples(0), [], 0.5)
    assert figures["false_refusals"] is None
    assert figures["wrong_acceptances"] == {"all": None, "kinds": {}}
