"""Whether a map depends on what was learned: its rank correlation with the maps of the same network with random weights.

Weights are drawn anew from the last layer down, as in Adebayo et al. 2018: the head; then also the last third of the body; then the last
two thirds; then everything. Batch statistics are taken anew from the films, so that a random network does not answer the same everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spondyl.lab.films.gate_figures import as_figure
from spondyl.metrics import bootstrap_interval

DEPTHS = {"head": 0.0, "last third": 1 / 3, "last two thirds": 2 / 3, "all": 1.0}
"""Share of the layers below the head that are drawn anew."""


def randomised(net: nn.Module, frames: NDArray[np.float32], outputs: Sequence[int], groups: Sequence[str], seed: int) -> dict[str, Any]:
    """By depth, the mean absolute rank correlation of the maps, with its interval; 1 would say that learning did not matter.

    Args:
        net: As `lab.films.fit.load_member` gives it: films (n, 1, rows, columns) to logits and maps (n, K, h, w).
        frames: (n, rows, columns).
        outputs: Which of each film's maps, (n,).
        groups: The patient of each film.
        seed: Of the random weights.
    """
    films = torch.from_numpy(frames[:, None])
    learned = _maps(net, films, outputs)
    table = {}
    for depth, share in DEPTHS.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            blank = scrambled(net, share, films)
        seen = _maps(blank, films, outputs)
        ranks = np.array([abs(rank_correlation(own, other)) for own, other in zip(learned, seen, strict=True)])
        interval = bootstrap_interval(lambda part: float(np.mean(part)), list(groups), ranks, rng=np.random.default_rng(seed))
        table[depth] = as_figure(interval)
    return table


def scrambled(net: nn.Module, share: float, films: Tensor) -> nn.Module:
    """A copy with a random head and that share of the layers below it, the last ones, drawn anew; in eval mode."""
    blank = deepcopy(net)
    head = blank.get_submodule("head")
    nn.init.normal_(head.get_parameter("weight"), std=0.1)
    layers = [part for name, part in blank.named_modules() if hasattr(part, "reset_parameters") and not name.startswith("head")]
    for layer in layers[len(layers) - round(share * len(layers)):]:
        layer.reset_parameters()
    norms = [part for part in blank.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.inference_mode():
        for part in torch.split(films, 16):
            blank(part)
    return blank.eval()


def rank_correlation(one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> float:
    """Spearman's rank correlation of two maps, ties by their order; 0 where one of them is flat.

    Example:
        >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
        0.5
    """
    first, second = np.ravel(one), np.ravel(other)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (first, second)]
    return round(float(np.corrcoef(ranks[0], ranks[1])[0, 1]), 12)


def _maps(net: nn.Module, films: Tensor, outputs: Sequence[int]) -> NDArray[np.float32]:
    """The map of each film's own output, (n, h, w)."""
    with torch.inference_mode():
        cams = torch.cat([net(part)[1] for part in torch.split(films, 16)]).numpy()
    return np.asarray(cams[np.arange(len(cams)), np.asarray(outputs)], np.float32)
