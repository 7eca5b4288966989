"""From the mid-line to the whole subject: everything that `draw_subject` adds beside the plane that it drew first."""

from __future__ import annotations

from dataclasses import replace

from spondyl.phantom.draw_arch import shape_arches
from spondyl.phantom.draw_bone import shape_bones
from spondyl.phantom.draw_joints import shape_joints
from spondyl.phantom.draw_person import draw_person, streams
from spondyl.phantom.draw_posture import curve_spine
from spondyl.phantom.draw_profiles import Profile
from spondyl.phantom.draw_trunk import draw_foreign, draw_implants, draw_trunk
from spondyl.phantom.spec import SubjectSpec


def complete(spec: SubjectSpec, size: float, profile: Profile) -> SubjectSpec:
    """The subject with its third dimension. Chance comes from children of its texture seed, so that the mid-line stays as drawn."""
    chance = streams(spec.texture_seed)
    person = draw_person(chance["person"], spec, size, profile)
    bodies = shape_arches(chance["arch"], spec, person, shape_bones(chance["bone"], spec, person))
    bodies = curve_spine(chance["posture"], person, bodies, spec.discs)
    discs = shape_joints(chance["joints"], person, bodies, spec.discs)
    trunk = draw_trunk(chance["trunk"], person)
    devices = chance["devices"]
    implants = draw_implants(devices, person, bodies, discs)
    foreign = draw_foreign(devices, person, spec, trunk)
    return replace(spec, vertebrae=bodies, discs=discs, trunk=replace(trunk, implants=implants, foreign=foreign))
