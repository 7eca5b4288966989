"""The same patient with one thing changed: for checks that only a phantom can make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from spondyl.core.errors import InputError, describe_unknown
from spondyl.core.level import disc_name
from spondyl.phantom.draw_bone import mineral_of
from spondyl.phantom.draw_person import REFERENCE_BMD
from spondyl.phantom.spec import DiscSpec, SubjectSpec, VertebraSpec
from spondyl.phantom.spec_parts import NO_FRACTURE, NO_LESION

HEALTHY_NUCLEUS_MS, HEALTHY_ANNULUS_MS = 180.0, 58.0
"""Relaxation times of a disc that is not degenerated (Pfirrmann I) [O]."""
CALM_BULGE_MM, THIN_FLAVUM_MM = 0.5, 2.5
"""What a rim and a ligament are where nothing narrows the canal [O]."""
SLIP_MM = 3.0
"""A step that is called a slip (rule slip-3mm/1)."""


def without(spec: SubjectSpec, change: str) -> SubjectSpec:
    """The subject with one thing taken away and every other number, the texture's seed too, as it was.

    Args:
        change: "PLACE:THING" or "THING". Things of a disc ("L4/L5:stenosis"): DISC_THINGS; of a vertebra ("L1:fracture"): BODY_THINGS;
            of the whole patient ("scoliosis"): WHOLE_THINGS. "stenosis" takes away everything that was laid over the canal there:
            herniation, bulge, posterior spurs, ridges, growth of joints and ligament; a slip and a lost height stay.

    Raises:
        InputError: `phantom-twin-unknown` if the place or the thing is not known; `phantom-twin-same` if there is nothing to take away.
    """
    place, _, thing = change.strip().rpartition(":")
    twin = _changed(spec, place, thing)
    if twin == spec:
        raise InputError("phantom-twin-same", f"there is no {thing} {f'at {place} ' if place else ''}to take away",
                         f"this subject has: {', '.join(things_of(spec)) or 'nothing that can be taken away'}")
    return twin


def things_of(spec: SubjectSpec) -> tuple[str, ...]:
    """What `without` can take away from that subject, but for joints, rims and steps below 3 mm that everyone has a little of."""
    discs = [f"{name}:{thing}" for name, disc in zip(disc_names(spec), spec.discs, strict=True)
             for thing in DISC_THINGS if thing not in _everyones(disc) and DISC_THINGS[thing](disc) != disc]
    bodies = [f"{name}:{thing}" for name, body in zip(vertebra_names(spec), spec.vertebrae, strict=True)
              for thing in BODY_THINGS if BODY_THINGS[thing](body) != body]
    held = [f"{name}:implant" for i, name in enumerate(vertebra_names(spec)) if _without_implant(spec, i) != spec]
    return (*discs, *bodies, *held, *(thing for thing in WHOLE_THINGS if WHOLE_THINGS[thing](spec) != spec))


def _everyones(disc: DiscSpec) -> tuple[str, ...]:
    return ("stenosis", "bulge", "degeneration", *(() if abs(disc.slip_mm) >= SLIP_MM else ("slip",)))


def disc_names(spec: SubjectSpec) -> tuple[str, ...]:
    """Names of the discs from the lowest up, "L5/S1" first with five lumbar vertebrae."""
    return tuple(disc_name(i + 1, spec.lumbar) for i in range(len(spec.discs)))


def vertebra_names(spec: SubjectSpec) -> tuple[str, ...]:
    """Names of the vertebrae from the lowest up, "L5" first with five lumbar ones."""
    return tuple(name.split("/", maxsplit=1)[0] for name in disc_names(spec))


def _changed(spec: SubjectSpec, place: str, thing: str) -> SubjectSpec:
    if not place:
        return WHOLE_THINGS[_known("change of a whole patient", thing, WHOLE_THINGS)](spec)
    if "/" in place:
        i = disc_names(spec).index(_known("disc of this subject", place, disc_names(spec)))
        change = DISC_THINGS[_known("change of a disc", thing, DISC_THINGS)]
        return replace(spec, discs=tuple(change(disc) if k == i else disc for k, disc in enumerate(spec.discs)))
    i = vertebra_names(spec).index(_known("vertebra of this subject", place, vertebra_names(spec)))
    name = _known("change of a vertebra", thing, (*BODY_THINGS, "implant"))
    if name == "implant":
        return _without_implant(spec, i)
    return replace(spec, vertebrae=tuple(BODY_THINGS[name](body) if k == i else body for k, body in enumerate(spec.vertebrae)))


def _known(kind: str, name: str, known: Iterable[str]) -> str:
    names = tuple(known)
    if name not in names:
        hint = 'write "L4/L5:stenosis", "L1:fracture" or "scoliosis"'
        raise InputError("phantom-twin-unknown", describe_unknown(kind, name, names), hint)
    return name


def _no_stenosis(disc: DiscSpec) -> DiscSpec:
    disc = _no_herniation(disc)
    return replace(
        disc, bulge_mm=(disc.bulge_mm[0], min(disc.bulge_mm[1], CALM_BULGE_MM)), spurs_mm=(disc.spurs_mm[0], 0.0), facet_mm=(0.0, 0.0),
        ridge_mm=(0.0, 0.0),
        bulge_lateral_mm=_capped(disc.bulge_lateral_mm, CALM_BULGE_MM), flavum_mm=_capped(disc.flavum_mm, THIN_FLAVUM_MM),
    )


def _no_herniation(disc: DiscSpec) -> DiscSpec:
    return replace(disc, herniation_mm=0.0, herniation_up=0.0, herniation_zone="central", herniation_width_mm=14.0)


def _no_bulge(disc: DiscSpec) -> DiscSpec:
    return replace(disc, bulge_mm=_capped(disc.bulge_mm, CALM_BULGE_MM), bulge_lateral_mm=_capped(disc.bulge_lateral_mm, CALM_BULGE_MM))


def _no_degeneration(disc: DiscSpec) -> DiscSpec:
    return replace(disc, height_loss=0.0, nucleus_t2_ms=max(disc.nucleus_t2_ms, HEALTHY_NUCLEUS_MS),
                   annulus_t2_ms=max(disc.annulus_t2_ms, HEALTHY_ANNULUS_MS), homogeneity=max(disc.homogeneity, 0.95), fissure=0.0)


def _capped(pair: tuple[float, float], most: float) -> tuple[float, float]:
    return min(pair[0], most), min(pair[1], most)


def _without_implant(spec: SubjectSpec, body: int) -> SubjectSpec:
    kept = tuple(device for device in spec.trunk.implants if not device.lowest <= body <= device.highest)
    return replace(spec, trunk=replace(spec.trunk, implants=kept))


def _straight(spec: SubjectSpec) -> SubjectSpec:
    return replace(spec, vertebrae=tuple(replace(body, coronal_deg=0.0, axial_deg=0.0) for body in spec.vertebrae))


def _dense(spec: SubjectSpec) -> SubjectSpec:
    """Mineral raised to a young adult's mean where it is below; fractures stay."""
    least, shell = mineral_of(REFERENCE_BMD[0])
    return replace(spec, vertebrae=tuple(
        replace(body, trabecular_mg_cm3=max(body.trabecular_mg_cm3, least), cortex_mm=max(body.cortex_mm, shell))
        for body in spec.vertebrae))


DISC_THINGS: dict[str, Callable[[DiscSpec], DiscSpec]] = {
    "stenosis": _no_stenosis, "herniation": _no_herniation, "bulge": _no_bulge,
    "spurs": lambda disc: replace(disc, spurs_mm=(0.0, 0.0), spurs_lateral_mm=(0.0, 0.0)),
    "slip": lambda disc: replace(disc, slip_mm=0.0), "degeneration": _no_degeneration,
    "modic": lambda disc: replace(disc, modic=(0, 0), modic_mm=(0.0, 0.0)), "narrowing": lambda disc: replace(disc, height_loss=0.0),
}
BODY_THINGS: dict[str, Callable[[VertebraSpec], VertebraSpec]] = {
    "fracture": lambda body: replace(body, fracture=NO_FRACTURE), "lesion": lambda body: replace(body, lesion=NO_LESION),
    "haemangioma": lambda body: replace(body, haemangioma=(*body.haemangioma[:2], 0.0)),
}
"""Beside "implant", which lies in the trunk."""
WHOLE_THINGS: dict[str, Callable[[SubjectSpec], SubjectSpec]] = {"scoliosis": _straight, "osteoporosis": _dense}
