"""Cohorts of the digital spine: which subjects, in which acquisitions, from one seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spondyl.core.errors import NotFoundError, describe_unknown
from spondyl.datasets.records import Box, DiscGrades
from spondyl.phantom import Acquisition, DiscTruth, Profile, SubjectSpec, draw_acquisition, draw_subject
from spondyl.phantom.draw import TIMING_MS

ROLES = {"train": 0, "val": 1, "test": 2, "twin": 3}
BOX_PADDING_PX = 10
"""Border around the tight box of a disc. The lumbar pack's boxes are its masks' boxes with about ten pixels on each side:
their median size over pixel spacings from 0.37 to 0.88 mm fits 11 mm x 35 mm plus 20 pixels."""


@dataclass(frozen=True, slots=True)
class Member:
    """One subject of a cohort and its acquisitions, by sequence; they share the geometry."""

    index: int
    spec: SubjectSpec
    scans: dict[str, Acquisition]


def subject_rng(seed: int, role: str, index: int) -> np.random.Generator:
    """The generator of that subject: cohorts, roles and subjects never share a stream.

    Raises:
        NotFoundError: If the role is not one of ROLES.
    """
    if role not in ROLES:
        raise NotFoundError("unknown-role", describe_unknown("role", role, ROLES))
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(ROLES[role], index)))


def draw_member(seed: int, role: str, index: int, profile: Profile | str = "symptomatic", crop: str | None = None) -> Member:
    """That subject, with a T1 and a T2 acquisition of the same field of view."""
    rng = subject_rng(seed, role, index)
    spec = draw_subject(rng, profile)
    t2 = draw_acquisition(rng, "t2", crop)
    return Member(index, spec, {"t1": as_sequence(rng, t2, "t1"), "t2": t2})


def as_sequence(rng: np.random.Generator, scan: Acquisition, sequence: str) -> Acquisition:
    """The same field of view in another sequence, with its own timing and noise."""
    (tr, te) = (float(rng.uniform(*bounds)) for bounds in TIMING_MS[sequence])
    return replace(scan, sequence=sequence, tr_ms=tr, te_ms=te, noise_seed=int(rng.integers(2**31)))


def grades_of_truth(truth: DiscTruth) -> DiscGrades:
    """The measured labels as a record."""
    return DiscGrades(truth.pfirrmann, truth.modic, truth.upper_endplate, truth.lower_endplate, truth.spondylolisthesis, truth.herniation,
                      truth.narrowing, truth.bulging)


def padded(box: Box, shape: tuple[int, ...], by: float = BOX_PADDING_PX) -> Box:
    """The box with a border, clipped to the image of that shape (rows, columns)."""
    x0, y0, x1, y1 = box
    return max(x0 - by, 0.0), max(y0 - by, 0.0), min(x1 + by, float(shape[1])), min(y1 + by, float(shape[0]))
