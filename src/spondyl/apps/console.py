"""What a person sees in the terminal: results on stdout, words and progress on stderr."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from spondyl.core import ImageNote, StudyResult, term
from spondyl.core.result import DISCLAIMER
from spondyl.reports import (
    EVIDENCE,
    NOT_SEEN,
    VIEWS,
    LevelRow,
    curve_words,
    level_rows,
    measure_name,
    number_text,
    set_text,
    unit_text,
    yes_no_text,
)
from spondyl.reports.rows import probability

if TYPE_CHECKING:  # the laboratory shows bars too, and needs no reader and no runtime for that
    from spondyl.apps.analyze import Analysis
    from spondyl.apps.batches import Progress as OnProgress

WIDTH_WITHOUT_TERMINAL = 120
REASONS_SHOWN = 20
MOST_SETS = 2
"""Columns of graded answers up to which each set has a column of its own; of more it stands below the answer."""
MOST_MEASURES = 2
"""Columns of measurements up to which no word is broken; of more, narrow ones are better than lost ones."""


def screen(stderr: bool = False) -> Console:
    """A console that is wide enough for the tables when it is piped into a file, and that no character breaks."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    console = Console(stderr=stderr, highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=WIDTH_WITHOUT_TERMINAL)


class RateColumn(ProgressColumn):
    """How many a second, or seconds for one where that is slower."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """The rate of the last steps, blank until it is known."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        what = self._unit.removesuffix("/s").removesuffix("s")
        return Text(f"{speed:.1f} {self._unit}" if speed >= 1 else f"{1 / speed:.1f} s/{what}", style="dim")


@contextmanager
def progress_bar(wanted: bool = True, rate: str = "") -> Iterator[OnProgress]:
    """A bar on stderr while a terminal watches; nothing in a pipe.

    Args:
        rate: Unit of the rate that stands beside the bar, "subjects/s"; none if empty.
    """
    console = screen(stderr=True)
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [RateColumn(rate)] if rate else []
    bars = Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not (wanted and console.is_terminal))
    shown: dict[str, Any] = {}

    def step(what: str, done: int, total: int) -> None:
        if what not in shown:  # what was done before the bar stood says nothing of the rate
            shown[what] = bars.add_task(what, completed=done, total=total)
        bars.update(shown[what], completed=done, total=total)

    with bars:
        yield step


def show(analysis: Analysis, console: Console) -> None:
    """All studies, then what was skipped and why, then the counts."""
    for result in analysis.results:
        console.print(study_view(result, analysis.sources.get(result.study["key"], ())))
    if analysis.skipped:
        console.print(skipped_table(analysis))
    console.print(summary(analysis))
    console.print(Text(DISCLAIMER, style="bold"))


def study_view(result: StudyResult, sources: Sequence[str]) -> RenderableType:
    """One study and task: where from, on what evidence, and a table of levels or the reason why there is none."""
    parts: list[RenderableType] = [Text.from_markup(heading(result, sources))]
    if result.bundle is not None:
        parts.append(Text(f"{result.bundle.name} {result.bundle.version}: {EVIDENCE.get(result.bundle.evidence, result.bundle.evidence)}"
                          f" ({result.bundle.trained_on}; {result.bundle.licence})", style="dim"))
    if result.refusal is not None:
        parts.append(Text(f"{result.status}: [{result.refusal['code']}] {result.refusal['message']}", style="red"))
        parts.append(Text(f"  {result.refusal['hint']}"))
    elif result.findings:
        parts.append(levels_table(result))
    if result.curves:
        parts += [Text(""), curves_table(result)]
    parts += [Text(f"warning: {warning.message}", style="yellow") for warning in result.warnings]
    return Group(*parts, Text(""))


def heading(result: StudyResult, sources: Sequence[str]) -> str:
    """Source, study key, task and the images that were used."""
    more = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
    source = f"{escape(printable(sources[0]))}{more}  " if sources else ""
    seen = Counter(" ".join([*known_words(note), f"{note.rows}x{note.columns}"]) for note in result.images)
    used = ", ".join(f"{count} x {said}" if count > 1 else said for said, count in seen.items())
    return f"[bold]{source}[/bold]study {result.study['key']}  {result.task}" + (f"  used: {used}" if used else "")


def known_words(note: ImageNote) -> list[str]:
    """View and sequence, as far as they are known."""
    return [VIEWS.get(word, word) for word in (note.view, note.sequence) if word != "unknown"]


def levels_table(result: StudyResult) -> Table:
    """Whole pictures, and levels from the top down. A column for each graded finding and side, and each measurement; one for yes/no."""
    rows = level_rows(result)
    graded = list(dict.fromkeys((finding.finding, finding.side) for row in rows for finding in row.graded))
    measured = list(dict.fromkeys((item.name, unit_text(item)) for item in result.measurements))
    wide = len(graded) <= MOST_SETS and len(measured) <= MOST_MEASURES
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("level", no_wrap=not any(row.candidates for row in rows))
    for name, side in graded:
        table.add_column("\n".join([*term(name).text.split(" "), *([side] if side else [])]), no_wrap=wide)
        if wide:
            table.add_column("90 %\nset", no_wrap=True)
    table.add_column("refer", no_wrap=True)
    if any(row.yes_no for row in rows):
        table.add_column("present, or in doubt (?),\nwith probability of present")
    for name, unit in measured:
        table.add_column(f"{measure_name(name)}\n{unit}", no_wrap=wide)
    for row in rows:
        level = "\n".join([row.label, *(f"{name}?" for name in row.candidates), *([NOT_SEEN] if row.unseen else [])])
        answers = [grade_cells(row, name, side) for name, side in graded]
        said = [cell for answer in answers for cell in answer] if wide else [joined_cell(*answer) for answer in answers]
        cells = [level, *said, "refer" if row.refer else ""]
        numbers = [measure_cell(row, name) for name, _ in measured]
        if any(one.yes_no for one in rows):
            cells.append(yes_no_text(row) or "-")
        table.add_row(*(Text(cell) for cell in (*cells, *numbers)), style="yellow" if row.refer else "")
    return table


def curves_table(result: StudyResult) -> Table:
    """Each curve in a sentence, with the convention of its angle."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in ("curve", "convention", "angle"):
        table.add_column(name, no_wrap=name == "curve")
    for curve in map(curve_words, result.curves):
        table.add_row(*map(Text, (curve.name, curve.convention, curve.text)))
    return table


def measure_cell(row: LevelRow, name: str) -> str:
    """The number with half its 90 % interval, or "-" where it was not measured."""
    item = next((item for item in row.measured if item.name == name), None)
    return "-" if item is None else number_text(item)


def grade_cells(row: LevelRow, name: str, side: str | None = None) -> tuple[str, str]:
    """Value with its probability, and the set; "-" where the value is not said."""
    finding = next((finding for finding in row.graded if (finding.finding, finding.side) == (name, side)), None)
    if finding is None or finding.value is None:
        return "-", set_text(finding) if finding else ""
    return f"{str(finding.value).replace('_', ' ')} ({probability(finding) or 0:.2f})", set_text(finding)


def joined_cell(answer: str, spread: str) -> str:
    """An answer, and below it its set where that holds more."""
    return f"{answer}\n90 %: {spread}" if spread and not answer.startswith(f"{spread} (") else answer


def skipped_table(analysis: Analysis) -> Table:
    """What was not read, and why; the first few where there are many."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold", title="Skipped", title_justify="left")
    for name in ("file", "code", "what was seen", "what to do"):
        table.add_column(name, overflow="fold")
    for row in analysis.skipped[:REASONS_SHOWN]:
        table.add_row(*(Text(printable(cell)) for cell in (row.source, row.code, row.message, row.hint)))
    if len(analysis.skipped) > REASONS_SHOWN:
        table.add_row(f"and {len(analysis.skipped) - REASONS_SHOWN} more", "", "", "--json or --out lists all of them")
    return table


def printable(words: str) -> str:
    """The words without characters that steer a terminal: names inside an archive are a stranger's."""
    return "".join(character if character.isprintable() else "\ufffd" for character in words)


def summary(analysis: Analysis) -> Text:
    """How many answers were done, refused, failed and not written in full, and how many files were skipped."""
    counts = {status: sum(result.status == status for result in analysis.results) for status in ("done", "refused", "failed")}
    words = [f"{count} {status}" for status, count in counts.items() if count]
    words += [f"{len(analysis.skipped)} skipped"] if analysis.skipped else []
    words += [f"{len(analysis.unwritten)} not written in full"] if analysis.unwritten else []
    return Text(", ".join(words) or "nothing to read was found")
