"""Through the gate and the locator: which slice of a study stands for T2 and which for T1, and what is said of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spondyl.core import Image, Notice, Refusal
from spondyl.inference import Engine
from spondyl.tasks.mri_discs.gate import Look, check_chain, check_pose
from spondyl.tasks.mri_discs.reading import Located, locate, look_at
from spondyl.tasks.mri_discs.slices import UprightSlice, upright

WET = ("t2", "t2_space")
PREFERENCE = ("t2", "t2_space", "t1")


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """A slice that the gate let through.

    Attributes:
        part: The slice, upright.
        seen: What the gate said.
        sequence: As declared by the file, else as guessed.
        doubtful: Whether the gate was unsure of the picture or of its sequence, or contradicts the file.
    """

    part: UprightSlice
    seen: Look
    sequence: str
    doubtful: bool

    @property
    def kind(self) -> str:
        """ "wet" for T2-weighted, "dry" for T1."""
        return "wet" if self.sequence in WET else "dry"

    @property
    def rank(self) -> tuple[int, int, float, str]:
        """Smallest is best: declared before guessed, T2 before SPACE, surest, then by content."""
        guessed = self.part.image.sequence == "unknown"
        return (int(guessed), PREFERENCE.index(self.sequence), -round(self.seen.poses["upright"], 4), self.part.image.id)


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The slices that are read.

    Attributes:
        parts: "wet" and "dry", as far as there are.
        passed: The same slices as the gate saw them.
        notices: What the reader must know of the choice.
        doubtful: Whether any slice that is read is doubtful.
    """

    parts: Mapping[str, Located]
    passed: Mapping[str, Passed]
    notices: tuple[Notice, ...]
    doubtful: bool


def choose(
    images: Sequence[Image],
    engine: Engine,
    gate: Sequence[str],
    locator: Sequence[str],
    on_locate: Callable[[], None] = lambda: None,
) -> Chosen:
    """The best T2-weighted and the best T1 slice in which a plausible row of discs is found.

    Args:
        images: Candidates.
        engine: Of the bundle.
        gate, locator: Names of the networks to ask.
        on_locate: Called between the gate and the locator.

    Raises:
        Refusal: If no image is left; with the reason for the first one.
    """
    settings = engine.bundle.settings
    notices: list[Notice] = []
    refusals: list[Refusal] = []
    passed: list[Passed] = []
    for image in images:
        try:
            passed.append(_through_gate(image, engine, gate, settings["gate"]))
        except Refusal as reason:
            refusals.append(reason)
    on_locate()
    parts: dict[str, Located] = {}
    kept: dict[str, Passed] = {}
    for slice_ in sorted(passed, key=lambda p: p.rank):
        if slice_.kind in parts:
            notices.append(_left_out(slice_, "another one of its kind was read"))
            continue
        found = locate(engine, slice_.part, locator)
        try:
            check_chain(found.discs, settings["locator"]["plausible"])
        except Refusal as reason:
            refusals.append(reason)
            continue
        parts[slice_.kind], kept[slice_.kind] = found, slice_
    if not parts:
        raise refusals[0]
    notices += [Notice("image-left-out", f"an image of the study was not read: {reason.message}") for reason in refusals]
    for slice_ in kept.values():
        notices += _sequence_notices(slice_, settings["gate"])
    return Chosen(parts, kept, tuple(notices), any(slice_.doubtful for slice_ in kept.values()))


def _through_gate(image: Image, engine: Engine, members: Sequence[str], settings: Mapping[str, Any]) -> Passed:
    part = upright(image)
    seen = look_at(engine, part, members)
    check_pose(seen, settings["least_upright"])
    declared = image.sequence != "unknown"
    sequence = image.sequence if declared else seen.sequence
    doubtful = seen.poses["upright"] < settings["sure_upright"] or _contradicts(seen, sequence, settings)
    return Passed(part, seen, sequence, doubtful or (not declared and max(seen.sequences.values()) < settings["least_sequence"]))


def _contradicts(seen: Look, sequence: str, settings: Mapping[str, Any]) -> bool:
    """Whether the gate is sure of T1 where T2 is declared, or the other way round."""
    return (seen.sequence in WET) != (sequence in WET) and max(seen.sequences.values()) >= settings["least_sequence"]


def _sequence_notices(slice_: Passed, settings: Mapping[str, Any]) -> list[Notice]:
    guess = f"{slice_.seen.sequence} ({slice_.seen.sequences[slice_.seen.sequence]:.2f})"
    if slice_.part.image.sequence == "unknown":
        return [Notice("sequence-guessed", f"the file does not name its sequence; it was guessed from the picture: {guess}")]
    if _contradicts(slice_.seen, slice_.sequence, settings):
        return [Notice("sequence-doubtful", f"the file says {slice_.sequence}, the picture looks like {guess}")]
    return []


def _left_out(slice_: Passed, why: str) -> Notice:
    return Notice("image-left-out", f"a {slice_.sequence} image of the study was not read: {why}")
