"""Says what kind of picture this is, before anything is read from it."""

from __future__ import annotations

from torch import Tensor, nn

from spondyl.models.blocks import Residual, conv


class Gate(nn.Module):
    """A small classifier of the whole picture.

    Input (n, 1, h, w), intensities 0..1. Output (n, kinds + sequences): logits of the kind of picture, then of its sequence.
    """

    def __init__(self, outputs: int, widths: tuple[int, int, int, int] = (12, 24, 40, 48)) -> None:
        super().__init__()
        a, b, c, d = widths
        self.body = nn.Sequential(
            conv(1, a, stride=2, kernel=5),
            Residual(a, b, stride=2),
            Residual(b, c, stride=2),
            Residual(c, d, stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(d, outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.body(x)  # type: ignore[no-any-return]
