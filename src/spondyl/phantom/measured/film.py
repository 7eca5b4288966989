"""What is true of one film: findings as boxes, vertebrae, discs and the grade of the film, by where things project.

Which findings a view shows, all [O]; none is VinDr's own labelling instruction:
    vindr-osteophyte/1   spurs of 2 mm or more: anterior and posterior ones on lateral films, right and left ones on frontal films
    vindr-narrowing/1    height loss of a third or more (Wilke moderate); on a film on which front and back of the disc lie over each
                         other, so that the beam passes through the space
    vindr-implant/1      devices, in any view
    vindr-foramen/1      a severely narrowed foramen, or a moderately narrowed one with bone that supports it, on lateral films
    vindr-slip/1         a slip of 3 mm or more, on lateral films
    vindr-collapse/1     Genant 2 or 3, in any view
    vindr-other/1        dense spots, foreign bodies, dense bone of 5 mm or more beside a plate, in any view
A box is kept where a quarter or more of it lies on the exposed film, and is clipped to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.measured.film_records import Box, FilmBox, FilmDisc, FilmTruth, FilmVertebra
from spondyl.phantom.measured.records import DiscSpaceTruth, SpurTruth, StenosisTruth, SubjectTruth, VertebraTruth
from spondyl.phantom.measured.subject import measure_subject
from spondyl.phantom.volume import Volume

SPUR_MM, NARROW_SHARE, SCLEROSIS_MM = 2.0, 0.33, 5.0
LEAST_SHARE = 0.25
FORAMEN_HALF_MM = (5.0, 9.0)
"""Half (depth, height) of the box around a foramen."""
VISIBLE_SPURS: dict[str, tuple[str, ...]] = {"lateral": ("anterior", "posterior"), "frontal": ("right", "left")}
Finding = tuple[str, str, str, NDArray[np.float64]]
"""(lesion type, where, rule, points in mm)."""


class Projects(Protocol):
    """Anything that says where points of the patient land in a picture."""

    def to_pixels(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (n, 3) mm as pixels (n, 2), (x, y)."""


def film_truth(source: SubjectTruth | Volume, projection: Projects, shape: tuple[int, int],
               collimation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)) -> FilmTruth:
    """What is true of a film.

    Args:
        source: The subject's truth, or the volume to measure it on.
        projection: Where points land.
        shape: (rows, columns).
        collimation: Shares of the film that the collimator covers at the (top, right, bottom, left).
    """
    truth = measure_subject(source) if isinstance(source, Volume) else source
    view = view_of(projection, truth)
    field = _field(shape, collimation)
    boxes = []
    for lesion, where, rule, points in findings(truth, view, projection):
        box = _clipped(projection.to_pixels(points), field)
        if box:
            boxes.append(FilmBox(lesion, box, where, rule))
    vertebrae = [_vertebra(one, projection, view, field) for one in truth.vertebrae]
    seen = tuple(one for one in vertebrae if _clipped(np.array(one.corners), field))
    discs = tuple(disc for one in truth.discs if (disc := _disc(one, projection, field)))
    grades = [disc.grade for disc in discs if disc.inside]
    return FilmTruth(view, (int(shape[0]), int(shape[1])), tuple(boxes), seen, discs, max(grades) if grades else None, bool(boxes))


def view_of(projection: Projects, truth: SubjectTruth) -> str:
    """"frontal" or "lateral": which of the patient's axes runs along the picture's rows."""
    middle = np.mean(truth.vertebrae[min(2, len(truth.vertebrae) - 1)].corners_mm, axis=0)
    origin, left, back = projection.to_pixels(middle + np.array([[0, 0, 0], [1.0, 0, 0], [0, 1.0, 0]]))
    return "frontal" if np.linalg.norm(left - origin) > np.linalg.norm(back - origin) else "lateral"


def findings(truth: SubjectTruth, view: str, projection: Projects) -> Iterator[Finding]:
    """Everything that a film in that view would show, wherever it lands."""
    for disc in truth.discs:
        for spur in disc.spurs:
            if spur.length_mm >= SPUR_MM and spur.site.split("_")[0] in VISIBLE_SPURS[view]:
                yield "Osteophytes", f"{disc.level} {spur.site}", "vindr-osteophyte/1", _around_spur(spur)
        if disc.height_loss >= NARROW_SHARE and _space_open(disc, projection):
            yield "Disc space narrowing", disc.level, "vindr-narrowing/1", np.array(disc.outline_mm)
        if max(disc.sclerosis_mm) >= SCLEROSIS_MM:
            yield "Other lesions", f"{disc.level} sclerosis", "vindr-other/1", _beside(disc)
        if view == "lateral" and disc.spondylolisthesis:
            yield "Spondylolysthesis", disc.level, "vindr-slip/1", _around_slip(truth, disc)
    for vertebra in truth.vertebrae:
        if vertebra.genant >= 2:
            yield "Vertebral collapse", vertebra.name, "vindr-collapse/1", np.array(vertebra.corners_mm + vertebra.coronal_mm)
    yield from _foramina(truth, view)
    for thing in truth.objects:
        kind, rule = ("Surgical implant", "vindr-implant/1") if thing.kind == "implant" else ("Other lesions", "vindr-other/1")
        yield kind, thing.name, rule, np.array(thing.points_mm)


def _foramina(truth: SubjectTruth, view: str) -> Iterator[Finding]:
    """One box a level: on a lateral film both sides lie over each other."""
    if view != "lateral":
        return
    seen: dict[str, list[StenosisTruth]] = {}
    for one in truth.stenosis:
        if one.condition == "neural_foraminal_narrowing" and (one.grade == 2 or (one.grade == 1 and one.numbers["bone_supports"] > 0)):
            seen.setdefault(one.level, []).append(one)
    deep, tall = FORAMEN_HALF_MM
    for level, sides in seen.items():
        points = [np.array(one.point_mm) + np.array([0, a * deep, b * tall]) for one in sides for a in (-1, 1) for b in (-1, 1)]
        yield "Foraminal stenosis", level, "vindr-foramen/1", np.array(points)


def _around_spur(spur: SpurTruth) -> NDArray[np.float64]:
    """A spur from its foot in the body to its tip, as wide as its foot."""
    base, tip = np.array(spur.base_mm), np.array(spur.tip_mm)
    out = (tip - base) / max(spur.length_mm, 1e-6)
    foot = 2.0 + 0.6 * spur.length_mm
    ends = np.stack([base - 2.0 * out, tip + 0.7 * out])
    return np.vstack([ends + np.array([0, 0, foot]), ends - np.array([0, 0, foot])])


def _around_slip(truth: SubjectTruth, disc: DiscSpaceTruth) -> NDArray[np.float64]:
    """The disc and the halves of the two bodies beside it; below the lowest disc, as much of the sacrum."""
    k = disc.from_bottom - 1
    corner = np.array(truth.vertebrae[k].corners_mm)
    above = np.stack([(corner[0] + corner[3]) / 2, (corner[1] + corner[2]) / 2])
    roof = np.array(disc.corners_mm)
    depth = above.mean(axis=0) - roof[:2].mean(axis=0)
    return np.vstack([above, roof, roof[2:] - depth])


def _beside(disc: DiscSpaceTruth) -> NDArray[np.float64]:
    """The bands of dense bone on either side of the disc."""
    corner = np.array(disc.corners_mm)
    up = corner[:2].mean(axis=0) - corner[2:].mean(axis=0)
    up /= np.linalg.norm(up)
    above, below = (depth if depth >= SCLEROSIS_MM else 0.0 for depth in disc.sclerosis_mm)
    return np.vstack([corner, corner[:2] + above * up, corner[2:] - below * up])


def _space_open(disc: DiscSpaceTruth, projection: Projects) -> bool:
    """Whether the beam passes through the disc space: seen, its front and back lie no farther apart, up and down, than half its height."""
    corner = projection.to_pixels(np.array(disc.corners_mm))
    front, rear = (corner[0] + corner[3]) / 2, (corner[1] + corner[2]) / 2
    along = rear - front
    tall = float(np.linalg.norm((corner[0] + corner[1] - corner[2] - corner[3]) / 2))
    deep = float(np.linalg.norm(along))
    return deep > 2 * tall or abs(float(along[1])) <= 0.5 * tall


def _vertebra(one: VertebraTruth, projection: Projects, view: str, field: Box) -> FilmVertebra:
    pixels = projection.to_pixels(np.array(one.coronal_mm if view == "frontal" else one.corners_mm))
    if view == "frontal" and pixels[0, 0] > pixels[1, 0]:
        pixels = pixels[[1, 0, 3, 2]]
    return FilmVertebra(one.name, one.index, tuple((float(x), float(y)) for x, y in pixels), _within(pixels, field))


def _disc(one: DiscSpaceTruth, projection: Projects, field: Box) -> FilmDisc | None:
    box = _clipped(projection.to_pixels(np.array(one.outline_mm)), field)
    if box is None:
        return None
    return FilmDisc(one.level, one.from_bottom, box, one.grade, _within(projection.to_pixels(np.array(one.corners_mm)), field))


def _field(shape: tuple[int, int], collimation: tuple[float, float, float, float]) -> Box:
    """The exposed part of a film, half-open."""
    rows, columns = shape
    top, right, bottom, left = collimation
    return left * columns, top * rows, columns * (1 - right), rows * (1 - bottom)


def _within(pixels: NDArray[np.float64], field: Box) -> bool:
    return bool((pixels >= np.array(field[:2]) - 0.5).all() and (pixels <= np.array(field[2:]) - 0.5).all())


def _clipped(pixels: NDArray[np.float64], field: Box) -> Box | None:
    """The box around points, clipped to the exposed film; None where less than LEAST_SHARE of it is left."""
    low, high = pixels.min(axis=0) - 0.5, pixels.max(axis=0) + 0.5
    first, last = np.maximum(low + 0.5, field[:2]), np.minimum(high + 0.5, field[2:])
    left = np.clip(last - first, 0, None)
    if left.min() <= 0 or left.prod() < LEAST_SHARE * (high - low).prod():
        return None
    return float(first[0]), float(first[1]), float(last[0]), float(last[1])
