"""The five lowest discs of a study, found on a middle sagittal slice by the gate and the locator of `mri-discs`, and their frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spondyl.core import Image, Notice
from spondyl.imaging.affine import apply_affine
from spondyl.inference import Engine
from spondyl.tasks.mri_discs.chain import first_gap
from spondyl.tasks.mri_discs.crops import Pose
from spondyl.tasks.mri_discs.levels import LevelName
from spondyl.tasks.mri_discs.naming import level_names
from spondyl.tasks.mri_discs.reading import Located
from spondyl.tasks.mri_discs.slices import UprightSlice
from spondyl.tasks.mri_stenosis.assembly import AXIAL, FLUID, T1, WORDS, Assembly, Stack, given_roles
from spondyl.tasks.mri_stenosis.looking import SeenStack, look_through
from spondyl.tasks.mri_stenosis.space import LevelFrame, height_over, to_patient, to_pixels

LEVELS = 5
HALF_DEPTH_MM = 17.0
"""From the middle of a disc to its back: half of the mean depth of lumbar end plates (the physics sheet's table, after Panjabi 1992)."""
AGREE_MM = 12.0
"""The lowest disc of two series is the same where their middles lie nearer than this."""
SAC_MM = (-2.0, 7.0, 0.0)
"""A place inside the thecal sac behind a disc, in the level's frame; the fluid in it is bright on T2 and dark on T1."""
SACRUM_MM = 30.0
"""A picture shows whether a disc stands on the sacrum where this much lies below the disc: the height of S1 [O]."""
BRIGHTER = 1.25
BESIDE_MM = 15.0
"""A slice shows the spine where it lies nearer than this to the discs."""


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Where the levels of a study are.

    Attributes:
        frames: From the lowest disc up, at most LEVELS.
        names: Of the same discs.
        found: The slice they were found on, with all its discs.
        stacks: By role, the stacks to read.
        notices: What the reader must know.
        doubtful: Whether the gate was unsure, a disc may have been missed, or two series disagree.
    """

    frames: tuple[LevelFrame, ...]
    names: tuple[LevelName, ...]
    found: Located
    stacks: Mapping[str, tuple[Stack, ...]]
    notices: tuple[Notice, ...]
    doubtful: bool

    @property
    def image(self) -> Image:
        """The slice they were found on."""
        return self.found.slice.image


def find_levels(assembly: Assembly, engine: Engine, on_locate: Callable[[], None] = lambda: None) -> Levels:
    """The levels of a study.

    Args:
        assembly: Its stacks.
        engine: Of the bundle.
        on_locate: Called between the gate and the locator.

    Raises:
        Refusal: If no sagittal series shows an upright lumbar spine with a plausible row of discs; with the reason for the first one.
    """
    read, refused = look_through(assembly, engine, on_locate)
    if not read:
        raise refused[0][1]
    main = max(read, key=lambda one: one.worth)
    frames = level_frames(main.part, main.found.places)
    carried = [stack for stack, _ in refused if stack.role not in {one.stack.role for one in read} and _covers(stack, frames)]
    left_out = [Notice("series-left-out", f"a sagittal series was not read: {reason.message}", reason.code)
                for stack, reason in refused if stack not in carried]
    left_out += [Notice("levels-carried-over", f"no row of discs was found on the {WORDS[stack.role]} series by itself; it was "
                                               "read where the other one shows the levels") for stack in carried if stack.role]
    return _levels(assembly, read, main, carried, [stack for stack, _ in refused], engine.bundle.settings, left_out)


def _covers(stack: Stack, frames: Sequence[LevelFrame]) -> bool:
    """Whether a stack shows the places of most levels that were found on another: those need no second finding."""
    inside = 0
    for frame in frames:
        nearest = min(stack.images, key=lambda image: abs(float(height_over(image, frame.origin))))
        (x, y), (rows, columns) = to_pixels(nearest, frame.origin), nearest.shape
        inside += bool(0 <= x <= columns and 0 <= y <= rows and abs(float(height_over(nearest, frame.origin))) < BESIDE_MM)
    return 2 * inside > len(frames)


def _levels(assembly: Assembly, read: Sequence[SeenStack], main: SeenStack, carried: Sequence[Stack],
            refused: Sequence[Stack], settings: Mapping[str, Any], notices: list[Notice]) -> Levels:  # fmt: skip
    frames = level_frames(main.part, main.found.places)
    known = {one.stack.images[0].id: one.stack.role for one in read}
    known |= _axial_roles(assembly, frames)
    whole = given_roles(assembly, known)
    sagittal = [*(one.stack for one in read), *carried]
    stacks = {role: tuple(stack for stack in sagittal if stack.role == role) for role in (T1, FLUID)}
    stacks[AXIAL] = whole.of(AXIAL)
    notices += _left_out(assembly, whole, stacks, refused) + _words(read)
    differ = [one for one in read if one is not main and one.stack.sequence != "stir" and _apart_mm(one, main) > AGREE_MM]
    if differ:
        notices.append(Notice("levels-differ", "the two sagittal series do not agree on the lowest disc: "
                                               "the numbers of the levels are in doubt"))
    gap = first_gap(main.found.discs)
    if gap is not None and gap < LEVELS:
        notices.append(Notice("disc-missed", f"a disc may be missing between disc {gap} and disc {gap + 1} from the bottom: "
                                             "the numbers above are in doubt"))
    if len(frames) < LEVELS:
        notices.append(Notice("levels-missing", f"only {len(frames)} of five levels are seen from the lowest disc up"))
    unsure = main.look.poses["upright"] < settings["gate"]["sure_upright"] and main.stack.sequence != "stir"
    if unsure:
        notices.append(Notice("gate-unsure", "the slice that the levels were found on is not clearly an upright lumbar spine: every answer "
                                             "is marked"))
    own = {"levels": {**settings["levels"], "on_sacrum": _sacrum_scale(main, settings["levels"])}}
    names = tuple(level_names(main.found, own))[:LEVELS]
    return Levels(tuple(frames), names, main.found, stacks, tuple(notices), bool(differ) or (gap is not None and gap < LEVELS) or unsure)


def _sacrum_scale(main: SeenStack, own: Mapping[str, Any]) -> Mapping[str, float]:
    """How the score of the lowest disc becomes the probability that it stands on the sacrum. Where the picture ends so near below it that
    a sacrum could not be seen, the cautious scale of the bundle that the locator comes from holds."""
    bottom = main.part.content[3]
    rows_mm = main.part.spacing_mm[0] if main.part.spacing_mm else 0.0
    if (bottom - main.found.discs[0].y) * rows_mm < SACRUM_MM:
        return dict(own["on_sacrum_at_edge"])
    return dict(own["on_sacrum_stir"] if main.stack.sequence == "stir" and "on_sacrum_stir" in own else own["on_sacrum"])


def level_frames(part: UprightSlice, places: Sequence[Pose]) -> list[LevelFrame]:
    """Frames of the lowest discs of an upright slice, from their poses."""
    image = part.image
    assert image.geometry is not None
    normal = image.geometry.normal
    left = normal if normal[0] >= 0 else -normal
    frames = []
    for number, place in enumerate(places[:LEVELS], start=1):
        angle = np.radians(place.angle_deg)
        ends = np.array([[place.x, place.y], [place.x + np.cos(angle), place.y + np.sin(angle)]])
        centre, ahead = to_patient(image, apply_affine(part.to_image, ends))
        back = (ahead - centre) / np.linalg.norm(ahead - centre)
        up = np.cross(left, back)
        frames.append(LevelFrame(number, centre + HALF_DEPTH_MM * back, left, back, up if up[2] >= 0 else -up))
    return frames


def _apart_mm(one: SeenStack, other: SeenStack) -> float:
    """Distance of the lowest discs of two slices within the sagittal plane."""
    lows = [to_patient(read.part.image, apply_affine(read.part.to_image, np.array([read.found.discs[0].x, read.found.discs[0].y])))
            for read in (one, other)]
    return float(np.hypot(*(lows[0] - lows[1])[1:]))


def _axial_roles(assembly: Assembly, frames: Sequence[LevelFrame]) -> dict[str, str]:
    """Axial stacks whose tags are silent, told by the fluid in the sac: brighter than its surroundings on T2."""
    known = {}
    for stack in assembly.stacks:
        if stack.plane != "axial" or stack.role:
            continue
        image = stack.middle
        nearest = min(frames, key=lambda frame: abs(float((frame.origin - to_patient(image, np.array([0.5, 0.5]))) @ frame.up)))
        x, y = to_pixels(image, nearest.patient(np.array(SAC_MM)))
        assert image.spacing_mm is not None
        near, far = (_mean_around(image, x, y, reach / image.spacing_mm[0]) for reach in (4.0, 30.0))
        if near > BRIGHTER * far:
            known[stack.images[0].id] = AXIAL
    return known


def _mean_around(image: Image, x: float, y: float, reach: float) -> float:
    rows = slice(max(int(y - reach), 0), max(int(y + reach) + 1, 0))
    columns = slice(max(int(x - reach), 0), max(int(x + reach) + 1, 0))
    part = image.pixels[rows, columns]
    return float(part.mean()) if part.size else 0.0


def _left_out(before: Assembly, after: Assembly, stacks: Mapping[str, Sequence[Stack]], refused: Sequence[Stack]) -> list[Notice]:
    """Series that no role was left for; those that the gate or the locator refused have had their word."""
    used = {stack.images[0].id for group in (*stacks.values(), refused) for stack in group}
    notices = []
    for stack in after.stacks:
        if stack.images[0].id in used:
            continue
        if stack.role and stack.plane == "sagittal":
            said = f"another {WORDS[stack.role]} series was read"
        elif stack.plane == "sagittal":
            said = "it does not show the lumbar spine from the side"
        else:
            said = "it is axial and not T2 by what is seen of the fluid in the canal"
        notices.append(Notice("series-left-out", f"a series was not read: {said}"))
    guessed = [stack for stack, old in zip(after.stacks, before.stacks, strict=True) if stack.role == AXIAL and not old.role]
    if guessed:
        notices.append(Notice("sequence-guessed", f"{len(guessed)} axial series do not name their sequence; "
                                                  "the fluid in the canal is bright as on T2"))
    return notices


def _words(read: Sequence[SeenStack]) -> list[Notice]:
    given = [Notice("contrast-enhanced", f"the {WORDS[one.stack.role]} series was taken with contrast agent, on which nothing was measured")
             for one in read if one.stack.enhanced]
    return given + [Notice("sequence-guessed", "a sagittal series does not name its sequence; it was guessed from the picture: "
                                               f"{one.look.sequence} ({one.look.sequences[one.look.sequence]:.2f})")
                    for one in read if one.stack.sequence == "unknown"]
