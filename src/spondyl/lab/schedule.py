"""The learning rate over a training run."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def one_cycle(optimiser: Optimizer, steps: int, warm: float = 0.2) -> LambdaLR:
    """The optimiser's rate as the peak: a straight rise over the first `warm` of the steps, then half a cosine down to 1/1000.

    After Smith and Topin 2019, without the momentum cycle.
    """
    rise = max(1, round(warm * steps))

    def share(step: int) -> float:
        if step < rise:
            return 0.04 + 0.96 * step / rise
        return 0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, steps - rise))))

    return LambdaLR(optimiser, share)
