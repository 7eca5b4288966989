"""Curves of a spine and its vertebrae in words: the same sentence on every face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spondyl.core.result import DECIMALS
from spondyl.reports.rows import LevelRow, amount, measure_name, number_text, unit_text

Curve = Mapping[str, Any]
"""One of `curves` of result.json."""
NAMES = {"cobb": "Curve", "mid_line": "Mid-line angle"}
"""Curves as a person says them, by the name before its number, where that is not the word of result.json."""
TOLD = ("name", "convention", "angle_deg", "error_deg", "upper", "upper_from_bottom", "lower", "lower_from_bottom", "apex",
        "apex_from_bottom", "bulges_to", "side", "image", "points")
"""What the sentence and the picture say of a curve."""
NOT_SEEN = "not seen"
COLOURS = ("#ffb000", "#ff7ac6", "#7be07b")
"""Of the first curve that is drawn, of the second, and so on."""
END_POINTS = 4
"""Of a curve that can be drawn: two of the upper plate, two of the lower."""


@dataclass(frozen=True, slots=True)
class CurveWords:
    """A curve as faces show it.

    Attributes:
        name: "Curve 1".
        convention: How the angle was measured, or "".
        text: `curve_text`.
        image: Id of its image, or "".
    """

    name: str
    convention: str
    text: str
    image: str

    @property
    def line(self) -> str:
        """All in one sentence."""
        return f"{self.name} ({self.convention}): {self.text}" if self.convention else f"{self.name}: {self.text}"


def curve_words(curve: Curve) -> CurveWords:
    """What faces show of a curve."""
    stem, _, number = str(curve.get("name") or "curve").rpartition("_")
    name = f"{NAMES[stem]} {number}" if stem in NAMES else f"{stem} {number}".replace("_", " ").strip()
    return CurveWords(name, curve.get("convention") or "", curve_text(curve), curve.get("image") or "")


def curve_text(curve: Curve) -> str:
    """The sentence of a curve: "32.1° ± 4.0 from T5 to T12, apex T8, to the right of the picture (side unknown)".

    A vertebra without a sure name is "#" and its number from the bottom; what the result does not say is left out.
    """
    upper, lower, apex = (_vertebra(curve, role) for role in ("upper", "lower", "apex"))
    ends = f" from {upper} to {lower}" if upper and lower else ""
    parts = [_angle(curve) + ends, f"apex {apex}" if apex else "", _bulge(curve)]
    return ", ".join(part for part in parts if part)


def curve_mark(curve: Curve) -> tuple[str, str]:
    """The words beside a curve on a picture: "32.1° ± 4.0" and "T5-T12"."""
    return _angle(curve), curve_span(curve)


def curve_span(curve: Curve) -> str:
    """"T5-T12", "#13-#6" where the names are not sure, or ""."""
    upper, lower = _vertebra(curve, "upper"), _vertebra(curve, "lower")
    return f"{upper}-{lower}" if upper and lower else ""


def curve_colours(curves: Sequence[Curve]) -> tuple[str, ...]:
    """The colour that each curve is drawn in, "" where it has no end plates to draw."""
    drawn = [len(curve.get("points") or ()) == END_POINTS for curve in curves]
    return tuple(COLOURS[sum(drawn[:at]) % len(COLOURS)] if one else "" for at, one in enumerate(drawn))


def further(curve: Curve) -> dict[str, Any]:
    """What a curve of another kind says beside what the sentence tells."""
    return {name: value for name, value in curve.items() if name not in TOLD}


def _angle(curve: Curve) -> str:
    angle, error = curve.get("angle_deg"), curve.get("error_deg")
    if angle is None:
        return "angle not said"
    said = [amount(round(value, DECIMALS), "deg") for value in (angle, error) if value is not None]  # as the JSON is read back
    return "° ± ".join(said) + ("" if len(said) > 1 else "°")


def _vertebra(curve: Curve, role: str) -> str:
    number = curve.get(f"{role}_from_bottom")
    return curve.get(role) or (f"#{number}" if number is not None else "")


def _bulge(curve: Curve) -> str:
    side, where = curve.get("side"), curve.get("bulges_to")
    if not where:
        return f"to the patient's {side}" if side else ""
    return f"to the {where} ({f'''the patient's {side}''' if side else 'side unknown'})"


@dataclass(frozen=True, slots=True)
class VertebraTable:
    """Vertebrae and what was measured of them.

    Attributes:
        head, units: Of its columns; the first names the vertebra.
        lines: Cells of each vertebra from the top down; one that was not seen says so in the second.
        refer: Whether a person should look at that vertebra.
        methods: How each column was measured.
    """

    head: tuple[str, ...]
    units: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    refer: tuple[bool, ...]
    methods: tuple[str, ...]


def vertebra_table(rows: Sequence[LevelRow]) -> VertebraTable | None:
    """The rows that only tell where a vertebra is, as a table with a column for each measurement; None where there are none."""
    kept = [row for row in rows if only_place(row)]
    if not kept:
        return None
    columns = list({item.name: item for row in kept for item in row.measured}.values())
    lines = []
    for row in kept:
        found = {item.name: number_text(item) for item in row.measured}
        cells = [found.get(item.name, "-") for item in columns] or [""]
        if row.unseen:
            cells = [NOT_SEEN, *cells[1:]]
        lines.append((_short_heading(row), *cells))
    return VertebraTable(
        ("vertebra", *([measure_name(item.name) for item in columns] or [""])), ("", *([unit_text(item) for item in columns] or [""])),
        tuple(lines), tuple(row.refer for row in kept), tuple(f"{measure_name(item.name)}: {item.method}" for item in columns),
    )


def only_place(row: LevelRow) -> bool:
    """Whether the row says no more than where a vertebra is and how it measures."""
    return bool(row.places) and not row.graded and not row.yes_no


def _short_heading(row: LevelRow) -> str:
    return f"{row.label} ({'/'.join(row.candidates[:2])}?)" if row.candidates else row.label
