"""What moved the model of measured features: a finding's contributions as a person reads them."""

from __future__ import annotations

from dataclasses import dataclass

from spondyl.core import Finding, term

LEAST = 0.01
"""Log odds from which on a contribution is shown."""


@dataclass(frozen=True, slots=True)
class Push:
    """One group of features.

    Attributes:
        group: Its name.
        words: By how much it moved the log odds: "+0.31".
        share: The same against the largest one, -1..1, for a bar.
    """

    group: str
    words: str
    share: float


@dataclass(frozen=True, slots=True)
class Moved:
    """The list of contributions with its heading and the line that explains it."""

    title: str
    note: str
    rows: tuple[Push, ...]


def moved_by(finding: Finding) -> Moved | None:
    """The contributions worth a line, the largest first whatever its sign; None where there are none."""
    kept = sorted(((name, value) for name, value in finding.contributions.items() if abs(value) >= LEAST), key=lambda item: -abs(item[1]))
    if not kept:
        return None
    most, cut = abs(kept[0][1]), term(finding.finding).cut.replace("_", " ")
    return Moved(
        f"What moved the measured-feature model (log odds of {cut})",
        f"Shapley values: how far each group of features moved that model from the mean of its background cases, +\u00a0towards {cut}, "
        "−\u00a0away from it.",
        tuple(Push(name.replace("_", " "), f"{value:+.2f}".replace("-", "−"), value / most) for name, value in kept),
    )
