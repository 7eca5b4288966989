"""From probabilities to one row of result.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Finding, term
from spondyl.inference.conformal import ordinal_set

Quantile = float | Sequence[float]


def finding_of(
    name: str, probabilities: NDArray[np.floating[Any]], value: int, quantile: Quantile | None, *, unsure: bool = False, **rest: Any
) -> Finding:
    """A finding with its 90 % set and whether a person should look.

    Args:
        name: In the vocabulary.
        probabilities: Calibrated, (keys,).
        value: Index of the key that is said; the set always holds it.
        quantile: Of the bundle, for the set; None where it has none, and then there is no set.
        unsure: Whether the gate was unsure of the film.
        rest: Other fields of the finding.
    """
    words = term(name)
    kept: list[str] = []
    if quantile is not None:
        inside = {*ordinal_set(probabilities, quantile), value}
        kept = [words.keys[k] for k in range(min(inside), max(inside) + 1)]
    return Finding(
        finding=name, value=words.value_of(words.keys[value]), probabilities=by_key(name, probabilities),
        set=tuple(words.value_of(key) for key in kept), refer=unsure or words.spans_cut(kept), **rest,
    )  # fmt: skip


def by_key(name: str, probabilities: NDArray[np.floating[Any]]) -> dict[str, float]:
    """Probabilities (keys,) by the vocabulary's keys; one number is the probability of `present`."""
    row = np.asarray(probabilities, np.float64).reshape(-1)
    return dict(zip(term(name).keys, (yes_no(float(row[0])) if len(row) == 1 else row).tolist(), strict=True))


def yes_no(present: float) -> NDArray[np.float64]:
    """(absent, present)."""
    return np.array([1.0 - present, present])


def quantile_of(settings: Mapping[str, Any], name: str) -> Quantile | None:
    """The bundle's conformal quantile of a finding: of the student where it answers and has its own."""
    own = settings.get("student", {}) if settings.get("reader") == "student" else {}
    table: Mapping[str, Quantile] = own.get("quantiles") or settings.get("quantiles", {})
    return table.get(name)


def cam_scale_of(settings: Mapping[str, Any]) -> float:
    """What a heat map's 1 stands for: of the student where it answers and has its own."""
    own = settings.get("student", {}) if settings.get("reader") == "student" else {}
    return float(own.get("cam_scale", settings["cam_scale"]))
