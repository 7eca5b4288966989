"""The networks that come before a class: the locator of vertebrae, and the judge of each vertebra. Taught on patients of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spondyl.imaging import Letterbox
from spondyl.lab.dxa.cases import Case, OnStep
from spondyl.lab.dxa.recipe import DensityRecipe
from spondyl.lab.dxa.views import draw_look, seen
from spondyl.lab.fit_loop import Drawn, fit_loop
from spondyl.lab.mri_discs.locator import focal_loss
from spondyl.models.density_nets import PlacedNet
from spondyl.models.locator import Locator
from spondyl.tasks.dxa_osteoporosis.locate import STRIDE, UNIT
from spondyl.tasks.dxa_osteoporosis.space import NAMES, Vertebra, regions, scan_frame, vertebra_frame
from spondyl.tasks.dxa_osteoporosis.trust import REASONS

LOCATOR_WIDTHS = (16, 24, 32, 48, 56)
BATCH = 16


def new_locator() -> Locator:
    """A locator of vertebrae with random weights."""
    return Locator(LOCATOR_WIDTHS, heats=len(NAMES), plain=8)


def located(case: Case) -> tuple[Vertebra, ...]:
    """The vertebrae that the data set tells, as the locator is to find them."""
    return tuple(Vertebra(one.name, one.corners) for one in case.truth if one.name in NAMES)


def fit_locator(cases: Sequence[Case], recipe: DensityRecipe, on_step: OnStep) -> Locator:
    """Taught by the corners that the data set tells."""
    torch.manual_seed(recipe.seed)
    net = new_locator()
    known = [(case, scan_frame(case.panel, recipe.scan)) for case in cases if case.panel is not None and case.truth]

    def batches(epoch: int) -> Iterator[Drawn]:
        rng = np.random.default_rng(np.random.SeedSequence(entropy=recipe.seed, spawn_key=(1, epoch)))
        order = rng.permutation(len(known))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            drawn = [_locator_view(known[i][0], known[i][1], rng) for i in order[start:start + BATCH]]
            yield tuple(torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))

    def loss(maps: Tensor, wanted: Tensor) -> Tensor:
        count = len(NAMES)
        near = wanted[:, -1:]
        corners = torch.nn.functional.smooth_l1_loss(maps[:, count:] * near, wanted[:, count:-1] * near, beta=0.05, reduction="sum")
        return focal_loss(maps[:, :count], wanted[:, :count]) + 2 * corners / (8 * near.sum().clamp(min=1)) * 4

    raw = _Raw(net)
    fit_loop(raw, batches, loss, recipe.locator_epochs, max(len(known) // BATCH, 1), 4e-3,
             lambda epoch: on_step("Teaching the locator", epoch, recipe.locator_epochs))
    return net.eval()


class _Raw(nn.Module):
    """The locator with logits for probabilities, which is what a loss wants."""

    def __init__(self, net: Locator) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Raw maps."""
        return self.net.maps(x)


def _locator_view(case: Case, frame: Letterbox, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The picture (1, rows, columns), and its maps: a bell a name, corner offsets, and where they count."""
    look = draw_look(rng, frame.shape, flip=False)
    mirrored = rng.random() < 0.5
    picture, there = seen(case.scan, frame, look)
    shape = (frame.shape[0] // STRIDE, frame.shape[1] // STRIDE)
    maps = np.zeros((len(NAMES) + 9, *shape), np.float32)
    y, x = np.mgrid[0:shape[0], 0:shape[1]] + 0.5
    for one in located(case):
        corners = there.forward(one.corners)
        if mirrored:
            corners = (corners * [-1, 1] + [frame.shape[1], 0])[[1, 0, 3, 2]]
        centre = corners.mean(axis=0) / STRIDE
        if not (0 <= centre[0] < shape[1] and 0 <= centre[1] < shape[0]):
            continue
        bell = np.exp(-((x - centre[0]) ** 2) / (2 * 1.6**2) - ((y - centre[1]) ** 2) / (2 * 0.9**2))
        channel = NAMES.index(one.name)
        maps[channel] = np.maximum(maps[channel], bell)
        maps[channel, int(centre[1]), int(centre[0])] = 1.0
        near = (np.abs(x - centre[0]) < 2.5) & (np.abs(y - centre[1]) < 1.5)
        for k in range(4):
            maps[len(NAMES) + 2 * k][near] = ((corners[k, 0] - x * STRIDE) / UNIT)[near]
            maps[len(NAMES) + 2 * k + 1][near] = ((corners[k, 1] - y * STRIDE) / UNIT)[near]
        maps[-1][near] = 1.0
    shown = picture[:, ::-1] if mirrored else picture
    return np.ascontiguousarray(shown)[None], maps


def vertebra_net(recipe: DensityRecipe) -> PlacedNet:
    """A judge of vertebrae with random weights."""
    return PlacedNet(len(REASONS), recipe.vertebra, pool=2)


def fit_vertebra_net(cases: Sequence[Case], recipe: DensityRecipe, on_step: OnStep) -> PlacedNet:
    """Taught by what the data set tells of each vertebra, seen where its true corners are, a little off as the locator will be."""
    torch.manual_seed(recipe.seed + 1)
    net = vertebra_net(recipe)
    places = [(case, box, reasons_of(case, name)) for case in cases for name, box in regions(located(case)).items()]
    rare = np.array([row[2].max() for row in places]) > 0
    weights = np.where(rare, 0.35 / max(rare.sum(), 1), 0.65 / max((~rare).sum(), 1))
    steps = max(2 * len(places) // (4 * BATCH) // 2, 1)

    def batches(epoch: int) -> Iterator[Drawn]:
        rng = np.random.default_rng(np.random.SeedSequence(entropy=recipe.seed, spawn_key=(2, epoch)))
        for _ in range(steps):
            drawn = [_vertebra_view(places[i], recipe, rng) for i in rng.choice(len(places), 4 * BATCH, p=weights / weights.sum())]
            yield tuple(torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))

    def loss(logits: Tensor, wanted: Tensor) -> Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted)

    fit_loop(net, batches, loss, recipe.vertebra_epochs, steps, 3e-3,
             lambda epoch: on_step("Teaching the judge of vertebrae", epoch, recipe.vertebra_epochs))
    return net


def reasons_of(case: Case, name: str) -> NDArray[np.float32]:
    """(len(REASONS),) 0 or 1, of the vertebra of that name."""
    told = next(one.reasons for one in case.truth if one.name == name)
    return np.array([reason in told for reason in REASONS], np.float32)


def _vertebra_view(place: tuple[Case, NDArray[np.float64], NDArray[np.float32]], recipe: DensityRecipe,
                   rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    case, box, reasons = place
    moved = box + rng.normal(0, 0.02, box.shape) * np.ptp(box, axis=0)
    picture, _ = seen(case.scan, vertebra_frame(moved, recipe.vertebra), draw_look(rng, recipe.vertebra, 0.4))
    return picture[None], reasons
