"""`spondyl change` of curves: tables of what changed between films."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from spondyl.core.result import DISCLAIMER
from spondyl.metrics.curve_change import LARGER, SMALLER
from spondyl.reports.curve_series import CurveSeries, CurveStep, FollowedFilm, vertebra_words

if TYPE_CHECKING:
    from rich.console import Console


def show_curves(series: CurveSeries, console: Console) -> None:
    """The films, the comparisons, then what must be known of them."""
    console.print(films_table(series))
    console.print(steps_table(series))
    reasons = dict.fromkeys(why_none(step) for step in series.steps if step.change.verdict is None)
    for words in (*reasons, *series.notes):
        console.print(Text(words, style="yellow" if words in reasons else ""))
    console.print(Text(DISCLAIMER, style="bold"))


def films_table(series: CurveSeries) -> Table:
    """A row a film: its largest curve, and how many more there are."""
    table = plain_table("label", "study", "largest curve", "from", "to", "apex", "bulges to the", "more curves")
    for one in series.films:
        table.add_row(*map(Text, (one.label, one.study, *_curve_cells(one), str(max(one.curves - 1, 0)))))
    return table


def _curve_cells(one: FollowedFilm) -> tuple[str, ...]:
    curve = one.curve
    if curve is None:
        return "none", "-", "-", "-", "-"
    side = f"patient's {curve.side}" if curve.side else curve.bulges_to
    places = (vertebra_words(one.said, which) for which in ("upper", "lower", "apex"))
    return f"{curve.angle_deg:.1f} ± {curve.error_deg:.1f} deg", *places, side


def steps_table(series: CurveSeries) -> Table:
    """A row a comparison."""
    table = plain_table("from", "to", "against", "degrees", "change", "error (90 %)", "verdict")
    for step in series.steps:
        earlier, later = series.films[step.earlier], series.films[step.later]
        table.add_row(*map(Text, (earlier.label, later.label, " and ".join(step.against), *_numbers(step, earlier, later),
                                  step.change.verdict or "no verdict")), style="bold" if step.change.verdict in (LARGER, SMALLER) else "")
    return table


def why_none(step: CurveStep) -> str:
    """Why a comparison has no verdict, as a sentence."""
    reason = step.change.reason
    return f"No verdict: {reason}."


def _numbers(step: CurveStep, earlier: FollowedFilm, later: FollowedFilm) -> tuple[str, str, str]:
    change = step.change
    if change.change_deg is None or earlier.curve is None or later.curve is None:
        return "-", "-", "-"
    return f"{earlier.curve.angle_deg:.1f} to {later.curve.angle_deg:.1f}", f"{change.change_deg:+.1f}", f"± {change.error_deg:.1f}"


def plain_table(*columns: str) -> Table:
    """An empty table with these columns, whose cells fold."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
