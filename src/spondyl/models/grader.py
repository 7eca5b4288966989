"""Grades one disc from an upright crop of it, all questions at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spondyl.models.blocks import Residual, conv


class Grader(nn.Module):
    """A small residual network that ends in global average pooling and one linear layer.

    Input (n, 2, h, w): the crop on T2 (or SPACE) and on T1, intensities 0..1; a sequence that is missing is all zeros.
    Output: logits (n, outputs) and `cam` (n, outputs, h/8, w/8). The mean of a cam over its cells, plus the bias, is the logit,
    so a cam says exactly how much each place added (Zhou et al. 2016).
    """

    def __init__(self, outputs: int, widths: tuple[int, int, int] = (24, 48, 96), dropout: float = 0.3) -> None:
        super().__init__()
        first, second, third = widths
        self.body = nn.Sequential(
            conv(2, first, stride=2, kernel=5),
            Residual(first, second, stride=2),
            Residual(second, second),
            Residual(second, third, stride=2),
            Residual(third, third),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(third, outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and class activation maps."""
        features = self.body(x)
        logits = self.head(self.dropout(features.mean((2, 3))))
        cam = torch.einsum("nchw,oc->nohw", features, self.head.weight)
        return logits, cam
