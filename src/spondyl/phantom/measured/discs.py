"""Discs as they were built: height, nucleus, rim, what left it, changed marrow beside it, slip, spurs, and its labels.

The labels of a disc follow the rules of `phantom.truth`; what they rest on is measured on the voxels: nucleus T2, rim and herniation,
marrow. Height loss, slip and pits come from the plates of the built mid-line; the voxels' height and slip stand beside them.
"""

from __future__ import annotations

import numpy as np

from spondyl.core.level import disc_name
from spondyl.phantom.anatomy import Body, Disc
from spondyl.phantom.materials import MARROW_STATES, marrow
from spondyl.phantom.measured.bodies import as_points, width_of
from spondyl.phantom.measured.records import DiscSpaceTruth, Points
from spondyl.phantom.measured.rules import meyerding_grade, radiograph_grade, wilke_class
from spondyl.phantom.measured.sampling import BONE, HERNIATION, METAL, covers, disc_rows, named, plane, sample
from spondyl.phantom.measured.spurs import find_spurs
from spondyl.phantom.posture import Pose, plate_corners
from spondyl.phantom.truth import labels, measurements
from spondyl.phantom.volume import Volume

RULES = {
    "pfirrmann": "pfirrmann-t2/1", "modic": "modic-band/1", "narrowing": "narrowing/1", "bulging": "bulging-sagittal/1",
    "herniation": "herniation-solid/1", "spondylolisthesis": "slip-3mm/1", "meyerding": "meyerding/1", "upper_endplate": "endplate-pit/1",
    "lower_endplate": "endplate-pit/1", "wilke": "wilke-height/1", "grade": "radiograph-0-4/1",
}
HEIGHT_AT = np.linspace(-0.8, 0.8, 17)
BAND_SHARE = 0.5
"""How deep beside a plate changed marrow is looked for, in heights of the body."""


def measure_disc(volume: Volume, index: int) -> DiscSpaceTruth:
    """One disc, 0 the lowest."""
    disc, pose = volume.spine.discs[index], volume.posture.discs[index]
    numbers = measurements(volume.spec, disc)
    numbers["midline_nucleus_t2_ms"] = numbers["nucleus_t2_ms"]
    height = chord = _midline_height(disc)
    solid = covers(volume.fine, pose.to_patient(np.array([[0, -25.0, -20], [0, 38.0, 20], [-20, 0, 0], [20, 0, 0]])))
    sclerosis = (0.0, 0.0)
    if solid:
        numbers |= _nucleus(volume, disc, pose) | _reach(volume, disc, pose)
        marrow_numbers, sclerosis = _marrow(volume, index)
        numbers |= marrow_numbers
        height = _voxel_height(volume, disc, pose)
    hollow = sum(float(plate.smooth(0.5 + HEIGHT_AT / 2).mean()) for plate in (disc.above, disc.below))
    found = labels(numbers)
    spurs = find_spurs(volume, index)
    longest = max((spur.length_mm for spur in spurs), default=0.0)
    numbers |= {"longest_spur_mm": longest, "chord_height_mm": chord, "in_volume": float(solid)}
    loss, slip = numbers["height_loss"], numbers["slip_mm"]
    return DiscSpaceTruth(
        disc_name(index + 1, volume.spec.lumbar), index + 1, height if solid else chord + hollow, disc.spec.expected_mm + hollow, loss,
        wilke_class(loss), **found, slip_mm=slip, slip_percent=100 * numbers["slip_share"],
        meyerding=meyerding_grade(slip, numbers["slip_share"]), spurs=spurs, grade=radiograph_grade(longest, loss),
        corners_mm=_corners(volume, index), outline_mm=_outline(volume, disc, pose), sclerosis_mm=sclerosis, numbers=numbers,
        rule_ids=dict(RULES),
    )


def _midline_height(disc: Disc) -> float:
    up = np.array([-np.sin(disc.tilt), -np.cos(disc.tilt)])
    return float((disc.above.anterior + disc.above.posterior - disc.below.anterior - disc.below.posterior) @ up / 2)


def _voxel_height(volume: Volume, disc: Disc, pose: Pose) -> float:
    """Mean height of what is not bone between the two bodies, over the middle 80 % of the depth, on the mid-line."""
    half = (disc.above.depth + disc.below.depth) / 4
    reach = _midline_height(disc) / 2 + 9.0
    w = np.arange(-reach, reach, 0.25)
    local = np.stack(np.broadcast_arrays(0.0, (HEIGHT_AT * half)[:, None], w[None]), axis=-1)
    bone = sample(volume.fine, pose.to_patient(local.reshape(-1, 3)).reshape(local.shape), np.maximum(BONE, named("blood")))
    return float((1 - bone).sum(axis=1).mean() * 0.25)


def _nucleus(volume: Volume, disc: Disc, pose: Pose) -> dict[str, float]:
    """Mean T2 of the disc's middle on the built map; nothing where metal fills it."""
    half, tall = (disc.above.depth + disc.below.depth) / 4, _midline_height(disc)
    v, w = np.meshgrid(np.arange(-0.5, 0.5, 0.03) * half, np.linspace(-0.3, 0.3, 9) * tall, indexing="ij")
    core = np.hypot((v + 0.06 * half) / (0.42 * half), w / max(0.3 * tall, 0.6)) < 1
    local = np.stack([np.zeros(core.sum()), v[core], w[core]], axis=-1)
    own = disc_rows(disc.index)
    t2 = np.array([row.tissue.t2_ms if row.tissue else 0.0 for row in volume.materials], np.float32)
    share, weighted = sample(volume.fine, pose.to_patient(local), np.stack([own, own * t2]))
    return {"nucleus_t2_ms": float(weighted.sum() / share.sum())} if share.sum() > 0.25 * len(share) else {}


def _reach(volume: Volume, disc: Disc, pose: Pose) -> dict[str, float]:
    """How far the rim (on the mid-line) and the herniation (anywhere behind) stand out beyond the plates' edges."""
    half, tall = (disc.above.depth + disc.below.depth) / 4, _midline_height(disc)
    tissue = np.maximum(disc_rows(disc.index), named("ligament"))
    points, v, _ = plane(pose, (half - 6, half + 12), (-0.3 * tall, 0.3 * tall + 0.01), 0.0, sagittal=True)
    cover = sample(volume.fine, points, tissue)
    rim = float(_last(cover, v).max()) - half
    numbers = {"rim_mm": max(rim, 0.0), "focal_mm": 0.0}
    leaving = _herniated(volume, disc, pose)
    return numbers | {"focal_mm": leaving} if leaving else numbers


def _last(cover: np.ndarray, v: np.ndarray) -> np.ndarray:
    """v of the outer end of the stretch of cover that begins at the first column, row by row."""
    out = cover < 0.5
    out[:, -1] = True
    at = np.maximum(out.argmax(axis=1), 1)
    rows = np.arange(len(cover))
    before, after = cover[rows, at - 1], cover[rows, at]
    return np.asarray(v[at - 1] + np.clip((before - 0.5) / np.maximum(before - after, 1e-6), 0, 1) * (v[1] - v[0]))


def _herniated(volume: Volume, disc: Disc, pose: Pose) -> float:
    """How far a herniation of this disc stands out behind or beside the plates' outline, mm; 0 where there is none."""
    half, tall = (disc.above.depth + disc.below.depth) / 4, _midline_height(disc)
    window = volume.fine.grid.around(pose.centre[None], half + 24.0)
    code = int(HERNIATION.argmax())
    if window is None:
        return 0.0
    found = np.argwhere((volume.fine.label[window] == code) & (volume.fine.share[window] >= 128))
    if not len(found):
        return 0.0
    z, y, x = (volume.fine.grid.axis(name, window)[found[:, k]] for k, name in enumerate("zyx"))
    u, v, w = pose.to_local(x, y, z)
    wide = width_of(volume.spec, disc.index, False) / 2
    near = np.abs(w) < tall / 2 + 14
    scale = np.hypot(u / wide, v / half)
    out = np.where(np.abs(u) < 0.55 * wide, v - half, (1 - 1 / np.maximum(scale, 1e-3)) * np.hypot(u, v))
    return float(max(out[near].max(initial=0.0), 0.0))


def _marrow(volume: Volume, index: int) -> tuple[dict[str, float], tuple[float, float]]:
    """Type and area of Modic change, and depth of dense bone (above, below), in the mid-sagittal plane."""
    areas, dense = [], []
    sides = ((volume.spine.bodies[index], volume.posture.bodies[index], False),
             (volume.spine.sacrum[0], volume.posture.sacrum[0], True) if index == 0 else
             (volume.spine.bodies[index - 1], volume.posture.bodies[index - 1], True))
    for body, pose, upper in sides:
        shares = _band(volume, body, pose, upper)
        areas.append(shares[1:])
        dense.append(float(shares[0]))
    kinds = np.array(areas)
    side, kind = np.unravel_index(kinds.argmax(), kinds.shape)
    area = float(kinds[side].sum())
    return {"modic_area_mm2": area, "modic_type": float(kind + 1) if area > 0 else 0.0}, (dense[0], dense[1])


def _band(volume: Volume, body: Body, pose: Pose, upper: bool) -> np.ndarray:
    """(mean depth of dense bone, area of Modic 1, 2, 3) beside a plate."""
    front_v, front_w, rear_v, rear_w = plate_corners(body, pose, upper)
    t = np.linspace(0.04, 0.96, 40)
    sign = -1.0 if upper else 1.0
    deep = np.arange(0.0, BAND_SHARE * (body.lower.posterior[1] - body.upper.posterior[1]), 0.5)
    v = front_v + t * (rear_v - front_v)
    w = (front_w + t * (rear_w - front_w))[:, None] + sign * deep[None]
    local = np.stack(np.broadcast_arrays(0.0, v[:, None], w), axis=-1)
    points = pose.to_patient(local.reshape(-1, 3)).reshape(local.shape)
    tables = np.zeros((4, len(METAL)), np.float32)
    for k, state in enumerate(MARROW_STATES[1:]):
        tables[k, marrow(body.index, state)] = 1
    shares = sample(volume.fine, points, tables)
    cell = 0.5 * abs(rear_v - front_v) * 0.92 / len(t)
    return np.array([shares[0].sum(axis=1).mean() * 0.5, *(shares[k].sum() * cell for k in (1, 2, 3))])


def _corners(volume: Volume, index: int) -> Points:
    """Mid-line: above anterior, above posterior, below posterior, below anterior."""
    above, below = volume.spine.bodies[index], volume.spine.sacrum[0] if index == 0 else volume.spine.bodies[index - 1]
    poses = volume.posture.bodies[index], volume.posture.sacrum[0] if index == 0 else volume.posture.bodies[index - 1]
    roof, floor = plate_corners(above, poses[0], False), plate_corners(below, poses[1], True)
    high = poses[0].to_patient(np.array([[0, *roof[:2]], [0, *roof[2:]]]))
    low = poses[1].to_patient(np.array([[0, *floor[2:]], [0, *floor[:2]]]))
    return as_points(np.vstack([high, low]))


def _outline(volume: Volume, disc: Disc, pose: Pose) -> Points:
    """Corners of the mid-line and of the coronal plane with the rim's reach at mid height."""
    half, wide = (disc.above.depth + disc.below.depth) / 4, width_of(volume.spec, disc.index, False) / 2
    tall = _midline_height(disc) / 2
    hollow = tall + max(disc.above.shape.concavity_mm, disc.below.shape.concavity_mm)
    bulge, side = disc.spec.bulge_mm, disc.spec.bulge_lateral_mm
    rows = [[0, -half - bulge[0], 0], [0, half + bulge[1], 0], [-wide - side[0], 0, 0], [wide + side[1], 0, 0],
            [0, 0, hollow], [0, 0, -hollow]]
    return (*_corners(volume, disc.index), *as_points(pose.to_patient(np.array(rows))),
            *as_points(pose.to_patient(np.array([[s * wide, 0, h * tall] for s in (-1, 1) for h in (-1, 1)]))))
