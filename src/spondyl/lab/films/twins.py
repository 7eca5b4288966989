"""What can be taken from a digital patient, or given to one, so that the label of a film changes and nothing else does.

A place is a level or a vertebra with one thing wrong with it ("L4/L5:spurs", "L1:fracture"); all boxes of it go with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from spondyl.core import InputError
from spondyl.phantom import SubjectSpec, draw_subject
from spondyl.phantom.draw_profiles import Profile
from spondyl.phantom.measured import FilmBox, FilmTruth
from spondyl.phantom.spec_parts import NO_FRACTURE
from spondyl.phantom.twin import disc_names, vertebra_names, without

TASKS = ("xray-lesions", "xray-grade")
THINGS = {
    "Osteophytes": "spurs", "Disc space narrowing": "narrowing", "Spondylolysthesis": "slip", "Foraminal stenosis": "stenosis",
    "Vertebral collapse": "fracture",
}
"""Lesions that a change of `phantom.twin` takes away."""
WORN = ("spurs", "degeneration")
"""What makes the grade of a disc."""
GIVEN = {"spurs": 3.0, "narrowing": 0.4, "slip": 4.0, "fracture": 0.3}
"""Things that are given to another, and how large they are at least: clear of the rules' thresholds (2 mm, a third, 3 mm, a quarter)."""
MOST_DONORS = 200
REACHED = 5
"""Levels from the lowest up at which things are given: every film shows them."""


def place_of(box: FilmBox) -> str:
    """The place that a finding belongs to, as "PLACE:THING"."""
    if box.lesion_type in THINGS:
        return f"{box.where.split()[0]}:{THINGS[box.lesion_type]}"
    if box.lesion_type == "Surgical implant":
        return "implants"
    if box.where.endswith(" sclerosis"):
        return f"{box.where.split()[0]}:sclerosis"
    return f"{box.where}:lesion" if box.where[:1] in "LTS" and box.where[1:].isdigit() else "foreign"


def places_of(truth: FilmTruth, task: str) -> tuple[str, ...]:
    """What must go so that nothing is wrong with the film, or so that its grade falls: the largest boxes first."""
    if task == "xray-grade":
        worst = [disc.level for disc in truth.discs if disc.inside and disc.grade == truth.grade and disc.grade > 0]
        return tuple(f"{level}:worn" for level in worst)
    area: dict[str, float] = {}
    for box in truth.boxes:
        x0, y0, x1, y1 = box.box
        area[place_of(box)] = area.get(place_of(box), 0.0) + (x1 - x0) * (y1 - y0)
    return tuple(sorted(area, key=lambda name: (-area[name], name)))


def taken(spec: SubjectSpec, places: Iterable[str]) -> SubjectSpec:
    """The subject without what is wrong at those places, every other number as it was."""
    for place in places:
        spec = _without(spec, place)
    return spec


def _without(spec: SubjectSpec, place: str) -> SubjectSpec:
    where, _, thing = place.rpartition(":")
    if thing == "worn":
        return taken(spec, [f"{where}:{one}" for one in WORN])
    if thing == "implants":
        return replace(spec, trunk=replace(spec.trunk, implants=()))
    if thing == "foreign":
        return replace(spec, trunk=replace(spec.trunk, foreign=()))
    if thing == "sclerosis":
        at = disc_names(spec).index(where)
        return _with_disc(spec, at, sclerosis_mm=(0.0, 0.0))
    try:
        return without(spec, place)
    except InputError as error:
        if error.code != "phantom-twin-same":
            raise
        return spec


def given(rng: np.random.Generator, spec: SubjectSpec, profile: Profile | str, task: str) -> tuple[SubjectSpec, str]:
    """The subject with what another one of the profile has at one level, and the place.

    Others are drawn until one has something that is large enough and that the subject can have.

    Raises:
        InputError: `twin-no-donor` if MOST_DONORS have none.
    """
    for _ in range(MOST_DONORS):
        donor = draw_subject(rng, profile)
        level, pick = int(rng.integers(REACHED)), rng.random()
        things = _worth_giving(donor, level, task)
        if not things or level >= min(len(spec.discs), spec.lumbar):
            continue
        thing = things[int(pick * len(things))]
        try:
            twin = _grafted(spec, donor, level, thing)
        except InputError:  # the two do not fit: a limit of the model
            continue
        names = vertebra_names(spec) if thing == "fracture" else disc_names(spec)
        return twin, f"{names[level]}:{thing}"
    raise InputError("twin-no-donor", f"none of {MOST_DONORS} digital patients has something to give", "Take a profile with more disease")


def _worth_giving(donor: SubjectSpec, level: int, task: str) -> list[str]:
    disc, body = donor.discs[level], donor.vertebrae[level]
    sizes = {"spurs": max(*disc.spurs_mm[:1], *disc.spurs_lateral_mm), "narrowing": disc.height_loss, "slip": abs(disc.slip_mm),
             "fracture": body.fracture.loss if body.fracture != NO_FRACTURE else 0.0}
    large = [thing for thing, size in sizes.items() if size >= GIVEN[thing]]
    if task == "xray-grade":
        return ["worn"] if {"spurs", "narrowing"} & set(large) else []
    return large


def _grafted(spec: SubjectSpec, donor: SubjectSpec, level: int, thing: str) -> SubjectSpec:
    """The subject with one thing of the donor's at that level.

    Raises:
        InputError: If the subject cannot have it.
    """
    other = donor.discs[level]
    if thing == "fracture":
        broken = replace(spec.vertebrae[level], fracture=donor.vertebrae[level].fracture)
        return replace(spec, vertebrae=tuple(broken if k == level else body for k, body in enumerate(spec.vertebrae)))
    if thing == "slip":
        return _with_disc(spec, level, slip_mm=other.slip_mm)
    if thing in ("spurs", "worn"):
        spec = _with_disc(spec, level, spurs_mm=other.spurs_mm, spurs_lateral_mm=other.spurs_lateral_mm)
    if thing in ("narrowing", "worn"):
        flatter = min(spec.discs[level].lordotic_deg, max(other.lordotic_deg, 0.0))
        spec = _with_disc(spec, level, height_loss=other.height_loss, lordotic_deg=flatter)
    return spec


def _with_disc(spec: SubjectSpec, level: int, **values: object) -> SubjectSpec:
    changed = replace(spec.discs[level], **values)  # type: ignore[arg-type]
    return replace(spec, discs=tuple(changed if k == level else disc for k, disc in enumerate(spec.discs)))
