"""What the vertebrae of a column are called: counted from the lowest lumbar and the highest thoracic one, where they are seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.metrics.logistic import sigmoid
from spondyl.tasks.xray_alignment.detect import Seen

NAMES = (*(f"T{k}" for k in range(1, 13)), *(f"L{k}" for k in range(1, 6)))
"""From the highest down."""
BEYOND = {-2: "C6", -1: "C7", len(NAMES): "S1"}
"""Names of places beyond them."""
MOST_BEYOND = 4
"""Places beyond either end that a column may be taken to reach."""
LEAST_CHANCE = 0.01
"""A network is never surer than this that a vertebra is not the lowest, or not the highest."""


@dataclass(frozen=True, slots=True)
class Naming:
    """Names of a column.

    Attributes:
        starts: Places in NAMES that the highest vertebra may have, and how likely each is; the likeliest first.
    """

    starts: tuple[tuple[int, float], ...]

    @property
    def start(self) -> int:
        """Likeliest place of the highest vertebra."""
        return self.starts[0][0] if self.starts else 0

    def moved(self, places: int) -> Naming:
        """The names of a column of which so many places at the top are left away."""
        return Naming(tuple((start + places, chance) for start, chance in self.starts))

    @property
    def confidence(self) -> float:
        """Of the likeliest names."""
        return self.starts[0][1] if self.starts else 0.0

    def name(self, slot: int) -> str:
        """Likeliest name of a place in the column, 0 the highest."""
        return name_at(self.start + slot)

    def others(self, slot: int, least: float = 0.01) -> dict[str, float]:
        """Other names of that place with their probabilities."""
        named = [(name_at(start + slot), chance) for start, chance in self.starts[1:]]
        return {name: chance for name, chance in named if name and chance >= least}


def name_at(place: int) -> str:
    """The vertebra at a place of NAMES, or beyond."""
    return NAMES[place] if 0 <= place < len(NAMES) else BEYOND.get(place, "")


def name_column(seen: Sequence[Seen], slots: Sequence[int], settings: Mapping[str, Any]) -> Naming:
    """Names by what the detector says: of the ends, and that what lies beyond them looks less like one of these vertebrae.

    Args:
        slots: Places of the vertebrae that were seen, 0 the highest; those left out were missed.
        settings: Of the bundle: `naming` with `sharpness`, how many networks speak as if independent; `score` as in `chance_of`.
    """
    if not seen:
        return Naming(())
    count = slots[-1] + 1
    starts = list(range(-MOST_BEYOND, max(len(NAMES) - count, 0) + MOST_BEYOND + 1))
    high, low = (np.clip([getattr(one, name) for one in seen], LEAST_CHANCE, 1 - LEAST_CHANCE) for name in ("highest", "lowest"))
    score = np.clip(chances_of([one.score for one in seen], settings["score"]), LEAST_CHANCE, 1 - LEAST_CHANCE)
    told = []
    for start in starts:
        places = np.array(slots) + start
        inside = (places >= 0) & (places < len(NAMES))
        total = np.log(np.where(inside, score, 1 - score)).sum()
        total += np.log(np.where(places == 0, high, 1 - high)).sum() + np.log(np.where(places == len(NAMES) - 1, low, 1 - low)).sum()
        told.append(float(settings["naming"]["sharpness"]) * total)
    powers = np.exp(np.array(told) - max(told))
    shares = powers / powers.sum()
    return Naming(tuple(sorted(zip(starts, shares.tolist(), strict=True), key=lambda row: -row[1])))


def chances_of(scores: Sequence[float], settings: Mapping[str, Any]) -> NDArray[np.float64]:
    """Probabilities that there is a vertebra of T1 to L5, from the detector's scores: a logistic curve that was fitted out of fold.

    Args:
        settings: `score` of a bundle: `slope` and `shift` on log odds.
    """
    kept = np.clip(np.asarray(scores, np.float64), 1e-4, 1 - 1e-4)
    return sigmoid(settings["slope"] * np.log(kept / (1 - kept)) + settings["shift"])
