"""A picture of bone density over examinations: points, bars of one least significant change, verdicts, and what must be known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, cos, floor, pi, sin

from spondyl.core.result import DISCLAIMER
from spondyl.metrics.bone_change import GAIN, LOSS, UNCHANGED, UNIT, WORST, WORST_LSC_PERCENT
from spondyl.reports.bone_labels import dates_of
from spondyl.reports.bone_series import BoneSeries, Step
from spondyl.reports.drawing import Area, Drawing, Point, Stroke, Words, as_png, as_svg, wrapped

WIDTH, LEFT, RIGHT, TOP, DEEP, MARGIN = 760, 84, 724, 92, 260, 24
"""Of the drawing; the axes' left, right and top; their height; the margin of the words."""
WORDS_WIDTH = 0.85 * (WIDTH - 2 * MARGIN)
"""Of the lines below: a reader's own font, in the SVG, may be wider than the one that they are measured with."""
INK, FAINT, GREY = "#222222", "#dddddd", "#555555"
COLOURS = {GAIN: "#0072b2", LOSS: "#d55e00", UNCHANGED: GREY, "baseline": INK}
"""After Okabe and Ito; each verdict has a shape of its own too."""
NO_VERDICT = "no verdict"
STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
MOST_TICKS = 7
RADIUS = 7.0


@dataclass(frozen=True, slots=True)
class Spot:
    """One examination in the picture: its label, x, density, half the bar or None, what it is, and the words beside it."""

    label: str
    x: float
    density: float
    half: float | None
    kind: str
    words: str


def change_svg(series: BoneSeries) -> str:
    """The series as an SVG file."""
    return as_svg(change_drawing(series))


def change_png(series: BoneSeries) -> bytes:
    """The series as a PNG file."""
    return as_png(change_drawing(series))


def change_drawing(series: BoneSeries) -> Drawing:
    """The series, laid out."""
    spots = _spots(series)
    title, said = _title(series), [*_said(series, spots), *series.notes, DISCLAIMER]
    parts: list[Stroke | Area | Words] = [Words((MARGIN, 34), title, 18, INK)]
    parts += [Words((MARGIN, 56), _headline(series), 13, GREY), *_axes(series, spots), *_line(spots)]
    parts += [part for spot in spots for part in _spot(spot, _scale(spots))]
    parts += _beside(spots)
    bottom = TOP + DEEP + 44
    parts += _legend(spots, bottom)
    lines = [line for sentence in said for line in wrapped(sentence, 12, WORDS_WIDTH)]
    parts += [Words((MARGIN, bottom + 28 + 16 * i), line, 12, GREY) for i, line in enumerate(lines)]
    told = [", ".join(filter(None, (f"{spot.label}: {spot.density:.3f} {UNIT}", spot.words, spot.kind))) for spot in spots]
    description = " ".join([f"{'; '.join(told) or 'nothing to draw'}.", _headline(series), *said])
    return Drawing(WIDTH, bottom + 28 + 16 * len(lines) + 8, title, description, tuple(parts))


def step_words(step: Step) -> str:
    """A verdict as a person reads it: "loss", "no verdict"."""
    return step.change.verdict or NO_VERDICT


def why_none(step: Step) -> str:
    """Why a comparison has no verdict, as a sentence; "" where it has one."""
    change = step.change
    if change.verdict is not None:
        return ""
    provisional = f". By that measure: {change.provisional}, provisionally" if change.provisional else ""
    return f"No verdict: {change.reason}{provisional}."


def _title(series: BoneSeries) -> str:
    if series.common is None:
        return "Bone density of the spine, each examination over its own vertebrae"
    return f"Bone density of the spine, {', '.join(series.common.vertebrae)}"


def _headline(series: BoneSeries) -> str:
    """The last examination against the first, in words."""
    last = _baseline_steps(series)[-1]
    change = last.change
    by = "" if change.change is None else f"{change.change:+.3f} {UNIT} ({change.change_percent:+.1f} %), "
    return f"From first to last: {by}{step_words(last)}."


def _baseline_steps(series: BoneSeries) -> list[Step]:
    return [step for step in series.steps if step.earlier == 0]


def _spots(series: BoneSeries) -> list[Spot]:
    labels = [one.label for one in series.examinations]
    places = _places(labels)
    means = _own_means(series) if series.common is None else list(series.common.means)
    steps: list[Step | None] = [None, *_baseline_steps(series)]
    joined = series.common is not None and any(step is not None and step.change.lsc for step in steps)
    spots = []
    for label, x, mean, step in zip(labels, places, means, steps, strict=True):
        if mean is None:
            continue
        kind = (step.change.verdict or NO_VERDICT) if step else "baseline" if joined else NO_VERDICT
        lsc = step.change.lsc if step else next((one.change.lsc for one in _baseline_steps(series) if one.change.lsc), None)
        change = f"{step.change.change_percent:+.1f} %" if step and step.change.change_percent is not None else ""
        spots.append(Spot(label, x, mean, lsc / 2 if lsc and joined else None, kind, change))
    return spots


def _own_means(series: BoneSeries) -> list[float | None]:
    """Mean over each examination's own counted vertebrae, where it has one in g/cm2."""
    means: list[float | None] = []
    for one in (followed.examination for followed in series.examinations):
        counted = [one.density[name] for name in one.counted if name in one.density]
        own = one.mean if one.mean is not None else sum(counted) / len(counted) if counted else None
        means.append(own if one.unit == UNIT else None)
    return means


def _places(labels: Sequence[str]) -> list[float]:
    """x of each examination: by time where the labels are dates, else evenly."""
    when = dates_of(labels) or tuple(float(i) for i in range(len(labels)))
    inset = 60
    return [LEFT + inset + (day - when[0]) / (when[-1] - when[0]) * (RIGHT - LEFT - 2 * inset) for day in when]


@dataclass(frozen=True, slots=True)
class Scale:
    """g/cm2 from the bottom to the top of the axis, and the distance of its ticks."""

    low: float
    high: float
    step: float

    def y(self, density: float) -> float:
        """Pixels from the top of the drawing."""
        return TOP + DEEP * (self.high - density) / (self.high - self.low)


def _scale(spots: Sequence[Spot]) -> Scale:
    reach = [value for spot in spots for value in (spot.density - (spot.half or 0), spot.density + (spot.half or 0))] or [0.8, 1.0]
    low, high = min(reach) - 0.01, max(reach) + 0.02
    step = next((step for step in STEPS if (high - low) / step <= MOST_TICKS), 1.0)
    return Scale(floor(low / step) * step, ceil(high / step) * step, step)


def _axes(series: BoneSeries, spots: Sequence[Spot]) -> list[Stroke | Area | Words]:
    scale = _scale(spots)
    parts: list[Stroke | Area | Words] = []
    for i in range(round((scale.high - scale.low) / scale.step) + 1):
        y = scale.y(scale.low + i * scale.step)
        decimals = 3 if scale.step < 0.01 else 2
        parts += [Stroke(((LEFT, y), (RIGHT, y)), FAINT),
                  Words((LEFT - 8, y + 4), f"{scale.low + i * scale.step:.{decimals}f}", 12, GREY, "end")]
    parts += [Stroke(((LEFT, TOP), (LEFT, TOP + DEEP), (RIGHT, TOP + DEEP)), GREY, 1.5), Words((LEFT - 60, TOP - 12), UNIT, 12, GREY)]
    below = [Words((x, TOP + DEEP + 20), one.label, 13, INK, "middle")
             for x, one in zip(_places([one.label for one in series.examinations]), series.examinations, strict=True)]
    return [*parts, *_apart(below)]


def _line(spots: Sequence[Spot]) -> list[Stroke | Area | Words]:
    """Lines between examinations that may be compared."""
    scale, joined = _scale(spots), [spot for spot in spots if spot.half is not None]
    return [Stroke(tuple((spot.x, scale.y(spot.density)) for spot in joined), "#999999", 1.5)] if len(joined) > 1 else []


def _spot(spot: Spot, scale: Scale) -> list[Stroke | Area | Words]:
    y, colour = scale.y(spot.density), COLOURS.get(spot.kind, GREY)
    bar: list[Stroke | Area | Words] = []
    if spot.half is not None:
        top, bottom = scale.y(spot.density + spot.half), scale.y(spot.density - spot.half)
        bar = [Stroke(((spot.x, top), (spot.x, bottom)), colour, 2),
               *(Stroke(((spot.x - 8, end), (spot.x + 8, end)), colour, 2) for end in (top, bottom))]
    return [*bar, _mark(spot.kind, (spot.x, y))]


def _mark(kind: str, at: Point) -> Area:
    """Square: baseline. Triangle up: gain, down: loss. Circle: no significant change; an empty one: no verdict."""
    turns = {"baseline": (4, 0.125), GAIN: (3, 0.25), LOSS: (3, 0.75)}
    corners, first = turns.get(kind, (24, 0.0))
    points = tuple((at[0] + RADIUS * cos(2 * pi * (first + i / corners)), at[1] - RADIUS * sin(2 * pi * (first + i / corners)))
                   for i in range(corners))
    colour = COLOURS.get(kind, GREY)
    return Area(points, colour if kind in COLOURS else "#ffffff", colour)


def _beside(spots: Sequence[Spot]) -> list[Words]:
    """Density and change above each point; where they would stand on other words or on another's bar, they are left out."""
    scale, words = _scale(spots), []
    for spot in spots:
        text = f"{spot.density:.3f}" + (f" ({spot.words})" if spot.words else "")
        words.append(Words((spot.x, scale.y(spot.density + (spot.half or 0)) - 12), text, 12, COLOURS.get(spot.kind, GREY), "middle"))
    clear = [one for one, own in zip(words, spots, strict=True) if not any(_covers(one, spot, scale) for spot in spots if spot is not own)]
    return _apart(clear)


def _covers(words: Words, spot: Spot, scale: Scale) -> bool:
    """Whether the words stand on the mark or the bar of that examination."""
    left, right = words.extent
    half = spot.half or 0
    inside = scale.y(spot.density + half) - RADIUS < words.at[1] and words.at[1] - words.size < scale.y(spot.density - half) + RADIUS
    return inside and left < spot.x + RADIUS + 2 and spot.x - RADIUS - 2 < right


def _apart(words: Sequence[Words]) -> list[Words]:
    """The words that fit, the last first, without touching those that stand already."""
    kept: list[Words] = []
    for one in reversed(words):
        left, right = one.extent
        if all(right + 6 < other.extent[0] or other.extent[1] + 6 < left for other in kept):
            kept.append(one)
    return kept[::-1]


def _legend(spots: Sequence[Spot], y: float) -> list[Stroke | Area | Words]:
    parts: list[Stroke | Area | Words] = []
    x = float(MARGIN) + RADIUS
    for kind in dict.fromkeys(spot.kind for spot in spots):
        words = Words((x + 14, y + 4), "first examination" if kind == "baseline" else kind, 12, INK)
        parts += [_mark(kind, (x, y)), words]
        x = words.extent[1] + 28
    return parts


def _said(series: BoneSeries, spots: Sequence[Spot]) -> list[str]:
    """Why there are no verdicts, what the bars are, or why there are none."""
    steps = _baseline_steps(series)
    why = [sentence for sentence in dict.fromkeys(map(why_none, steps)) if sentence]
    if series.common is None:
        return [*why, "The examinations are not over the same vertebrae, so their heights cannot be compared."]
    why.append(f"Density: {series.common.method}.")
    if not any(spot.half is not None for spot in spots):
        return [*why, "No bars and no line: no least significant change is known between these examinations."]
    return [*why, *_bars(series.common.vertebrae, [step for step in steps if step.change.lsc is not None])]


def _bars(vertebrae: Sequence[str], steps: Sequence[Step]) -> list[str]:
    change = steps[0].change
    length = (f"{WORST_LSC_PERCENT:.1f} % of the first density, ISCD's worst acceptable and not of this site" if change.lsc_from == WORST
              else f"{change.lsc:.4f} {UNIT}")
    said = [f"Each bar is one least significant change long ({length}): two examinations differ by that or more where their bars do not "
            "overlap. Marks and percentages are against the first."]
    if any(step.change.common and step.change.common.vertebrae != tuple(vertebrae) for step in steps):
        said.append("Marks are over all vertebrae that count in both examinations, heights over those that count in every one.")
    return said
