"""Labels measured on the built geometry and maps, each with the number it came from.

Rules ([O] marks our own conventions; none is a labelling instruction of a public data set):
    pfirrmann-t2/1      mean nucleus T2 of the built map: I > 165 ms, II 105-165, III 66-105, IV < 66; V: < 66 and height loss >= 50 % [O]
    narrowing/1         height loss >= 20 % of this subject's own expected height [O]
    bulging-sagittal/1  rim reaches >= 1.5 mm behind the line through the posterior corners [O]
    herniation-sagittal/1  a focal part reaches >= 3 mm behind that line and >= 1.5 mm beyond the rim [O]
    slip-3mm/1          posterior corners are offset >= 3 mm along the lower plate, either way (ROAD)
    modic-band/1        changed marrow covers >= 40 mm2 beside either plate [O]
    endplate-pit/1      the plate leaves its smooth hollow by >= 1.2 mm somewhere between its edges [O]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core.level import disc_name
from spondyl.phantom.anatomy import Disc, Plate, Spine
from spondyl.phantom.bones import disc_distance, disc_noise_of, disc_t2, herniation_distance
from spondyl.phantom.canvas import Frame
from spondyl.phantom.spec import Acquisition, SubjectSpec

Points = tuple[tuple[float, float], ...]
MEASURED_AT = np.linspace(0.1, 0.9, 17)
"""Where along the plates the height is measured: the middle 80 % of their depth."""


@dataclass(frozen=True, slots=True)
class DiscTruth:
    """What is true of one disc in one picture. Points are (x, y) pixels; pixel centres are whole numbers.

    Attributes:
        from_bottom: 1 is the lowest.
        level: Its name.
        centre: Mean of the corners.
        corners: Above anterior, above posterior, below posterior, below anterior.
        box: (x0, y0, x1, y1), half-open, tight around the disc with its bulge and herniation.
        tilt_deg: Angle of its mid-line in the picture, positive when the posterior end is higher.
        height_mm: Mean distance of the plates over the middle 80 % of their depth, normal to the disc's mid-line.
        anterior_mm, posterior_mm: Distance of the corners along the same normal.
        expected_mm: Height a healthy disc of this subject would have there (plates' hollows included).
        pfirrmann, modic: 1 to 5, 0 to 3.
        narrowing, bulging, herniation, spondylolisthesis, upper_endplate, lower_endplate: 0 or 1.
        numbers: The measurement behind each label, by rule.
    """

    from_bottom: int
    level: str
    centre: tuple[float, float]
    corners: Points
    box: tuple[float, float, float, float]
    tilt_deg: float
    height_mm: float
    anterior_mm: float
    posterior_mm: float
    expected_mm: float
    pfirrmann: int
    modic: int
    narrowing: int
    bulging: int
    herniation: int
    spondylolisthesis: int
    upper_endplate: int
    lower_endplate: int
    numbers: dict[str, float]


@dataclass(frozen=True, slots=True)
class SliceTruth:
    """Discs whose corners all lie inside the picture, from the lowest up, and whether the sacrum's top is in view."""

    lumbar: int
    sacrum_in_view: bool
    discs: tuple[DiscTruth, ...]


def measure(spec: SubjectSpec, spine: Spine, scan: Acquisition) -> SliceTruth:
    """Truth of every disc in view."""
    top, _, _, left = scan.pad_px
    frame = Frame(scan.rows, scan.columns, scan.spacing_mm, scan.centre_mm, scan.rotation_deg, (left, top))
    seen = [disc for disc in spine.discs if _inside(frame, disc.corners)]
    sacrum = _inside(frame, np.stack([spine.sacrum[0].upper.anterior, spine.sacrum[0].lower.posterior]))
    return SliceTruth(spec.lumbar, sacrum, tuple(_disc(spec, disc, frame) for disc in seen))


def _inside(frame: Frame, points: NDArray[np.float64]) -> bool:
    pixels = frame.to_pixels(points) - np.asarray(frame.origin_px)
    return bool((pixels > 0).all() and (pixels < np.array([frame.columns - 1, frame.rows - 1])).all())


def _disc(spec: SubjectSpec, disc: Disc, frame: Frame) -> DiscTruth:
    normal = np.array([-np.sin(disc.tilt), -np.cos(disc.tilt)])
    gaps = (plate_points(disc.above, MEASURED_AT, 1.0) - plate_points(disc.below, MEASURED_AT, -1.0)) @ normal
    corners = (disc.above.anterior - disc.below.anterior, disc.above.posterior - disc.below.posterior)
    front, rear = (float(pair @ normal) for pair in corners)
    numbers = measurements(spec, disc)
    ends = frame.to_pixels(disc.ends)
    dx, dy = (ends[1] - ends[0]) * np.array([frame.spacing_mm[1], frame.spacing_mm[0]])
    return DiscTruth(
        from_bottom=disc.index + 1, level=disc_name(disc.index + 1, spec.lumbar),
        centre=_pair(frame.to_pixels(disc.centre)), corners=tuple(_pair(p) for p in frame.to_pixels(disc.corners)),
        box=_box(frame, disc), tilt_deg=float(np.degrees(np.arctan2(-dy, dx))),
        height_mm=float(gaps.mean()), anterior_mm=front, posterior_mm=rear, expected_mm=disc.spec.expected_mm,
        numbers=numbers, **labels(numbers),
    )


def _pair(point: NDArray[np.float64]) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def plate_points(plate: Plate, t: NDArray[np.float64], toward_head: float, pits: bool = True) -> NDArray[np.float64]:
    """Points of a plate's surface at t, (n, 2) mm; `toward_head` is 1 where its body lies above, -1 where below."""
    chord = plate.anterior + t[:, None] * (plate.posterior - plate.anterior)
    depth = plate.into_body(t) if pits else plate.smooth(t)
    return np.asarray(chord + toward_head * depth[:, None] * np.array([-np.sin(plate.tilt), -np.cos(plate.tilt)]))


def measurements(spec: SubjectSpec, disc: Disc) -> dict[str, float]:
    """Every number that a label rests on, measured on a 0.5 mm raster of the built disc."""
    half = (disc.above.depth + disc.below.depth) / 4
    u, v = (g.astype(np.float32) for g in np.meshgrid(np.arange(-half - 16, half + 22, 0.5), np.arange(-24, 24, 0.5)))
    inside = disc_distance(disc, u, v) < 0
    mean = float(np.hypot(*(disc.above.anterior + disc.above.posterior - disc.below.anterior - disc.below.posterior)) / 2)
    core = inside & (np.hypot((u + 0.06 * half) / (0.42 * half), v / max(0.3 * mean, 0.6)) < 1)
    t2 = disc_t2(disc, u, v, disc_noise_of(spec.texture_seed, u, v, disc.index))
    chord_height = float(np.dot(disc.above.anterior + disc.above.posterior - disc.below.anterior - disc.below.posterior,
                                [-np.sin(disc.tilt), -np.cos(disc.tilt)]) / 2)
    rim, focal = _reaches(disc, u, v, inside)
    step = disc.above.posterior - disc.below.posterior
    mid = np.array([np.cos(disc.tilt), -np.sin(disc.tilt)])
    pits = [float(plate.pit(np.linspace(0.06, 0.94, 90)).max()) for plate in (disc.above, disc.below)]
    return {
        "nucleus_t2_ms": float(t2[core].mean()) if core.any() else float(disc.spec.nucleus_t2_ms),
        "height_loss": 1 - chord_height / disc.spec.expected_mm, "rim_mm": rim, "focal_mm": focal,
        "slip_mm": float(-step @ mid), "slip_share": float(-step @ mid) / disc.below.depth,
        "upper_pit_mm": pits[0], "lower_pit_mm": pits[1], **_modic(disc),
    }


def _reaches(disc: Disc, u: NDArray[np.float32], v: NDArray[np.float32], inside: NDArray[np.bool_]) -> tuple[float, float]:
    """How far the rim and the focal part lie behind the line through the posterior corners, mm."""
    c, s = np.cos(disc.tilt), np.sin(disc.tilt)
    x, y = disc.centre[0] + u * c - v * s, disc.centre[1] - u * s - v * c
    low, high = disc.below.posterior, disc.above.posterior
    direction = (high - low) / max(float(np.hypot(*(high - low))), 1e-6)
    behind = (x - low[0]) * -direction[1] + (y - low[1]) * direction[0]
    rim = float(behind[inside].max(initial=0.0))
    if disc.spec.herniation_mm <= 0:
        return max(rim, 0.0), 0.0
    end = np.hypot(*(disc.ends[1] - disc.centre))
    focal = float(behind[herniation_distance(disc, u - np.float32(end), v) < 0].max(initial=0.0))
    return max(rim, 0.0), max(focal, 0.0)


def _modic(disc: Disc) -> dict[str, float]:
    """Type and area of the changed marrow above and below."""
    start, stop = disc.spec.modic_span
    span = max(min(stop, 1.0) - start, 0.0)
    areas = [0.8 * thick * span * plate.depth * (kind > 0)
             for kind, thick, plate in zip(disc.spec.modic, disc.spec.modic_mm, (disc.above, disc.below), strict=True)]
    return {"modic_area_mm2": float(max(areas)), "modic_type": float(disc.spec.modic[int(areas[1] > areas[0])])}


def labels(numbers: dict[str, float]) -> dict[str, int]:
    """The rules of this module's docstring, applied to the measurements."""
    t2, loss = numbers["nucleus_t2_ms"], numbers["height_loss"]
    grade = 1 + int(t2 <= 165) + int(t2 <= 105) + int(t2 <= 66)
    return {
        "pfirrmann": 5 if grade == 4 and loss >= 0.5 else grade,
        "modic": int(numbers["modic_type"]) if numbers["modic_area_mm2"] >= 40 else 0,
        "narrowing": int(loss >= 0.2), "bulging": int(numbers["rim_mm"] >= 1.5),
        "herniation": int(numbers["focal_mm"] >= 3 and numbers["focal_mm"] - numbers["rim_mm"] >= 1.5),
        "spondylolisthesis": int(abs(numbers["slip_mm"]) >= 3),
        "upper_endplate": int(numbers["upper_pit_mm"] >= 1.2), "lower_endplate": int(numbers["lower_pit_mm"] >= 1.2),
    }


def _box(frame: Frame, disc: Disc) -> tuple[float, float, float, float]:
    """Bounding box of the disc's outline in the picture, half-open, clipped to it."""
    t = np.linspace(0, 1, 41)
    back = np.array([np.cos(disc.tilt), -np.sin(disc.tilt)])
    points = [plate_points(disc.above, t, 1.0), plate_points(disc.below, t, -1.0),
              disc.ends[:1] - disc.spec.bulge_mm[0] * back, disc.ends[1:] + disc.spec.bulge_mm[1] * back]
    if disc.spec.herniation_mm > 0:
        height = disc.spec.expected_mm * (1 - disc.spec.height_loss)
        up = np.array([-np.sin(disc.tilt), -np.cos(disc.tilt)])
        points.append(disc.ends[1:] + disc.spec.herniation_mm * back + disc.spec.herniation_up * height * up)
    pixels = frame.to_pixels(np.vstack(points)) - np.asarray(frame.origin_px)
    size = np.array([frame.columns, frame.rows])
    low = np.clip(np.floor(pixels.min(axis=0) + 0.5), 0, size - 1) + np.asarray(frame.origin_px)
    high = np.clip(np.floor(pixels.max(axis=0) + 0.5) + 1, 1, size) + np.asarray(frame.origin_px)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
