"""What the page shows of a result: taken from result.json and the vocabulary alone, so that a new task needs no code here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from spondyl.apps.api.marks import Mark, marks_of
from spondyl.core import Finding, ImageNote, Measurement, StudyResult, term
from spondyl.reports import (
    EVIDENCE,
    NOT_SEEN,
    VIEWS,
    CurveWords,
    LevelRow,
    Moved,
    VertebraTable,
    cannot_tell,
    curve_words,
    further,
    level_rows,
    likely_names,
    moved_by,
    only_place,
    present_probability,
    set_text,
    vertebra_table,
    voted_key,
)
from spondyl.store import MapNote


@dataclass(frozen=True, slots=True)
class Bar:
    """One key of a finding: its probability 0..1, whether it is in the 90 % set, whether it is the answer."""

    key: str
    probability: float
    in_set: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class Vote:
    """What one member of the ensemble says: its own bars, and its answer in words."""

    name: str
    words: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A finding as words and bars.

    Attributes:
        heat: Address of its heat map, or "".
        moved: What moved the member that measures, or None.
        count: At how many places it was found.
    """

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
    votes: tuple[Vote, ...]
    moved: Moved | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One level, or one whole picture.

    Attributes:
        named: False where the label is only a number, because the numbering is unsure.
        chips: Yes/no findings; what was found at several places is one chip.
        details: Every finding by itself.
        whole: Whether it is about a whole picture.
        unseen: "not seen" where a vertebra has its place here that could not be seen, else "".
        seen: How likely there is a vertebra, where one was seen, else None.
    """

    label: str
    named: bool
    confidence: float | None
    alternatives: tuple[tuple[str, float], ...]
    graded: tuple[Answer, ...]
    chips: tuple[Answer, ...]
    details: tuple[Answer, ...]
    measured: tuple[Measurement, ...]
    refer: bool
    whole: bool
    unseen: str
    seen: float | None


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
class CurveView:
    """A curve in words, and what a curve of another kind says besides."""

    words: CurveWords
    more: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class VertebraeView:
    """Vertebrae of which no more is said than where they are and how they measure: the rows, and as many lines of the table."""

    rows: tuple[Row, ...]
    table: VertebraTable


@dataclass(frozen=True, slots=True)
class ResultView:
    """Everything the page shows of one result.

    Attributes:
        rows: Levels and whole pictures of which something is said; the others are `vertebrae`.
        films: Whether the pictures are wholes, several of them, to be seen side by side.
    """

    result: StudyResult
    address: str
    evidence: str
    rows: tuple[Row, ...]
    pictures: tuple[Picture, ...]
    has_grades: bool
    has_measures: bool
    films: bool
    curves: tuple[CurveView, ...]
    vertebrae: VertebraeView | None
    notes: tuple[Note, ...]


def view_of(result: StudyResult, notes: Sequence[MapNote]) -> ResultView:
    """A result, ready for the page."""
    address = f"/api/v1/studies/{quote(result.study['key'])}/results/{quote(result.task)}"
    heats = {_place(note.finding, note.level_from_bottom, note.side, note.image): _heat(address, note) for note in notes}
    sorted_rows = level_rows(result)
    rows = tuple(_row(row, heats) for row in sorted_rows if not only_place(row))
    table = vertebra_table(sorted_rows)
    pictures = _pictures(result, sorted_rows, heats)
    return ResultView(
        result, address, EVIDENCE.get(result.bundle.evidence, result.bundle.evidence) if result.bundle else "", rows,
        pictures, films=len(pictures) > 1 and all(row.whole for row in sorted_rows),
        has_grades=any(row.graded for row in rows), has_measures=any(row.measured for row in rows),
        curves=tuple(CurveView(curve_words(curve), tuple((words(name), _plain(value)) for name, value in further(curve).items()))
                     for curve in result.curves),
        vertebrae=VertebraeView(tuple(_row(row, heats) for row in sorted_rows if only_place(row)), table) if table else None,
        notes=tuple(Note(code, message, count) for (code, message), count in
                    Counter((warning.code, warning.message) for warning in result.warnings).items()),
    )


def words(name: str) -> str:
    """A name of the vocabulary or of a measurement as a person reads it."""
    return name.replace("_", " ")


def _row(row: LevelRow, heats: dict[Any, str]) -> Row:
    named = next((finding for finding in row.findings if finding.level_confidence is not None), None)
    graded, yes_no = (tuple(_answer(finding, heats) for finding in found) for found in (row.graded, row.yes_no))
    return Row(
        row.label, not row.candidates, named.level_confidence if named else None,
        tuple((name, named.level_alternatives[name]) for name in likely_names(named)) if named else (),
        graded, _grouped(yes_no) if row.whole else yes_no, graded + yes_no, row.measured, row.refer, row.whole,
        NOT_SEEN if row.unseen else "", None if row.unseen else next(map(present_probability, row.places), None),
    )


def _grouped(answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """One answer a finding: the likeliest of its places stands for all."""
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(answer.text, []).append(answer)
    return tuple(
        replace(max(found, key=lambda answer: answer.chance or 0), count=len(found), refer=any(answer.refer for answer in found))
        for found in groups.values()
    )


def _answer(finding: Finding, heats: dict[Any, str]) -> Answer:
    keys = term(finding.finding).keys
    chances = finding.probabilities or {}
    plausible = {str(value) for value in finding.set}
    bars = _bars(chances, plausible, str(finding.value))
    # A yes/no finding shows how likely it is present; a grade, how likely the grade that was given.
    shown = keys[-1] if len(keys) == 2 else str(finding.value)
    place = _place(finding.finding, finding.level_from_bottom, finding.side, finding.image or "")
    return Answer(
        term(finding.finding).text, _said(finding), None if cannot_tell(finding) else chances.get(shown), bars,
        set_text(finding), finding.refer, str(finding.value) == keys[-1] and len(keys) == 2, finding.side or "", finding.image or "",
        heats.get(place, ""),
        tuple(_vote(finding, name, member) for name, member in finding.members.items()), moved_by(finding),
    )


def _said(finding: Finding) -> str:
    """The value as a person reads it."""
    if cannot_tell(finding):
        return "cannot tell"
    return "not said" if finding.value is None else words(str(finding.value))


def _bars(chances: Mapping[str, float], plausible: Container[str], chosen: str) -> tuple[Bar, ...]:
    return tuple(Bar(words(key), chance, key in plausible, key == chosen) for key, chance in chances.items())


def _vote(finding: Finding, name: str, chances: Mapping[str, float]) -> Vote:
    """Of a yes/no finding how likely it is present, of a scale what the member alone would answer."""
    said = voted_key(finding, chances)
    return Vote(name, f"{words(said)} ({chances[said]:.2f})", _bars(chances, (), said))


def _pictures(result: StudyResult, rows: Sequence[LevelRow], heats: dict[Any, str]) -> tuple[Picture, ...]:
    pictures = []
    for note in result.images:
        here = tuple((label, address) for (finding, label, image), address in _labelled(rows, heats) if image == note.id and finding)
        pictures.append(Picture(note.id, note.rows, note.columns, _caption(note), marks_of(rows, note, result.curves), here))
    return tuple(sorted(pictures, key=lambda picture: not picture.marks)) if not all(row.whole for row in rows) else tuple(pictures)


def _caption(note: ImageNote) -> str:
    return ", ".join(words(VIEWS.get(word, word)) for word in (note.view, note.sequence) if word != "unknown")


def _labelled(rows: Sequence[LevelRow], heats: dict[Any, str]) -> Iterable[tuple[tuple[str, str, str], str]]:
    for row in rows:
        for finding in row.findings:
            place = _place(finding.finding, finding.level_from_bottom, finding.side, finding.image or "")
            if place in heats:
                label = term(finding.finding).text if row.whole else f"{row.label}: {term(finding.finding).text}"
                yield (finding.finding, label, finding.image or ""), heats[place]


def _place(finding: str, level: int | None, side: str | None, image: str) -> tuple[str, int | None, str, str]:
    return finding, level, side or "", image


def _heat(address: str, note: MapNote) -> str:
    image = note.image if note.level_from_bottom is None else None
    wanted = {"finding": note.finding, "level": note.level_from_bottom, "side": note.side, "image": image}
    return f"{address}/heatmap.png?" + urlencode({name: value for name, value in wanted.items() if value is not None})


def _plain(value: Any) -> str:
    return words(value) if isinstance(value, str) else json.dumps(value)
