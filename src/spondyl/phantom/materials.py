"""What every voxel can be made of: composition for X-rays, relaxation for MR. One table a subject, rows named here.

Densities and the bone model (mineral in marrow, never "cortical bone at low density") follow ICRU-44 and the project's physics sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.tissue import DISC_ECHO, MARROW_WATER, TISSUES, Tissue

BODIES, DISCS = range(-5, 17), range(-4, 17)
"""Indices of bodies (sacral ones from -1 down) and of discs (remnants from -1 down) that a table has rows for."""
MARROW_STATES = ("healthy", "dense", "modic1", "modic2", "modic3")
GENERIC = (
    "none", "air", "skin", "fat", "muscle", "organ", "bowel", "gas", "vessel", "csf", "root", "cord", "dura", "epidural_fat", "flavum",
    "ligament", "interspinous", "cortex", "endplate", "cartilage", "joint_fluid", "rib", "pelvis", "pelvis_cortex", "haemangioma", "lesion",
    "herniation", "titanium", "steel", "peek", "cement", "blood", "urine", "uterus", "cortex_thin", "spur", "scar", "lung",
)
_CODE = {name: k for k, name in enumerate(GENERIC)}
MARROW0 = 40
NUCLEUS0 = MARROW0 + len(BODIES) * len(MARROW_STATES)
ANNULUS0 = NUCLEUS0 + len(DISCS)
SIZE = ANNULUS0 + len(DISCS)
"""Rows of a table; below 256, so that a voxel is a byte."""

SOFT_G_CM3, FAT_G_CM3, MINERAL_G_CM3, TITANIUM_G_CM3, STEEL_G_CM3 = 1.06, 0.95, 3.16, 4.5, 7.9
LUNG_G_CM3 = 0.26
"""Lung filled with air, as ICRU-44 has it (unverified); it gives no signal in MR [O]."""
DRY_FAT = 0.05
"""Fat fraction of a dry disc, whose fibres and clefts are not quite black on T2-weighted pictures of patients [O]."""
CORTEX_MINERAL_G_CM3 = 1.15
"""Mineral of compact bone (1.92 g/cm3, 60 % of it mineral) [O]."""


@dataclass(frozen=True, slots=True)
class Material:
    """One row of the table.

    Attributes:
        soft, fat, mineral, titanium, steel: Grams of each X-ray basis material in a cm3 (soft tissue, adipose, hydroxyapatite, metals).
        tissue: MR tissue: water pool and fat fraction; None gives no signal.
        grain: Relative standard deviation of its texture.
    """

    name: str
    soft: float
    fat: float = 0.0
    mineral: float = 0.0
    titanium: float = 0.0
    steel: float = 0.0
    tissue: Tissue | None = None
    grain: float = 0.0


def material(name: str) -> int:
    """Row of a generic material.

    Raises:
        KeyError: If there is none of that name.
    """
    return _CODE[name]


def marrow(body: int, state: str = "healthy") -> int:
    """Row of the marrow of a body (0 the lowest above the sacrum, -1 S1, -2 S2 ...) in that state."""
    return MARROW0 + (body - BODIES.start) * len(MARROW_STATES) + MARROW_STATES.index(state)


def nucleus(disc: int) -> int:
    """Row of a disc's nucleus (0 the lowest disc, -1 the S1/S2 remnant)."""
    return NUCLEUS0 + disc - DISCS.start


def annulus(disc: int) -> int:
    """Row of a disc's annulus."""
    return ANNULUS0 + disc - DISCS.start


def table(spec: SubjectSpec) -> tuple[Material, ...]:
    """The materials of that subject, `SIZE` rows."""
    rows = [Material("none", 0.0)] * SIZE
    for name, row in _generic().items():
        rows[_CODE[name]] = row
    for body in BODIES:
        for state in MARROW_STATES:
            rows[marrow(body, state)] = _marrow(spec, body, state)
    for disc in DISCS:
        inner, outer = _disc(spec, disc)
        rows[nucleus(disc)], rows[annulus(disc)] = inner, outer
    return tuple(rows)


def column(materials: tuple[Material, ...], name: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """One attribute of all materials, float32 (SIZE,): for `Block.lookup`."""
    return np.array([getattr(row, name) for row in materials], np.float32)


def _plain(name: str, tissue: str, fat: float = 0.0, grain: float = 0.04, mineral: float = 0.0) -> Material:
    """A soft material with a share of fat and some mineral by displacement."""
    room = 1 - mineral / MINERAL_G_CM3
    return Material(name, SOFT_G_CM3 * (1 - fat) * room, FAT_G_CM3 * fat * room, mineral, tissue=TISSUES[tissue], grain=grain)


def _generic() -> dict[str, Material]:
    compact = CORTEX_MINERAL_G_CM3
    rows = [
        Material("none", 0.0), Material("air", 0.0), Material("gas", 0.0), Material("lung", LUNG_G_CM3, grain=0.3),
        _plain("skin", "skin"), _plain("fat", "fat", 1.0, 0.05),
        _plain("muscle", "muscle", 0.06, 0.12), _plain("organ", "organ", 0.05, 0.05), _plain("bowel", "bowel", 0.05, 0.2),
        _plain("vessel", "vessel"), _plain("csf", "csf", grain=0.01), _plain("root", "root"), _plain("cord", "cord"),
        _plain("dura", "ligament"), _plain("epidural_fat", "fat", 0.95, 0.05), _plain("flavum", "flavum"), _plain("ligament", "ligament"),
        _plain("interspinous", "interspinous", 0.4, 0.1), _plain("cortex", "cortex", mineral=compact),
        _plain("cortex_thin", "cortex", mineral=compact * 0.6), _plain("endplate", "cortex", mineral=compact * 0.8),
        _plain("spur", "cortex", mineral=compact * 0.7), _plain("cartilage", "flavum"), _plain("joint_fluid", "urine"),
        _plain("rib", "interspinous", 0.1, mineral=0.35), _plain("pelvis", "interspinous", 0.5, 0.08, mineral=0.12),
        _plain("pelvis_cortex", "cortex", mineral=compact), _plain("herniation", "root", grain=0.1), _plain("blood", "blood"),
        _plain("urine", "urine", grain=0.0), _plain("uterus", "organ"), _plain("scar", "flavum"),
        Material("haemangioma", SOFT_G_CM3 * 0.15, FAT_G_CM3 * 0.8, 0.06, tissue=Tissue(900, 1.0, 60, 1.0, 0.85), grain=0.1),
        Material("lesion", SOFT_G_CM3 * 0.8, 0.0, 0.6, tissue=Tissue(700, 1.0, 18, 0.3), grain=0.05),
        Material("titanium", 0.0, titanium=TITANIUM_G_CM3), Material("steel", 0.0, steel=STEEL_G_CM3),
        Material("peek", 1.25), Material("cement", 0.9, mineral=0.7),
    ]
    return {row.name: row for row in rows}


def _marrow(spec: SubjectSpec, body: int, state: str) -> Material:
    """Marrow of one body: its own fat fraction and mineral, changed as the state says.

    Modic 1: water +60 %, T2 x 2.6; Modic 2: fat fraction 0.85; Modic 3: proton density x 0.25 [O], and dense as sclerosis is.
    """
    own = spec.vertebrae[min(max(body, 0), len(spec.vertebrae) - 1)]
    fat, mineral = min(own.fat + 0.05 * (body < 0), 0.85), own.trabecular_mg_cm3 / 1000
    water = MARROW_WATER
    t2, density = water.t2_ms, water.density
    if state == "modic1":
        fat, density, t2 = 1 - min((1 - fat) * 1.6, 0.95), 1.0, t2 * 2.6
    elif state == "modic2":
        fat = max(0.85, fat)
    elif state in ("modic3", "dense"):
        density, mineral = density * (0.25 if state == "modic3" else 0.6), mineral + 0.25
    room = 1 - mineral / MINERAL_G_CM3
    tissue = Tissue(water.t1_ms, water.t1_factor_3t, t2, density, fat)
    return Material(f"marrow {body} {state}", SOFT_G_CM3 * (1 - fat) * room, FAT_G_CM3 * fat * room, mineral, tissue=tissue, grain=0.08)


def _disc(spec: SubjectSpec, disc: int) -> tuple[Material, Material]:
    """Nucleus and annulus; T1 and density follow hydration (SyMRI: normal, medium, dry)."""
    own = spec.discs[min(disc, len(spec.discs) - 1)] if disc >= 0 else None
    times = (own.nucleus_t2_ms, own.annulus_t2_ms) if own else (70.0, 45.0)
    grain = 0.03 + 0.2 * (1 - own.homogeneity) if own else 0.1
    inner, outer = (_disc_tissue(t2) for t2 in times)
    return (Material(f"nucleus {disc}", SOFT_G_CM3, tissue=inner, grain=grain),
            Material(f"annulus {disc}", SOFT_G_CM3, tissue=outer, grain=0.06))


def _disc_tissue(t2_ms: float) -> Tissue:
    t1 = float(np.interp(t2_ms, (20, 56, 67, 102, 210), (520, 554, 723, 1165, 1350)))
    density = float(np.interp(t2_ms, (5, 30, 56, 67, 102, 210), (0.12, 0.38, 0.48, 0.61, 0.79, 0.9))) / 1.08
    return Tissue(t1, 1.1, t2_ms, density, float(np.interp(t2_ms, (48, 66), (DRY_FAT, 0.0))),
                  float(np.interp(t2_ms, *DISC_ECHO)))


