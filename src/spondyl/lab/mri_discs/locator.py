"""Training of the disc locator: on boxed slices first, then on all slices with the boxes it found itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from spondyl.imaging import Letterbox, affine_sample, compose, content_box, letterbox
from spondyl.lab.photometry import Photometry, apply_photometry, plan_photometry
from spondyl.lab.schedule import one_cycle
from spondyl.models.locator import STRIDE, Locator

LOG_SIZE_UNIT = 32.0


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A slice with the discs it is known to show.

    Attributes:
        pixels: Normalised, float32 (rows, columns).
        boxes: (n, 4) x0, y0, x1, y1, from the bottom up, pixels of the slice.
        complete: Whether there are no other discs in the slice.
        bottom: Whether the first box is the lumbosacral disc.
        content: Box of what is not background, (x0, y0, x1, y1).
    """

    pixels: NDArray[np.float32]
    boxes: NDArray[np.float64]
    complete: bool = True
    bottom: bool = True
    content: tuple[int, int, int, int] = (0, 0, 0, 0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", content_box(self.pixels))


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A planned look at a slice: which part, how tilted, how bright."""

    frame: Letterbox
    photometry: Photometry


def plan_view(target: Target, size: int, rng: np.random.Generator) -> View:
    """Draw a field of view (often cropped, sometimes above the sacrum), a tilt and an exposure. All the chance is here."""
    x0, y0, x1, y1 = (float(v) for v in target.content)
    if rng.random() < 0.6:
        width, height = x1 - x0, y1 - y0
        column = target.boxes[:, [0, 2]]
        x0 = min(x0 + rng.uniform(0, 0.35) * width, column.min() - 0.02 * width)
        x1 = max(x1 - rng.uniform(0, 0.35) * width, column.max() + 0.02 * width)
        y0 += rng.uniform(0, 0.25) * height
        y1 -= rng.uniform(0, 0.15) * height
    if rng.random() < 0.25 and len(target.boxes) > 4:
        cut = int(rng.integers(1, 4))
        middles = target.boxes[:, [1, 3]].mean(1)
        y1 = float(rng.uniform(middles[cut], middles[cut - 1]))
    box = letterbox((x0, y0, max(x1, x0 + 32), max(y1, y0 + 32)), (size, size))
    angle, zoom = np.radians(rng.uniform(-12, 12)), rng.uniform(0.85, 1.3)
    stretch = np.exp(rng.uniform(-0.12, 0.12))
    linear = zoom * np.array([[np.cos(angle) * stretch, -np.sin(angle)], [np.sin(angle), np.cos(angle) / stretch]])
    middle = np.array([size / 2, size / 2])
    around = np.column_stack([linear, middle - linear @ middle + rng.uniform(-0.06, 0.06, 2) * size])
    return View(Letterbox(compose(box.to_source, around), (size, size)), plan_photometry(rng))


def render_view(target: Target, view: View) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The picture (size, size) and its maps (8, size/4, size/4): heat, lowest heat, offset x, y, log w, h, weight, is-centre."""
    size = view.frame.shape[0]
    cells = size // STRIDE
    maps = np.zeros((8, cells, cells), np.float32)
    maps[6] = 1.0
    picture = apply_photometry(affine_sample(target.pixels, view.frame.to_source, view.frame.shape), view.photometry)
    linear = np.linalg.inv(view.frame.to_source[:, :2])
    inside = []
    for index, (x0, y0, x1, y1) in enumerate(target.boxes):
        centre = view.frame.forward(np.array([(x0 + x1) / 2, (y0 + y1) / 2]))
        width, height = (x1 - x0) * np.hypot(*linear[:, 0]), (y1 - y0) * np.hypot(*linear[:, 1])
        if (centre < 0.15 * height).any() or (centre > size - 0.15 * height).any():
            continue
        inside.append((centre, height))
        _draw(maps, centre / STRIDE, width, height, lowest=index == 0 and target.bottom)
    if not target.complete and inside:
        top = (min(c[1] - h for c, h in inside)) / STRIDE
        maps[6, : max(0, int(top))] = 0.0
    return picture, maps


def _draw(maps: NDArray[np.float32], centre: NDArray[np.float64], width: float, height: float, lowest: bool) -> None:
    """One disc into the maps; `centre` in cells."""
    cells = maps.shape[1]
    y, x = np.mgrid[0:cells, 0:cells] + 0.5
    sigma_x, sigma_y = max(0.9, width / STRIDE / 7), max(0.8, height / STRIDE / 7)
    bell = np.exp(-((x - centre[0]) ** 2) / (2 * sigma_x**2) - ((y - centre[1]) ** 2) / (2 * sigma_y**2)).astype(np.float32)
    maps[0] = np.maximum(maps[0], bell)
    if lowest:
        maps[1] = np.maximum(maps[1], bell)
    near = (np.abs(x - centre[0]) < 1.5) & (np.abs(y - centre[1]) < 1.5)
    maps[2][near], maps[3][near] = (centre[0] - x)[near], (centre[1] - y)[near]
    maps[4][near], maps[5][near] = np.log(width / LOG_SIZE_UNIT), np.log(height / LOG_SIZE_UNIT)
    column, row = int(np.clip(centre[0], 0, cells - 1)), int(np.clip(centre[1], 0, cells - 1))
    maps[0, row, column] = 1.0
    maps[1, row, column] = max(maps[1, row, column], float(lowest))
    maps[7][near] = 1.0


def loss(raw: Tensor, maps: Tensor) -> Tensor:
    """Focal loss on the two heat maps and L1 on offsets and sizes."""
    heat = focal_loss(raw[:, :2], maps[:, :2], maps[:, 6:7])
    near = maps[:, 7:8]
    regression = (torch.abs(raw[:, 2:6] - maps[:, 2:6]) * near * raw.new_tensor([1.0, 1.0, 2.0, 2.0]).view(1, 4, 1, 1)).sum()
    return heat + regression / near.sum().clamp(min=1)


def focal_loss(heat: Tensor, truth: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Penalty-reduced focal loss of heat maps' logits (Law and Deng 2018, equation 1), per positive cell."""
    positive = (truth >= 0.999).float()
    probability = torch.sigmoid(heat)
    focal = positive * (1 - probability) ** 2 * functional.softplus(-heat)
    focal = focal + (1 - positive) * (1 - truth) ** 4 * probability**2 * functional.softplus(heat) * weight
    return focal.sum() / positive.sum().clamp(min=1)


def fit_locator(
    net: Locator, targets: Sequence[Target], *, size: int, epochs: int, lr: float, rng: np.random.Generator, batch: int = 12
) -> None:
    """Train in place with AdamW and a one-cycle rate, in bfloat16 where the CPU has it."""
    net.train().to(memory_format=torch.channels_last)
    steps = epochs * max(1, len(targets) // batch)
    optimiser = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.02)
    schedule = one_cycle(optimiser, steps, 0.15)
    for _ in range(epochs):
        order = rng.permutation(len(targets))
        for start in range(0, max(len(order) - batch + 1, 1), batch):
            drawn = [render_view(targets[i], plan_view(targets[i], size, rng)) for i in order[start : start + batch]]
            pictures = torch.from_numpy(np.stack([d[0] for d in drawn])[:, None]).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                raw = net.maps(pictures)
            value = loss(raw.float(), torch.from_numpy(np.stack([d[1] for d in drawn])))
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            schedule.step()
    net.eval()
