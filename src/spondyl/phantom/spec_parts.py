"""The parts of a subject that the mid-line does not show: arches, fractures, devices, the trunk. Plain numbers, as in `spec`."""

from __future__ import annotations

from dataclasses import dataclass

FRACTURES = ("none", "wedge", "biconcave", "crush")
ZONES = ("central", "subarticular_right", "subarticular_left", "foraminal_right", "foraminal_left", "extraforaminal_right",
         "extraforaminal_left")
"""Where a herniation lies (Fardon 2014)."""
IMPLANTS = ("screws", "cage", "cement")
FOREIGN = ("clip", "coin", "button", "electrode", "pellet")


@dataclass(frozen=True, slots=True)
class FractureSpec:
    """A compression fracture.

    Attributes:
        kind: One of FRACTURES: where the height is lost - in front, in the middle, everywhere.
        loss: Share of the expected height that is lost there, 0..0.8.
        step_mm: Step of the broken end plate; 0 leaves it whole.
    """

    kind: str = "none"
    loss: float = 0.0
    step_mm: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in FRACTURES or not 0 <= self.loss <= 0.8:
            raise ValueError(f"a fracture is one of {FRACTURES} with a loss of 0 to 0.8, got {self.kind!r} and {self.loss}")


@dataclass(frozen=True, slots=True)
class ArchSpec:
    """What stands behind a vertebral body.

    Attributes:
        pedicle_mm: (width, height).
        canal_mm: (width between the pedicles, depth from the body's back to the lamina) of the bony canal.
        transverse_mm: From the midline to the tip of a transverse process; thoracic vertebrae carry ribs there.
        facet_tilt_deg: Angle of the facet joints against the sagittal plane.
        lamina_mm: (height, thickness).
    """

    pedicle_mm: tuple[float, float] = (9.0, 15.0)
    canal_mm: tuple[float, float] = (24.0, 16.0)
    transverse_mm: float = 42.0
    facet_tilt_deg: float = 35.0
    lamina_mm: tuple[float, float] = (19.0, 6.0)


@dataclass(frozen=True, slots=True)
class LesionSpec:
    """A dense (sclerotic) spot in a body.

    Attributes:
        at: (u, v, w) of its middle, -1..1 of the body's half width, depth and height.
        radius_mm: 0 is none.
    """

    at: tuple[float, float, float] = (0.0, 0.0, 0.0)
    radius_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class ImplantSpec:
    """A surgical device.

    Attributes:
        kind: "screws" (pedicle screws with rods), "cage" (in the disc below `lowest`), "cement" (in the body `lowest`).
        lowest, highest: First and last vertebra it holds, counted from 0, the lowest above the sacrum; -1 is S1.
        metal: "titanium" or "steel"; cages are of "titanium" or "peek".
    """

    kind: str
    lowest: int
    highest: int
    metal: str = "titanium"

    def __post_init__(self) -> None:
        if self.kind not in IMPLANTS or self.metal not in ("titanium", "steel", "peek") or not -1 <= self.lowest <= self.highest:
            raise ValueError(f"an implant is one of {IMPLANTS} of titanium, steel or peek, from a lower to a higher vertebra, got {self}")


@dataclass(frozen=True, slots=True)
class ForeignSpec:
    """An object that does not belong to the patient.

    Attributes:
        kind: One of FOREIGN.
        centre_mm: (x, y, z) of the patient frame.
        size_mm: Its longest extent.
    """

    kind: str
    centre_mm: tuple[float, float, float]
    size_mm: float

    def __post_init__(self) -> None:
        if self.kind not in FOREIGN or self.size_mm <= 0:
            raise ValueError(f"a foreign object is one of {FOREIGN} with a size, got {self}")


@dataclass(frozen=True, slots=True)
class TrunkSpec:
    """The body around the spine, where the mid-line does not tell.

    Attributes:
        half_width_mm: From the midline to the skin at L3.
        flank_fat_mm: Subcutaneous fat at the flanks.
        psoas_mm: Radius of the psoas at L4.
        multifidus_fat: Fat share of the muscles beside the spinous processes, 0..0.7.
        gas: Number of gas pockets in the bowel.
        rib_mm: Thickness of the lower ribs.
        iliac_mm: Half the distance between the iliac crests.
        implants, foreign: What was put in, and what lies on or in the body.
    """

    half_width_mm: float = 165.0
    flank_fat_mm: float = 22.0
    psoas_mm: float = 22.0
    multifidus_fat: float = 0.15
    gas: int = 5
    rib_mm: float = 9.0
    iliac_mm: float = 140.0
    implants: tuple[ImplantSpec, ...] = ()
    foreign: tuple[ForeignSpec, ...] = ()


ARCH, NO_FRACTURE, NO_LESION, TRUNK = ArchSpec(), FractureSpec(), LesionSpec(), TrunkSpec()
"""The defaults of a spec."""
