"""What is drawn for training: the plan alone decides, labels follow the picture, and nothing leaves 0..1."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.small_pack import subject_slices
from spondyl.lab.mri_discs.gate import FRAME, Picture, augmented, framed, phantom_pictures, posed
from spondyl.lab.mri_discs.grader import Example, GraderPlan, balance, batch_of, loss
from spondyl.lab.mri_discs.locator import Target, plan_view, render_view
from spondyl.lab.photometry import apply_photometry, plan_photometry
from spondyl.lab.schedule import one_cycle
from spondyl.phantom.others import KINDS
from spondyl.tasks.mri_discs.answers import OUTPUTS
from spondyl.tasks.mri_discs.gate import POSES, SEQUENCES

FEW = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31)
PICTURE = np.random.default_rng(0).random((40, 30), dtype=np.float32)


@given(seeds, st.floats(0, 1.5))
@FEW
def test_the_plan_alone_decides_the_grey_levels(seed: int, strength: float):
    plan = plan_photometry(np.random.default_rng(seed), strength)
    assert plan == plan_photometry(np.random.default_rng(seed), strength)
    once = apply_photometry(PICTURE, plan)
    assert np.array_equal(once, apply_photometry(PICTURE, plan))
    assert once.dtype == np.float32
    assert once.min() >= 0
    assert once.max() <= 1


def test_no_strength_changes_nothing():
    plan = plan_photometry(np.random.default_rng(1), 0.0)
    assert apply_photometry(PICTURE, plan) == pytest.approx(PICTURE, abs=1e-6)


@given(seeds)
@FEW
def test_the_name_of_a_pose_says_how_the_picture_was_turned(seed: int):
    turned, pose = posed(PICTURE, np.random.default_rng(seed))
    ways = {
        "upright": [PICTURE],
        "mirrored": [PICTURE[:, ::-1]],
        "upside_down": [PICTURE[::-1], PICTURE[::-1, ::-1]],
        "on_its_side": [PICTURE.T, PICTURE.T[:, ::-1], PICTURE.T[::-1], PICTURE.T[::-1, ::-1]],
    }
    assert any(np.array_equal(turned, way) for way in ways[POSES[pose]])


def test_about_half_of_the_slices_stay_upright_and_every_pose_is_met():
    rng = np.random.default_rng(0)
    met = [POSES[posed(PICTURE, rng)[1]] for _ in range(400)]
    assert 0.42 < met.count("upright") / 400 < 0.62
    assert set(met) == set(POSES) - {"other"}


def test_a_picture_of_something_else_is_other_and_has_no_sequence():
    picture = Picture(framed(PICTURE.repeat(5, 0).repeat(5, 1)), lumbar=False)
    pixels, pose, sequence = augmented(picture, 64, np.random.default_rng(0))
    assert pixels.shape == (64, 64)
    assert (POSES[pose], sequence) == ("other", -1)


def test_the_digital_spine_gives_slices_of_each_sequence_and_every_other_kind():
    pictures = phantom_pictures(3, 1, seed=5)
    lumbar = [p for p in pictures if p.lumbar]
    assert len(pictures) - len(lumbar) == len(KINDS)
    assert all(p.pixels.shape == (FRAME, FRAME) and p.pixels.dtype == np.float16 for p in pictures)
    assert {p.sequence for p in lumbar} <= {-1, *range(len(SEQUENCES))}
    assert all(p.sequence == -1 for p in pictures if not p.lumbar)


def target(index: int = 0) -> Target:
    slice_ = subject_slices(index)["t2"]
    return Target(slice_.pixels, np.array([d.box for d in slice_.truth.discs], float))


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_maps_mark_the_discs_that_are_in_view_and_the_plan_alone_decides(seed: int):
    one = target()
    view = plan_view(one, 96, np.random.default_rng(seed))
    picture, maps = render_view(one, view)
    again, same = render_view(one, view)
    assert np.array_equal(picture, again)
    assert np.array_equal(maps, same)
    centres = view.frame.forward((one.boxes[:, :2] + one.boxes[:, 2:]) / 2)
    well_inside = (np.abs(centres - 48) < 30).all(axis=1)
    for x, y in centres[well_inside]:
        assert maps[0, int(y / 4), int(x / 4)] == 1.0
        assert maps[7, int(y / 4), int(x / 4)] == 1.0
    assert maps[0].max() <= 1.0
    assert (maps[1] <= maps[0]).all()


def test_above_boxes_that_are_not_complete_nothing_is_called_empty():
    boxes = target().boxes[:2]
    view = plan_view(target(), 96, np.random.default_rng(3))
    _, complete = render_view(Target(target().pixels, boxes, complete=True), view)
    _, open_ended = render_view(Target(target().pixels, boxes, complete=False), view)
    assert (complete[6] == 1).all()
    assert (open_ended[6, 0] == 0).all()
    assert (open_ended[6, open_ended[0].max(axis=1) == 1] == 1).all()


def example(rng: np.random.Generator, grade: int, wet: bool, dry: bool) -> Example:
    patch = rng.random((40, 56)).astype(np.float16)
    return Example(f"p{grade}", 1, np.array([grade, *[grade % 2] * 7]), (patch,) if wet else (), (patch,) if dry else ())


def test_a_sequence_that_is_missing_is_all_zero_and_never_both():
    rng = np.random.default_rng(0)
    plan = GraderPlan(shape=(30, 42))
    table = [example(rng, k % 5, k % 3 != 0, k % 3 != 1) for k in range(60)]
    x, y = batch_of(table, plan, rng)
    assert x.shape == (60, 2, 30, 42)
    assert float(x.min()) >= 0
    assert float(x.max()) <= 1
    shown = x.abs().amax(dim=(2, 3)) > 0
    assert bool(shown.any(dim=1).all())
    for row, one in zip(shown.tolist(), table, strict=True):
        assert row[0] <= bool(one.wet)
        assert row[1] <= bool(one.dry)
    assert torch.equal(y[:, 0], torch.tensor([k % 5 for k in range(60)]))


def test_the_loss_prefers_the_right_grade_and_a_near_miss_to_a_far_one():
    weights, positive = torch.ones(5), torch.ones(7)
    labels = torch.tensor([[1, 0, 0, 0, 0, 0, 0, 0]])

    def of(grade: int, present: float = -4.0) -> float:
        logits = torch.full((1, OUTPUTS), present)
        logits[0, :5] = -2.0
        logits[0, grade] = 4.0
        return float(loss(logits, labels, weights, positive, rps=1.0))

    assert of(1) < of(2) < of(3) < of(4)
    assert of(1, present=-4.0) < of(1, present=4.0)


def test_rare_grades_and_rare_findings_weigh_more():
    labels = np.array([[g, int(i == 0), 1, 0, 0, 0, 0, 0] for i, g in enumerate([1] * 20 + [2] * 10 + [4])])
    weights, positive = balance(labels)
    assert weights[4] > weights[2] > weights[1]
    assert weights.mean() == pytest.approx(1)
    assert positive[0] > 1 > positive[1]


def test_the_rate_rises_to_its_peak_and_falls_to_almost_nothing():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([parameter], lr=0.5)
    schedule = one_cycle(optimiser, 100, warm=0.2)
    rates = []
    for _ in range(100):
        optimiser.step()
        schedule.step()
        rates.append(optimiser.param_groups[0]["lr"])
    top = int(np.argmax(rates))
    assert 18 <= top <= 21
    assert rates[top] == pytest.approx(0.5)
    assert rates == sorted(rates[: top + 1]) + sorted(rates[top + 1 :], reverse=True)
    assert rates[-1] == pytest.approx(0.0005)
