"""What a subject may be: the limits of the model, each with the rule that it stands for. Checked whenever a spec is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from spondyl.core.errors import InputError
from spondyl.core.level import disc_name

if TYPE_CHECKING:
    from spondyl.phantom.spec import SubjectSpec

Limits = Mapping[str, tuple[float, float, str]]
SUBJECT: Limits = {"age_years": (0, 120, "a person's age")}
VERTEBRA: Limits = {
    "posterior_height_mm": (3, 60, "a body has a height"), "lower_depth_mm": (5, 80, "a plate has a depth"),
    "upper_depth_mm": (5, 80, "a plate has a depth"), "width_mm": (5, 100, "a plate has a width"),
    "lordotic_wedge_deg": (-45, 45, "a body is not wedged beyond 45 degrees"), "fat": (0, 1, "a share"),
    "wall_mm": (-5, 10, "a wall's hollow is smaller than the body"), "spinous_mm": (0, 80, "a process has a length"),
    "spinous_deg": (-30, 90, "a spinous process points back or down"),
    "trabecular_mg_cm3": (1, 600, "spongy bone holds some mineral, and less than compact bone"),
    "cortex_mm": (0.01, 5, "a shell is thinner than the body"),
    "coronal_deg": (-45, 45, "a vertebra does not tilt beyond 45 degrees"),
    "axial_deg": (-45, 45, "a vertebra does not turn beyond 45 degrees"),
}
ARCH: Limits = {
    "pedicle_mm": (1, 40, "a pedicle has a width and a height"), "canal_mm": (4, 50, "the canal has a width and a depth"),
    "transverse_mm": (5, 90, "a transverse process has a length"), "facet_tilt_deg": (0, 90, "a joint lies between sagittal and coronal"),
    "lamina_mm": (1, 50, "a lamina has a height and a thickness"),
}
LESION: Limits = {"at": (-1, 1, "a lesion lies in the body"), "radius_mm": (0, 25, "a lesion fits into the body")}
DISC: Limits = {
    "expected_mm": (0.5, 30, "a healthy disc has a height"), "height_loss": (0, 0.95, "a disc cannot lose more than it had"),
    "lordotic_deg": (-45, 45, "two plates do not tilt beyond 45 degrees"), "nucleus_t2_ms": (1, 2000, "a relaxation time"),
    "annulus_t2_ms": (1, 2000, "a relaxation time"), "homogeneity": (0, 1, "a share"), "fissure": (0, 1, "a share"),
    "bulge_mm": (0, 15, "a rim reaches outward"), "bulge_lateral_mm": (0, 15, "a rim reaches outward"),
    "herniation_mm": (0, 40, "a herniation reaches outward"), "herniation_up": (-5, 5, "a herniation stays at its disc"),
    "herniation_width_mm": (1, 40, "a herniation has a width"), "modic": (0, 3, "Modic types are 0 to 3"),
    "modic_mm": (0, 40, "changed marrow has a thickness"), "spurs_mm": (0, 25, "a spur reaches outward"),
    "spurs_lateral_mm": (0, 25, "a spur reaches outward"), "sclerosis_mm": (0, 25, "dense bone has a depth"),
    "facet_mm": (0, 15, "a joint grows outward"), "flavum_mm": (0.5, 15, "a ligament has a thickness"),
    "ridge_mm": (0, 15, "a ridge reaches outward"),
}
PLATE: Limits = {
    "concavity_mm": (0, 8, "a plate is hollow, not domed"), "irregularity_mm": (0, 8, "an amplitude"),
    "node_mm": (0, 20, "a node goes into the body"), "node_at": (0, 1, "a node lies on its plate"),
}
SACRUM: Limits = {
    "slope_deg": (-20, 80, "a sacrum slopes by -20 to 80 degrees"), "depth_mm": (10, 80, "a plate has a depth"),
    "curve_deg": (-60, 60, "sacral segments turn a little each"), "remnant_mm": (0.1, 15, "a remnant disc has a height"),
}
SOFT: Limits = {
    "canal_mm": (2, 40, "the sac has a depth"), "epidural_mm": (0, 20, "fat has a thickness"),
    "back_fat_mm": (0, 200, "fat has a thickness"), "belly_mm": (20, 450, "the belly lies in front of the spine"),
    "bowel_gas": (0, 1, "a share"), "bowel_fat": (0, 1, "a share"),
}
TRUNK: Limits = {
    "half_width_mm": (60, 400, "the body is wider than the spine"), "flank_fat_mm": (0, 200, "fat has a thickness"),
    "psoas_mm": (0, 60, "a muscle has a radius"), "multifidus_fat": (0, 1, "a share"), "gas": (0, 200, "a number of pockets"),
    "rib_mm": (1, 30, "a rib has a thickness"), "iliac_mm": (50, 250, "the crests lie beside the spine"),
}


def check_spec(spec: SubjectSpec) -> None:
    """Refuse a subject that the model cannot build.

    Raises:
        InputError: `phantom-spec-invalid`, with the place, the value and the rule that it breaks.
    """
    _within("the subject", spec, SUBJECT)
    _within("the sacrum", spec.sacrum, SACRUM)
    _within("the soft tissue", spec.soft, SOFT)
    _within("the trunk", spec.trunk, TRUNK)
    for i, (body, disc) in enumerate(zip(spec.vertebrae, spec.discs, strict=True)):
        level = disc_name(i + 1, spec.lumbar)
        name = level.split("/", maxsplit=1)[0]
        _within(name, body, VERTEBRA)
        _within(name, body.arch, ARCH)
        _within(name, body.lesion, LESION)
        _within(level, disc, DISC)
        _within(level, disc.upper_plate, PLATE)
        _within(level, disc.lower_plate, PLATE)
        _check_disc(spec, i, level)
    _check_devices(spec)


def _within(where: str, part: object, limits: Limits) -> None:
    for name, (low, high, rule) in limits.items():
        value = getattr(part, name)
        for number in value if isinstance(value, tuple) else (value,):
            if not low <= number <= high:
                raise InputError("phantom-spec-invalid", f"{name} of {where} is {number:g}; {rule} ({low:g} to {high:g})",
                                 "change that number; every other one may stay")


def _check_disc(spec: SubjectSpec, index: int, level: str) -> None:
    """What a disc may be beside its neighbours: slips to 100 %, herniations as deep as the canal."""
    disc, depth = spec.discs[index], spec.vertebrae[index - 1].upper_depth_mm if index else spec.sacrum.depth_mm
    if not abs(disc.slip_mm) <= depth:
        raise InputError("phantom-spec-invalid",
                         f"slip_mm of {level} is {disc.slip_mm:g}: beyond 100 % of {depth:.1f} mm, the plate below",
                         "spondyloptosis is out of scope; keep slips within that plate")
    canal = spec.vertebrae[index].arch.canal_mm[1]
    if disc.herniation_mm > canal:
        raise InputError("phantom-spec-invalid",
                         f"herniation_mm of {level} is {disc.herniation_mm:g}; the canal is {canal:.1f} mm deep there",
                         "a herniation ends at the back of the canal")


def _check_devices(spec: SubjectSpec) -> None:
    count = len(spec.vertebrae)
    for device in spec.trunk.implants:
        if device.highest >= count or (device.kind != "screws" and device.lowest < 0):
            top = disc_name(count, spec.lumbar).split("/", maxsplit=1)[0]
            raise InputError("phantom-spec-invalid",
                             f"{device.kind} from vertebra {device.lowest} to {device.highest}: a level that the subject lacks",
                             f"vertebrae are counted from 0, the lowest above the sacrum, to {count - 1}, {top}; only screws reach S1 (-1)")
