"""One neural foramen: the root in sagittal planes under the upper pedicle, and the fat around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.measured.canal import Level
from spondyl.phantom.measured.records import StenosisTruth
from spondyl.phantom.measured.rules import GAP_MM, RULE, foramen_grade
from spondyl.phantom.measured.sampling import BONE, FAT, ROOT, STEP_MM, named, plane, sample, touching
from spondyl.phantom.posture import plate_corners
from spondyl.phantom.volume import Array

PLANES_AT = (0.35, 0.5, 0.65)
"""Where the planes lie, in widths of the pedicle from its medial wall."""
VIEW_MM = ((8.0, 11.0), (21.0, 8.0))
"""How far a plane reaches from where the root is expected: (to the front, to the back), (down, up)."""
AROUND = np.maximum(FAT, named("vessel", "blood"))
"""Fat and the small veins in it."""


@dataclass(frozen=True, slots=True, eq=False)
class ForamenCut:
    """One sagittal plane through a foramen.

    Attributes:
        gaps_mm: Fat above, below, in front of and behind the root.
        area_mm2, aspect: Of the root; 0 and 1 where there is none left.
        height_mm, width_mm: Of the opening in the bone, through the root's middle.
        room_mm: Fat and root together, where there is most of it beside what is seen of the root: (front to back, down to up).
        centre: (v, w) of the root.
    """

    u: float
    gaps_mm: tuple[float, float, float, float]
    area_mm2: float
    aspect: float
    height_mm: float
    width_mm: float
    room_mm: tuple[float, float]
    centre: tuple[float, float]


def cut_foramen(level: Level, side: str) -> tuple[ForamenCut, ...]:
    """The planes of one side, from the canal outward."""
    sign = -1.0 if side == "right" else 1.0
    own = level.volume.spec.vertebrae[level.disc.index].arch
    return tuple(_cut(level, sign * (own.canal_mm[0] / 2 + share * own.pedicle_mm[0])) for share in PLANES_AT)


def measure_foramen(level: Level, side: str, cuts: tuple[ForamenCut, ...], whole_mm2: float) -> StenosisTruth:
    """The reading of one foramen: that of its worst plane.

    Args:
        whole_mm2: Area of a root of this subject that nothing presses on.
    """
    whole_mm = 2 * float(np.sqrt(max(whole_mm2, 1.0) / np.pi))
    graded = [(foramen_grade(one.room_mm, whole_mm), -max(one.room_mm), k) for k, one in enumerate(cuts)]
    grade, _, which = max(graded)
    worst, middle = cuts[which], cuts[len(cuts) // 2]
    posterior = float(np.hypot(*(level.disc.above.posterior - level.disc.below.posterior)))
    names = ("above", "below", "front", "behind")
    numbers = {f"fat_{name}_mm": gap for name, gap in zip(names, worst.gaps_mm, strict=True)}
    numbers |= {"sides_with_fat": float(sum(gap >= GAP_MM for gap in worst.gaps_mm)), "root_loss": _loss(worst, whole_mm2),
                "spare_front_back_mm": worst.room_mm[0] - whole_mm, "spare_up_down_mm": worst.room_mm[1] - whole_mm, "root_mm": whole_mm,
                "root_aspect": worst.aspect, "bone_height_mm": middle.height_mm, "bone_width_mm": middle.width_mm,
                "posterior_disc_mm": posterior,
                "bone_supports": float((middle.height_mm <= 15 and posterior <= 4) or middle.width_mm < 3)}
    x, y, z = level.pose.to_patient(np.array([[middle.u, *middle.centre]]))[0]
    return StenosisTruth("neural_foraminal_narrowing", side, level.name, level.disc.index + 1, grade, RULE["neural_foraminal_narrowing"],
                         numbers, (float(x), float(y), float(z)))


def _loss(one: ForamenCut, whole_mm2: float) -> float:
    return float(np.clip(1 - one.area_mm2 / whole_mm2, 0, 1)) if whole_mm2 > 0 else 1.0


def _expected(level: Level, u: float) -> tuple[float, float]:
    """(v, w) in the disc's frame of the place just under the pedicle above, a little behind the body."""
    volume, index = level.volume, level.disc.index
    body, pose = volume.spine.bodies[index], volume.posture.bodies[index]
    low, high = (plate_corners(body, pose, upper) for upper in (False, True))
    own = volume.spec.vertebrae[index]
    under = own.posterior_height_mm / 2 - 1.0 - own.arch.pedicle_mm[1] - 3.5
    place = pose.to_patient(np.array([[u, (low[2] + high[2]) / 2 + 4.6, under]]))[0]
    _, v, w = (place - level.pose.centre) @ level.pose.axes.T
    return float(v), float(w)


def _cut(level: Level, u: float) -> ForamenCut:
    v0, w0 = _expected(level, u)
    (ahead, behind), (down, up) = VIEW_MM
    points, v, w = plane(level.pose, (v0 - ahead, v0 + behind), (w0 - down, w0 + up), u, sagittal=True)
    root, fat, bone = sample(level.volume.fine, points, np.stack([ROOT, AROUND, BONE]))
    near = np.hypot(v[None] - v0, w[:, None] - w0) < 4.0
    own = touching(root > 0.5, near & (root > 0.5))
    area = float((root * _wider(own)).sum()) * STEP_MM**2
    if area < 1.0:
        at = int(np.abs(w - w0).argmin()), int(np.abs(v - v0).argmin())
        none = (0.0, 0.0, 0.0, 0.0)
        return ForamenCut(u, none, 0.0, 1.0, _run(bone[:, at[1]] < 0.5, at[0]), _run(bone[at[0]] < 0.5, at[1]), (0.0, 0.0), (v0, w0))
    weight = root * own
    centre = float((weight * v[None]).sum() / weight.sum()), float((weight * w[:, None]).sum() / weight.sum())
    at = int(np.abs(w - centre[1]).argmin()), int(np.abs(v - centre[0]).argmin())
    gaps = (_gap(fat, root, at, (1, 0)), _gap(fat, root, at, (-1, 0)), _gap(fat, root, at, (0, -1)), _gap(fat, root, at, (0, 1)))
    free = fat + root > 0.5
    room = _room(free, own), _room(free.T, own.T)
    return ForamenCut(u, gaps, area, _aspect(weight, v, w), _run(bone[:, at[1]] < 0.5, at[0]), room[0], room, centre)


def _gap(fat: Array, root: Array, at: tuple[int, int], step: tuple[int, int]) -> float:
    """Fat met along three neighbouring rays from the root's middle until something else comes, their mean, mm."""
    gaps = []
    for beside in (-2, 0, 2):
        row, column = at[0] + beside * abs(step[1]), at[1] + beside * abs(step[0])
        ray = (slice(row, None, 1) if step[0] > 0 else slice(row, None, -1), column) if step[0] else \
            (row, slice(column, None, 1) if step[1] > 0 else slice(column, None, -1))
        own_fat, own_root = fat[ray], root[ray]
        stop = np.flatnonzero(own_fat + own_root < 0.5)
        end = stop[0] if len(stop) else len(own_fat)
        gaps.append(float(own_fat[:end].sum()) * STEP_MM)
    return float(np.mean(gaps))


def _run(open_: NDArray[np.bool_], at: int) -> float:
    """Length of the stretch of true values that holds a place, mm."""
    if not open_[at]:
        return 0.0
    shut = np.flatnonzero(~open_)
    before, after = shut[shut < at], shut[shut > at]
    first = before[-1] if len(before) else -1
    last = after[0] if len(after) else len(open_)
    return float(last - first - 1) * STEP_MM


def _room(free: NDArray[np.bool_], own: NDArray[np.bool_]) -> float:
    """Longest stretch of free places along the rows that what is seen of the root lies in, mm."""
    rows = np.flatnonzero(own.any(axis=1))
    return max((_run(free[row], int(np.flatnonzero(own[row]).mean())) for row in rows), default=0.0)


def _aspect(weight: Array, v: Array, w: Array) -> float:
    """Longest over shortest axis of the root's section, from its second moments."""
    total = float(weight.sum())
    dv = v[None] - float((weight * v[None]).sum()) / total
    dw = w[:, None] - float((weight * w[:, None]).sum()) / total
    cross = float((weight * dv * dw).sum()) / total
    spread = np.array([[float((weight * dv * dv).sum()) / total, cross], [cross, float((weight * dw * dw).sum()) / total]])
    small, large = np.linalg.eigvalsh(spread)
    return float(np.sqrt(large / max(small, 1e-3)))


def _wider(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask and its neighbours, so that soft edges are counted."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    return wide
