"""The rules: numbers in, label out. Nothing is measured here, so that a reader's noisy numbers go through the same rules.

[O] marks our own conventions; none is a labelling instruction of a public data set. Sources are as given in the project's physics sheet.

    canal-sac-area/1    dural sac in the disc's plane: >= 100 mm2 normal or mild, 75-100 moderate, < 75 severe [O] (after Bolender 1985;
                        75 after Schonstrom 1985, unverified). Within 3 mm2 of a threshold the roots decide: crowded (root / sac area
                        >= 0.5 at 100, >= 0.85 at 75) takes the worse side [O] (after Lee 2011, Schizas)
    subarticular-recess-height/1  recess height > 3 mm normal or mild, 2-3 moderate, < 2 severe [O] (3 suggestive, 2 diagnostic: Steurer
                        2011), or severe where the traversing root keeps less than 75 % of its area [O]
    foramen-room/1      of the room that fat and root fill together, front to back and up to down: 1 mm more than the root's own diameter
                        (0.5 mm of fat on either side) in one direction or both: normal or mild; in neither: moderate; and a quarter of
                        the diameter too little in either: the root is deformed, severe [O] (after Lee 2010, wording unverified). Fat is
                        judged as a root would have it that gives way, since the phantom's roots do not. Bone is reported beside
    wilke-height/1      height loss < 10, 10-33, 33-66, > 66 % (Wilke 2006, cut-offs unverified)
    radiograph-0-4/1    worst of spur and height classes, per disc [O] (after the lumbar Kellgren-Lawrence wording)
    meyerding/1         quarters of the lower plate's depth; 0 where slip-3mm/1 finds none
    genant/1            loss against the expected height 20-25, 25-40, > 40 %, and a plate that departs from its intact shape by 0.6 mm [O]
    who-spine/1         T >= -1, -2.5 < T < -1, T <= -2.5; women and men from 50 [O: age 50 stands for menopause]
"""

from __future__ import annotations

import numpy as np

from spondyl.metrics.bone_density import DEFAULT_REFERENCE, reference_named

RULE = {
    "spinal_canal_stenosis": "canal-sac-area/1", "subarticular_stenosis": "subarticular-recess-height/1",
    "neural_foraminal_narrowing": "foramen-room/1",
}
SAC_MM2, TIE_MM2, CROWDED = (100.0, 75.0), 3.0, (0.5, 0.85)
RECESS_MM, ROOT_KEPT = (3.0, 2.0), 0.75
GAP_MM, DEFORMED_LOSS = 0.5, 0.25
DEPARTURE_MM = 0.6
REFERENCE = reference_named(DEFAULT_REFERENCE)
"""Whom a T-score compares with; the DXA renderer takes the same one unless told otherwise."""


def canal_grade(area_mm2: float, root_share: float) -> int:
    """Grade of a dural sac of that area, of which the roots of the cauda equina would fill that share."""
    grade = 0
    for limit, crowded in zip(SAC_MM2, CROWDED, strict=True):
        tie = abs(area_mm2 - limit) < TIE_MM2
        grade += int(root_share >= crowded) if tie else int(area_mm2 < limit)
    return grade


def recess_grade(height_mm: float, root_kept: float = 1.0) -> int:
    """Grade of a lateral recess of that height, whose root keeps that share of its area."""
    if root_kept < ROOT_KEPT:
        return 2
    return 0 if height_mm > RECESS_MM[0] else 1 if height_mm >= RECESS_MM[1] else 2


def foramen_grade(room_mm: tuple[float, float], root_mm: float) -> int:
    """Grade of a foramen with that room (front to back, down to up) around a root of that diameter."""
    spare = [room - root_mm for room in room_mm]
    if min(spare) <= -DEFORMED_LOSS * root_mm:
        return 2
    return int(max(spare) < 2 * GAP_MM)


def wilke_class(height_loss: float) -> int:
    """0 none, 1 mild, 2 moderate, 3 severe."""
    return int(height_loss >= 0.10) + int(height_loss >= 0.33) + int(height_loss > 0.66)


def radiograph_grade(longest_spur_mm: float, height_loss: float) -> int:
    """Grade 0 to 4 of a disc on a radiograph."""
    by_spur = int(np.searchsorted((1.0, 2.0, 4.0), longest_spur_mm, side="right"))
    by_height = sum(height_loss >= limit for limit in (0.10, 0.20, 0.33)) + (height_loss > 0.66)
    both = longest_spur_mm >= 5 and height_loss >= 0.5
    return 4 if both else int(max(by_spur, by_height))


def meyerding_grade(slip_mm: float, share: float) -> int:
    """0 without a slip of 3 mm either way, else 1 to 5 by quarters of the plate below."""
    if abs(slip_mm) < 3:
        return 0
    return 1 + sum(abs(share) > limit for limit in (0.25, 0.5, 0.75, 1.0))


def genant_grade(loss: float, departure_mm: float) -> int:
    """0 to 3 of a vertebra that lost that share of its expected height at its worst place."""
    if departure_mm < DEPARTURE_MM:
        return 0
    return int(loss >= 0.20) + int(loss >= 0.25) + int(loss > 0.40)


def genant_kind(losses: tuple[float, float, float], grade: int) -> str:
    """Where the height was lost (anterior, middle, posterior): most in the middle by 5 %, else behind too (crush), else in front."""
    if grade == 0:
        return "none"
    front, middle, rear = losses
    if middle > max(front, rear) + 0.05:
        return "biconcave"
    return "crush" if rear >= 0.20 else "wedge"
