"""How a picture is taken, as plain numbers: radiograph, DXA scan, CT series. Nothing is drawn or rendered here. JSON both ways."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from spondyl.core.errors import InputError

VIEWS = ("ap", "lateral")
RESPONSES = ("log", "linear", "sigmoid")
PHOTOMETRIC = ("MONOCHROME1", "MONOCHROME2")
DXA_PAIRS = ((40.0, 70.0), (47.0, 80.0), (45.0, 100.0))
"""(low, high) effective keV: cerium filter, samarium filter, switched voltage."""
T = TypeVar("T", "XrayAcquisition", "DxaAcquisition", "CtAcquisition")


@dataclass(frozen=True, slots=True)
class XrayAcquisition:
    """One radiograph.

    A turn or tilt of the patient is given as an offset of the tube: the detector stays parallel to the voxel planes.

    Attributes:
        view: "ap" (the patient's left on the right side) or "lateral" (the front on the left side).
        rows, columns, pixel_mm: The film, at the detector.
        sid_mm: Source to detector.
        oid_mm: `centre_mm` to detector.
        centre_mm: (x, y, z) of the patient point that lands in the middle of the film.
        source_shift_mm: (across, head) offset of the tube: across to the patient's left (AP) or back (lateral).
        roll_deg: Turn of the patient on the film, positive clockwise.
        kvp: Tube voltage.
        dose_ugy: Air kerma at the detector behind the middle of the body, before `exposure_error`.
        exposure_error: In factors of two: -1 is half the dose and a lighter film, +1 twice and a darker one; "log" mends most of it.
        scatter: Scatter over primary behind the body without a grid.
        scatter_mm: Standard deviation of its spread.
        grid: Whether an anti-scatter grid stands before the detector.
        focal_mm: Width of the focal spot.
        blur_px: Standard deviation of the detector's own blur.
        collimation: Shares of the film covered by the collimator at the (top, right, bottom, left).
        shutter: Whether what the collimator covers is shown black.
        texture: Strength of the subject's fine bone and soft-tissue texture; 0 leaves the integrals as they are.
        marker: "L", "R" or "" - the lead letter on the side of the picture that it names (AP), or naming the side next to the detector.
        marker_at: (x, y) of its middle, shares of the film.
        marker_mm: Its height.
        response: How signal becomes grey: "log", "linear" or "sigmoid" (film).
        latitude: Range of the greys over that of log signal behind the body (2nd to 98th percentile), which the processing finds.
        flatten: Share of slow changes that the processing takes away, 0..1.
        enhance: Gain of fine detail in the processing; 0 is none.
        photometric: MONOCHROME1 stores bright as low.
        noise_seed: Seed of the noise.
        bits: Of a pixel.
    """

    view: str = "ap"
    rows: int = 2400
    columns: int = 1500
    pixel_mm: float = 0.15
    sid_mm: float = 1150.0
    oid_mm: float = 190.0
    centre_mm: tuple[float, float, float] = (0.0, 0.0, 75.0)
    source_shift_mm: tuple[float, float] = (0.0, 0.0)
    roll_deg: float = 0.0
    kvp: float = 80.0
    dose_ugy: float = 2.5
    exposure_error: float = 0.0
    scatter: float = 2.5
    scatter_mm: float = 45.0
    grid: bool = True
    focal_mm: float = 1.0
    blur_px: float = 0.7
    collimation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    shutter: bool = False
    texture: float = 1.0
    marker: str = ""
    marker_at: tuple[float, float] = (0.9, 0.1)
    marker_mm: float = 16.0
    response: str = "log"
    latitude: float = 1.3
    flatten: float = 0.3
    enhance: float = 0.5
    photometric: str = "MONOCHROME2"
    noise_seed: int = 0
    bits: int = 12

    def __post_init__(self) -> None:
        rules = {
            f"view is one of {VIEWS}": self.view in VIEWS,
            f"response is one of {RESPONSES}": self.response in RESPONSES,
            f"photometric is one of {PHOTOMETRIC}": self.photometric in PHOTOMETRIC,
            "marker is L, R or nothing": self.marker in ("", "L", "R"),
            "rows and columns lie in 32 to 8000": 32 <= min(self.rows, self.columns) <= max(self.rows, self.columns) <= 8000,
            "pixel_mm, dose_ugy and latitude are above 0": min(self.pixel_mm, self.dose_ugy, self.latitude) > 0,
            "the source lies behind the spine as seen from the detector: sid_mm > 2 oid_mm > 0": self.sid_mm > 2 * self.oid_mm > 0,
            "bits lie in 8 to 16": 8 <= self.bits <= 16,
        }
        _refuse(rules, self)

    def to_json(self) -> str:
        """JSON text that `xray_from_json` turns back into an equal acquisition."""
        return json.dumps(asdict(self)) + "\n"


@dataclass(frozen=True, slots=True)
class DxaAcquisition:
    """One DXA scan of the lumbar spine, rays parallel.

    Attributes:
        rows, columns, pixel_mm: The map.
        centre_mm: (x, y, z) of the patient point in its middle.
        energies_kev: (low, high) effective energies.
        noise: Relative standard deviation of either signal in open beam; it grows with the depth of tissue.
        levels: How many lumbar vertebrae are measured, from L1 down.
        text: Whether the vendor-like picture has text burnt in.
        black, white: Percentiles of the picture's own values that are shown black and white.
        noise_seed: Seed of the noise.
    """

    rows: int = 200
    columns: int = 150
    pixel_mm: float = 0.8
    centre_mm: tuple[float, float, float] = (0.0, 0.0, 90.0)
    energies_kev: tuple[float, float] = (40.0, 70.0)
    noise: float = 0.0004
    levels: int = 4
    text: bool = False
    black: float = 1.0
    white: float = 99.5
    noise_seed: int = 0

    def __post_init__(self) -> None:
        low, high = self.energies_kev
        rules = {
            "rows and columns lie in 32 to 4000": 32 <= min(self.rows, self.columns) <= max(self.rows, self.columns) <= 4000,
            "pixel_mm is above 0": self.pixel_mm > 0,
            "energies_kev are a lower and a higher one, 40 to 100 keV, 10 apart": 40 <= low <= high - 10 <= 90,
            "black and white are percentiles in rising order": 0 <= self.black < self.white <= 100,
        }
        _refuse(rules, self)

    def to_json(self) -> str:
        """JSON text that `dxa_from_json` turns back into an equal acquisition."""
        return json.dumps(asdict(self)) + "\n"


@dataclass(frozen=True, slots=True)
class CtAcquisition:
    """One axial CT series.

    Attributes:
        rows, columns, pixel_mm: A slice.
        slices, spacing_mm, thickness_mm: The stack, lowest slice first.
        first_mm: (x, y, z) of the middle of the lowest slice.
        energy_kev: Effective energy.
        noise_hu: Standard deviation of the noise in soft tissue.
        blur_mm: Standard deviation of the kernel in the slice.
        noise_seed: Seed of the noise.
    """

    rows: int = 512
    columns: int = 512
    pixel_mm: float = 0.7
    slices: int = 60
    spacing_mm: float = 3.0
    thickness_mm: float = 3.0
    first_mm: tuple[float, float, float] = (0.0, 0.0, -20.0)
    energy_kev: float = 70.0
    noise_hu: float = 12.0
    blur_mm: float = 0.6
    noise_seed: int = 0

    def __post_init__(self) -> None:
        rules = {
            "rows and columns lie in 16 to 2048": 16 <= min(self.rows, self.columns) <= max(self.rows, self.columns) <= 2048,
            "slices lie in 1 to 2000": 1 <= self.slices <= 2000,
            "pixel_mm, spacing_mm and thickness_mm are above 0": min(self.pixel_mm, self.spacing_mm, self.thickness_mm) > 0,
        }
        _refuse(rules, self)

    def to_json(self) -> str:
        """JSON text that `ct_from_json` turns back into an equal acquisition."""
        return json.dumps(asdict(self)) + "\n"


def xray_from_json(text: str) -> XrayAcquisition:
    """The acquisition that `XrayAcquisition.to_json` wrote."""
    return _read(XrayAcquisition, text)


def dxa_from_json(text: str) -> DxaAcquisition:
    """The acquisition that `DxaAcquisition.to_json` wrote."""
    return _read(DxaAcquisition, text)


def ct_from_json(text: str) -> CtAcquisition:
    """The acquisition that `CtAcquisition.to_json` wrote."""
    return _read(CtAcquisition, text)


def _read(kind: type[T], text: str) -> T:
    body: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(text).items()}
    return kind(**body)


def _refuse(rules: dict[str, bool], seen: object) -> None:
    """Raise for the first rule that does not hold."""
    for rule, holds in rules.items():
        if not holds:
            raise InputError("bad-acquisition", f"an acquisition breaks a rule: {rule}; got {seen}", "Change the named values.")
