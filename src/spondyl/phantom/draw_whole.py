"""From the mid-line to the whole subject: everything that `draw_subject` adds beside the plane that it drew first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spondyl.phantom.draw_arch import shape_arches
from spondyl.phantom.draw_bone import shape_bones
from spondyl.phantom.draw_film import grade_film
from spondyl.phantom.draw_joints import shape_joints
from spondyl.phantom.draw_person import Person, draw_person, streams
from spondyl.phantom.draw_posture import curve_spine
from spondyl.phantom.draw_profiles import Profile
from spondyl.phantom.draw_stenosis import narrow
from spondyl.phantom.draw_trunk import draw_foreign, draw_implants, draw_trunk
from spondyl.phantom.spec import DiscSpec, SubjectSpec


def complete(spec: SubjectSpec, size: float, profile: Profile) -> SubjectSpec:
    """The subject with its third dimension. Chance comes from children of its texture seed, so that the mid-line stays as drawn."""
    chance = streams(spec.texture_seed)
    person = draw_person(chance["person"], spec, size, profile)
    bodies = shape_arches(chance["arch"], spec, person, shape_bones(chance["bone"], spec, person))
    bodies = curve_spine(chance["posture"], person, bodies, spec.discs)
    discs = shape_joints(chance["joints"], person, bodies, _worn(chance["midline"], spec.discs, person))
    if profile.film_grade:
        discs = grade_film(chance["film"], person, bodies, discs)
    if profile.stenosis == "rsna":
        bodies, discs = narrow(chance["stenosis"], person, spec, bodies, discs)
    trunk = draw_trunk(chance["trunk"], person)
    devices = chance["devices"]
    implants = draw_implants(devices, person, bodies, discs)
    foreign = draw_foreign(devices, person, spec, trunk)
    return replace(spec, vertebrae=bodies, discs=discs, trunk=replace(trunk, implants=implants, foreign=foreign))


def _worn(rng: np.random.Generator, discs: tuple[DiscSpec, ...], person: Person) -> tuple[DiscSpec, ...]:
    """The discs with their lost height and spurs scaled, and their slips thinned out, as the profile says."""
    kind, kept = person.profile, rng.random(len(discs)) < person.profile.slip
    if kind.loss == 1 and person.spur == 1 and kept.all():
        return discs
    return tuple(
        replace(disc, height_loss=min(disc.height_loss * kind.loss, 0.85), spurs_mm=_scaled(disc.spurs_mm, person.spur),
                slip_mm=disc.slip_mm if keep or abs(disc.slip_mm) < 2 else 0.15 * disc.slip_mm)
        for disc, keep in zip(discs, kept, strict=True))


def _scaled(pair: tuple[float, float], by: float) -> tuple[float, float]:
    return min(pair[0] * by, 12.0), min(pair[1] * by, 4.0)
