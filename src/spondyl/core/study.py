"""What was read: a study of series of images, with no word of whose it is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spondyl.core.vocabulary import SEQUENCES

VIEWS = ("sagittal", "coronal", "axial", "ap", "lateral", "unknown")
EDGES = ("left", "right")
"""Edges of a picture: smaller x, larger x."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a slice lies in the patient, in the DICOM patient frame (LPS: +x left, +y posterior, +z head), mm.

    Attributes:
        position: ImagePositionPatient, centre of the first pixel, (x, y, z).
        row_direction: Unit vector along increasing column index (first three of ImageOrientationPatient).
        column_direction: Unit vector along increasing row index (last three).
        frame: Keyed pseudonym of the frame of reference, "" where the file names none. Positions are comparable only within one frame.
    """

    position: tuple[float, float, float]
    row_direction: tuple[float, float, float]
    column_direction: tuple[float, float, float]
    frame: str = ""

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal of the slice: row direction x column direction."""
        return np.cross(np.asarray(self.row_direction), np.asarray(self.column_direction))

    @property
    def offset_mm(self) -> float:
        """Distance of the slice from the origin along its normal; slices of a series are ordered by it."""
        return float(self.normal @ np.asarray(self.position))


@dataclass(frozen=True, slots=True)
class Beam:
    """The beam of one frame of a calibrated dual-energy pair.

    Attributes:
        kev: Effective energy.
        mineral_cm2_g, soft_cm2_g: Mass attenuation of hydroxyapatite and of soft tissue at it.
        span: What 1.0 of the pixels stands for: pixels x span = ln(I0 / I).
    """

    kev: float
    mineral_cm2_g: float
    soft_cm2_g: float
    span: float

    def __post_init__(self) -> None:
        if not all(0 < value < float("inf") for value in (self.kev, self.mineral_cm2_g, self.soft_cm2_g, self.span)):
            raise ValueError(f"a beam has positive numbers, got {self}")


@dataclass(frozen=True, slots=True)
class DensitySaid:
    """A density that the scanner's own report tells.

    Attributes:
        region: "L1-L4", "L3", "L1+L3+L4", "AP Spine", "Lumbar spine" or "Spine".
        bmd_g_cm2, t_score, z_score: None where it does not say.
        source: What kind of object said it ("Enhanced SR").
    """

    region: str
    bmd_g_cm2: float | None
    t_score: float | None
    z_score: float | None
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One frame, as a person would see it.

    Attributes:
        id: Content hash of the pixels (`core.identity.pixel_hash`).
        pixels: float32, shape (rows, columns), bright is high, 0..1 spans the display range (after modality LUT,
            VOI LUT or window, and MONOCHROME1 inversion); the values may leave 0..1 only by rounding.
        spacing_mm: (row, column) distance between pixel centres, or None when unknown.
        spacing_source: "PixelSpacing", "ImagerPixelSpacing" (at the detector) or None.
        view: One of VIEWS, from the geometry or tags, else "unknown".
        sequence: One of `core.vocabulary.SEQUENCES`.
        geometry: Where it lies in the patient, or None.
        colour: Whether the file held colour (its luminance is in `pixels`).
        enhanced: Whether its header says that contrast agent was given.
        beam: Of a calibrated dual-energy pair, or None.
        decoded_scale: 1, or 2 or 4 where a big film was decoded at a half or a quarter of its resolution: so many pixels a side are one.
        left_at: Edge of a frontal film at which the patient's left lies, one of EDGES; None where the file does not say it.
    """

    id: str
    pixels: NDArray[np.float32]
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str | None = None
    view: str = "unknown"
    sequence: str = "unknown"
    geometry: Geometry | None = None
    colour: bool = False
    decoded_scale: int = 1
    enhanced: bool = False
    beam: Beam | None = None
    left_at: str | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.float32:
            raise ValueError(f"pixels must be float32 (rows, columns), got {self.pixels.dtype} {self.pixels.shape}")
        if self.view not in VIEWS or self.sequence not in SEQUENCES:
            raise ValueError(f"view {self.view!r} or sequence {self.sequence!r} is not in the vocabulary")
        if self.left_at not in (None, *EDGES):
            raise ValueError(f"the patient's left is at one of {EDGES} or None, got {self.left_at!r}")
        if self.spacing_mm is not None and not min(self.spacing_mm) > 0:
            raise ValueError(f"spacing must be positive, got {self.spacing_mm}")

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.pixels.shape[0], self.pixels.shape[1]


@dataclass(frozen=True, slots=True)
class Series:
    """Images of one acquisition, ordered along the slice normal where the geometry is known.

    Attributes:
        key: Keyed pseudonym of the series.
        modality: DICOM modality ("MR", "CR", "DX", ...) or "" for a picture.
        images: At least one.
    """

    key: str
    modality: str
    images: tuple[Image, ...]

    def __post_init__(self) -> None:
        if not self.images:
            raise ValueError("a series has at least one image")


@dataclass(frozen=True, slots=True)
class Study:
    """One examination of one patient.

    Attributes:
        key: Keyed pseudonym of the study: the only name it has.
        series: At least one.
        sex, age_years: From the file, where present.
        densities: What scanners' reports in the study say of bone density.
    """

    key: str
    series: tuple[Series, ...]
    sex: str | None = None
    age_years: float | None = None
    densities: tuple[DensitySaid, ...] = ()
    sources: tuple[str, ...] = field(default=(), repr=False)
    """Content hashes (SHA-256) of the files it was read from."""

    @property
    def modality(self) -> str:
        """Modality of the first series that has one, or ""."""
        return next((series.modality for series in self.series if series.modality), "")

    @property
    def images(self) -> tuple[Image, ...]:
        """All images of all series, in order."""
        return tuple(image for series in self.series for image in series.images)
