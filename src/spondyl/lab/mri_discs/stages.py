"""What is trained for each fold. Every stage is one call that can be repeated alone; `run` puts them in order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spondyl.imaging import Letterbox
from spondyl.lab.mri_discs.data import Cohort, label_row
from spondyl.lab.mri_discs.gate import Picture, fit_gate, framed
from spondyl.lab.mri_discs.grader import Example, GraderPlan, fit_grader
from spondyl.lab.mri_discs.locator import Target, fit_locator
from spondyl.lab.mri_discs.recipe import Recipe
from spondyl.models.gate import Gate
from spondyl.models.grader import Grader
from spondyl.models.locator import Locator
from spondyl.tasks.mri_discs.chain import Disc, find_discs
from spondyl.tasks.mri_discs.crops import crops, poses
from spondyl.tasks.mri_discs.frame import locator_frame
from spondyl.tasks.mri_discs.gate import SEQUENCES
from spondyl.tasks.mri_discs.reading import crop_sample

MARGIN = 1.34
"""Training patches are this much larger than crops, so that turns and shifts stay inside them."""


def rng_for(recipe: Recipe, *stage: int) -> np.random.Generator:
    """Chance of one stage of one fold."""
    return np.random.default_rng(np.random.SeedSequence(entropy=recipe.seed, spawn_key=stage))


def train_gate(recipe: Recipe, cohort: Cohort, phantoms: list[Picture], fold: int) -> Gate:
    """A gate that never saw the fold's patients."""
    torch.manual_seed(recipe.seed * 100 + fold)
    pictures = [
        Picture(framed(s.pixels), True, SEQUENCES.index(s.sequence) if s.sequence in SEQUENCES else -1)
        for index, s in enumerate(cohort.slices)
        if cohort.fold(index) != fold and s.stem not in recipe.leave_out
    ]
    return fit_gate([*pictures, *phantoms], size=recipe.gate_size, epochs=recipe.gate_epochs, rng=rng_for(recipe, 1, fold))


def train_locator(recipe: Recipe, cohort: Cohort, fold: int) -> Locator:
    """A locator that never saw the fold's patients: boxed slices first, then all with the boxes it found."""
    torch.manual_seed(recipe.seed * 100 + fold)
    net = Locator()
    own = [index for index in range(len(cohort.slices)) if cohort.fold(index) != fold]
    boxed = [_target(cohort, index) for index in own if cohort.slices[index].boxes]
    size = recipe.locator_size
    fit_locator(net, boxed, size=size, epochs=recipe.locator_epochs, lr=recipe.locator_lr, rng=rng_for(recipe, 2, fold))
    everything = [target for target in (_second_target(recipe, cohort, index, net) for index in own) if target is not None]
    fit_locator(
        net, everything, size=size, epochs=recipe.locator_epochs_all, lr=recipe.locator_lr * 2 / 3, rng=rng_for(recipe, 3, fold)
    )
    return net


def _target(cohort: Cohort, index: int) -> Target:
    s = cohort.slices[index]
    boxes = np.array([s.boxes[k] for k in sorted(s.boxes)], np.float64)
    return Target(cohort.pixels[index], boxes, s.boxes_complete, bottom=1 in s.boxes)


def _second_target(recipe: Recipe, cohort: Cohort, index: int, net: Locator) -> Target | None:
    """Given boxes where they are complete, else found ones where their number agrees with the gradings, else what is given."""
    s = cohort.slices[index]
    if s.boxes_complete and s.num_discs in (None, len(s.grades)):
        return _target(cohort, index)
    maps, frame = locator_maps(recipe, cohort.pixels[index], net)
    for keep in (0.25, 0.2, 0.3, 0.15, 0.4, 0.1, 0.5, 0.6):
        chain: Mapping[str, float] = {**recipe.preprocessing["locator"]["chain"], "least_score": 0.03, "keep_score": keep}  # type: ignore[index]
        discs = find_discs(maps, frame, chain)
        if len(discs) == len(s.grades):
            return Target(cohort.pixels[index], np.array([d.box for d in discs]), bottom=1 in s.grades)
    return _target(cohort, index) if s.boxes else None


def locator_maps(recipe: Recipe, pixels: NDArray[np.float32], net: Locator) -> tuple[NDArray[np.float32], Letterbox]:
    """Maps of one slice from a network in PyTorch, and their frame."""
    frame = locator_frame(pixels, recipe.locator_size)
    with torch.no_grad():
        maps = net.eval()(torch.from_numpy(frame.sample(pixels))[None, None])[0].numpy()
    return maps, frame


def located(recipe: Recipe, cohort: Cohort, locators: list[Locator]) -> list[list[Disc]]:
    """The discs of each slice, found by the locator that never saw its patient."""
    chain: Mapping[str, float] = recipe.preprocessing["locator"]["chain"]  # type: ignore[index]
    return [find_discs(*locator_maps(recipe, pixels, locators[cohort.fold(i)]), chain) for i, pixels in enumerate(cohort.pixels)]


def examples(recipe: Recipe, cohort: Cohort, found: list[list[Disc]]) -> list[Example]:
    """One example a graded disc of each patient, from the slices whose discs were found in the right number (or are boxed).

    A slice may be cut above its lowest discs: what is found belongs to the graded discs in their order.
    """
    wet: dict[tuple[str, int], list[NDArray[np.float16]]] = {}
    dry: dict[tuple[str, int], list[NDArray[np.float16]]] = {}
    labels: dict[tuple[str, int], NDArray[np.int64]] = {}
    for index, s in enumerate(cohort.slices):
        if s.stem in recipe.leave_out:
            continue
        discs = found[index]
        if len(discs) != len(s.grades):
            if not s.boxes_complete or len(s.boxes) != len(s.grades):
                continue
            discs = [_given(s.boxes[k]) for k in sorted(s.boxes)]
        patches = _patches(recipe, cohort.pixels[index], discs)
        for number, patch in zip(sorted(s.grades), patches, strict=True):
            (dry if s.sequence == "t1" else wet).setdefault((s.patient, number), []).append(patch)
            labels[s.patient, number] = label_row(s.grades[number])
    return [Example(p, n, labels[p, n], tuple(wet.get((p, n), ())), tuple(dry.get((p, n), ()))) for p, n in sorted(labels)]


def _given(box: tuple[float, float, float, float]) -> Disc:
    x0, y0, x1, y1 = box
    return Disc((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, 1.0, 1.0)


def _patches(recipe: Recipe, pixels: NDArray[np.float32], discs: list[Disc]) -> list[NDArray[np.float16]]:
    """Patches MARGIN times as large as the graders' crops, on the grey scale of the crops."""
    settings = recipe.preprocessing
    places = poses(discs)
    raw = crops(pixels, places, (recipe.crop_rows, recipe.crop_columns), recipe.crop_height_units, recipe.crop_back_shift, scaled=False)
    low, high = np.percentile(raw, [1, 99])
    span = max(float(high - low), 1e-6)
    return [((crop_sample(pixels, place, settings, MARGIN) - low) / span).clip(0, 1).astype(np.float16) for place in places]


def train_grader(
    recipe: Recipe, cohort: Cohort, table: list[Example], pair: tuple[int, int], start: Mapping[str, Tensor] | None = None
) -> Grader:
    """A grader that never saw the patients of either fold; `start` is what it knew before."""
    torch.manual_seed(recipe.seed * 100 + 10 * pair[0] + pair[1])
    plan = GraderPlan(
        shape=(recipe.crop_rows, recipe.crop_columns),
        epochs=recipe.grader_epochs,
        lr=recipe.grader_lr,
        widths=(recipe.grader_width, 2 * recipe.grader_width, 4 * recipe.grader_width),
        mixup=recipe.grader_mixup,
    )
    return fit_grader([e for e in table if cohort.folds[e.patient] not in pair], plan, rng_for(recipe, 4, *pair), start)
