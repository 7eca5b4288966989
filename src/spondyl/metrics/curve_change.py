"""Whether a curve of the spine changed: the largest Cobb curve of two films, against the error of both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import hypot, isfinite

from spondyl.metrics.spine_curves import STRAIGHT_DEG

LARGER, SMALLER, UNCHANGED = "larger", "smaller", "no change beyond the error"
BULGES = ("left of the picture", "right of the picture")
SIDES = ("left", "right")
WITHIN_READER_DEG, BETWEEN_READERS_DEG = 4.9, 7.2
"""95 % limits of the difference when one reader, and when two readers, measure a film twice (Morrissy 1990)."""
READERS_DEG = 5.0
"""A smaller change is within what readers differ by."""
DIGITS = 9
"""A change is compared with its error to so many decimals, so that 0.1 + 0.2 does not pass 0.3."""
VERTEBRA = re.compile(r"([CTLS])(\d{1,2})")


@dataclass(frozen=True, slots=True)
class FilmCurve:
    """The largest curve of one film, by Cobb's method.

    Attributes:
        angle_deg: 0 to 180.
        error_deg: Half-width of its 90 % interval.
        upper, lower: End vertebrae ("T5", "L1"), None where the numbering is unsure.
        bulges_to: One of BULGES.
        side: Of the patient, "left" or "right", None where the film does not say it.
    """

    angle_deg: float
    error_deg: float
    upper: str | None
    lower: str | None
    bulges_to: str
    side: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.angle_deg <= 180 or not (self.error_deg >= 0 and isfinite(self.error_deg)):
            raise ValueError(f"an angle is 0 to 180 degrees with an error of 0 or more, got {self.angle_deg} and {self.error_deg}")
        if self.bulges_to not in BULGES or self.side not in (None, *SIDES):
            raise ValueError(f"a curve bulges to one of {BULGES}, and its side is one of {SIDES} or None: {self}")
        ends = [_place(name) for name in (self.upper, self.lower) if name is not None]
        if ends != sorted(set(ends)):
            raise ValueError(f"the upper end vertebra lies above the lower one, got {self.upper} and {self.lower}")


@dataclass(frozen=True, slots=True)
class CurveChange:
    """From an earlier to a later film.

    Attributes:
        same: Whether both films' largest curves are one curve; None where that cannot be told.
        change_deg: Later minus earlier; None unless they are the same.
        error_deg: Of the change, half-width of its 90 % interval: root of the sum of both errors' squares.
        verdict: LARGER, SMALLER or UNCHANGED; None where there is none.
        reason: Why there is no verdict, "" where there is one.
    """

    same: bool | None
    change_deg: float | None = None
    error_deg: float | None = None
    verdict: str | None = None
    reason: str = ""


def compare(earlier: FilmCurve | None, later: FilmCurve | None) -> CurveChange:
    """The change of the largest curve between two films; None is a film without one.

    Example:
        >>> first = FilmCurve(24.0, 3.0, "T5", "T12", "right of the picture")
        >>> said = compare(first, FilmCurve(33.0, 4.0, "T6", "T12", "right of the picture"))
        >>> said.change_deg, said.error_deg, said.verdict
        (9.0, 5.0, 'larger')
    """
    if earlier is None or later is None:
        which = "the earlier film has" if later is not None else "the later film has" if earlier is not None else "both films have"
        return CurveChange(None, reason=f"{which} no curve of {STRAIGHT_DEG:g} degree or more")
    same, reason = same_curve(earlier, later)
    if not same:
        return CurveChange(same, reason=reason)
    change, error = later.angle_deg - earlier.angle_deg, hypot(earlier.error_deg, later.error_deg)
    return CurveChange(True, change, error, verdict_of(change, error))


def same_curve(earlier: FilmCurve, later: FilmCurve) -> tuple[bool | None, str]:
    """(Whether both are one curve, None where that cannot be told; why not, in words).

    One curve bulges to one side, and its end vertebrae enclose at least one common disc: curves that follow each other share an end
    vertebra. The side is the patient's where both films tell it, since a film can be shown mirrored; else that of the picture.
    """
    if earlier.side is not None and later.side is not None:
        sides = f"patient's {earlier.side}", f"patient's {later.side}"
    else:
        sides = earlier.bulges_to, later.bulges_to
    if sides[0] != sides[1]:
        return False, f"they are different curves: the earlier bulges to the {sides[0]}, the later to the {sides[1]}"
    unnamed = [which for which, curve in (("earlier", earlier), ("later", later)) if curve.upper is None or curve.lower is None]
    if unnamed:
        return None, f"it cannot be told whether they are one curve: an end vertebra of the {' and of the '.join(unnamed)} has no sure name"
    upper = max(_place(curve.upper) for curve in (earlier, later) if curve.upper)
    lower = min(_place(curve.lower) for curve in (earlier, later) if curve.lower)
    if upper >= lower:
        ends = [f"{curve.upper} to {curve.lower}" for curve in (earlier, later)]
        return False, f"they are different curves: the earlier goes from {ends[0]}, the later from {ends[1]}"
    return True, ""


def verdict_of(change_deg: float, error_deg: float) -> str:
    """LARGER or SMALLER where the change exceeds its error, else UNCHANGED."""
    if round(abs(change_deg), DIGITS) <= round(error_deg, DIGITS):
        return UNCHANGED
    return LARGER if change_deg > 0 else SMALLER


def _place(name: str) -> tuple[int, int]:
    """Sorts vertebrae from the head down.

    Raises:
        ValueError: If it is no vertebra.
    """
    found = VERTEBRA.fullmatch(name)
    if found is None:
        raise ValueError(f"vertebrae are called C7, T5, L1 or S1, got {name!r}")
    return "CTLS".index(found[1]), int(found[2])
