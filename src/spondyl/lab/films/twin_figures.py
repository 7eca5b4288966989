"""Whether the answer follows the lesion: figures of pairs of twins beside placebo twins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.lab.films.gate_figures import share


@dataclass(frozen=True, slots=True)
class Pair:
    """One film of a patient and of its two twins.

    Attributes:
        group: The patient.
        change: "taken" or "given".
        kind: "only one" place was wrong, "all of several" were taken, "one of several" (the label stays), or "given".
        first, placebo, twin: What was said of the patient, of the patient with other noise, and of the twin.
    """

    group: str
    change: str
    kind: str
    first: float
    placebo: float
    twin: float

    @property
    def counts(self) -> bool:
        """Whether something was taken and the film's label fell."""
        return self.change == "taken" and self.kind != "one of several"

    @property
    def moved(self) -> float:
        """How far the answer moved the way it should."""
        return self.first - self.twin if self.change == "taken" else self.twin - self.first

    @property
    def placebo_moved(self) -> float:
        """How far the placebo moved that way."""
        return self.first - self.placebo if self.change == "taken" else self.placebo - self.first


def twin_figures(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The figures of `lab.films.trust` about twins; None where there are no such pairs."""
    counted, given = [pair for pair in pairs if pair.counts], [pair for pair in pairs if pair.change == "given"]
    kinds = {kind: [pair for pair in pairs if pair.kind == kind] for kind in ("only one", "all of several", "one of several")}
    return {
        "pairs": len(counted), "twins_fall": beyond(counted), "twins_fall_any": at_all(counted),
        "twins_fall_kinds": {kind: {"pairs": len(own), "fall": beyond(own), "fall_any": at_all(own)} for kind, own in kinds.items()},
        "placebo": _share(counted, np.array([pair.placebo_moved >= pair.moved for pair in counted])), "placebo_change": _changes(pairs),
        "given_pairs": len(given), "reverse_rise": beyond(given), "reverse_rise_any": at_all(given),
    }


def beyond(pairs: Sequence[Pair]) -> dict[str, float] | None:
    """Share of pairs whose answer moves the right way, and farther than the placebo's moved either way."""
    return _share(pairs, np.array([pair.moved > abs(pair.placebo_moved) for pair in pairs]))


def at_all(pairs: Sequence[Pair]) -> dict[str, float] | None:
    """Share of pairs whose answer moves the right way."""
    return _share(pairs, np.array([pair.moved > 0 for pair in pairs]))


def _share(pairs: Sequence[Pair], happened: NDArray[np.bool_]) -> dict[str, float] | None:
    """A share of films, its interval over patients."""
    return share(happened, np.array([pair.group for pair in pairs]))


def _changes(pairs: Sequence[Pair]) -> dict[str, float] | None:
    if not pairs:
        return None
    sizes = np.abs([pair.placebo_moved for pair in pairs])
    return {"median": round(float(np.median(sizes)), 5), "q95": round(float(np.quantile(sizes, 0.95)), 5)}
