"""What the served engine says of a cohort, each patient judged only by networks that never saw them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image, Refusal
from spondyl.datasets.records import DiscSlice
from spondyl.inference import Engine
from spondyl.lab.mri_discs.data import label_row
from spondyl.tasks.mri_discs.choosing import WET
from spondyl.tasks.mri_discs.gate import check_chain, check_pose
from spondyl.tasks.mri_discs.naming import level_names
from spondyl.tasks.mri_discs.reading import Graded, Located, Members, all_members, grade, locate, look_at, paired
from spondyl.tasks.mri_discs.slices import check_content, upright

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class SliceRow:
    """One slice.

    Attributes:
        slice: As the source has it.
        fold: Fold of the patient in the bundle's training, or None where the bundle never saw the slice.
        refusal: Code of the gate's refusal, or "".
        upright: Probability that it is an upright sagittal lumbar slice.
        sequence: As guessed from the picture.
        located: Its discs, also where the gate would refuse it; None where no disc was found.
        on_sacrum: Locator's raw score that the lowest disc is the lowest there is.
    """

    slice: DiscSlice
    fold: int | None
    refusal: str
    upright: float
    sequence: str
    located: Located | None
    on_sacrum: float


@dataclass(frozen=True, slots=True, eq=False)
class DiscRow:
    """One graded disc in one view ("wet": T2 or SPACE alone, "dry": T1 alone, "both").

    Attributes:
        patient, fold, view, from_bottom: Whose, which.
        number: The same as `from_bottom` where serving would name the disc, else 0: the level then says nothing.
        sequence: Of the main slice.
        labels: (8,) as `data.label_row`.
        logits: (OUTPUTS,) by member.
        cam_peak: Highest activation of each output, (OUTPUTS,), mean over members.
    """

    patient: str
    fold: int | None
    view: str
    sequence: str
    from_bottom: int
    number: int
    labels: NDArray[np.int64]
    logits: Mapping[str, NDArray[np.float64]] = field(repr=False)
    cam_peak: NDArray[np.float64] = field(repr=False)


def members_for(engine: Engine, fold: int | None) -> Members:
    """The networks that never saw a fold's patients; all of them where `fold` is None."""
    every = all_members(engine.bundle.settings)
    if fold is None:
        return every

    def blind(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if fold in engine.bundle.networks[name].unseen_folds)

    return Members(blind(every.gate), blind(every.locator), blind(every.grader))


def folds_of(engine: Engine, slices: Sequence[DiscSlice]) -> dict[str, int]:
    """By patient, the fold in which the bundle was trained on any of their images; patients it never saw are not in it."""
    known = engine.bundle.training_images
    return {s.patient: known[s.image_id] for s in slices if s.image_id in known}


def as_image(pixels: NDArray[np.float32], spacing_mm: tuple[float, float] | None = None) -> Image:
    """A slice as the reader would hand it over: no geometry, sequence unknown."""
    return Image("0" * 32, pixels, spacing_mm)


def slice_rows(engine: Engine, slices: Sequence[DiscSlice], on_slice: Progress = lambda *_: None) -> list[SliceRow]:
    """Gate and locator of all slices of a cohort."""
    folds = folds_of(engine, slices)
    rows = []
    for done, slice_ in enumerate(slices, start=1):
        rows.append(slice_row(engine, slice_, folds.get(slice_.patient)))
        on_slice(done, len(slices))
    return rows


def slice_row(engine: Engine, slice_: DiscSlice, fold: int | None) -> SliceRow:
    """Gate and locator of one slice, by networks that never saw the fold's patients."""
    members = members_for(engine, fold)
    settings = engine.bundle.settings
    part = upright(as_image(slice_.pixels, slice_.spacing_mm))
    seen = look_at(engine, part, members.gate)
    located: Located | None = None
    refusal, score = "", 0.0
    try:
        check_content(part.image)
        check_pose(seen, settings["gate"]["least_upright"])
    except Refusal as reason:
        refusal = reason.code
    found = locate(engine, part, members.locator)
    if found.discs:
        located, score = found, found.discs[0].lowest
    try:
        check_chain(found.discs, settings["locator"]["plausible"])
    except Refusal as reason:
        refusal = refusal or reason.code
    return SliceRow(slice_, fold, refusal, seen.poses["upright"], seen.sequence, located, score)


def disc_rows(engine: Engine, rows: Sequence[SliceRow], on_patient: Progress = lambda *_: None) -> list[DiscRow]:
    """Every graded disc of every patient whose discs were found in the right number, in every view the patient has."""
    table: list[DiscRow] = []
    patients = sorted({row.slice.patient for row in rows})
    for done, patient in enumerate(patients, start=1):
        own = [row for row in rows if row.slice.patient == patient and _agrees(row)]
        wet = [row for row in own if row.slice.sequence in WET]
        dry = [row for row in own if row.slice.sequence == "t1"]
        for row in wet:
            table += _graded(engine, row, row.located, None, "wet")
        for row in dry:
            table += _graded(engine, row, None, row.located, "dry")
        first = next((row for row in wet if row.slice.sequence == "t2"), None)
        if first is not None and dry:
            table += _graded(engine, first, first.located, dry[0].located, "both")
        on_patient(done, len(patients))
    return table


def _agrees(row: SliceRow) -> bool:
    """Read as serving would read it, with as many discs as were graded."""
    return not row.refusal and row.located is not None and len(row.located.discs) == len(row.slice.grades)


def _graded(engine: Engine, row: SliceRow, wet: Located | None, dry: Located | None, view: str) -> list[DiscRow]:
    members = members_for(engine, row.fold).grader
    crops = None if dry is None else dry.crops
    partners: list[int | None] = paired(wet, dry) if wet is not None and dry is not None else []
    if dry is not None and partners:
        crops = np.stack([dry.crops[p] if p is not None else np.zeros_like(dry.crops[0]) for p in partners])
    result: Graded = grade(engine, wet.crops if wet else None, crops, members)
    main = wet or dry
    assert main is not None  # one of the two is always there
    named = [level.name is not None for level in level_names(main, engine.bundle.settings)]
    matched = [p is not None for p in partners] or [True] * len(next(iter(result.logits.values())))
    peaks = np.mean([cam.max(axis=(2, 3)) for cam in result.cams.values()], axis=0)
    return [
        DiscRow(
            row.slice.patient, row.fold, view, row.slice.sequence, disc, disc if named[at] else 0, label_row(row.slice.grades[disc]),
            {name: np.asarray(part[at], np.float64) for name, part in result.logits.items()}, peaks[at],
        )
        for at, disc in enumerate(sorted(row.slice.grades))
        if matched[at]
    ]  # fmt: skip


def cut_above_sacrum(engine: Engine, row: SliceRow, hidden: int) -> SliceRow | None:
    """The slice with its lowest `hidden` discs cut away, read again; None where too little would be left."""
    if row.located is None or len(row.located.discs) < hidden + 3:
        return None
    below, above = row.located.discs[hidden - 1], row.located.discs[hidden]
    rows = int((below.y + above.y) / 2)
    if rows < 96:
        return None
    slice_ = row.slice
    pixels = np.ascontiguousarray(slice_.pixels[:rows])
    found = locate(engine, upright(as_image(pixels)), members_for(engine, row.fold).locator)
    score = found.discs[0].lowest if found.discs else 0.0
    return SliceRow(slice_, row.fold, "", row.upright, row.sequence, found if found.discs else None, score)


def stacked(rows: Sequence[DiscRow], members: Mapping[int, Sequence[str]] | None = None) -> dict[str, NDArray[Any]]:
    """Arrays over rows: logits (n, OUTPUTS) (mean over each row's members, or over those named for its fold), labels, and so on."""
    logits = []
    for row in rows:
        names = list(row.logits) if members is None or row.fold is None else [n for n in row.logits if n in members[row.fold]]
        logits.append(np.mean([row.logits[name] for name in names], axis=0))
    return {
        "logits": np.array(logits),
        "labels": np.array([row.labels for row in rows]),
        "patient": np.array([row.patient for row in rows]),
        "level": np.array([row.from_bottom for row in rows]),
        "number": np.array([row.number for row in rows]),
        "fold": np.array([-1 if row.fold is None else row.fold for row in rows]),
        "sequence": np.array([row.sequence for row in rows]),
    }
