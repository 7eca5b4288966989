"""Whether a vertebra's density can be trusted, and why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.metrics.logistic import sigmoid

REASONS = ("fracture", "implant", "osteophytes")
WORDS = {"fracture": "may be fractured", "implant": "may have metal or another dense object over it",
         "osteophytes": "may have large osteophytes"}
CERTAIN = 0.99
"""Probability of metal where the density measured is more than bone can have."""
CURVED_DEG = 10.0
"""Coronal curve from which a spine is called curved (Cobb's angle of scoliosis)."""


def chances(logits: NDArray[np.floating[Any]], settings: Mapping[str, Any]) -> NDArray[np.float64]:
    """Calibrated probability of each reason, (n, len(REASONS)).

    Args:
        settings: `trust` of a bundle: `slopes` and `offsets` by reason.
    """
    return sigmoid(np.asarray(logits, np.float64) * np.asarray(settings["slopes"]) + np.asarray(settings["offsets"]))


def unreliable(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability (n,) that any of the reasons is there, taken as independent."""
    return np.asarray(1 - np.prod(1 - probabilities, axis=-1))


def reasons(probabilities: Sequence[float], least: float) -> tuple[str, ...]:
    """Reasons that are likely enough to be named, the likeliest first; at least the likeliest."""
    order = sorted(range(len(REASONS)), key=lambda k: -probabilities[k])
    named = [REASONS[k] for k in order if probabilities[k] >= least]
    return tuple(named) or (REASONS[order[0]],)
