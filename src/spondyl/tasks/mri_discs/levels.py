"""Names for discs that were counted from the bottom, with the doubt that a lumbar image leaves.

The truth is a count from the second cervical vertebra, which a lumbar image does not show. What it shows is whether the lowest disc
stands on a sacrum. So a name is a distribution: over how many discs may be cut off below, and over 4, 5 or 6 lumbar vertebrae.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spondyl.core import disc_name

MOST_CUT = 4
"""Most discs that may be hidden below the picture."""


@dataclass(frozen=True, slots=True)
class LevelName:
    """The name of a disc.

    Attributes:
        name: The likeliest name, or None where it is less likely than the bundle asks for.
        confidence: Probability of the likeliest name.
        alternatives: Every other name with a probability of at least 1 % (all names where `name` is None).
    """

    name: str | None
    confidence: float
    alternatives: Mapping[str, float]


def lowest_probability(score: float, settings: Mapping[str, float]) -> float:
    """Probability that the lowest disc found stands on the sacrum, from the locator's score (Platt: `slope`, `offset`)."""
    logit = np.log(np.clip(score, 1e-4, 1 - 1e-4) / (1 - np.clip(score, 1e-4, 1 - 1e-4)))
    return float(1 / (1 + np.exp(-(settings["slope"] * logit + settings["offset"]))))


def name_disc(from_bottom: int, on_sacrum: float, lumbar: Mapping[str, float], least: float, missed: bool = False) -> LevelName:
    """The name of a disc.

    Args:
        from_bottom: 1 for the lowest disc found.
        on_sacrum: Probability that disc 1 stands on the sacrum.
        lumbar: Prior of "4", "5" and "6" lumbar vertebrae; the digital spine's and the literature's rates are no measurement
            of this picture, so they are the same for everybody.
        least: Least probability at which a name is said.
        missed: Whether a disc may have been passed over below this one: the next name up is then as likely.
    """
    cut = {0: on_sacrum} | {k: (1 - on_sacrum) * share for k, share in _cut_shares().items()}
    names: defaultdict[str, float] = defaultdict(float)
    for hidden, p_hidden in cut.items():
        for count, p_count in lumbar.items():
            for extra in (0, 1) if missed else (0,):
                names[disc_name(min(from_bottom + hidden + extra, 15), int(count))] += p_hidden * p_count / (2 if missed else 1)
    best = max(names, key=lambda name: names[name])
    said = best if names[best] >= least else None
    others = {name: p for name, p in sorted(names.items(), key=lambda item: -item[1]) if p >= 0.01 and name != said}
    return LevelName(said, names[best], others)


def _cut_shares() -> dict[int, float]:
    """Share of fields that hide 1, 2, ... discs among those that hide any: each next one half as likely [our convention]."""
    weights = {k: 0.5**k for k in range(1, MOST_CUT + 1)}
    return {k: w / sum(weights.values()) for k, w in weights.items()}
