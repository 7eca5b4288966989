"""How often a film is seen in an epoch, and how much it counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError, describe_unknown

SAMPLINGS = ("plain", "balanced", "repeat")
CLASS_WEIGHTS = ("none", "inverse", "effective")
REPEAT_FROM = 0.1
"""Classes on fewer films than this share are seen more often under "repeat"."""
EFFECTIVE_BETA = 0.999

Floats = NDArray[np.float64]


def repeat_factors(present: Sequence[frozenset[int]], threshold: float = REPEAT_FROM) -> Floats:
    """How often each film is repeated: max over its classes c of max(1, sqrt(threshold / share of films with c)).

    Gupta et al. 2019 (LVIS), section 4.

    Args:
        present: The classes on each film.
        threshold: Share of films from which on a class is not repeated.
    """
    count = len(present)
    shares: dict[int, float] = {}
    for classes in present:
        for label in classes:
            shares[label] = shares.get(label, 0.0) + 1 / count
    factors = {label: max(1.0, float(np.sqrt(threshold / share))) for label, share in shares.items()}
    return np.array([max((factors[label] for label in classes), default=1.0) for classes in present])


def sampling_weights(name: str, targets: Sequence[int], present: Sequence[frozenset[int]]) -> Floats:
    """How often each film is seen relative to the others, mean 1, one of SAMPLINGS.

    Args:
        name: "plain" sees every film once, "balanced" every target equally often, "repeat" rare classes more often.
        targets: Of the films.
        present: The classes on each film.

    Raises:
        InputError: `sampling-unknown`.
    """
    if name not in SAMPLINGS:
        raise InputError("sampling-unknown", describe_unknown("sampling", name, SAMPLINGS), "Write plain, balanced or repeat")
    if name == "plain":
        weights = np.ones(len(targets))
    elif name == "balanced":
        _, place, counts = np.unique(np.asarray(targets), return_inverse=True, return_counts=True)
        weights = 1.0 / counts[place]
    else:
        weights = repeat_factors(present)
    return np.asarray(weights / weights.mean())


def order_of_epoch(weights: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Places of the films in the order an epoch sees them, as many as there are films.

    Each is there as often as its weight says: the whole part surely, the rest by chance, so that equal weights are a shuffle.
    """
    whole = np.floor(weights + 1e-9).astype(np.int64)
    rest = np.clip(weights - whole, 0.0, None)
    extra = len(weights) - int(whole.sum())
    times = whole
    if extra > 0:
        more = rng.choice(len(weights), size=extra, replace=extra > int(np.count_nonzero(rest)), p=rest / rest.sum())
        times = whole + np.bincount(more, minlength=len(weights))
    return rng.permutation(np.repeat(np.arange(len(weights)), times))


def class_weights(name: str, counts: Sequence[int], beta: float = EFFECTIVE_BETA) -> Floats:
    """How much a film of each class counts, such that the films' mean is 1, one of CLASS_WEIGHTS.

    Args:
        name: "none" is 1 each, "inverse" 1 / frequency, "effective" 1 / effective number (1 - beta^n) / (1 - beta), Cui et al. 2019.
        counts: Films of each class; a class without films weighs 0.
        beta: Of the effective number.

    Raises:
        InputError: `class-weights-unknown`.
    """
    if name not in CLASS_WEIGHTS:
        message = describe_unknown("class weighting", name, CLASS_WEIGHTS)
        raise InputError("class-weights-unknown", message, "Write none, inverse or effective")
    number = np.asarray(counts, dtype=np.float64)
    if name == "none":
        raw = np.ones(len(number))
    elif name == "inverse":
        raw = 1.0 / np.maximum(number, 1.0)
    else:
        raw = (1 - beta) / (1 - beta ** np.maximum(number, 1.0))
    raw = np.where(number > 0, raw, 0.0)
    mean = float((raw * number).sum() / max(number.sum(), 1.0))
    return raw / mean if mean else raw
