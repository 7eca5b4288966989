"""Mid-sagittal slices of the digital spine as a data set would hand them over: from the mid-line painter, or from built voxels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError, NotFoundError, describe_unknown
from spondyl.datasets.cohort import as_sequence, draw_member, grades_of_truth, padded, subject_rng
from spondyl.datasets.judging import judging_cohort
from spondyl.datasets.making.crew import work_through
from spondyl.datasets.records import Box, DiscGrades, DiscSlice
from spondyl.phantom import Profile, SagittalSlice, draw_subject, render_sagittal
from spondyl.phantom.measured.discs import measure_disc
from spondyl.phantom.measured.records import DiscSpaceTruth
from spondyl.phantom.resonance import MrSeries, MrStyle, draw_sagittal, draw_study, render_mr, style_named
from spondyl.phantom.solid import Detail, build
from spondyl.phantom.volume import Volume

OnStep = Callable[[str, int, int], None]
SPACE_EVERY = 6
"""One subject in so many also has a SPACE series, as in the lumbar pack (30 of 179 patients)."""
PACK_STYLE = style_named("train")
"""Acquisitions after the lumbar pack's headers."""
NEAR = Detail(half_width_mm=24.0)
"""What is built for a mid-sagittal slice: the voxels beside it, far enough out for the labels of the discs."""
WHITE = 94.0
"""Percentile of a picture from which it is white: in the pack's slices about 8 % of the pixels are (4-12 on T1, 0-11 on T2)."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Which slices are drawn.

    Attributes:
        seed, role, subjects: Of the cohort.
        people: Profile that they are drawn from, or its name.
        style: Of the acquisitions of built voxels; the mid-line painter has its own.
        source: Who paints them: "midline" or "volume".
    """

    seed: int
    role: str
    subjects: int
    people: Profile | str = "symptomatic"
    style: MrStyle = PACK_STYLE
    source: str = "midline"

    def slices(self, workers: int = 1, on_step: OnStep = lambda *_: None) -> list[DiscSlice]:
        """T1 and T2 of every subject (and SPACE of some), with the sacrum in view as in the pack, boxed and graded by measurement.

        Raises:
            NotFoundError: If nothing paints slices by that name, or there is no such role or profile.
        """
        if self.source not in SOURCES:
            raise NotFoundError("unknown-slice-source", describe_unknown("source of slices", self.source, SOURCES))
        table: dict[int, list[DiscSlice]] = {}
        for index, own in work_through(range(self.subjects), partial(_subject, self), workers):
            table[index] = own
            on_step("Drawing slices", len(table), self.subjects)
        return [slice_ for index in sorted(table) for slice_ in table[index]]


def of_cohort(name: str, subjects: int | None = None, source: str = "volume") -> Drawn:
    """The slices of a judging cohort, or of its first subjects.

    Raises:
        NotFoundError: If there is no cohort of that name.
        InputError: If it is not about MR, or its file was changed.
    """
    cohort = judging_cohort(name)
    if "mr" not in cohort.acquisition:
        raise InputError("cohort-without-mr", f"the judging cohort {name} has no MR acquisitions", "Name one that begins with mri_")
    style = MrStyle(cohort.style, **{key: _tuples(value) for key, value in cohort.acquisition["mr"].items()})
    return Drawn(cohort.seed, cohort.role, subjects or cohort.subjects, cohort.people, style, source)


def _tuples(value: Any) -> Any:
    """TOML has lists where the style has tuples."""
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def _subject(drawn: Drawn, index: int) -> tuple[int, list[DiscSlice]]:
    return index, list(SOURCES[drawn.source](drawn, index))


def from_midline(drawn: Drawn, index: int) -> Iterator[DiscSlice]:
    """The slices of one subject by the mid-line painter."""
    member = draw_member(drawn.seed, drawn.role, index, drawn.people, "none")
    scans = dict(member.scans)
    if index % SPACE_EVERY == 0:
        rng = subject_rng(drawn.seed, drawn.role, index).spawn(1)[0]
        scans["t2_space"] = as_sequence(rng, scans["t2"], "t2_space")
    for scan in scans.values():
        yield as_disc_slice(str(index), scan.sequence, render_sagittal(member.spec, scan))


def from_volume(drawn: Drawn, index: int) -> Iterator[DiscSlice]:
    """The middle slices of one subject's series, built in voxels beside the mid-line and scanned as the style says, never as STIR."""
    rng = subject_rng(drawn.seed, drawn.role, index)
    volume = build(draw_subject(rng, drawn.people), NEAR)
    study = draw_study(rng, volume, replace(drawn.style, stir_rate=0.0))
    scans = {name: study[name] for name in ("t1", "t2")}
    if index % SPACE_EVERY == 0:
        scans["t2_space"] = draw_sagittal(rng, volume, "t2_space", drawn.style, "none")
    discs = [measure_disc(volume, k) for k in range(len(volume.spec.discs))]
    for name, scan in scans.items():
        middle = replace(scan, stacks=(replace(scan.stacks[0], slices=1),))
        yield seen_in(str(index), name, volume, discs, render_mr(volume, middle))


SOURCES: dict[str, Callable[[Drawn, int], Iterator[DiscSlice]]] = {"midline": from_midline, "volume": from_volume}
"""Who paints a subject's slices, by name."""


def as_disc_slice(patient: str, sequence: str, painted: SagittalSlice) -> DiscSlice:
    """A slice of the mid-line painter; boxes have the border of the lumbar pack's."""
    discs = painted.truth.discs
    boxes = {d.from_bottom: padded(d.box, painted.pixels.shape) for d in discs}
    return _slice(patient, sequence, painted.pixels, painted.spacing_mm, boxes, {d.from_bottom: grades_of_truth(d) for d in discs})


def seen_in(patient: str, sequence: str, volume: Volume, discs: list[DiscSpaceTruth], series: MrSeries) -> DiscSlice:
    """The first slice of a series with the discs whose mid-line corners all lie inside it; 0..1, windowed as in the pack."""
    raw = series.pixels[0].astype(np.float32)
    pixels = np.clip(raw / max(float(np.percentile(raw, WHITE)), 1.0), 0, 1)
    size = np.array([pixels.shape[1], pixels.shape[0]])
    boxes: dict[int, Box] = {}
    grades: dict[int, DiscGrades] = {}
    for disc in discs:
        corners = series.in_slices(np.array(disc.corners_mm))[:, 0, :2]
        if (corners > 0).all() and (corners < size - 1).all():
            boxes[disc.from_bottom] = padded(_box(volume, disc, series, size), pixels.shape)
            grades[disc.from_bottom] = _grades(disc)
    return _slice(patient, sequence, pixels, series.spacing_mm, boxes, grades)


def _box(volume: Volume, disc: DiscSpaceTruth, series: MrSeries, size: NDArray[np.int64]) -> Box:
    """Around the disc's outline with what left it, half-open, clipped to the picture."""
    pose, spec = volume.posture.discs[disc.from_bottom - 1], volume.spec.discs[disc.from_bottom - 1]
    points = list(disc.outline_mm)
    if disc.numbers["focal_mm"] > 0 and spec.herniation_zone == "central":
        rear = np.array(disc.corners_mm)[1:3].mean(axis=0)
        points.append(tuple(rear + disc.numbers["focal_mm"] * pose.axes[1] + spec.herniation_up * disc.height_mm * pose.axes[2]))
    seen = series.in_slices(np.array(points))[:, 0, :2]
    x0, y0 = np.clip(np.floor(seen.min(axis=0) + 0.5), 0, size - 1)
    x1, y1 = np.clip(np.floor(seen.max(axis=0) + 0.5) + 1, 1, size)
    return float(x0), float(y0), float(x1), float(y1)


def _grades(disc: DiscSpaceTruth) -> DiscGrades:
    return DiscGrades(disc.pfirrmann, disc.modic, disc.upper_endplate, disc.lower_endplate, disc.spondylolisthesis, disc.herniation,
                      disc.narrowing, disc.bulging)  # fmt: skip


def _slice(patient: str, sequence: str, pixels: NDArray[np.float32], spacing_mm: tuple[float, float], boxes: dict[int, Box],
           grades: dict[int, DiscGrades]) -> DiscSlice:  # fmt: skip
    return DiscSlice(f"{patient}_{sequence}", patient, sequence, pixels, spacing_mm, boxes, grades, True, len(grades))
