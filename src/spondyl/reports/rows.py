"""A result sorted the way a person reads it: one row a level, top of the picture first."""

from __future__ import annotations

from dataclasses import dataclass

from spondyl.core import Finding, Measurement, StudyResult, term

EVIDENCE = {"real": "measured on patients", "in-silico": "in silico: measured on the digital spine only"}
"""How a reader is told what the weights were measured on, by `evidence` of the bundle."""


@dataclass(frozen=True, slots=True)
class LevelRow:
    """Everything said about one level and side.

    Attributes:
        label: The level's name; where the numbering is unsure, "#" and its number from the bottom; "" for the whole image.
        candidates: The names it may have, where the numbering is unsure.
        graded: Findings with more than two keys, in the order of the result.
        yes_no: Findings that are absent or present.
        measured: Measurements of the level.
    """

    label: str
    candidates: tuple[str, ...]
    graded: tuple[Finding, ...]
    yes_no: tuple[Finding, ...]
    measured: tuple[Measurement, ...]

    @property
    def heading(self) -> str:
        """The label, with the candidates where there are any."""
        return f"{self.label} ({' or '.join(self.candidates)}?)" if self.candidates else self.label

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Both kinds."""
        return self.graded + self.yes_no

    @property
    def refer(self) -> bool:
        """Whether a person should look at this level."""
        return any(finding.refer for finding in self.findings)


def level_rows(result: StudyResult) -> tuple[LevelRow, ...]:
    """One row a level and side, highest level first, the whole image last."""
    items: list[Finding | Measurement] = [*result.findings, *result.measurements]
    places = dict.fromkeys(_place(item) for item in items)
    ordered = sorted(places, key=lambda place: (place[0] is None, -(place[0] or 0)))
    return tuple(_row(result, place) for place in ordered)


def set_text(finding: Finding) -> str:
    """The 90 % set in words: "3-4" for a run of an ordered scale, else the values with commas; "" without a set."""
    if not finding.set:
        return ""
    keys = term(finding.finding).keys
    at = sorted(keys.index(str(value)) for value in finding.set)
    words = [keys[index] for index in at]
    run = len(at) > 2 or term(finding.finding).integer
    if run and len(at) > 1 and at == list(range(at[0], at[-1] + 1)):
        return f"{words[0]}-{words[-1]}"
    return ", ".join(words)


def probability(finding: Finding) -> float | None:
    """Probability of the value that was given, or None where no value is said."""
    if finding.value is None or finding.probabilities is None:
        return None
    return finding.probabilities[str(finding.value)]


def yes_no_text(row: LevelRow) -> str:
    """The yes/no findings worth a word: those present, and with a question mark those whose 90 % set holds both answers."""
    words = []
    for finding in row.yes_no:
        doubtful = len(finding.set) > 1
        if finding.value == "present" or doubtful:
            chance = (finding.probabilities or {}).get("present")
            number = f" {chance:.2f}" if chance is not None else ""
            said = "" if finding.value == "present" else "no "
            words.append(said + term(finding.finding).text + number + ("?" if doubtful else ""))
    return ", ".join(words)


def measure_text(row: LevelRow) -> str:
    """Measurements in words, each with half its 90 % interval where it is known."""
    words = []
    for item in row.measured:
        error = f" ± {item.error:.1f}" if item.error is not None else ""
        words.append(f"{item.name.replace('_', ' ')} {item.value:.1f}{error} {item.unit}")
    return ", ".join(words)


_Place = tuple[int | None, str | None, str | None]


def _place(item: Finding | Measurement) -> _Place:
    side = item.side if isinstance(item, Finding) else None
    return item.level_from_bottom, side, None if item.level_from_bottom is not None else item.level


def likely_names(finding: Finding, most: int = 3, least: float = 0.05) -> tuple[str, ...]:
    """The likeliest alternatives of a level, few enough to be read; result.json has them all."""
    ranked = sorted(finding.level_alternatives.items(), key=lambda item: -item[1])
    return tuple(name for name, chance in ranked[:most] if chance >= least)


def _row(result: StudyResult, place: _Place) -> LevelRow:
    findings = [finding for finding in result.findings if _place(finding) == place]
    measured = [item for item in result.measurements if _place(item) == place]
    from_bottom, side, _ = place
    items: list[Finding | Measurement] = [*findings, *measured]
    name = next((item.level for item in items if item.level), None)
    label = name or (f"#{from_bottom}" if from_bottom is not None else "")
    unsure = () if name else next((likely_names(finding) for finding in findings if finding.level_alternatives), ())
    return LevelRow(
        label=f"{label} {side}" if side else label,
        candidates=unsure,
        graded=tuple(finding for finding in findings if len(term(finding.finding).keys) > 2),
        yes_no=tuple(finding for finding in findings if len(term(finding.finding).keys) == 2),
        measured=tuple(measured),
    )
