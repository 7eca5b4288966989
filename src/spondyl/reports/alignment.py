"""Where the outlines, lines and words of a spine seen from the front go on its picture, in pixels of the original image, (x, y).

Laid out once and painted twice: on the annotated picture here, as SVG on the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from spondyl.core import term
from spondyl.reports.curves import Curve, curve_colours, curve_mark, curve_words
from spondyl.reports.labels import Rectangle
from spondyl.reports.panel import font
from spondyl.reports.rows import OFFSET, PLACES, LevelRow, measure_name

Point = tuple[float, float]
QUIET = "#b4c2cc"
CORNERS = 4
NAME_SHARE, GAP_SHARE, LEAST_NAME = 0.8, 0.7, 0.4
"""Height of a vertebra's name and its distance from the bone, and the least height of it, to the height of the other words."""
MEASURING = 40
"""Size of the font in which the width of words is measured."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A line through points, or a closed outline.

    Attributes:
        row: What it belongs to, a label of a row or the name of a curve.
        title: What is said when the pointer rests on it.
        strong: Whether it is drawn thickly.
        dashed: Whether it is drawn with gaps: the vertebra has no sure name, or the line only holds others together.
        filled: Whether it is filled.
    """

    row: str
    title: str
    points: tuple[Point, ...]
    colour: str
    closed: bool = False
    strong: bool = False
    dashed: bool = False
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """One line of words in the middle of its place, `size` pixels high."""

    row: str
    title: str
    text: str
    colour: str
    place: Rectangle
    size: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to draw of a spine on one image, in this order."""

    shapes: tuple[Shape, ...] = ()
    words: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class _Vertebra:
    """A vertebra that was seen; `ring` are its corners, clockwise on the picture from the top left."""

    row: str
    title: str
    number: int
    named: bool
    colour: str
    ring: tuple[Point, ...]

    @property
    def left(self) -> float:
        return min(x for x, _ in self.ring)

    @property
    def right(self) -> float:
        return max(x for x, _ in self.ring)

    @property
    def top(self) -> float:
        return min(y for _, y in self.ring)

    @property
    def low(self) -> float:
        return max(y for _, y in self.ring)

    @property
    def middle(self) -> Point:
        return sum(x for x, _ in self.ring) / CORNERS, sum(y for _, y in self.ring) / CORNERS


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A curve with the vertebrae that belong to it, and the side of them, -1 left or 1 right, on which its angle stands."""

    name: str
    title: str
    colour: str
    texts: tuple[str, ...]
    plates: tuple[Point, ...]
    ends: tuple[int | None, int | None]
    apex: int | None
    inside: tuple[_Vertebra, ...]
    side: int
    place: float

    def has(self, number: int) -> bool:
        return number in {one.number for one in self.inside}


def plan_alignment(rows: Sequence[LevelRow], curves: Sequence[Curve], image_id: str, frame: tuple[float, float], size: float) -> Plan:
    """What to draw on one image: an outline and a name for each vertebra, lines and an angle for each curve that has end plates.

    Args:
        rows: What was said of levels.
        curves: `curves` of the result.
        image_id: The image.
        frame: Its (width, height).
        size: Height of the words of a curve in its pixels.
    """
    spine = [one for row in rows for one in _vertebrae(row, image_id)]
    drawn = [_drawn(curve, colour, spine, frame, size) for curve, colour in zip(curves, curve_colours(curves), strict=True)
             if colour and curve.get("image") in (None, image_id)]
    parts = [_lines(curve, frame, size) for curve in drawn]
    angles = [words for _, spoken in parts for words in spoken]
    shapes = [*_plumb(rows, image_id), *(_outline(one, drawn) for one in spine), *(shape for found, _ in parts for shape in found),
              *(_apex(one, curve, size) for curve in drawn for one in curve.inside if one.number == curve.apex)]
    return Plan(tuple(shapes), (*angles, *_names(spine, drawn, angles, frame, size)))


def _plumb(rows: Sequence[LevelRow], image_id: str) -> list[Shape]:
    """How far the top of the spine lies beside its bottom: straight up, and across."""
    found = [(row, item) for row in rows for item in row.measured
             if item.name == OFFSET and item.image == image_id and len(item.points or ()) == 2]
    shapes = []
    for row, item in found:
        top, bottom = item.points or ()
        shapes.append(Shape(row.label, measure_name(item.name), (bottom, (bottom[0], top[1]), top), QUIET, dashed=True))
    return shapes


def _vertebrae(row: LevelRow, image_id: str) -> list[_Vertebra]:
    found = []
    for finding in row.places:
        if finding.finding in PLACES and finding.image == image_id and finding.box is None and len(finding.points or ()) == CORNERS:
            top_left, top_right, low_left, low_right = finding.points or ()
            found.append(_Vertebra(row.label, row.heading, finding.level_from_bottom or 0, finding.level is not None,
                                   term(finding.finding).colour, (top_left, top_right, low_right, low_left)))
    return found


def _drawn(curve: Curve, colour: str, spine: Sequence[_Vertebra], frame: tuple[float, float], size: float) -> _Drawn:
    """The angle stands on the hollow side, where end plates run together, unless there is no room for it and more on the other."""
    plates = tuple((float(x), float(y)) for x, y in curve["points"])
    high, low = curve.get("upper_from_bottom"), curve.get("lower_from_bottom")
    inside = tuple(one for one in spine if high is not None and low is not None and low <= one.number <= high)
    texts = tuple(text for text in curve_mark(curve) if text)
    half = max(width_of(text, size) for text in texts) / 2
    left, right = min([x for x, _ in plates] + [one.left for one in inside]), max([x for x, _ in plates] + [one.right for one in inside])
    room = {-1: left, 1: frame[0] - right}
    hollow = 1 if str(curve.get("bulges_to") or "").startswith("left") else -1
    side = hollow if room[hollow] >= min(2 * half + size, room[-hollow]) else -hollow
    reach = max(half + 1.5 * size, 0.9 * (plates[1][0] - plates[0][0]))
    middle = left - reach if side < 0 else right + reach
    words = curve_words(curve)
    return _Drawn(words.name, words.line, colour, texts, plates, (high, low), curve.get("apex_from_bottom"), inside, side,
                  max(half + size / 3, min(middle, frame[0] - half - size / 3)))


def _lines(curve: _Drawn, frame: tuple[float, float], size: float) -> tuple[list[Shape], list[Words]]:
    """Both end plates, drawn on to where the angle is written between them, and a dashed line that holds them together."""
    ends = [_along(plate, curve.place) for plate in (curve.plates[:2], curve.plates[2:])]
    shapes = [_extended(curve, plate, size) for plate in (curve.plates[:2], curve.plates[2:])]
    tall = 1.25 * size * len(curve.texts)
    top, bottom = ends[0][1], ends[1][1]
    middle = (top + bottom) / 2
    if bottom - top > tall + 2 * size:
        for start, end in ((top, middle - tall / 2), (middle + tall / 2, bottom)):
            shapes.append(Shape(curve.name, curve.title, ((curve.place, start), (curve.place, end)), curve.colour, dashed=True))
    else:  # no room between the lines: below them
        middle = max(top, bottom) + size / 2 + tall / 2
    middle = max(tall / 2, min(middle, frame[1] - tall / 2))
    words = []
    for at, text in enumerate(curve.texts):
        half, y = width_of(text, size) / 2 + size / 4, middle - tall / 2 + 1.25 * size * at
        words.append(Words(curve.name, curve.title, text, curve.colour,
                           (curve.place - half, y, curve.place + half, y + 1.25 * size), size))
    return shapes, words


def _extended(curve: _Drawn, plate: tuple[Point, ...], size: float) -> Shape:
    """An end plate, a little way out on one side and as far as the angle on the other."""
    outer = plate[0][0] - size if curve.side > 0 else plate[1][0] + size
    points = (_along(plate, outer), _along(plate, curve.place + curve.side * size / 2))
    return Shape(curve.name, curve.title, points, curve.colour)


def _along(plate: Sequence[Point], x: float) -> Point:
    """The point of the line through both ends of a plate at x; its middle's height where it stands upright."""
    (x0, y0), (x1, y1) = plate
    return (x, y0 + (x - x0) * (y1 - y0) / (x1 - x0)) if abs(x1 - x0) > 1e-6 else (x, (y0 + y1) / 2)


def _outline(one: _Vertebra, drawn: Sequence[_Drawn]) -> Shape:
    """Strong and in the colour of its curve where that ends."""
    colour = next((curve.colour for curve in drawn if one.number in curve.ends), "")
    return Shape(one.row, one.title, one.ring, colour or one.colour, closed=True, strong=bool(colour), dashed=not one.named)


def _apex(one: _Vertebra, curve: _Drawn, size: float) -> Shape:
    (x, y), half = one.middle, size * 0.35
    ring = ((x, y - half), (x + half, y), (x, y + half), (x - half, y))
    return Shape(curve.name, f"{curve.name}: apex", ring, curve.colour, closed=True, filled=True)


def _names(spine: Sequence[_Vertebra], drawn: Sequence[_Drawn], taken: Sequence[Words], frame: tuple[float, float], size: float
           ) -> list[Words]:
    """The name of each vertebra beside it, away from the angle of its curve, on the other side where that is not free."""
    heights = [one.low - one.top for one in spine]
    small = max(LEAST_NAME * size, min(NAME_SHARE * size, 0.7 * median(heights))) if spine else size
    words = []
    for one in spine:
        curve = next((curve for curve in drawn if curve.has(one.number)), None)
        side = -(curve or _nearest(one, drawn)).side if drawn else 1
        text = one.row + (" apex" if any(curve.apex == one.number for curve in drawn) else "")
        tried = [_beside(one, spine, text, way, frame, small) for way in (side, -side)]
        place = next((place for place in tried if not any(_overlap(place, other.place) for other in taken)), tried[0])
        words.append(Words(one.row, one.title, text, "#ffffff" if one.named else QUIET, place, small))
    return words


def _nearest(one: _Vertebra, drawn: Sequence[_Drawn]) -> _Drawn:
    """The curve that ends next to a vertebra that belongs to none."""
    return min(drawn, key=lambda curve: min((abs(end - one.number) for end in curve.ends if end is not None), default=99))


def _beside(one: _Vertebra, spine: Sequence[_Vertebra], text: str, side: int, frame: tuple[float, float], size: float) -> Rectangle:
    """The place beside a vertebra, clear of its neighbours too."""
    width, top, low = width_of(text, size) + size / 2, one.middle[1] - size * 0.65, one.middle[1] + size * 0.65
    level = [one, *(other for other in spine if other.top < low and top < other.low)]
    left = max(other.right for other in level) + GAP_SHARE * size
    if side < 0:
        left = min(other.left for other in level) - GAP_SHARE * size - width
    left = max(0.0, min(left, frame[0] - width))
    return left, top, left + width, low


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def width_of(text: str, size: float) -> float:
    """Pixels across of words that are `size` high."""
    return float(font(MEASURING).getlength(text)) * size / MEASURING
