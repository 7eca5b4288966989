"""The two networks of a fold: the detector of vertebrae, and the second look at the corners of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spondyl.lab.alignment.cases import Case, OnStep, prepared
from spondyl.lab.alignment.recipe import AlignmentRecipe
from spondyl.lab.alignment.views import placed, plan_film, plan_vertebra, seen_film, seen_vertebra
from spondyl.lab.fit_loop import Drawn, fit_loop
from spondyl.lab.mri_discs.locator import focal_loss
from spondyl.models.corner_net import STRIDE as FINE
from spondyl.models.corner_net import CornerNet
from spondyl.models.locator import STRIDE, Locator
from spondyl.tasks.xray_alignment.detect import HEATS, UNIT

LEAST_SHOWN, LEAST_HALF = 0.75, 0.3
"""Share of a vertebra on the film from which it is to be found; between the two nothing is asked."""
BELL = (1.6, 0.9)
"""Standard deviations of a centre's bell in cells, (x, y)."""
CORNER_SD = 1.0
"""Of a corner's bell, in cells of the second look: about what annotators leave open."""


def new_detector(recipe: AlignmentRecipe) -> Locator:
    """With random weights."""
    return Locator(recipe.detector_widths, heats=len(HEATS), plain=8)


def new_corner_net(recipe: AlignmentRecipe) -> CornerNet:
    """With random weights."""
    return CornerNet(recipe.corner_widths)


def fit_detector(cases: Sequence[Case], recipe: AlignmentRecipe, seed: int, on_step: OnStep) -> Locator:
    """Taught by whole films; digital ones, where there are any, are seen as often as the recipe says."""
    torch.manual_seed(seed)
    net = new_detector(recipe)
    films = [(prepared(case).astype(np.float16), case.corners) for case in cases]
    real, drawn = _kinds(cases)
    steps = max(len(real) // recipe.batch, 1)

    def batches(epoch: int) -> Iterator[Drawn]:
        rng = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(1, epoch)))
        for chosen in _chosen(rng, real, drawn, recipe, steps):
            views = []
            for k in chosen:
                pixels, corners = films[k]
                look = plan_film(rng, (pixels.shape[0], pixels.shape[1]), corners, recipe.film)
                views.append((seen_film(pixels.astype(np.float32), look)[None], film_maps(*placed(corners, look), recipe.film)))
            yield tuple(torch.from_numpy(np.stack(part)) for part in zip(*views, strict=True))

    def loss(raw: Tensor, wanted: Tensor) -> Tensor:
        count = len(HEATS)
        near = wanted[:, -1:]
        corners = nn.functional.smooth_l1_loss(raw[:, count:] * near, wanted[:, count:-2] * near, beta=0.05, reduction="sum")
        return focal_loss(raw[:, :count], wanted[:, :count], wanted[:, -2:-1]) + corners / near.sum().clamp(min=1)

    cycles = (recipe.detector_epochs, recipe.detector_again)
    _fit_cycles(net, net.maps, batches, loss, cycles, steps, recipe.detector_lr, recipe.half,
                lambda epoch: on_step("Teaching the detector", epoch, sum(cycles)))
    return net


def film_maps(corners: NDArray[np.float64], shown: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float32]:
    """(len(HEATS) + 10, rows, columns) at a STRIDE-th: bells of centres, of the lowest and of the highest named vertebra; corner offsets;
    where anything is asked; where offsets are.

    Args:
        corners: (n, 4, 2) in the frame, all of the named ones from the top down.
        shown: (n,) share of each that is there.
    """
    rows, columns = shape[0] // STRIDE, shape[1] // STRIDE
    count = len(HEATS)
    maps = np.zeros((count + 10, rows, columns), np.float32)
    maps[-2] = 1.0
    y, x = np.mgrid[0:rows, 0:columns] + 0.5
    for k, (box, share) in enumerate(zip(corners, shown, strict=True)):
        centre = box.mean(axis=0) / STRIDE
        if not (0 <= centre[0] < columns and 0 <= centre[1] < rows) or share < LEAST_HALF:
            continue
        bell = np.exp(-((x - centre[0]) ** 2) / (2 * BELL[0] ** 2) - ((y - centre[1]) ** 2) / (2 * BELL[1] ** 2)).astype(np.float32)
        if share < LEAST_SHOWN:
            maps[-2][bell > 0.05] = 0.0
            continue
        for channel, wanted in enumerate((True, k == len(corners) - 1, k == 0)):
            if wanted:
                maps[channel] = np.maximum(maps[channel], bell)
                maps[channel, int(centre[1]), int(centre[0])] = 1.0
        near = (np.abs(x - centre[0]) < 2.0) & (np.abs(y - centre[1]) < 1.5)
        for corner in range(4):
            maps[count + 2 * corner][near] = ((box[corner, 0] - x * STRIDE) / UNIT)[near]
            maps[count + 2 * corner + 1][near] = ((box[corner, 1] - y * STRIDE) / UNIT)[near]
        maps[-1][near] = 1.0
    return maps


def fit_corner_net(cases: Sequence[Case], recipe: AlignmentRecipe, seed: int, on_step: OnStep) -> CornerNet:
    """Taught by crops around vertebrae, as wrong as the detector's first look."""
    torch.manual_seed(seed + 1)
    net = new_corner_net(recipe)
    films = [(prepared(case).astype(np.float16), case.corners) for case in cases]
    real, drawn = _kinds(cases)
    batch = recipe.corner_batch
    places = [(k, place) for k in real for place in range(len(films[k][1]))]
    others = [(k, place) for k in drawn for place in range(len(films[k][1]))]
    steps = max(int(len(places) * recipe.corner_share) // batch, 1)

    def batches(epoch: int) -> Iterator[Drawn]:
        rng = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(2, epoch)))
        for _ in range(steps):
            digital = round(batch * recipe.drawn_share) if others else 0
            chosen = [places[i] for i in rng.integers(len(places), size=batch - digital)]
            chosen += [others[i] for i in rng.integers(len(others), size=digital)] if digital else []
            views = []
            for k, place in chosen:
                pixels, corners = films[k]
                look = plan_vertebra(rng, corners[place], recipe.vertebra)
                crop, inside = seen_vertebra(pixels, corners[place], look)
                views.append((crop[None], inside.astype(np.float32)))
            yield tuple(torch.from_numpy(np.stack(part)) for part in zip(*views, strict=True))

    cycles = (recipe.corner_epochs, recipe.corner_again)
    _fit_cycles(net, net.logits, batches, corner_loss, cycles, steps, recipe.corner_lr, recipe.half,
                lambda epoch: on_step("Teaching the second look", epoch, sum(cycles)))
    return net


def corner_loss(raw: Tensor, corners: Tensor) -> Tensor:
    """Cross-entropy with a bell at each corner, and the distance of each map's mean from it.

    Args:
        raw: (n, 4, h, w) logits.
        corners: (n, 4, 2) pixels (x, y) of the crop.
    """
    rows, columns = raw.shape[2:]
    x, y = torch.arange(columns) + 0.5, torch.arange(rows) + 0.5
    at = corners / FINE
    bell = (-((x - at[..., :1]) ** 2) / (2 * CORNER_SD**2))[:, :, None, :] + (-((y - at[..., 1:]) ** 2) / (2 * CORNER_SD**2))[..., None]
    wanted = torch.softmax(bell.flatten(2), 2)
    logs = torch.log_softmax(raw.flatten(2), 2)
    cross = -(wanted * logs).sum(2).mean()
    chance = logs.exp().reshape(raw.shape)
    mean = torch.stack([(chance.sum(2) * x).sum(2), (chance.sum(3) * y).sum(2)], -1)
    return cross + nn.functional.smooth_l1_loss(mean, at, beta=0.5)


def _kinds(cases: Sequence[Case]) -> tuple[list[int], list[int]]:
    real = [k for k, case in enumerate(cases) if not case.drawn]
    drawn = [k for k, case in enumerate(cases) if case.drawn]
    return (real, drawn) if real else (drawn, [])


def _chosen(rng: np.random.Generator, real: Sequence[int], drawn: Sequence[int], recipe: AlignmentRecipe, steps: int
            ) -> Iterator[list[int]]:
    order = [real[i] for i in rng.permutation(len(real))]
    for step in range(steps):
        chosen = order[step * recipe.batch:(step + 1) * recipe.batch]
        digital = round(len(chosen) * recipe.drawn_share / (1 - recipe.drawn_share)) if drawn else 0
        yield chosen + [drawn[i] for i in rng.integers(len(drawn), size=digital)] if digital else chosen


def _fit_cycles(net: nn.Module, raw: Callable[[Tensor], Tensor], batches: Callable[[int], Iterator[Drawn]], loss: Callable[..., Tensor],
                cycles: Sequence[int], steps: int, lr: float, half: bool, say: Callable[[int], None]) -> None:
    """`fit_loop` for each number of epochs in turn, the peak of the rate half as high each time."""
    done = 0
    for number, epochs in enumerate(cycles):
        fit_loop(net, lambda epoch, first=done: batches(first + epoch), loss, epochs, steps, lr / 2**number,  # type: ignore[misc]
                 lambda epoch, first=done: say(first + epoch), raw=raw, half=half)  # type: ignore[misc]
        done += epochs
