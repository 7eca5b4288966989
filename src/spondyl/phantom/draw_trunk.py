"""The chance of the body around the spine, and of what was put into it or lies on it."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.draw_person import Person
from spondyl.phantom.spec import DiscSpec, SubjectSpec, VertebraSpec
from spondyl.phantom.spec_parts import FOREIGN, ForeignSpec, ImplantSpec, TrunkSpec

FUSED = (1.0, 1.3, 0.7, 0.4, 0.3, 0.2)
"""Weight of each segment from the lowest up for screws [O]."""
METALS = ("titanium", "steel")
FOREIGN_MM = {"clip": (5.0, 9.0), "coin": (19.0, 25.0), "button": (9.0, 16.0), "electrode": (12.0, 22.0), "pellet": (2.5, 5.0)}


def draw_trunk(rng: np.random.Generator, person: Person) -> TrunkSpec:
    """Widths, fats and muscle by sex, size, body mass and age [O]."""
    male, over, older = person.sex == "M", person.bmi - 26, max(person.age - 30, 0.0)
    noise, lean = rng.normal(0, 1, 7), 0.04 if male else 0.08
    return TrunkSpec(
        half_width_mm=float(np.clip((152 + 6 * male) * person.size**0.5 + 4.6 * over + 6 * noise[0], 118, 260)),
        flank_fat_mm=float(np.clip((18 if male else 24) + 2.3 * over + 4 * noise[1], 4, 85)),
        psoas_mm=float(np.clip((26 if male else 21.5) * person.size * (1 - 0.003 * older) + 1.6 * noise[2], 12, 34)),
        multifidus_fat=float(np.clip(lean + 0.0045 * older + 0.006 * over + 0.03 * person.wear + 0.05 * noise[3], 0.02, 0.7)),
        gas=int(rng.poisson(5)),
        rib_mm=float(np.clip((10 if male else 8.6) * person.size + 0.5 * noise[4], 6.5, 13)),
        iliac_mm=float(np.clip(139 * person.size + 6 * noise[5], 112, 168)),
    )


def draw_implants(
    rng: np.random.Generator, person: Person, bodies: tuple[VertebraSpec, ...], discs: tuple[DiscSpec, ...],
) -> tuple[ImplantSpec, ...]:
    """Screws with rods over one to three segments (some with cages) at the profile's rate, where discs slip or are worn; cement in every
    third broken body."""
    draws = rng.random(3)
    metal = METALS[int(rng.random() < 0.25)]
    segments = int(rng.choice([1, 2, 3], p=[0.6, 0.28, 0.12]))
    worth = np.array([(0.2 + d.height_loss + 0.6 * (abs(d.slip_mm) >= 3)) * w for d, w in zip(discs[:person.lumbar], FUSED, strict=False)])
    first = int(rng.choice(person.lumbar, p=worth / worth.sum()))
    fused: list[ImplantSpec] = []
    if draws[0] < person.profile.implant:
        last = min(first + segments - 1, len(bodies) - 1)
        fused.append(ImplantSpec("screws", first - 1, last, metal))
        if draws[1] < 0.45:
            fused.append(ImplantSpec("cage", first, first, "peek" if draws[2] < 0.6 else "titanium"))
    broken = [i for i, body in enumerate(bodies) if body.fracture.kind != "none"]
    filled = [i for i, chance in zip(broken, rng.random(len(broken)), strict=True) if chance < 0.15 and not _held(fused, i)]
    return (*fused, *(ImplantSpec("cement", i, i) for i in filled))


def _held(devices: list[ImplantSpec], body: int) -> bool:
    return any(device.lowest <= body <= device.highest for device in devices)


def draw_foreign(rng: np.random.Generator, person: Person, spec: SubjectSpec, trunk: TrunkSpec) -> tuple[ForeignSpec, ...]:
    """Objects in or on the body at the profile's rate: clips and pellets inside, the others on the skin in front [O]."""
    hit, count = rng.random(), 1 + int(rng.choice(3, p=[0.7, 0.2, 0.1]))
    objects = []
    for _ in range(count):
        kind = str(rng.choice(FOREIGN, p=[0.3, 0.12, 0.2, 0.23, 0.15]))
        x, height, share = rng.uniform(-0.75, 0.75) * trunk.half_width_mm, rng.uniform(-20, 230), rng.uniform(0.2, 0.8)
        skin = -spec.soft.belly_mm * float(np.sqrt(max(1 - (x / trunk.half_width_mm) ** 2, 0.05)))
        deep = kind in ("clip", "pellet")
        objects.append(ForeignSpec(kind, (float(x), float(skin * share - 20 if deep else skin - 22), float(height)),
                                   float(rng.uniform(*FOREIGN_MM[kind]))))
    return tuple(objects) if hit < person.profile.foreign else ()
