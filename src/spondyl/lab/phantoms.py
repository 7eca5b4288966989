"""Contact sheets of the digital spine: one subject, or a subject and its twin that lacks one thing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spondyl.core.errors import InputError
from spondyl.datasets.cohort import subject_rng
from spondyl.phantom import draw_subject
from spondyl.phantom.examination import QUICK, draw_orders, examine
from spondyl.phantom.measured import SubjectTruth
from spondyl.phantom.solid import build
from spondyl.phantom.twin import without
from spondyl.reports.contact_sheet import contact_sheet, side_by_side

Row = dict[str, str]
DISC_LABELS = ("pfirrmann", "modic", "narrowing", "bulging", "herniation", "spondylolisthesis", "upper_endplate", "lower_endplate", "grade")


def show(seed: int, subject: int, role: str, profile: str, out: Path, quick: bool = False) -> SubjectTruth:
    """Write the contact sheet of that subject of a cohort, and give its truth.

    Raises:
        InputError: `output-not-png` or `output-folder-missing`.
        NotFoundError: `unknown-role` or `unknown-profile`.
    """
    _check(out)
    rng = subject_rng(seed, role, subject)
    seen = examine(draw_subject(rng, profile), rng, quick)
    out.write_bytes(contact_sheet(seen, f"Seed {seed}, subject {subject}"))
    return seen.truth


def twin(seed: int, subject: int, role: str, profile: str, change: str, out: Path, quick: bool = False) -> list[Row]:
    """Write the sheets of a subject and of its twin, taken by the same acquisitions, and give the labels that differ.

    Raises:
        InputError: `phantom-twin-unknown`, `phantom-twin-same`, `output-not-png` or `output-folder-missing`.
        NotFoundError: `unknown-role` or `unknown-profile`.
    """
    _check(out)
    rng = subject_rng(seed, role, subject)
    spec = draw_subject(rng, profile)
    other = without(spec, change)
    orders = draw_orders(rng, build(spec, QUICK if quick else None))
    pair = [examine(one, orders, quick) for one in (spec, other)]
    titles = (f"Seed {seed}, subject {subject}", f"The same without {change}")
    out.write_bytes(side_by_side([contact_sheet(seen, title) for seen, title in zip(pair, titles, strict=True)]))
    return changed_labels(pair[0].truth, pair[1].truth)


def _check(out: Path) -> None:
    """Refuse a place that cannot take a PNG, before the work is done."""
    if out.suffix.lower() != ".png":
        raise InputError("output-not-png", f"the picture is a PNG, and {out.name!r} does not end in .png", "Name it .png")
    if not out.parent.is_dir():
        raise InputError("output-folder-missing", "the folder of the picture does not exist", "Make the folder, or name another")


def changed_labels(before: SubjectTruth, after: SubjectTruth) -> list[Row]:
    """Rows of {label, with, without} for every label that differs between two truths of one anatomy."""
    pairs = zip(_labels(before), _labels(after), strict=True)
    return [{"label": name, "with": value, "without": other} for (name, value), (_, other) in pairs if value != other]


def _labels(truth: SubjectTruth) -> Iterator[tuple[str, str]]:
    for disc in truth.discs:
        for name in DISC_LABELS:
            yield f"{disc.level} {name}", str(getattr(disc, name))
    for row in truth.stenosis:
        yield f"{row.level} {row.condition}{f' {row.side}' if row.side else ''}", str(row.grade)
    for vertebra in truth.vertebrae:
        yield f"{vertebra.name} genant", str(vertebra.genant)
    yield "largest Cobb angle", f"{np.round(truth.curves[0].cobb_deg) if truth.curves else 0:.0f} degrees"
    yield "spine class", str(truth.density.who_class if truth.density else None)
