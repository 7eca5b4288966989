"""What films teach: which answers are known, what a loss counts, what logits mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from spondyl.core import InputError
from spondyl.lab.films.heads import Taught, head_of, place_loss
from spondyl.lab.films.records import FilmRecord, LabelledBox

BOX = (0.0, 0.0, 4.0, 4.0)


def film(target: int, *labels: int) -> FilmRecord:
    return FilmRecord("a", Path("a.png"), "row 1", "a", "a", "train", None, target, tuple(LabelledBox(label, BOX) for label in labels))


def taught(targets: torch.Tensor, known: torch.Tensor | None = None, **rest: torch.Tensor | None) -> Taught:
    known = torch.ones_like(targets) if known is None else known
    return Taught(targets, known, rest.get("places"), torch.ones_like(targets), torch.ones(len(targets)), rest.get("teacher"))


def test_an_abnormal_film_with_boxes_has_the_lesions_of_its_boxes():
    targets, known = head_of("xray-lesions").taught(film(1, 0, 2, 2))
    assert targets.tolist() == [1, 1, 0, 1, 0, 0, 0, 0]
    assert known.all()


def test_an_abnormal_film_without_boxes_does_not_say_which_lesions_it_has():
    targets, known = head_of("xray-lesions").taught(film(1))
    assert targets[0] == 1
    assert known.tolist() == [1] + [0] * 7


@pytest.mark.parametrize("grade", range(5))
def test_a_grade_is_the_thresholds_that_it_reaches(grade: int):
    head = head_of("xray-grade")
    targets, _ = head.taught(film(grade))
    assert targets.sum() == grade
    assert head.codes[grade].tolist() == targets.tolist()


def test_probabilities_of_grades_are_probabilities_even_where_logits_do_not_fall():
    logits = torch.tensor([[2.0, -1.0, 3.0, -4.0], [9.0, 8.0, 7.0, 6.0]])
    found = head_of("xray-grade").probabilities(logits)
    assert found.shape == (2, 5)
    assert bool((found >= 0).all())
    assert torch.allclose(found.sum(1), torch.ones(2))
    assert found[0, 2] == 0  # what stands above it is at least as sure
    assert int(found[1].argmax()) == 4


def test_the_loss_is_the_mean_cross_entropy_of_what_is_known():
    head = head_of("xray-lesions")
    logits, targets = torch.randn(3, 8, generator=torch.Generator().manual_seed(0)), torch.zeros(3, 8)
    targets[0, :2] = 1
    cells = torch.zeros(3, 8, 2, 2)
    each = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    slow = sum(each[:, k].mean() * float(head.share[k]) for k in range(8))
    assert torch.allclose(head.loss(logits, cells, taught(targets)), slow)
    assert head.share.sum() == pytest.approx(1.0)
    known = torch.ones(3, 8)
    known[1, 1:] = 0
    moved = logits.clone()
    moved[1, 1:] += 100
    assert torch.allclose(head.loss(moved, cells, taught(targets, known)), head.loss(logits, cells, taught(targets, known)))


def test_rare_answers_count_more_when_classes_are_weighed():
    films = [film(0)] * 6 + [film(1, 0)] * 3 + [film(1, 0, 3)]
    head = head_of("xray-lesions", films, weighting="inverse")
    assert head.positive[0] == pytest.approx(6 / 4)
    assert head.positive[1 + 3] == pytest.approx(9)
    assert head.positive[1 + 6] == 1  # nobody has it
    grades = head_of("xray-grade", [film(0)] * 8 + [film(4)] * 2, weighting="inverse")
    assert grades.film[4] / grades.film[0] == pytest.approx(4)


def test_a_teacher_has_its_share_of_the_loss():
    head = replace(head_of("xray-grade"), teacher_weight=0.25)
    logits, targets = torch.zeros(2, 4), torch.ones(2, 4)
    teacher, cells = torch.full((2, 4), 0.9), torch.zeros(2, 4, 2, 2)
    hard = functional.binary_cross_entropy_with_logits(logits, targets)
    soft = functional.binary_cross_entropy_with_logits(logits, teacher)
    assert torch.allclose(head.loss(logits, cells, taught(targets, teacher=teacher)), 0.75 * hard + 0.25 * soft)


def test_places_teach_where_they_are_known_and_pull_towards_their_boxes():
    wanted = torch.zeros(2, 1, 3, 3)
    wanted[0, 0, 1, 1] = 1
    cells = torch.zeros(2, 1, 3, 3, requires_grad=True)
    (slope,) = torch.autograd.grad(place_loss(cells, wanted, torch.tensor([[1.0], [0.0]])), cells)
    assert slope[0, 0, 1, 1] < 0
    assert int((slope[0] > 0).sum()) == 8
    assert not slope[1].any()
    right = torch.where(wanted > 0, 9.0, -9.0)
    assert place_loss(right, wanted, torch.ones(2, 1)) < 1e-6


@pytest.mark.parametrize("task", ["xray-lesions", "xray-grade"])
def test_figures_are_best_for_the_truth_and_nan_where_a_class_is_missing(task: str):
    head = head_of(task)
    films = [film(0), film(1, 0), film(0), film(1, 1)] if task == "xray-lesions" else [film(grade) for grade in (0, 1, 2, 3, 4)]
    targets = np.stack([head.taught(one)[0] for one in films])
    assert all(value == pytest.approx(1.0) for value in head.figures(20.0 * targets - 10.0, films).values())
    if task == "xray-lesions":
        assert np.isnan(head.figures(targets[:1], films[:1])["auroc"])


def test_other_tasks_have_no_head():
    with pytest.raises(InputError, match="Did you mean 'xray-grade'") as unknown:
        head_of("xray-grades")
    assert unknown.value.code == "task-without-head"


def test_the_loss_of_films_does_not_depend_on_their_batches():
    head = head_of("xray-lesions")
    generator = torch.Generator().manual_seed(2)
    logits, targets = torch.randn(6, 8, generator=generator), (torch.rand(6, 8, generator=generator) > 0.7).float()
    alone = torch.stack([head.film_loss(logits[[row]], taught(targets[[row]])) for row in range(6)])
    assert torch.allclose(head.film_loss(logits, taught(targets)), alone.mean())
