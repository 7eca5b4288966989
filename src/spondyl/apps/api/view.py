"""What the page shows of a result: taken from result.json and the vocabulary alone, so that a new task needs no code here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from spondyl.core import Finding, Measurement, StudyResult, term
from spondyl.reports import EVIDENCE, LevelRow, level_rows, likely_names, set_text
from spondyl.store import MapNote


@dataclass(frozen=True, slots=True)
class Bar:
    """One key of a finding: its probability 0..1, whether it is in the 90 % set, whether it is the answer."""

    key: str
    probability: float
    in_set: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A finding as words and bars. `heat` is the address of its heat map, or ""."""

    text: str
    value: str
    chance: float | None
    bars: tuple[Bar, ...]
    set: str
    refer: bool
    present: bool
    side: str
    image: str
    heat: str
    members: str


@dataclass(frozen=True, slots=True)
class Row:
    """One level. `named` is false where the label is only a number, because the numbering is unsure."""

    label: str
    named: bool
    confidence: float | None
    alternatives: tuple[tuple[str, float], ...]
    graded: tuple[Answer, ...]
    chips: tuple[Answer, ...]
    measured: tuple[Measurement, ...]
    refer: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """Something drawn on a picture, in pixels of the original: a box with its level's name, or points."""

    label: str
    title: str
    refer: bool
    box: tuple[float, float, float, float] | None
    points: tuple[tuple[float, float], ...]

    @property
    def line(self) -> str:
        """The points as SVG writes them."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True, slots=True)
class Picture:
    """One image with its marks and its heat maps as (label, address)."""

    id: str
    rows: int
    columns: int
    caption: str
    marks: tuple[Mark, ...]
    heats: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A warning, and how often the result has it in these words."""

    code: str
    message: str
    count: int


@dataclass(frozen=True, slots=True)
class ResultView:
    """Everything the page shows of one result."""

    result: StudyResult
    address: str
    evidence: str
    rows: tuple[Row, ...]
    pictures: tuple[Picture, ...]
    has_grades: bool
    has_measures: bool
    curves: tuple[tuple[tuple[str, str], ...], ...]
    notes: tuple[Note, ...]


def view_of(result: StudyResult, notes: Sequence[MapNote]) -> ResultView:
    """A result, ready for the page."""
    address = f"/api/v1/studies/{quote(result.study['key'])}/results/{quote(result.task)}"
    heats = {_place(note.finding, note.level_from_bottom, note.side, note.image): _heat(address, note) for note in notes}
    sorted_rows = level_rows(result)
    rows = tuple(_row(row, heats) for row in sorted_rows)
    return ResultView(
        result, address, EVIDENCE.get(result.bundle.evidence, result.bundle.evidence) if result.bundle else "", rows,
        _pictures(result, sorted_rows, heats),
        has_grades=any(row.graded for row in rows), has_measures=any(row.measured for row in rows),
        curves=tuple(tuple((words(name), _plain(value)) for name, value in curve.items()) for curve in result.curves),
        notes=tuple(Note(code, message, count) for (code, message), count in
                    Counter((warning.code, warning.message) for warning in result.warnings).items()),
    )


def words(name: str) -> str:
    """A name of the vocabulary or of a measurement as a person reads it."""
    return name.replace("_", " ")


def _row(row: LevelRow, heats: dict[Any, str]) -> Row:
    named = next((finding for finding in row.findings if finding.level_confidence is not None), None)
    return Row(
        row.label, not row.candidates, named.level_confidence if named else None,
        tuple((name, named.level_alternatives[name]) for name in likely_names(named)) if named else (),
        tuple(_answer(finding, heats) for finding in row.graded), tuple(_answer(finding, heats) for finding in row.yes_no),
        row.measured, row.refer,
    )


def _answer(finding: Finding, heats: dict[Any, str]) -> Answer:
    keys = term(finding.finding).keys
    chances = finding.probabilities or {}
    plausible = {str(value) for value in finding.set}
    bars = tuple(Bar(words(key), chances[key], key in plausible, key == str(finding.value)) for key in keys if key in chances)
    # A yes/no finding shows how likely it is present; a grade, how likely the grade that was given.
    shown = keys[-1] if len(keys) == 2 else str(finding.value)
    place = _place(finding.finding, finding.level_from_bottom, finding.side, finding.image or "")
    return Answer(
        term(finding.finding).text, "not said" if finding.value is None else words(str(finding.value)), chances.get(shown), bars,
        set_text(finding), finding.refer, str(finding.value) == keys[-1] and len(keys) == 2, finding.side or "", finding.image or "",
        heats.get(place, ""),
        "; ".join(f"{name}: " + ", ".join(f"{words(key)} {chance:.2f}" for key, chance in member.items())
                  for name, member in finding.members.items()),
    )


def _pictures(result: StudyResult, rows: Sequence[LevelRow], heats: dict[Any, str]) -> tuple[Picture, ...]:
    numbered = list(enumerate(rows, 1))
    pictures = []
    for note in result.images:
        marks = [mark for number, row in numbered for mark in _marks(number, row, note.id)]
        here = tuple((label, address) for (finding, label, image), address in _labelled(rows, heats) if image == note.id and finding)
        caption = ", ".join(words(word) for word in (note.view, note.sequence) if word != "unknown")
        pictures.append(Picture(note.id, note.rows, note.columns, caption, tuple(marks), here))
    return tuple(sorted(pictures, key=lambda picture: not picture.marks))


def _labelled(rows: Sequence[LevelRow], heats: dict[Any, str]) -> Iterable[tuple[tuple[str, str, str], str]]:
    for row in rows:
        for finding in row.findings:
            place = _place(finding.finding, finding.level_from_bottom, finding.side, finding.image or "")
            if place in heats:
                label = f"{row.label}: {term(finding.finding).text}" if row.label else term(finding.finding).text
                yield (finding.finding, label, finding.image or ""), heats[place]


def _marks(number: int, row: LevelRow, image: str) -> Iterable[Mark]:
    found = [finding for finding in row.findings if finding.image == image]
    for box in dict.fromkeys(finding.box for finding in found if finding.box):
        here = [finding for finding in found if finding.box == box]
        title = ", ".join(f"{term(f.finding).text} {words(str(f.value))}" for f in here if f.value not in (None, "absent"))
        yield Mark(row.label or str(number), f"{row.heading} {title}".strip(), any(f.refer for f in here), box, ())
    items: list[Finding | Measurement] = [*found, *(item for item in row.measured if item.image == image)]
    for points in dict.fromkeys(item.points for item in items if item.points):
        yield Mark(row.label or str(number), row.heading, False, None, points or ())


def _place(finding: str, level: int | None, side: str | None, image: str) -> tuple[str, int | None, str, str]:
    return finding, level, side or "", image


def _heat(address: str, note: MapNote) -> str:
    wanted = {"finding": note.finding, "level": note.level_from_bottom, "side": note.side}
    return f"{address}/heatmap.png?" + urlencode({name: value for name, value in wanted.items() if value is not None})


def _plain(value: Any) -> str:
    return words(value) if isinstance(value, str) else json.dumps(value)
