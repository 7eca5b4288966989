"""Finds discs on a sagittal slice: centre heat maps with offsets and sizes (after CenterNet, Zhou et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from spondyl.models.blocks import Residual, conv

STRIDE = 4


class Locator(nn.Module):
    """A U-shaped network from one slice to maps at a quarter of its size.

    Input (n, 1, h, w), intensities 0..1, h and w divisible by 32. Output (n, 6, h/4, w/4), channels: probability that a
    disc centre lies in this cell; the same for the lowest disc (above the sacrum); centre minus cell centre in cells (x, y);
    natural log of the box's width and height over 32 frame pixels. Other users say how many probabilities and how many plain maps
    they want instead.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 24, 40, 56, 64), heats: int = 2, plain: int = 4) -> None:
        super().__init__()
        self.heats = heats
        stem, *stages = widths
        self.stem = conv(1, stem, stride=2, kernel=5)
        self.down = nn.ModuleList()
        before = stem
        for width in stages:
            self.down.append(nn.Sequential(Residual(before, width, stride=2), Residual(width, width)))
            before = width
        self.up = nn.ModuleList(conv(below + skip, skip) for below, skip in zip(stages[:0:-1], stages[-2::-1], strict=True))
        self.head = nn.Sequential(conv(stages[0], 32), nn.Conv2d(32, heats + plain, 1))
        nn.init.constant_(self.head[-1].bias[:heats], -3.0)  # type: ignore[index]  # rare positives (focal loss)

    def maps(self, x: Tensor) -> Tensor:
        """Raw outputs: the first channels are logits."""
        x = self.stem(x)
        skips = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        for merge, skip in zip(self.up, skips[-2::-1], strict=True):
            x = merge(torch.cat([functional.interpolate(x, scale_factor=2.0, mode="nearest"), skip], 1))
        return self.head(x)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """Maps with the first channels as probabilities: what is exported."""
        raw = self.maps(x)
        return torch.cat([torch.sigmoid(raw[:, : self.heats]), raw[:, self.heats :]], 1)
