"""What is true of one subject, as plain numbers: every label with the rule that gave it and the measurements it rests on.

Points are (x, y, z) mm of the patient frame of `phantom.volume`; nothing here is in pixels. All records are frozen and go to JSON and back.
Levels are counted from the bottom (`from_bottom` 1 is the lowest disc). `level` is the name by the true count of vertebrae;
`counted_level` the name that a reader gives who counts five lumbar vertebrae up from the sacrum, which is all that a lumbar image shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spondyl.core.level import disc_name

Point = tuple[float, float, float]
Points = tuple[Point, ...]
CONDITIONS = ("spinal_canal_stenosis", "neural_foraminal_narrowing", "subarticular_stenosis")
GRADES = ("normal_mild", "moderate", "severe")
"""Names of stenosis grades 0, 1, 2."""
SIDES = ("right", "left")
SPUR_SITES = tuple(f"{end}_{place}" for end in ("anterior", "posterior", "right", "left") for place in ("above", "below"))


@dataclass(frozen=True, slots=True)
class StenosisTruth:
    """One of the 25 readings of a study.

    Attributes:
        condition: One of CONDITIONS.
        side: "left", "right", or None for the canal.
        level, from_bottom: The disc.
        grade: 0 normal or mild, 1 moderate, 2 severe.
        rule_id: The rule that gave it.
        numbers: What was measured, by name with its unit.
        point_mm: Where a reader would mark it: middle of the sac in the disc's plane, of the foramen, of the recess.
    """

    condition: str
    side: str | None
    level: str
    from_bottom: int
    grade: int
    rule_id: str
    numbers: dict[str, float]
    point_mm: Point

    @property
    def counted_level(self) -> str:
        """Its name when five lumbar vertebrae are counted up from the sacrum."""
        return disc_name(self.from_bottom)


@dataclass(frozen=True, slots=True)
class SpurTruth:
    """One osteophyte. `site` is one of SPUR_SITES: which edge, and whether on the vertebra above or below the disc."""

    site: str
    length_mm: float
    base_mm: Point
    tip_mm: Point


@dataclass(frozen=True, slots=True)
class DiscSpaceTruth:
    """One disc and what borders it.

    Attributes:
        level, from_bottom: The disc.
        height_mm, expected_mm: Mean height over the middle 80 % of the depth, hollows included, on the voxels of the mid-line; and of
            this subject's own healthy disc there.
        height_loss: Share of the height between the plates' chords that is gone; what the rules use. Hollows and pits do not count.
        wilke: Class of height loss: 0 none, 1 mild, 2 moderate, 3 severe.
        pfirrmann, modic: 1 to 5, 0 to 3.
        narrowing, bulging, herniation, spondylolisthesis, upper_endplate, lower_endplate: 0 or 1.
        slip_mm, slip_percent, meyerding: Anterior offset of the vertebra above (negative is backward), its share of the lower plate's
            depth, and its grade: 0 where there is no slip, else 1 to 4.
        spurs: All that reach 0.5 mm or more.
        grade: 0 to 4, the radiograph grade of this disc.
        corners_mm: Mid-line: above anterior, above posterior, below posterior, below anterior.
        outline_mm: Points on the disc's surface that span it in every view: corners of the mid-line, reaches of the rim and the hollows,
            corners in the coronal mid-plane (the last four).
        sclerosis_mm: (above, below) depth of dense bone beside the plates.
        numbers, rule_ids: What each label rests on.
    """

    level: str
    from_bottom: int
    height_mm: float
    expected_mm: float
    height_loss: float
    wilke: int
    pfirrmann: int
    modic: int
    narrowing: int
    bulging: int
    herniation: int
    spondylolisthesis: int
    upper_endplate: int
    lower_endplate: int
    slip_mm: float
    slip_percent: float
    meyerding: int
    spurs: tuple[SpurTruth, ...]
    grade: int
    corners_mm: Points
    outline_mm: Points
    sclerosis_mm: tuple[float, float]
    numbers: dict[str, float]
    rule_ids: dict[str, str]

    @property
    def counted_level(self) -> str:
        """Its name when five lumbar vertebrae are counted up from the sacrum."""
        return disc_name(self.from_bottom)

    @property
    def coronal_mm(self) -> Points:
        """Corners in the coronal mid-plane: above right, above left, below left, below right of the patient."""
        low_right, high_right, low_left, high_left = self.outline_mm[-4:]
        return high_right, high_left, low_left, low_right


@dataclass(frozen=True, slots=True)
class VertebraTruth:
    """One vertebra.

    Attributes:
        name, index: By the true count; 0 is the lowest above the sacrum.
        corners_mm: Mid-line: upper anterior, upper posterior, lower posterior, lower anterior.
        coronal_mm: Coronal mid-plane: upper right, upper left, lower right, lower left of the patient: top-left, top-right, bottom-left,
            bottom-right of an AP film, on which the patient's right is on the picture's left.
        heights_mm, expected_mm: (anterior, middle, posterior); as built, and as they were before any fracture.
        in_volume: Whether the heights were measured on voxels; False where the fine block does not reach it (then on the plates).
        genant, genant_kind: 0 to 3, and "none", "wedge", "biconcave" or "crush".
        bmd_g_cm2: Areal density from the front, or None where the fine block does not reach it.
        bmc_g, area_cm2: Mineral and projected area behind `bmd_g_cm2`.
        tilt_deg: Of its mid-line in the coronal plane, positive when the patient's left end is higher.
        numbers, rule_ids: What the labels rest on.
    """

    name: str
    index: int
    corners_mm: Points
    coronal_mm: Points
    heights_mm: Point
    expected_mm: Point
    in_volume: bool
    genant: int
    genant_kind: str
    bmd_g_cm2: float | None
    bmc_g: float | None
    area_cm2: float | None
    tilt_deg: float
    numbers: dict[str, float]
    rule_ids: dict[str, str]


@dataclass(frozen=True, slots=True)
class CurveTruth:
    """One curve seen from the front: the true angle between end plates, its end vertebrae, its apex, and the side it bulges to."""

    cobb_deg: float
    upper: str
    lower: str
    apex: str
    side: str


@dataclass(frozen=True, slots=True)
class DensityTruth:
    """Bone density of the spine.

    Attributes:
        vertebrae: Which were counted, e.g. ("L1", "L2", "L3", "L4").
        bmd_g_cm2, area_cm2: Mineral over projected area, and that area.
        reference: Which reference the T-score uses.
        t_score: Against that reference, to two decimals.
        who_class: "normal", "osteopenia" or "osteoporosis", or None where the classes do not apply (women and men under 50 [O]).
    """

    vertebrae: tuple[str, ...]
    bmd_g_cm2: float
    area_cm2: float
    reference: str
    t_score: float
    who_class: str | None
    rule_id: str


@dataclass(frozen=True, slots=True)
class ObjectTruth:
    """Something in or on the patient: `kind` is "implant", "foreign", "lesion" or "sclerosis"; `points_mm` span it."""

    kind: str
    name: str
    points_mm: Points


@dataclass(frozen=True, slots=True)
class SubjectTruth:
    """Everything that is true of one subject.

    Attributes:
        sex, age_years, lumbar: As drawn.
        levels: Names of all discs by the true count, from the lowest up.
        discs, vertebrae: From the lowest up.
        stenosis: Up to 25: the five lowest discs (from the top down) x canal, left and right foramen, left and right recess; fewer where
            the fine block does not hold them. With 4 or 6 lumbar vertebrae the names differ from the counted ones.
        curves: The largest first; empty where the spine is straight (below 1 degree).
        aasce_deg: The three angles by the AASCE convention (mid-lines of vertebrae), of all modelled vertebrae.
        density: None where the fine block does not hold two of L1 to L4.
        objects: Implants, foreign bodies, dense spots.
        source: "truth", or "read" where a reader's noise was added.
    """

    sex: str
    age_years: float
    lumbar: int
    levels: tuple[str, ...]
    discs: tuple[DiscSpaceTruth, ...]
    vertebrae: tuple[VertebraTruth, ...]
    stenosis: tuple[StenosisTruth, ...]
    curves: tuple[CurveTruth, ...]
    aasce_deg: Point
    density: DensityTruth | None
    objects: tuple[ObjectTruth, ...]
    source: str = "truth"

    def to_json(self) -> str:
        """JSON text that `truth_from_json` turns back into an equal truth."""
        return json.dumps(asdict(self), indent=1) + "\n"


def truth_from_json(text: str) -> SubjectTruth:
    """The truth that `SubjectTruth.to_json` wrote."""
    body = _tuples(json.loads(text))
    discs = tuple(DiscSpaceTruth(**{**row, "spurs": tuple(SpurTruth(**spur) for spur in row["spurs"])}) for row in body["discs"])
    return SubjectTruth(**{
        **body, "discs": discs,
        "vertebrae": tuple(VertebraTruth(**row) for row in body["vertebrae"]),
        "stenosis": tuple(StenosisTruth(**row) for row in body["stenosis"]),
        "curves": tuple(CurveTruth(**row) for row in body["curves"]),
        "density": DensityTruth(**body["density"]) if body["density"] else None,
        "objects": tuple(ObjectTruth(**row) for row in body["objects"]),
    })


def _tuples(value: Any) -> Any:
    """JSON has lists where the records have tuples, at every depth."""
    if isinstance(value, list):
        return tuple(_tuples(one) for one in value)
    if isinstance(value, Mapping):
        return {key: _tuples(one) for key, one in value.items()}
    return value
