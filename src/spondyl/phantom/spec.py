"""A subject and an acquisition as plain numbers: all chance has been drawn, nothing has been rendered. JSON both ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spondyl.phantom.spec_parts import (
    ARCH,
    NO_FRACTURE,
    NO_LESION,
    TRUNK,
    ZONES,
    ArchSpec,
    ForeignSpec,
    FractureSpec,
    ImplantSpec,
    LesionSpec,
    TrunkSpec,
)
from spondyl.phantom.spec_rules import check_spec


@dataclass(frozen=True, slots=True)
class PlateSpec:
    """One end plate that faces a disc.

    Attributes:
        concavity_mm: Depth of its smooth hollow.
        irregularity_mm: Amplitude of fine erosion; 0 is smooth.
        node_mm: Depth of a Schmorl node (a focal pit into the body); 0 is none.
        node_at: Where the pit lies, 0 anterior edge .. 1 posterior edge.
        phase: Seed-like number in 0..1 that places the erosion.
    """

    concavity_mm: float = 1.2
    irregularity_mm: float = 0.0
    node_mm: float = 0.0
    node_at: float = 0.5
    phase: float = 0.0


@dataclass(frozen=True, slots=True)
class VertebraSpec:
    """One vertebral body and what is behind it. Lumbar and thoracic ones; the sacrum has a spec of its own.

    Attributes:
        posterior_height_mm, lower_depth_mm, upper_depth_mm: Size of the body at the midline.
        lordotic_wedge_deg: Angle between its plates, positive when taller in front.
        wall_mm: Hollow of the (anterior, posterior) wall.
        fat: Fat fraction of the marrow, 0..1.
        spinous_mm: (length, height) of the spinous process.
        spinous_deg: Its downward slope.
        haemangioma: (at u 0..1, at v 0..1, radius mm) of a fatty spot; radius 0 is none.
        width_mm: Width of the (lower, upper) plate.
        arch, fracture, lesion: What stands behind it; what broke; a dense spot.
        trabecular_mg_cm3: Mineral of the spongy bone.
        cortex_mm: Thickness of the shell.
        coronal_deg: Tilt of the vertebra seen from the front, positive with the patient's left end higher (scoliosis).
        axial_deg: Turn about the long axis, positive with the front turned to the patient's left.
    """

    posterior_height_mm: float
    lower_depth_mm: float
    upper_depth_mm: float
    lordotic_wedge_deg: float
    wall_mm: tuple[float, float]
    fat: float
    spinous_mm: tuple[float, float]
    spinous_deg: float
    haemangioma: tuple[float, float, float] = (0.5, 0.5, 0.0)
    width_mm: tuple[float, float] = (48.0, 46.0)
    arch: ArchSpec = ARCH
    fracture: FractureSpec = NO_FRACTURE
    lesion: LesionSpec = NO_LESION
    trabecular_mg_cm3: float = 150.0
    cortex_mm: float = 0.45
    coronal_deg: float = 0.0
    axial_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class DiscSpec:
    """One disc, the plates that face it, and its disease.

    Attributes:
        expected_mm: Height this subject's healthy disc would have at this level (mean over the plates' flat chords).
        height_loss: Share of it that is gone, 0..0.9.
        lordotic_deg: Angle between its plates, positive when taller in front.
        nucleus_t2_ms, annulus_t2_ms: Relaxation times; the Pfirrmann grade is measured from the built map.
        homogeneity: 0 (patchy, cleft) .. 1 (even).
        bulge_mm: (anterior, posterior) reach of the whole rim beyond the corners.
        herniation_mm: Reach of a focal extension into the canal beyond the corners; 0 is none.
        herniation_up: Where its tip lies along the disc's axis, in disc heights, positive toward the head.
        slip_mm: Anterior offset of the vertebra above on the one below; negative is backward.
        modic: (type 0..3 of the marrow above, type below).
        modic_mm: (thickness above, below) of the changed marrow.
        modic_span: (from, to) along the plate, 0 anterior edge .. 1 posterior edge.
        spurs_mm: (anterior, posterior) reach of the corner osteophytes.
        upper_plate, lower_plate: The plate above the disc and the one below it.
        fissure: Signal of a bright spot in the posterior annulus, 0..1.
        bulge_lateral_mm: (right, left) reach of the rim beyond the plates' sides.
        herniation_zone, herniation_width_mm: Where the focal extension lies (one of ZONES), and how wide it is.
        spurs_lateral_mm: (right, left) reach of the lateral osteophytes.
        sclerosis_mm: (above, below) depth of dense bone beside the plates.
        facet_mm: (right, left) growth of the facet joints toward the canal and the recess.
        flavum_mm: (right, left) thickness of the ligamentum flavum.
        ridge_mm: Reach into the (right, left) foramen of rim and bone from the back edges of the plates.
    """

    expected_mm: float
    height_loss: float
    lordotic_deg: float
    nucleus_t2_ms: float
    annulus_t2_ms: float
    homogeneity: float
    bulge_mm: tuple[float, float] = (0.0, 0.0)
    herniation_mm: float = 0.0
    herniation_up: float = 0.0
    slip_mm: float = 0.0
    modic: tuple[int, int] = (0, 0)
    modic_mm: tuple[float, float] = (0.0, 0.0)
    modic_span: tuple[float, float] = (0.0, 1.0)
    spurs_mm: tuple[float, float] = (0.0, 0.0)
    upper_plate: PlateSpec = PlateSpec()
    lower_plate: PlateSpec = PlateSpec()
    fissure: float = 0.0
    bulge_lateral_mm: tuple[float, float] = (0.5, 0.5)
    herniation_zone: str = "central"
    herniation_width_mm: float = 14.0
    spurs_lateral_mm: tuple[float, float] = (0.0, 0.0)
    sclerosis_mm: tuple[float, float] = (0.0, 0.0)
    facet_mm: tuple[float, float] = (0.0, 0.0)
    flavum_mm: tuple[float, float] = (3.0, 3.0)
    ridge_mm: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if self.herniation_zone not in ZONES:
            raise ValueError(f"a herniation lies in one of {ZONES}, got {self.herniation_zone!r}")


@dataclass(frozen=True, slots=True)
class SacrumSpec:
    """S1 to S5.

    Attributes:
        slope_deg: Tilt of the upper plate of S1 against the horizontal.
        depth_mm: Depth of that plate.
        curve_deg: Further turn of each segment from S1 down; positive leans it back, negative brings it forward.
        remnant_mm: Height of the S1/S2 remnant disc (taller in transitional anatomy).
    """

    slope_deg: float
    depth_mm: float
    curve_deg: tuple[float, float, float, float, float]
    remnant_mm: float


@dataclass(frozen=True, slots=True)
class SoftTissueSpec:
    """What surrounds the spine at the midline.

    Attributes:
        canal_mm: Depth of the thecal sac at L1, L3 and L5.
        sac_end: Where it ends, in segments below the top of S1 (2 is the lower edge of S2).
        conus: Where the cord ends, in vertebrae above the sacrum (4.5 is the middle of L1 with five lumbar vertebrae).
        epidural_mm: (anterior at the lowest disc, posterior) thickness of epidural fat.
        back_fat_mm: Subcutaneous fat behind the spinous tips at the (top, middle, bottom) of the lumbar spine.
        belly_mm: Distance from the spine's front to the anterior skin.
        aorta_mm: (gap in front of the bodies, width); width 0 where the vessel is out of plane.
        bowel_gas, bowel_fat: Shares 0..1.
        bladder_mm: Radius of the bladder; 0 is empty or out of plane.
    """

    canal_mm: tuple[float, float, float]
    sac_end: float
    conus: float
    epidural_mm: tuple[float, float]
    back_fat_mm: tuple[float, float, float]
    belly_mm: float
    aorta_mm: tuple[float, float]
    bowel_gas: float
    bowel_fat: float
    bladder_mm: float


@dataclass(frozen=True, slots=True)
class SubjectSpec:
    """One subject. `vertebrae[0]` is the lowest one above the sacrum, `discs[0]` the disc below it; both run upward.

    Attributes:
        sex: "F" or "M".
        lumbar: Number of lumbar vertebrae, 4 to 6; the others above are thoracic.
        texture_seed: Seed of the marrow, bowel and fat textures, shared by all sequences of the subject.
    """

    sex: str
    age_years: float
    lumbar: int
    sacrum: SacrumSpec
    vertebrae: tuple[VertebraSpec, ...]
    discs: tuple[DiscSpec, ...]
    soft: SoftTissueSpec
    texture_seed: int
    trunk: TrunkSpec = TRUNK

    def __post_init__(self) -> None:
        if self.sex not in ("F", "M") or not 4 <= self.lumbar <= 6:
            raise ValueError(f"sex is F or M and lumbar 4 to 6, got {self.sex!r} and {self.lumbar}")
        if len(self.vertebrae) != len(self.discs) or len(self.discs) < self.lumbar:
            raise ValueError(f"every vertebra has the disc below it, got {len(self.vertebrae)} and {len(self.discs)}")
        check_spec(self)

    def to_json(self) -> str:
        """JSON text that `subject_from_json` turns back into an equal spec."""
        return json.dumps(asdict(self), indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How the slice is taken and shown.

    Attributes:
        sequence: "t1", "t2", "t2_space" or "stir".
        field_tesla: 1.5 or 3.0.
        tr_ms, te_ms: Repetition and echo time.
        rows, columns: Size of the picture.
        spacing_mm: (row, column).
        centre_mm: Body point at the middle of the picture; (0, 0) is the middle of the upper plate of S1, x back, y down.
        rotation_deg: Turn of the patient in the picture, positive clockwise.
        lateral_mm: Distance of the slice from the midline.
        coil_mm: Depth at which the coil's signal has fallen to 1/e.
        band_mm: Gap between the spine's front and a saturation band over the belly; negative is no band.
        noise: Standard deviation of either channel, as a share of the display white.
        blur_px: Standard deviation of the point spread.
        white: Display white, as a multiple of the signal that 99 % of the body stays under.
        pad_px: (top, right, bottom, left) black border.
        noise_seed: Seed of the noise.
    """

    sequence: str = "t2"
    field_tesla: float = 1.5
    tr_ms: float = 3500.0
    te_ms: float = 110.0
    rows: int = 448
    columns: int = 448
    spacing_mm: tuple[float, float] = (0.625, 0.625)
    centre_mm: tuple[float, float] = (5.0, -75.0)
    rotation_deg: float = 0.0
    lateral_mm: float = 0.0
    coil_mm: float = 120.0
    band_mm: float = -1.0
    noise: float = 0.015
    blur_px: float = 0.6
    white: float = 1.0
    pad_px: tuple[int, int, int, int] = (0, 0, 0, 0)
    noise_seed: int = 0

    def __post_init__(self) -> None:
        if self.sequence not in ("t1", "t2", "t2_space", "stir"):
            raise ValueError(f"a sagittal sequence is t1, t2, t2_space or stir, got {self.sequence!r}")
        if min(self.rows, self.columns) < 16 or not min(self.spacing_mm) > 0:
            raise ValueError(f"the picture is too small: {self.rows} x {self.columns} at {self.spacing_mm} mm")

    def to_json(self) -> str:
        """JSON text that `acquisition_from_json` turns back into an equal acquisition."""
        return json.dumps(asdict(self)) + "\n"


def subject_from_json(text: str) -> SubjectSpec:
    """The subject that `SubjectSpec.to_json` wrote."""
    body = json.loads(text)
    return SubjectSpec(**{
        **body,
        "sacrum": SacrumSpec(**_tuples(body["sacrum"])),
        "vertebrae": tuple(_vertebra(row) for row in body["vertebrae"]),
        "discs": tuple(_disc(row) for row in body["discs"]),
        "soft": SoftTissueSpec(**_tuples(body["soft"])),
        "trunk": _trunk(body["trunk"]),
    })


def acquisition_from_json(text: str) -> Acquisition:
    """The acquisition that `Acquisition.to_json` wrote."""
    return Acquisition(**_tuples(json.loads(text)))


def _disc(row: Mapping[str, Any]) -> DiscSpec:
    plates = {name: PlateSpec(**row[name]) for name in ("upper_plate", "lower_plate")}
    return DiscSpec(**{**_tuples(row), **plates})


def _vertebra(row: Mapping[str, Any]) -> VertebraSpec:
    parts = {name: kind(**_tuples(row[name])) for name, kind in (("arch", ArchSpec), ("fracture", FractureSpec), ("lesion", LesionSpec))}
    return VertebraSpec(**{**_tuples(row), **parts})


def _trunk(row: Mapping[str, Any]) -> TrunkSpec:
    implants = tuple(ImplantSpec(**_tuples(one)) for one in row["implants"])
    return TrunkSpec(**{**row, "implants": implants, "foreign": tuple(ForeignSpec(**_tuples(one)) for one in row["foreign"])})


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has lists where the specs have tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
