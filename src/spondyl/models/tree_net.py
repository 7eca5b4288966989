"""Ensembles of decision trees as plain tensor steps, so that every runtime that runs networks runs them too.

A tree is walked for as many steps as it is deep: at each step the place is looked up, the feature there compared, and one of two
places taken; leaves point at themselves (the "tree traversal" strategy of Nakandala et al. 2020, Hummingbird).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """An ensemble, trees one after another.

    Attributes:
        feature: (nodes,) column that a node asks; 0 at leaves.
        threshold: (nodes,) float64: to the left where the column is not above it.
        left, right: (nodes,) places of the children in these arrays; a leaf's own place.
        value: (nodes, K) what a leaf says; zeros elsewhere.
        roots: (trees,) places where each begins.
        depth: Of the deepest.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]
    roots: NDArray[np.int64]
    depth: int


class TreeNet(nn.Module):
    """Input `features` (n, d), float32. Output (n, K): the sum of the leaves that are reached, times `scale`, plus `start`.

    Thresholds are rounded down to float32, which changes no comparison with a float32 feature.
    """

    def __init__(self, trees: Trees, scale: float = 1.0, start: NDArray[np.float64] | None = None) -> None:
        super().__init__()
        plain = trees.threshold.astype(np.float32)
        above = plain.astype(np.float64) > trees.threshold
        plain[above] = np.nextafter(plain[above], np.float32(-np.inf))
        for name, array in (("feature", trees.feature), ("left", trees.left), ("right", trees.right), ("roots", trees.roots)):
            self.register_buffer(name, torch.from_numpy(np.asarray(array, np.int64)))
        self.register_buffer("threshold", torch.from_numpy(plain))
        self.register_buffer("value", torch.from_numpy((trees.value * scale).astype(np.float32)))
        self.register_buffer("start", torch.from_numpy(np.zeros(trees.value.shape[1], np.float32) if start is None
                                                       else np.asarray(start, np.float32)))
        self.depth = trees.depth

    def forward(self, features: Tensor) -> Tensor:
        """What the ensemble says."""
        count = features.shape[0]
        place = self.roots.unsqueeze(0).expand(count, -1)  # type: ignore[operator]  # buffers are tensors
        for _ in range(self.depth):
            asked = torch.gather(features, 1, self.feature[place])  # type: ignore[index]
            place = torch.where(asked <= self.threshold[place], self.left[place], self.right[place])  # type: ignore[index]
        return self.value[place].sum(1) + self.start  # type: ignore[index,operator]
