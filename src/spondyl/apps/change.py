"""`spondyl change`: several result.json of one task compared, bone density or curves, as tables, JSON and (of densities) a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from spondyl.apps.curve_change import plain_table, show_curves
from spondyl.core import InputError, StudyResult
from spondyl.core.errors import describe_unknown
from spondyl.core.result import DISCLAIMER
from spondyl.metrics.bone_change import WORST
from spondyl.metrics.bone_density import REGION
from spondyl.reports.bone_plot import change_png, change_svg, step_words, why_none
from spondyl.reports.bone_series import TASK as DENSITY
from spondyl.reports.bone_series import BoneSeries, Step, bone_series
from spondyl.reports.curve_series import TASK as CURVES
from spondyl.reports.curve_series import CurveSeries, curve_series, refuse_options
from spondyl.store import parse_result

if TYPE_CHECKING:
    from rich.console import Console

PLOTS = {".svg": lambda series: change_svg(series).encode("utf-8"), ".png": change_png}
MOST_BYTES = 16 * 2**20
"""Of a result.json; they are a thousandth of it."""
READ_ERRORS = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What `parse_result` raises on something that is not a result.json."""


def follow(
    paths: Sequence[Path], *, at: str = "", same_machine: bool = False, cross_calibrated: bool = False, rms_sd: float | None = None,
    plot: Path | None = None,
) -> BoneSeries | CurveSeries:
    """The series of these result.json, in the order given: of densities or of curves, as their task says; with `plot` a picture too.

    Raises:
        InputError: If a file is no result.json, the results cannot be followed, an option is not for their task, or the picture cannot
            be written.
    """
    if plot is not None and plot.suffix.lower() not in PLOTS:
        raise InputError("change-plot-format", describe_unknown("picture format", plot.suffix, PLOTS), "End the name in .svg or .png")
    results = [read_result(path, number) for number, path in enumerate(paths, 1)]
    if task_of(results) == CURVES:
        refuse_options({"--same-machine": same_machine, "--cross-calibrated": cross_calibrated, "--rms-sd": rms_sd is not None,
                        "--plot": plot is not None})
        return curve_series(results, at=at)
    series = bone_series(results, at=at, same_machine=same_machine, cross_calibrated=cross_calibrated, rms_sd_g_cm2=rms_sd)
    if plot is not None:
        _write(plot, PLOTS[plot.suffix.lower()](series))
    return series


def task_of(results: Sequence[StudyResult]) -> str:
    """The task that all results are of, one that can be followed.

    Raises:
        InputError: If they are of several, or of another one.
    """
    seen = list(dict.fromkeys(result.task for result in results))
    if len(seen) > 1:
        raise InputError("change-mixed-tasks", f"the results are of several tasks: {', '.join(seen)}",
                         "Compare the results of one task at a time")
    if seen[0] not in (DENSITY, CURVES):
        raise InputError("change-other-task", f"the results are of {seen[0]}; {DENSITY} and {CURVES} are followed",
                         f"Give the result.json of {DENSITY} or of {CURVES}")
    return seen[0]


def read_result(path: Path, number: int) -> StudyResult:
    """The result in a file, or in the `result.json` of a folder.

    Raises:
        InputError: If there is none; the sentence names its place in the list, never the path.
    """
    file = path / "result.json" if path.is_dir() else path
    hint = "Name the result.json that `spondyl analyze --out` wrote"
    try:
        if file.stat().st_size > MOST_BYTES:
            raise InputError("result-unreadable", f"file {number} is too large for a result.json", hint)
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        code = "result-missing" if isinstance(error, FileNotFoundError) else "result-unreadable"
        raise InputError(code, f"file {number} is not there or cannot be read as text", hint) from None
    try:
        return parse_result(text)
    except READ_ERRORS:
        raise InputError("result-unreadable", f"file {number} is not a result.json that this build reads", hint) from None


def show(series: BoneSeries | CurveSeries, console: Console) -> None:
    """The examinations, the comparisons, then what must be known of them."""
    if isinstance(series, CurveSeries):
        show_curves(series, console)
        return
    console.print(examinations_table(series))
    console.print(changes_table(series))
    reasons = dict.fromkeys(sentence for step in series.steps if (sentence := why_none(step)))
    for words in (*reasons, *series.notes):
        console.print(Text(words, style="yellow" if words in reasons else ""))
    console.print(Text(DISCLAIMER, style="bold"))


def examinations_table(series: BoneSeries) -> Table:
    """A row an examination: the density of each vertebra, in brackets where it does not count, and the mean of those that do."""
    table = plain_table("label", "study", *REGION, "mean", "unit")
    for one in series.examinations:
        own = one.examination
        values = {name: f"{value:.3f}" for name, value in own.density.items()}
        cells = [values[name] if name in own.counted else f"({values[name]})" if name in values else "-" for name in REGION]
        table.add_row(*map(Text, (one.label, one.study, *cells, "-" if own.mean is None else f"{own.mean:.3f}", own.unit)))
    return table


def changes_table(series: BoneSeries) -> Table:
    """A row a comparison."""
    table = plain_table("from", "to", "against", "vertebrae", "g/cm2", "change", "%", "LSC", "verdict")
    labels = [one.label for one in series.examinations]
    for step in series.steps:
        table.add_row(*map(Text, (labels[step.earlier], labels[step.later], " and ".join(step.against), *_numbers(step), step_words(step))),
                      style="bold" if step.change.verdict in ("gain", "loss") else "")
    return table


def _numbers(step: Step) -> tuple[str, str, str, str, str]:
    change = step.change
    if change.common is None or change.change is None:
        return "-", "-", "-", "-", "-"
    lsc = "-" if change.lsc is None else f"{change.lsc:.4f}" + (" (worst)" if change.lsc_from == WORST else "")
    before, after = change.common.means
    return ", ".join(change.common.vertebrae), f"{before:.3f} to {after:.3f}", f"{change.change:+.4f}", f"{change.change_percent:+.1f}", lsc


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InputError("change-plot-unwritable", f"the picture cannot be written there: {error.strerror}",
                         "Name a file in a folder that is there and may be written") from None
