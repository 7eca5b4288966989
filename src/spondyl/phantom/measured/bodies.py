"""Vertebral bodies as they were built: plates found on the voxels, corners, heights, and what a fracture took.

Plates are found on lines normal to the body's mid-line, walking out to where bone ends: from its middle, and near the walls, whose
waist may lie inside them, from nearer the plate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.anatomy import Body, Plate, Spine, stack
from spondyl.phantom.measured.records import Point, Points, VertebraTruth
from spondyl.phantom.measured.rules import genant_grade, genant_kind
from spondyl.phantom.measured.sampling import BONE, METAL, covers, named, sample
from spondyl.phantom.posture import Pose, plate_corners
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.spec_parts import NO_FRACTURE
from spondyl.phantom.volume import Volume

ACROSS_AT = np.linspace(-0.6, 0.6, 7)
"""Where plates are found, in half widths."""
ALONG_AT = np.linspace(0.06, 0.94, 9)
HEIGHTS_AT = (slice(0, 1), slice(3, 6), slice(8, 9))
"""Where in ALONG_AT the anterior, middle and posterior height is measured: medians, so that a Schmorl node is not a fracture."""
BODY_TABLE = np.maximum(np.maximum(BONE, METAL), named("blood"))
"""What a walk inside a body takes for bone: its vein too."""
DEVICE = np.maximum(METAL, named("cement", "peek"))
WALK_MM = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class FoundPlate:
    """One plate on the voxels, in the body's own frame.

    Attributes:
        u, v, w: (7, 9) mm; rows from right to left, columns from front to back.
    """

    u: NDArray[np.float64]
    v: NDArray[np.float64]
    w: NDArray[np.float64]

    def slope(self) -> tuple[float, float]:
        """(coronal, sagittal) slope of the plane that fits best: rise to the left and to the back, mm per mm."""
        design = np.stack([np.ones(self.u.size), self.u.ravel(), self.v.ravel()], axis=1)
        fit = np.linalg.lstsq(design, self.w.ravel(), rcond=None)[0]
        return float(fit[1]), float(fit[2])


def width_of(spec: SubjectSpec, index: int, upper: bool) -> float:
    """Width of a plate; the upper plate of the sacrum is as wide as the plate above it."""
    return spec.vertebrae[max(index, 0)].width_mm[int(upper) if index >= 0 else 0]


def find_plate(volume: Volume, body: Body, pose: Pose, upper: bool) -> FoundPlate | None:
    """A plate of a body as the voxels have it, or None where the fine block does not hold it."""
    front_v, front_w, rear_v, rear_w = plate_corners(body, pose, upper)
    u = ACROSS_AT[:, None] * width_of(volume.spec, body.index, upper) / 2 + 0 * ALONG_AT[None]
    v = front_v + ALONG_AT[None] * (rear_v - front_v) + 0 * u
    chord = front_w + ALONG_AT[None] * (rear_w - front_w) + 0 * u
    sign = 1.0 if upper else -1.0
    start = 0.8 * np.abs(2 * ALONG_AT - 1)[None] ** 1.5 * np.abs(chord)
    steps = np.arange(0.0, float((np.abs(chord) - start).max()) + 4.0, WALK_MM)
    span = np.minimum(start[..., None] + steps, np.abs(chord)[..., None] + 4.0)
    local = np.stack(np.broadcast_arrays(u[..., None], v[..., None], sign * span), axis=-1)
    points = pose.to_patient(local.reshape(-1, 3)).reshape(local.shape)
    if not covers(volume.fine, points.reshape(-1, 3)):
        return None
    inside = sample(volume.fine, points, BODY_TABLE)
    return FoundPlate(u, v, sign * (start + first_exit(inside, WALK_MM)))


def first_exit(inside: NDArray[np.floating], step_mm: float) -> NDArray[np.float64]:
    """How far along the last axis the first stretch of cover reaches, by the half-way crossing, mm.

    Gaps shorter than 1.5 mm (a vein, a texture) are walked over.
    """
    out = inside < 0.5
    hops = max(round(1.5 / step_mm), 1)
    lasting = out.copy()
    for hop in range(1, hops + 1):
        lasting[..., :-hop] &= out[..., hop:]
    lasting[..., -1] = True
    last = np.maximum(lasting.argmax(axis=-1), 1)
    after, before = (np.take_along_axis(inside, (last - back)[..., None], axis=-1)[..., 0] for back in (0, 1))
    fall = np.maximum(before - after, 1e-6)
    return np.asarray((last - 1 + np.clip((before - 0.5) / fall, 0, 1)) * step_mm, np.float64)


def intact(spec: SubjectSpec) -> Spine:
    """The spine of that subject as it was before any fracture."""
    return stack(replace(spec, vertebrae=tuple(replace(one, fracture=NO_FRACTURE) for one in spec.vertebrae)))


def measure_vertebra(volume: Volume, index: int, before: Spine, name: str) -> VertebraTruth:
    """One vertebra above the sacrum, without its density."""
    body, pose = volume.spine.bodies[index], volume.posture.bodies[index]
    plates = [find_plate(volume, body, pose, upper) for upper in (False, True)]
    low, high = plates
    expected = _plate_heights(before.bodies[index])
    if low is None or high is None:
        heights, found = _plate_heights(body), False
        departure = max(_departure(-np.asarray(p.into_body(ALONG_AT))[None], q) for p, q in _pairs(body, before.bodies[index]))
    else:
        heights, found = _found_heights(low, high), True
        lines = -low.w[2:5], high.w[2:5]
        departure = max(_departure(line, q) for line, (_, q) in zip(lines, _pairs(body, before.bodies[index]), strict=True))
    losses = tuple(1 - is_now / was for is_now, was in zip(heights, expected, strict=True))
    grade = genant_grade(max(losses), departure)
    corners, coronal = midline_corners(body, pose), coronal_corners(volume.spec, body, pose)
    return VertebraTruth(
        name, index, corners, coronal, heights, expected, found, grade, genant_kind((losses[0], losses[1], losses[2]), grade),
        None, None, None, coronal_tilt(coronal),
        {"loss_anterior": losses[0], "loss_middle": losses[1], "loss_posterior": losses[2], "plate_departure_mm": departure,
         "metal_share": _metal(volume, pose) if found else 0.0},
        {"genant": "genant/1"},
    )


def midline_corners(body: Body, pose: Pose) -> Points:
    """Upper anterior, upper posterior, lower posterior, lower anterior, patient mm."""
    low, high = (plate_corners(body, pose, upper) for upper in (False, True))
    return as_points(pose.to_patient(np.array([[0, *high[:2]], [0, *high[2:]], [0, *low[2:]], [0, *low[:2]]])))


def coronal_corners(spec: SubjectSpec, body: Body, pose: Pose) -> Points:
    """Upper right, upper left, lower right, lower left of the patient, at mid depth, patient mm."""
    rows = []
    for upper in (True, False):
        front_v, front_w, rear_v, rear_w = plate_corners(body, pose, upper)
        half = width_of(spec, body.index, upper) / 2
        rows += [[side * half, (front_v + rear_v) / 2, (front_w + rear_w) / 2] for side in (-1, 1)]
    return as_points(pose.to_patient(np.array(rows)))


def as_points(rows: NDArray[np.floating]) -> Points:
    """Rows (n, 3) as plain numbers."""
    return tuple((float(x), float(y), float(z)) for x, y, z in rows)


def _plate_heights(body: Body) -> Point:
    """Distance of the two plates, smooth hollows included, normal to the body's mid-line."""
    own = Pose(np.zeros(3), np.eye(3))
    at = ALONG_AT
    low, high = (own.plate(plate, body.centre, body.tilt) for plate in (body.lower, body.upper))
    chords = [w0 + at * (w1 - w0) for _, w0, _, w1 in (low, high)]
    return _three(chords[1] - chords[0] - body.lower.smooth(at) - body.upper.smooth(at))


def _found_heights(low: FoundPlate, high: FoundPlate) -> Point:
    """Heights at the front, the middle and the back, over the middle of the width."""
    return _three(np.asarray((high.w - low.w)[2:5]))


def _three(heights: NDArray[np.float64]) -> Point:
    """Medians at the three places; heights along ALONG_AT in the last axis."""
    front, middle, rear = (float(np.median(heights[..., part])) for part in HEIGHTS_AT)
    return front, middle, rear


def _pairs(body: Body, before: Body) -> tuple[tuple[Plate, Plate], tuple[Plate, Plate]]:
    """(plate now, plate unbroken): the lower and the upper one."""
    return (body.lower, before.lower), (body.upper, before.upper)


def _departure(outward: NDArray[np.float64], was: Plate) -> float:
    """How much a plate left the shape it had, whatever its tilt, on the worst of some lines along it (n, 9), mm.

    The depth of a depression, or how far the front third lies below the line of the rest.
    """
    worst = 0.0
    for line in outward + was.smooth(ALONG_AT):
        whole, rear = (line - np.polyval(np.polyfit(ALONG_AT[part], line[part], 1), ALONG_AT) for part in (slice(None), slice(3, None)))
        worst = max(worst, float(np.ptp(whole)), -float(np.median(rear[:3])))
    return worst


def coronal_tilt(coronal: Points) -> float:
    """Tilt of the mid-line between the middles of the two side walls."""
    corner = np.array(coronal)
    right, left = (corner[0] + corner[2]) / 2, (corner[1] + corner[3]) / 2
    return float(np.degrees(np.arctan2(left[2] - right[2], left[0] - right[0])))


def _metal(volume: Volume, pose: Pose) -> float:
    """Share of the body's core that is metal or cement."""
    grid = np.stack(np.meshgrid(*(np.arange(-9.0, 9.1, 2.0),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return float(sample(volume.fine, pose.to_patient(grid), DEVICE).mean())
