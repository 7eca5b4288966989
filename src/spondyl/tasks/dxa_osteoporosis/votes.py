"""Members' votes, and what is made of them together. Everything a stack knows travels in the bundle's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.inference.calibration import softmax
from spondyl.metrics.logistic import logit, sigmoid

MEMBERS = ("cnn", "vgg16", "forest", "trees")
"""In the order of the stack's columns. `forest` sees the features of a fixed ResNet50, `trees` what is measured on the picture."""
EDGE = 0.02
"""Members' probabilities are kept so far from 0 and 1 before they are stacked: a forest's leaves say 0 of what they never saw."""

Floats = NDArray[np.float64]


def from_cumulative(logits: NDArray[np.floating[Any]]) -> Floats:
    """Cumulative log odds (n, 2) that do not rise, from what a network said."""
    said = np.asarray(logits, np.float64)
    return np.stack([said[:, 0], np.minimum(said[:, 0], said[:, 1])], axis=1)


def from_classes(probabilities: NDArray[np.floating[Any]]) -> Floats:
    """Cumulative log odds (n, 2) of class probabilities (n, 3)."""
    table = np.asarray(probabilities, np.float64)
    return logit(np.stack([table[:, 1] + table[:, 2], table[:, 2]], axis=1), EDGE)


def odds_of(name: str, said: NDArray[np.floating[Any]]) -> Floats:
    """Cumulative log odds (n, 2) from a member's own output."""
    if name == "forest":
        return from_classes(said)
    return from_classes(softmax(said)) if name == "trees" else np.clip(from_cumulative(said), *_bounds())


def _bounds() -> tuple[float, float]:
    edge = float(logit(np.array([EDGE]), EDGE)[0])
    return edge, -edge


def classes(odds: NDArray[np.floating[Any]]) -> Floats:
    """Probabilities (n, 3) from cumulative log odds (n, 2).

    Example:
        >>> classes(np.array([[0.0, -20.0]])).round(3).tolist()
        [[0.5, 0.5, 0.0]]
    """
    worse = sigmoid(from_cumulative(odds))
    return np.stack([1 - worse[:, 0], worse[:, 0] - worse[:, 1], worse[:, 1]], axis=1)


def stacked(odds: Mapping[str, NDArray[np.floating[Any]]], settings: Mapping[str, Any]) -> Floats:
    """Cumulative log odds (n, 2) of the reader: the stack of the members it names, or its single member, then calibrated.

    Args:
        odds: By member, (n, 2).
        settings: `reader` of a bundle: `members`, `weights` (2, 2 x members) and `offsets` (2,) of a logistic regression for each cut,
            `slopes` and `shifts` (2,) of the calibration.
    """
    columns = np.concatenate([np.asarray(odds[name], np.float64) for name in settings["members"]], axis=1)
    raw = columns @ np.asarray(settings["weights"], np.float64).T + np.asarray(settings["offsets"], np.float64)
    return from_cumulative(from_cumulative(raw) * np.asarray(settings["slopes"]) + np.asarray(settings["shifts"]))


def decided(osteoporosis: NDArray[np.floating[Any]], settings: Mapping[str, Any]) -> NDArray[np.int64]:
    """1 where osteoporosis is said, 0 where it is excluded, -1 where neither reaches the predictive value that is asked for.

    Args:
        osteoporosis: Probabilities (n,).
        settings: `decide` of a bundle: `positive_from` and `negative_to`, either of which may be None.
    """
    said = np.asarray(osteoporosis, np.float64)
    high, low = settings["positive_from"], settings["negative_to"]
    positive = said >= high if high is not None else np.zeros(said.shape, bool)
    negative = said <= low if low is not None else np.zeros(said.shape, bool)
    return np.where(positive, 1, np.where(negative, 0, -1))
