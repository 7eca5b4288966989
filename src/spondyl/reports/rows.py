"""A result sorted the way a person reads it: one row a picture, and one a level, both sides in it, top of the picture first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from spondyl.core import Finding, ImageNote, Measurement, StudyResult, term

EVIDENCE = {"real": "measured on patients", "in-silico": "in silico: measured on the digital spine only"}
"""How a reader is told what the weights were measured on, by `evidence` of the bundle."""
VIEWS = {"ap": "frontal"}
"""Views as a person says them, where that is not the word of result.json."""
MEDIANS = ("degeneration_grade",)
"""Grades whose answer is the median of the probabilities; of other scales it is the likeliest key. A test compares them with the tasks."""
DIGITS = {"g/cm2": 3, "SD": 2, "ratio": 2, "deg": 1}
"""Decimals of a measurement by its unit, where they are not one."""
MEASURES = {"t_score": "T-score", "z_score": "Z-score", "vertebra_tilt": "tilt", "t1_l5_offset": "T1 to L5 offset"}
"""Measurements as a person says them, where that is not the word of result.json."""
RATIOS = {"height_ratio": "", "lateral_shift": "vertebra widths", "t1_l5_offset": "vertebra widths"}
"""What a person reads for the unit "ratio", by measurement, where that is not the word of result.json."""
OFFSET = "t1_l5_offset"
"""The measurement that is drawn as a plumb line: from its second point up, and across to its first."""
PLACES = ("vertebra",)
"""Findings that only tell where something is. They are no answer to a yes/no question, and without a value it was not seen."""
FILM_VIEWS = ("ap", "lateral")
FILM_MODALITIES = ("CR", "DX", "RG")
SCAN_TASKS = ("dxa-osteoporosis",)
"""Tasks whose pictures are called scans, as which they were made, whatever file they came in."""


@dataclass(frozen=True, slots=True)
class LevelRow:
    """Everything said about one level, or, without a level, about one picture.

    Attributes:
        label: The level's name; where the numbering is unsure, "#" and its number from the bottom; else what the picture is:
            "whole film", "lateral film". No two rows have the same.
        candidates: The names it may have, where the numbering is unsure.
        graded: Findings on a scale, and what is said of the whole picture, in the order of the result.
        yes_no: Findings that are absent or present at a place.
        measured: Measurements of the level.
        whole: Whether the row is about a whole picture, no level.
        places: Findings that only tell where the vertebra is.
    """

    label: str
    candidates: tuple[str, ...]
    graded: tuple[Finding, ...]
    yes_no: tuple[Finding, ...]
    measured: tuple[Measurement, ...]
    whole: bool = False
    places: tuple[Finding, ...] = ()

    @property
    def heading(self) -> str:
        """The label, with the candidates where there are any."""
        return f"{self.label} ({' or '.join(self.candidates)}?)" if self.candidates else self.label

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All kinds."""
        return self.graded + self.yes_no + self.places

    @property
    def unseen(self) -> bool:
        """Whether there is a place for a vertebra, and none could be seen in it."""
        return bool(self.places) and all(finding.value != "present" for finding in self.places)

    @property
    def refer(self) -> bool:
        """Whether a person should look at this level."""
        return any(finding.refer for finding in self.findings)


def level_rows(result: StudyResult) -> tuple[LevelRow, ...]:
    """One row a level, highest level first, and one a whole picture, in the order of the result.

    Pictures stand before the levels where they have an answer of their own, else after them. What rests on all images of a result stands
    with its image where that is only one.
    """
    only = result.images[0].id if len(result.images) == 1 else None
    items: list[Finding | Measurement] = [*result.findings, *result.measurements]
    groups: dict[_Place, list[Finding | Measurement]] = {}
    for item in items:
        groups.setdefault(_place(item, only), []).append(item)
    ranks = {note.id: rank for rank, note in enumerate(result.images)}
    last = not any(whole_picture(finding) for finding in result.findings)
    ordered = sorted(groups, key=lambda place: (place.whole == last, place.from_bottom is None, -(place.from_bottom or 0),
                                                ranks.get(place.image or "", -1)))
    names = whole_names(result.images, picture_kind(result), [place.image for place in ordered if place.whole])
    return tuple(_row(place, groups[place], names) for place in ordered)


def picture_kind(result: StudyResult) -> str:
    """What a picture of this result is called: "scan", "film" or "image"."""
    if result.task in SCAN_TASKS:
        return "scan"
    film = result.study.get("modality", "") in FILM_MODALITIES or any(note.view in FILM_VIEWS for note in result.images)
    return "film" if film else "image"


def whole_names(images: Sequence[ImageNote], kind: str, wanted: Iterable[str | None]) -> dict[str | None, str]:
    """What is called by which name where something is said of a whole picture, by its id; None is all pictures of the study together.

    One picture is "whole film"; several go by their views where these tell them apart, else by number.
    """
    views = {note.id: note.view for note in images}
    ids = list(dict.fromkeys(wanted))
    if len(ids) == 1:
        return {ids[0]: f"all {kind}s" if ids[0] is None and len(images) > 1 else f"whole {kind}"}
    single = [name for name in ids if name is not None]
    counts = Counter(views.get(name, "unknown") for name in single)
    names: dict[str | None, str] = {None: f"all {kind}s"}
    for number, name in enumerate(single, 1):
        view = views.get(name, "unknown")
        names[name] = f"{VIEWS.get(view, view)} {kind}" if counts[view] == 1 and view != "unknown" else f"{kind} {number}"
    return names


def set_text(finding: Finding) -> str:
    """The 90 % set in words: "3-4" for a run of an ordered scale, else the values with commas; "" without a set."""
    if not finding.set:
        return ""
    keys = term(finding.finding).keys
    at = sorted(keys.index(str(value)) for value in finding.set)
    words = [keys[index].replace("_", " ") for index in at]
    whole = term(finding.finding).integer
    if len(at) > 1 and (len(at) > 2 or whole) and at == list(range(at[0], at[-1] + 1)):
        return f"{words[0]}-{words[-1]}" if whole else f"{words[0]} to {words[-1]}"
    return ", ".join(words)


def probability(finding: Finding) -> float | None:
    """Probability of the value that was given, or None where no value is said."""
    if finding.value is None or finding.probabilities is None:
        return None
    return finding.probabilities[str(finding.value)]


def cannot_tell(finding: Finding) -> bool:
    """Whether a person is told that the answer cannot be told, and not what it would be."""
    return finding.value is not None and finding.refer and term(finding.finding).abstains


def answer_text(finding: Finding) -> str:
    """The finding, its value and the probability of it: "Pfirrmann grade 4 (0.70)"."""
    chance = probability(finding)
    value = "not given" if finding.value is None else str(finding.value).replace("_", " ")
    said = f"{value} ({chance:.2f})" if chance is not None else value
    if cannot_tell(finding):
        said = f"cannot tell, likeliest {said}"
    side = f" {finding.side}" if finding.side else ""
    return f"{term(finding.finding).text}{side} {said}"


def yes_no_text(row: LevelRow) -> str:
    """The yes/no findings worth a word: those present, and with a question mark those whose 90 % set holds both answers.

    What was found at several places is said once, with their number and the range of their probabilities.
    """
    groups: dict[str, list[Finding]] = {}
    for finding in row.yes_no:
        if finding.value == "present" or len(finding.set) > 1:
            groups.setdefault(finding.finding, []).append(finding)
    return ", ".join(_group_text(found) for found in groups.values())


def _group_text(found: Sequence[Finding]) -> str:
    said = "" if any(finding.value == "present" for finding in found) else "no "
    chances = sorted({f"{chance:.2f}" for finding in found if (chance := present_probability(finding)) is not None}, reverse=True)
    number = f" {chances[0]}" + (f" to {chances[-1]}" if len(chances) > 1 else "") if chances else ""
    times = f"{len(found)} x " if len(found) > 1 else ""
    return said + times + term(found[0].finding).text + number + ("?" if any(len(finding.set) > 1 for finding in found) else "")


def present_probability(finding: Finding) -> float | None:
    """Probability of the last key: of a yes/no finding, that it is present; None where none is said."""
    return None if finding.probabilities is None else finding.probabilities[term(finding.finding).keys[-1]]


def voted_key(finding: Finding, member: Mapping[str, float]) -> str:
    """The key that one member's vote is shown by: of a yes/no finding the last one, of a scale what the member alone would answer."""
    keys = list(member)
    if len(keys) == 2:
        return keys[-1]
    if finding.value is not None and member == finding.probabilities:  # it answered alone; these may be rounded, the answer is not
        return str(finding.value)
    if finding.finding not in MEDIANS:
        return max(keys, key=lambda key: member[key])
    at_least = accumulate(member[key] for key in reversed(keys))
    return next((key for key, chance in zip(reversed(keys), at_least, strict=True) if chance >= 0.5), keys[0])


def measure_text(row: LevelRow) -> str:
    """Measurements in words, each with half its 90 % interval where it is known."""
    return ", ".join(f"{measure_name(item.name)} {number_text(item)} {unit_text(item)}".strip() for item in row.measured)


def measure_name(name: str) -> str:
    """The name of a measurement as a person reads it."""
    return MEASURES.get(name, name.replace("_", " "))


def unit_text(item: Measurement) -> str:
    """The unit as a person reads it; "" where the name says it."""
    return RATIOS.get(item.name, item.unit) if item.unit == "ratio" else item.unit


def number_text(item: Measurement) -> str:
    """The number with half its 90 % interval, where that is known, and without its unit: "0.912 ± 0.021"."""
    return amount(item.value, item.unit) + (f" ± {amount(item.error, item.unit)}" if item.error is not None else "")


def amount(value: float, unit: str) -> str:
    """A number with as many decimals as its unit is worth: a thousandth of g/cm2 is seen in follow-up, of a millimetre none is."""
    return f"{value:.{DIGITS.get(unit, 1)}f}"


@dataclass(frozen=True, slots=True)
class _Place:
    """What makes two findings one row. `image` is told apart only where there is no level."""

    from_bottom: int | None
    level: str | None
    image: str | None

    @property
    def whole(self) -> bool:
        return self.from_bottom is None and self.level is None


def _place(item: Finding | Measurement, only: str | None) -> _Place:
    """`only` is the id of the image, where there is one."""
    if item.level_from_bottom is not None:
        return _Place(item.level_from_bottom, None, None)
    return _Place(None, item.level, item.image or only if item.level is None else None)


def likely_names(finding: Finding, most: int = 3, least: float = 0.05) -> tuple[str, ...]:
    """The likeliest alternatives of a level, few enough to be read; result.json has them all."""
    ranked = sorted(finding.level_alternatives.items(), key=lambda item: -item[1])
    return tuple(name for name, chance in ranked[:most] if chance >= least)


def whole_picture(finding: Finding) -> bool:
    """Whether the finding is about a whole picture rather than a place in it."""
    return term(finding.finding).where == "image" and finding.box is None and finding.level is None


def outlined(item: Finding | Measurement) -> bool:
    """Whether its points are drawn otherwise than one by one: as corners of its box, or in the plan of a spine (`alignment`)."""
    if isinstance(item, Measurement):
        return item.name == OFFSET
    return len(item.points or ()) > 2 and (item.box is not None or item.finding in PLACES)


def _row(place: _Place, items: Sequence[Finding | Measurement], names: Mapping[str | None, str]) -> LevelRow:
    findings = [item for item in items if isinstance(item, Finding)]
    name = next((item.level for item in items if item.level), None)
    label = names[place.image] if place.whole else name or f"#{place.from_bottom}"
    unsure = () if name else next((likely_names(finding) for finding in findings if finding.level_alternatives), ())
    asked = [finding for finding in findings if finding.finding not in PLACES]
    graded = [len(term(finding.finding).keys) > 2 or whole_picture(finding) for finding in asked]
    return LevelRow(
        label=label,
        candidates=unsure,
        graded=tuple(finding for finding, scale in zip(asked, graded, strict=True) if scale),
        yes_no=tuple(finding for finding, scale in zip(asked, graded, strict=True) if not scale),
        measured=tuple(item for item in items if isinstance(item, Measurement)),
        whole=place.whole,
        places=tuple(finding for finding in findings if finding.finding in PLACES),
    )
