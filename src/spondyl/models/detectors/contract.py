"""What every detector promises, to the laboratory that trains it and to the graph that is served."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class BoxTargets:
    """What is to be found on one film.

    Attributes:
        boxes: float32 (m, 4), (x0, y0, x1, y1) half-open in pixels of the frame.
        labels: int64 (m,), class of each box.
        unsaid: float32 (k, 4): places of which nothing is taught, such as what is left of a lesion that is all but cut off. A
            detector may leave that out of account.
    """

    boxes: Tensor
    labels: Tensor
    unsaid: Tensor | None = None

    def to(self, device: object) -> BoxTargets:
        """The same on a device."""
        parts = (None if part is None else part.to(device) for part in (self.boxes, self.labels, self.unsaid))  # type: ignore[call-overload]
        return BoxTargets(*parts)  # type: ignore[arg-type]  # boxes and labels are there


class Detector(nn.Module, ABC):
    """A dense detector: every place of its maps proposes one box, and nothing is removed.

    Films are float32 (n, 1, rows, columns), 0..1, both sides divisible by `divisor`. What overlaps is removed later, in numpy, so
    that every runtime gives the same boxes.

    Attributes:
        classes: Number of classes.
        divisor: Sides of a film are multiples of it.
    """

    classes: int
    divisor: int = 32

    @abstractmethod
    def losses(self, films: Tensor, targets: Sequence[BoxTargets]) -> dict[str, Tensor]:
        """The terms of the training loss by name, each a number; their sum is what is minimised."""

    @abstractmethod
    def forward(self, film: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (n, places, 4) in pixels of the frame, which may leave it, and probabilities (n, places, classes)."""
