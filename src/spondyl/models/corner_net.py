"""Finds the four corners of one vertebra in a crop around it: a probability map for each (after Sun et al. 2018, integral regression)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from spondyl.models.blocks import Residual, conv

STRIDE = 2
CORNERS = 4


class CornerNet(nn.Module):
    """A U-shaped network from a crop to four maps at half of its size.

    Input (n, 1, h, w), h and w divisible by 8. Output (n, 4, h/2, w/2): for top-left, top-right, bottom-left and bottom-right the
    probability that the corner lies in a cell; each map sums to 1, so that it holds the corner's place and how unsure that is.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 48, 48)) -> None:
        super().__init__()
        stem, *stages = widths
        self.stem = conv(1, stem, stride=2, kernel=5)
        self.down = nn.ModuleList()
        before = stem
        for width in stages[:2]:
            self.down.append(Residual(before, width, stride=2))
            before = width
        self.deep = nn.Sequential(Residual(before, stages[2]), Residual(stages[2], stages[2]))
        self.middle = conv(stages[2] + stages[0], stages[0])
        self.fine = conv(stages[0] + stem, 32)
        self.head = nn.Sequential(conv(32, 32), nn.Conv2d(32, CORNERS, 1))

    def logits(self, x: Tensor) -> Tensor:
        """Logarithms of the probabilities, up to a constant a map."""
        x = self.stem(x)
        half = self.down[0](x)
        deep = self.deep(self.down[1](half))
        half = self.middle(torch.cat([functional.interpolate(deep, scale_factor=2.0, mode="nearest"), half], 1))
        x = self.fine(torch.cat([functional.interpolate(half, scale_factor=2.0, mode="nearest"), x], 1))
        return self.head(x)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """Probabilities: what is exported."""
        raw = self.logits(x)
        return torch.softmax(raw.flatten(2), 2).reshape(raw.shape)
