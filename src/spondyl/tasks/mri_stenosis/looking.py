"""Sagittal stacks through the gate and the locator of `mri-discs`: on a middle slice, or, where that shows no spine, on others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spondyl.core import Image, Refusal
from spondyl.imaging import letterbox
from spondyl.inference import Engine
from spondyl.tasks.mri_discs.chain import find_chain
from spondyl.tasks.mri_discs.crops import poses
from spondyl.tasks.mri_discs.gate import Look, check_chain, check_pose
from spondyl.tasks.mri_discs.reading import Located, look_at
from spondyl.tasks.mri_discs.slices import UprightSlice, check_content, upright
from spondyl.tasks.mri_stenosis.assembly import FLUID, T1, Assembly, Stack, offset

PLACES = (0.5, 0.25, 0.75, 0.0, 1.0)
"""Where in a stack a slice is looked at, as a share of the way from its first to its last; the next one only where the others show no
spine: a series that was cut short, or planned beside it, has its canal elsewhere than in its middle."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenStack:
    """A sagittal stack in which a row of discs was found.

    Attributes:
        stack: With its role, which the gate guessed where the tags were silent.
        look: What the gate says of the slice.
        part: The slice, upright.
        found: Its discs.
    """

    stack: Stack
    look: Look
    part: UprightSlice
    found: Located

    @property
    def worth(self) -> float:
        """How clearly a row of discs is seen from the sacrum up; STIR, on which the locator was taught least, comes last."""
        clear = float(np.mean([disc.score for disc in self.found.discs])) + self.found.discs[0].lowest
        return clear - (1.0 if self.stack.sequence == "stir" else 0.0)


def look_through(assembly: Assembly, engine: Engine, on_locate: Callable[[], None]) -> tuple[list[SeenStack], list[tuple[Stack, Refusal]]]:
    """The first stack of each sagittal role, in their order of preference, in which discs are found; and those in which none are.

    Args:
        assembly: Its stacks.
        engine: Of the bundle.
        on_locate: Called when the first slice has passed the gate.
    """
    seen: dict[str, SeenStack] = {}
    refused: list[tuple[Stack, Refusal]] = []
    told = False

    def tell() -> None:
        nonlocal told
        if not told:
            on_locate()
        told = True

    named = [*assembly.of(T1), *assembly.of(FLUID)]
    unnamed = [stack for stack in assembly.stacks if stack.plane == "sagittal" and not stack.role]
    for stack in (*named, *sorted(unnamed, key=lambda stack: (-len(stack.images), stack.images[0].id))):
        if stack.role in seen:
            continue
        try:
            one = _look_into(stack, engine, tell)
        except Refusal as reason:
            refused.append((stack, reason))
        else:
            seen.setdefault(one.stack.role, one)
    return [seen[role] for role in (T1, FLUID) if role in seen], refused


def _look_into(stack: Stack, engine: Engine, on_locate: Callable[[], None]) -> SeenStack:
    """The discs of the first slice that shows some; else the reason why the middle one does not."""
    refusals: list[Refusal] = []
    for image in _slices(stack.images):
        try:
            return _look_at(stack, image, engine, on_locate)
        except Refusal as reason:
            refusals.append(reason)
    raise refusals[0]


def _slices(images: Sequence[Image]) -> list[Image]:
    """The slices to look at, each once: those nearest to PLACES along the normal."""
    at = np.array([offset(image, "sagittal") for image in images])
    return [images[place] for place in dict.fromkeys(int(np.argmin(np.abs(at - (at[0] + share * (at[-1] - at[0]))))) for share in PLACES)]


def _look_at(stack: Stack, image: Image, engine: Engine, on_locate: Callable[[], None]) -> SeenStack:
    settings = engine.bundle.settings
    check_content(image)
    part = upright(image if image.view == "sagittal" else replace(image, view="sagittal"))
    look = look_at(engine, part, settings["gate"]["members"])
    check_pose(look, settings["gate"]["least_upright"])
    on_locate()
    found = located(engine, part, stack.sequence)
    check_chain(found.discs, settings["locator"]["plausible"])
    role = stack.role or (T1 if look.sequence == "t1" else FLUID)
    return SeenStack(replace(stack, role=role), look, part, found)


def located(engine: Engine, part: UprightSlice, sequence: str) -> Located:
    """The discs of a slice; the locators' maps are averaged. STIR has locators of its own, where the bundle brings some."""
    own = engine.bundle.settings["locator"]
    members = own.get("stir_members") or own["members"] if sequence == "stir" else own["members"]
    frame = letterbox(part.content, (own["size"], own["size"]))
    x = frame.sample(part.pixels)[None, None]
    maps = np.mean([engine.run(name, {"slice": x})["maps"][0] for name in members], axis=0)
    discs, passed_by = find_chain(maps, frame, own["chain"])
    return Located(part, discs, poses(discs), np.zeros((0, 1, 1), np.float32), passed_by)
