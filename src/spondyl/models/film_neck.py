"""Joins a body's coarse and fine maps into one fine map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

WIDTH = 96


class Neck(nn.Module):
    """Coarse maps are brought up to the finest and added, then mixed once: what is seen from far decides what is meant from near.

    After the feature pyramid of Lin et al. 2017, of which only the finest map is kept.
    """

    def __init__(self, channels: Sequence[int], width: int = WIDTH) -> None:
        super().__init__()
        self.width = width
        self.sides = nn.ModuleList(nn.Sequential(nn.Conv2d(count, width, 1, bias=False), nn.BatchNorm2d(width)) for count in channels)
        self.mix = nn.Sequential(
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Maps (n, channels, h, w), finest first, to one map (n, width, h, w) of the first one's size."""
        joined = self.sides[-1](levels[-1])
        for side, level in zip(reversed(self.sides[:-1]), reversed(levels[:-1]), strict=True):
            joined = side(level) + nn.functional.interpolate(joined, size=level.shape[-2:], mode="nearest")
        mixed: Tensor = self.mix(joined)
        return mixed
