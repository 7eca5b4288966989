"""Networks of whole spines: fitted on cumulative labels, on an accelerator where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spondyl.lab.dxa.cases import TOP
from spondyl.lab.dxa.views import again, draw_look
from spondyl.lab.fit_loop import fit_loop
from spondyl.models.density_nets import DensityNet, create

OUTPUTS = 2
"""Cumulative: osteopenia or worse, osteoporosis."""
ASK = 128
Pictures = NDArray[np.uint16]


def cumulative(labels: NDArray[np.integer]) -> NDArray[np.float32]:
    """(n, 2): whether the label is 1 or more, and 2."""
    return np.stack([labels >= 1, labels >= 2], axis=1).astype(np.float32)


def fit_net(name: str, width: float, pictures: Pictures, targets: NDArray[np.float32], *, epochs: int, lr: float, batch: int, seed: int,
            say: Callable[[int], None] = lambda epoch: None) -> DensityNet:
    """A network by name on pictures in their frame.

    Args:
        pictures: uint16 (n, rows, columns), 0..65535 for 0..1.
        targets: (n, 2) probabilities of `cumulative` labels.
    """
    torch.manual_seed(seed)
    net = create(name, targets.shape[1], width)
    steps = max(len(pictures) // batch, 1)

    def batches(epoch: int) -> Iterator[tuple[Tensor, ...]]:
        rng = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(3, epoch)))
        order = rng.permutation(len(pictures))
        for k in range(steps):
            rows = order[k * batch:(k + 1) * batch]
            drawn = [again(plain(pictures[i]), draw_look(rng, pictures.shape[1:], 0.6)) for i in rows]
            yield torch.from_numpy(np.stack(drawn)[:, None]), torch.from_numpy(targets[rows])

    def loss(said: tuple[Tensor, ...], wanted: Tensor) -> Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(said[0], wanted)

    fit_loop(net, batches, loss, epochs, steps, lr, say)
    return net


def plain(stored: Pictures) -> NDArray[np.float32]:
    """As serving has it: float32, 0..1."""
    return stored.astype(np.float32) / np.float32(TOP)


def ask_net(net: DensityNet, pictures: Pictures) -> NDArray[np.float32]:
    """Logits (n, 2)."""
    net.eval()
    said = []
    with torch.no_grad():
        for start in range(0, len(pictures), ASK):
            said.append(net(torch.from_numpy(plain(pictures[start:start + ASK])[:, None]))[0].numpy())
    return np.concatenate(said) if said else np.zeros((0, OUTPUTS), np.float32)
