"""Which series of a study is what: sagittal T1, sagittal T2 or STIR, axial T2; from where the slices lie first and from their tags second.

Names are not trusted alone. The plane comes from the slice's normal, the weighting from what reading found in the tags (timing and words,
`dicom.sequence`); where the tags are silent the picture itself is asked later (`weighting`). Localisers, other weightings, other planes,
repeats of one slice and slices of another size are left out, each with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from spondyl.core import Image, Notice, Refusal, Series, Study
from spondyl.tasks.mri_discs.slices import OTHER_MODALITIES

T1, FLUID, AXIAL = "sagittal_t1", "sagittal_t2", "axial_t2"
ROLES = (T1, FLUID, AXIAL)
WORDS = {T1: "sagittal T1", FLUID: "sagittal T2 or STIR", AXIAL: "axial T2"}
SAGITTAL_SEQUENCES = {"t1": T1, "t2": FLUID, "t2_space": FLUID, "stir": FLUID}
PREFERENCE = ("t2", "t2_space", "stir", "t1", "unknown")
FEWEST = 3
"""A series of fewer slices that lie apart is a localiser, or was cut short: it may be read, but never before a fuller one."""
SAME_MM = 0.2
"""Slices of one plane that lie nearer than this show the same place."""
LEAST_PIXELS = 64
MOST_IMAGES = 1200
"""Of one series: beyond this it is no lumbar series but a data set that shares an identifier; only the middle ones are taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Slices of one series that are parallel, ordered from the patient's right to left (sagittal) or from the feet up (axial).

    Attributes:
        series: Key of the series.
        role: One of ROLES, or "" where the weighting of a sagittal or axial stack is not known yet.
        plane: "sagittal" or "axial".
        sequence: As the tags say.
        images: All have a geometry and a spacing.
    """

    series: str
    role: str
    plane: str
    sequence: str
    images: tuple[Image, ...]

    @property
    def enhanced(self) -> bool:
        """Whether contrast agent was given."""
        return self.images[0].enhanced

    @property
    def middle(self) -> Image:
        """The slice nearest the middle between the first and the last."""
        places = np.array([offset(image, self.plane) for image in self.images])
        return self.images[int(np.argmin(np.abs(places - (places[0] + places[-1]) / 2)))]


@dataclass(frozen=True, slots=True, eq=False)
class Assembly:
    """The stacks of a study, and what was left out."""

    stacks: tuple[Stack, ...]
    notices: tuple[Notice, ...]

    def of(self, role: str) -> tuple[Stack, ...]:
        """Stacks of a role, the one to prefer first."""
        own = [stack for stack in self.stacks if stack.role == role]
        return tuple(sorted(own, key=_rank))

    @property
    def images(self) -> tuple[Image, ...]:
        """All images of all stacks."""
        return tuple(image for stack in self.stacks for image in stack.images)


def _rank(stack: Stack) -> tuple[int, int, int, int, str]:
    """Smallest is best: a whole series, none with contrast agent, T2 before SPACE before STIR, more slices, then by content."""
    known = PREFERENCE.index(stack.sequence) if stack.sequence in PREFERENCE else len(PREFERENCE)
    return int(len(stack.images) < FEWEST), int(stack.enhanced), known, -len(stack.images), stack.images[0].id


def plane_of(image: Image) -> str:
    """ "sagittal", "axial", "coronal" by the axis that the slice's normal is nearest to; "unknown" without a geometry.

    Axial slices that follow a steep L5/S1 disc are nearer to axial than to anything else up to 45 degrees and a little beyond.
    """
    if image.geometry is None:
        return "unknown"
    x, y, z = np.abs(image.geometry.normal)
    if x >= max(y, z):
        return "sagittal"
    return "axial" if z >= 0.8 * y else "coronal"


def offset(image: Image, plane: str) -> float:
    """Where a slice lies along its normal, mm: growing to the patient's left (sagittal) or to the head."""
    assert image.geometry is not None
    normal = image.geometry.normal
    sign = np.sign(normal[0 if plane == "sagittal" else 2]) or 1.0
    return float(sign * image.geometry.offset_mm)


def assemble(study: Study) -> Assembly:
    """The stacks of a study.

    Raises:
        Refusal: `no-sagittal-series`, `geometry-missing`, `not-an-mr`, `no-images`, `view-not-read` or `sequence-not-measured`, by what
            was met first.
    """
    stacks: list[Stack] = []
    notices: list[Notice] = []
    refusals: list[Refusal] = []
    for series in study.series:
        try:
            found, said = _of_series(series)
        except Refusal as reason:
            refusals.append(reason)
            notices.append(Notice("series-left-out", f"a series was not read: {reason.message}", reason.code))
            continue
        stacks += found
        notices += said
    if not stacks:
        raise refusals[0] if refusals else Refusal("no-images", "the study has no images", "Send a lumbar MR study")
    if not any(stack.plane == "sagittal" for stack in stacks):
        lost = [reason for reason in refusals if reason.code == "geometry-missing"]
        if lost:
            raise lost[0]
        raise Refusal("no-sagittal-series", "the study has axial slices only, and levels are found and named on sagittal ones",
                      "Send the sagittal T1 and T2 series of the study with them")
    return Assembly(_one_frame(stacks, notices), tuple(dict.fromkeys(notices)))


def _one_frame(stacks: Sequence[Stack], notices: list[Notice]) -> tuple[Stack, ...]:
    """Stacks whose positions can be compared: those in the frame of reference of most sagittal slices. One that names no frame fits any
    frame, as long as the others name but one."""
    counts: dict[str, tuple[int, str]] = {}
    for stack in stacks:
        if stack.plane == "sagittal":
            slices, first = counts.get(_frame(stack), (0, stack.images[0].id))
            counts[_frame(stack)] = slices + len(stack.images), min(first, stack.images[0].id)
    best = min(counts, key=lambda frame: (-counts[frame][0], counts[frame][1]))
    named = {_frame(stack) for stack in stacks} - {""}
    fitting = {best, "", *(named if best == "" and len(named) == 1 else ())}
    apart = [stack for stack in stacks if _frame(stack) not in fitting]
    if apart:
        notices.append(Notice("frame-differs", f"{len(apart)} series lie in another frame of reference (the patient was moved in between): "
                                               "their places cannot be compared, and they were left out"))
    return tuple(stack for stack in stacks if stack not in apart)


def _frame(stack: Stack) -> str:
    geometry = stack.images[0].geometry
    return geometry.frame if geometry else ""


def _of_series(series: Series) -> tuple[list[Stack], list[Notice]]:
    """The stacks of one series: one, or several where it holds several blocks of axial slices or several planes."""
    if series.modality in OTHER_MODALITIES:
        said = f"the image is {OTHER_MODALITIES[series.modality]} (modality {series.modality}), not an MR slice"
        raise Refusal("not-an-mr", said, "Send a lumbar MR study")
    notices: list[Notice] = []
    usable = [image for image in series.images if image.geometry is not None and image.spacing_mm is not None]
    if not usable:
        raise Refusal("geometry-missing", "a series does not say where its slices lie in the patient (orientation, position or spacing)",
                      "Send the DICOM files as the scanner wrote them: left and right cannot be told otherwise")
    if len(usable) < len(series.images):
        notices.append(Notice("slices-left-out", f"{len(series.images) - len(usable)} slices of a series do not say where they lie"))
    groups: dict[tuple[str, str, bool], list[Image]] = {}
    for image in usable:
        groups.setdefault((plane_of(image), image.sequence, image.enhanced), []).append(image)
    refusals = []
    stacks = []
    for (plane, sequence, _), images in groups.items():
        try:
            stacks.append(_stack(series.key, plane, sequence, images, notices))
        except Refusal as reason:
            refusals.append(reason)
    if not stacks:
        raise refusals[0]
    notices += [Notice("slices-left-out", f"some slices of a series were not read: {reason.message}", reason.code) for reason in refusals]
    return stacks, notices


def _stack(series: str, plane: str, sequence: str, images: Sequence[Image], notices: list[Notice]) -> Stack:
    if plane not in ("sagittal", "axial"):
        raise Refusal("view-not-read", f"the series is {plane}, neither sagittal nor axial",
                      "Send the sagittal and axial series of the study")
    if sequence == "other":
        raise Refusal("sequence-not-measured", "the series is by its header a scout or neither T1, T2 nor STIR",
                      "Send sagittal T1, sagittal T2 or STIR, and axial T2 series")
    if plane == "axial" and sequence in ("t1", "stir"):
        raise Refusal("sequence-not-measured", f"the series is axial {sequence.upper()}; axial slices are read in T2 only",
                      "Send the axial T2 series of the study")
    kept = _distinct([image for image in images if min(image.shape) >= LEAST_PIXELS], plane)
    if not kept:
        raise Refusal("picture-too-small", f"the slices have fewer than {LEAST_PIXELS} pixels a side", "Send the slices in their full size")
    if len(kept) < len(images):
        notices.append(Notice("slices-left-out", f"{len(images) - len(kept)} slices of a {plane} series show a place again "
                                                 "or are too small"))
    if len(kept) > MOST_IMAGES:
        middle = len(kept) // 2
        kept = kept[middle - MOST_IMAGES // 2: middle + MOST_IMAGES // 2]
        notices.append(Notice("slices-left-out", f"a {plane} series has more than {MOST_IMAGES} slices: the middle ones were read"))
    role = AXIAL if plane == "axial" and sequence in ("t2", "axial_t2", "t2_space") else SAGITTAL_SEQUENCES.get(sequence, "")
    if plane == "axial" and role != AXIAL:
        role = ""
    return Stack(series, role, plane, sequence, tuple(kept))


def _distinct(images: Iterable[Image], plane: str) -> list[Image]:
    """Slices in their order, without those that show a place again: the same plane and the same middle."""
    kept: list[Image] = []
    for image in sorted(images, key=lambda image: (round(offset(image, plane), 3), image.id)):
        if not any(_same_place(image, other) for other in kept[-3:]):
            kept.append(image)
    return kept


def _same_place(one: Image, other: Image) -> bool:
    assert one.geometry is not None
    assert other.geometry is not None
    if float(one.geometry.normal @ other.geometry.normal) < 0.999:
        return False
    apart = np.subtract(one.geometry.position, other.geometry.position)
    return bool(abs(float(apart @ one.geometry.normal)) < SAME_MM and np.linalg.norm(apart) < 20)


def given_roles(assembly: Assembly, known: dict[str, str]) -> Assembly:
    """The assembly with the roles of stacks whose weighting the tags did not say; `known` is by the id of their first image."""
    stacks = []
    for stack in assembly.stacks:
        role = stack.role or known.get(stack.images[0].id, "")
        stacks.append(Stack(stack.series, role, stack.plane, stack.sequence, stack.images))
    return Assembly(tuple(stacks), assembly.notices)
