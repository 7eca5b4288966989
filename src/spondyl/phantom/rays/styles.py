"""How films and scans are taken in practice: ranges to draw acquisitions from. All the chance of this room is here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spondyl.core.errors import NotFoundError, describe_unknown
from spondyl.phantom.rays.acquisition import DXA_PAIRS, DxaAcquisition, XrayAcquisition
from spondyl.phantom.rays.dxa import plate_sides
from spondyl.phantom.rays.projection import ACROSS_AXIS
from spondyl.phantom.rays.xray import projection_of
from spondyl.phantom.volume import Volume

Range = tuple[float, float]
REGIONS = ("lumbar", "whole_spine")
MOST = (2500, 1650)
"""Rows and columns of the largest films; longer ones get larger pixels."""

HELD_MM = 10.0
"""Between the corners of vertebrae and the edge of a whole-spine film, at the detector: what building and measuring may differ by."""


@dataclass(frozen=True, slots=True)
class XrayStyle:
    """Ranges that acquisitions are drawn from, evenly unless said otherwise. All are our own conventions [O].

    Attributes:
        pixel_mm, sid_mm, dose_ugy, scatter, focal_mm, blur_px, latitude, flatten, enhance: As in `XrayAcquisition`.
        oid_ap_mm, oid_lateral_mm: Spine to detector, by view.
        kvp_ap, kvp_lateral: Tube voltage, by view.
        exposure_sd, roll_sd, shift_sd_mm, centre_sd_mm: Standard deviations.
        height_mm, width_ap_mm, width_lateral_mm: The film.
        crop: Chance that the film is too short or off the spine.
        collimated: Chance of collimator edges.
        marker: Chance of a lead letter.
        inverted: Chance of MONOCHROME1.
        responses: Chances of (log, linear, sigmoid).
    """

    name: str
    pixel_mm: Range = (0.14, 0.2)
    sid_mm: Range = (1000.0, 1200.0)
    oid_ap_mm: Range = (150.0, 220.0)
    oid_lateral_mm: Range = (220.0, 330.0)
    kvp_ap: Range = (75.0, 85.0)
    kvp_lateral: Range = (82.0, 95.0)
    dose_ugy: Range = (1.2, 5.0)
    exposure_sd: float = 0.3
    scatter: Range = (1.5, 3.5)
    focal_mm: Range = (0.6, 1.3)
    blur_px: Range = (0.5, 1.0)
    latitude: Range = (1.0, 1.7)
    flatten: Range = (0.3, 0.8)
    enhance: Range = (0.2, 1.5)
    roll_sd: float = 2.0
    shift_sd_mm: float = 25.0
    centre_sd_mm: float = 8.0
    height_mm: Range = (340.0, 430.0)
    width_ap_mm: Range = (170.0, 300.0)
    width_lateral_mm: Range = (180.0, 300.0)
    crop: float = 0.06
    collimated: float = 0.4
    marker: float = 0.7
    inverted: float = 0.35
    responses: tuple[float, float, float] = (0.8, 0.05, 0.15)


STYLES = {style.name: style for style in (
    XrayStyle("train"),
    XrayStyle("eval", sid_mm=(1050.0, 1500.0), oid_ap_mm=(130.0, 240.0), dose_ugy=(0.8, 4.0), exposure_sd=0.45, scatter=(2.0, 5.0),
              latitude=(0.9, 2.1), flatten=(0.0, 0.6), enhance=(0.0, 2.0), roll_sd=3.0, shift_sd_mm=35.0, crop=0.1, collimated=0.6,
              marker=0.85, inverted=0.5, responses=(0.7, 0.05, 0.25)),
    XrayStyle("easy", dose_ugy=(5.0, 8.0), exposure_sd=0.0, scatter=(0.5, 1.0), roll_sd=0.0, shift_sd_mm=0.0, centre_sd_mm=0.0, crop=0.0,
              collimated=0.0, inverted=0.0, responses=(1.0, 0.0, 0.0)),
)}


@dataclass(frozen=True, slots=True)
class DxaStyle:
    """Ranges that DXA scans are drawn from, evenly. All are our own conventions [O].

    Attributes:
        pixel_mm, noise, black, white: As in `DxaAcquisition`.
        width_mm: The map.
        pairs: (low, high) energies to choose from.
        text: Chance of burnt-in text.
    """

    name: str
    pixel_mm: Range = (0.6, 1.2)
    noise: Range = (0.0002, 0.0008)
    width_mm: Range = (115.0, 150.0)
    pairs: tuple[tuple[float, float], ...] = DXA_PAIRS
    text: float = 0.5
    black: Range = (0.5, 5.0)
    white: Range = (98.0, 99.9)


DXA_STYLES = {style.name: style for style in (
    DxaStyle("train"),
    DxaStyle("eval", pixel_mm=(0.7, 1.3), noise=(0.0004, 0.0012), width_mm=(110.0, 165.0), black=(0.0, 8.0), white=(97.0, 100.0)),
    DxaStyle("easy", noise=(0.0001, 0.0003), text=0.0, black=(2.0, 2.0), white=(99.5, 99.5)),
)}


def style_named(name: str) -> XrayStyle:
    """The style of that name.

    Raises:
        NotFoundError: If there is none; the sentence offers the nearest one.
    """
    if name not in STYLES:
        raise NotFoundError("unknown-style", describe_unknown("X-ray style", name, STYLES))
    return STYLES[name]


def draw_xray(
    rng: np.random.Generator, volume: Volume, view: str = "ap", style: XrayStyle | str = "train", region: str = "lumbar",
) -> XrayAcquisition:
    """An acquisition that frames the lumbar spine (T11 or T12 to S1), or all vertebrae down to S1 ("whole_spine").

    A film of the whole spine shows every vertebra whole, free of the collimator.

    Raises:
        NotFoundError: If there is no such style or region; the sentence offers the nearest one.
    """
    if region not in REGIONS:
        raise NotFoundError("unknown-region", describe_unknown("region", region, REGIONS))
    how = style_named(style) if isinstance(style, str) else style
    whole = region == "whole_spine"
    pixel = 0.5 if whole else _even(rng, how.pixel_mm)
    sid = 1800.0 if whole else _even(rng, how.sid_mm)
    oid = _even(rng, how.oid_ap_mm if view == "ap" else how.oid_lateral_mm)
    centre, height, width = _frame(rng, volume, view, how, whole, sid / (sid - oid))
    pixel = max(pixel, height / MOST[0], width / MOST[1])
    shift = (0.0, 0.0) if whole else (rng.normal(0, how.shift_sd_mm * 0.6), rng.normal(0, how.shift_sd_mm))
    edges = _edges(rng, how)
    side, at = _marker(rng, view, edges)
    shutter = bool(rng.random() < 0.4)
    plan = XrayAcquisition(
        view, int(height / pixel), int(width / pixel), pixel, sid, oid, centre, (float(shift[0]), float(shift[1])),
        float(np.clip(rng.normal(0, how.roll_sd), -8, 8)), _even(rng, how.kvp_ap if view == "ap" else how.kvp_lateral),
        _even(rng, how.dose_ugy), float(np.clip(rng.normal(0, how.exposure_sd), -1.5, 1.5)), _even(rng, how.scatter),
        float(rng.uniform(30, 60)), bool(rng.random() < 0.9), _even(rng, how.focal_mm), _even(rng, how.blur_px), edges, shutter, 1.0,
        side if rng.random() < how.marker else "", at, float(rng.uniform(10, 20)),
        str(rng.choice(["log", "linear", "sigmoid"], p=how.responses)), _even(rng, how.latitude), _even(rng, how.flatten),
        _even(rng, how.enhance), "MONOCHROME1" if rng.random() < how.inverted else "MONOCHROME2", int(rng.integers(2**31)),
    )
    return _holding(plan, volume) if whole else plan


def draw_dxa(rng: np.random.Generator, volume: Volume, style: DxaStyle | str = "train") -> DxaAcquisition:
    """A scan from T12 to the top of the pelvis, L1 to L4 inside.

    Raises:
        NotFoundError: If there is no such style; the sentence offers the nearest one.
    """
    if isinstance(style, str) and style not in DXA_STYLES:
        raise NotFoundError("unknown-style", describe_unknown("DXA style", style, DXA_STYLES))
    how = DXA_STYLES[style] if isinstance(style, str) else style
    top, low = volume.posture.bodies[min(volume.spec.lumbar, len(volume.posture.bodies) - 1)].centre, volume.posture.bodies[0].centre
    pixel = _even(rng, how.pixel_mm)
    height, width = float(top[2] - low[2]) + float(rng.uniform(35, 60)), _even(rng, how.width_mm)
    centre = (float((top[0] + low[0]) / 2 + rng.normal(0, 4)), float(low[1]), float((top[2] + low[2]) / 2 + rng.normal(0, 4)))
    pair = how.pairs[int(rng.integers(len(how.pairs)))]
    return DxaAcquisition(int(height / pixel), int(width / pixel), pixel, centre, pair, _even(rng, how.noise), 4,
                          bool(rng.random() < how.text), _even(rng, how.black), _even(rng, how.white), int(rng.integers(2**31)))


def _even(rng: np.random.Generator, bounds: Range) -> float:
    return float(rng.uniform(*bounds))


def _frame(
    rng: np.random.Generator, volume: Volume, view: str, how: XrayStyle, whole: bool, scale: float,
) -> tuple[tuple[float, float, float], float, float]:
    """(centre, height, width) of the film in mm at the detector, around what is to be seen."""
    bodies = volume.posture.bodies
    highest = len(bodies) - 1 if whole else min(volume.spec.lumbar + int(rng.integers(0, 2)), len(bodies) - 1)
    shown = np.array([p.centre for p in (*bodies[:highest + 1], volume.posture.sacrum[0])])
    low, high = shown.min(axis=0), shown.max(axis=0)
    top, bottom = _reach(rng, volume, how, (float(low[2]), float(high[2])), whole, scale)
    width = _even(rng, how.width_ap_mm if view == "ap" else how.width_lateral_mm)
    side = ACROSS_AXIS[view]
    width = (float(high[side] - low[side]) + float(rng.uniform(110, 240))) * scale if whole else width
    middle = (low + high) / 2
    ahead = 0.0 if view == "ap" else float(rng.uniform(0, 20))
    spot = np.array([middle[0], middle[1] + ahead, (top + bottom) / 2]) + rng.normal(0, 1, 3) * (how.centre_sd_mm, how.centre_sd_mm, 2.0)
    height = (top - bottom) * scale
    if rng.random() < how.crop and not whole:
        height *= float(rng.uniform(0.6, 0.85))
        spot[2] += float(rng.uniform(-45, 25))
    return (float(spot[0]), float(spot[1]), float(spot[2])), height, width


def _reach(
    rng: np.random.Generator, volume: Volume, how: XrayStyle, shown: tuple[float, float], whole: bool, scale: float,
) -> tuple[float, float]:
    """z of the upper and lower edge in the plane of the spine: more is seen as the film is longer, never past the built vertebrae."""
    margin = 30.0 if whole else 22.0
    top, bottom = shown[1] + margin, shown[0] - float(rng.uniform(35, 60))
    if whole:
        return top, bottom
    spare = max(_even(rng, how.height_mm) / scale - (top - bottom), 0.0)
    built = float(volume.posture.bodies[min(volume.spec.lumbar + 2, len(volume.posture.bodies) - 1)].centre[2]) + 6.0
    above = min(spare * float(rng.uniform(0.2, 0.8)), max(built - top, 0.0))
    return top + above, max(bottom - (spare - above), shown[0] - 110.0)


def _holding(plan: XrayAcquisition, volume: Volume) -> XrayAcquisition:
    """The same film, larger where it misses a corner of a vertebra, and its collimator never nearer than HELD_MM to one."""
    at = projection_of(plan).to_pixels(np.concatenate([plate_sides(volume, k) for k in range(len(volume.posture.bodies))]))
    before, spare = np.array([plan.columns, plan.rows]), HELD_MM / plan.pixel_mm
    size = np.maximum(before, np.ceil(2 * (np.abs(at - (before - 1) / 2).max(axis=0) + spare)).astype(int))
    at += (size - before) / 2
    left, top = np.clip((at.min(axis=0) - spare) / size, 0, 1)
    right, bottom = np.clip(1 - (at.max(axis=0) + spare) / size, 0, 1)
    top, right, bottom, left = np.minimum(plan.collimation, (top, right, bottom, left)).tolist()
    return replace(plan, rows=int(size[1]), columns=int(size[0]), collimation=(top, right, bottom, left))


def _edges(rng: np.random.Generator, how: XrayStyle) -> tuple[float, float, float, float]:
    """What the collimator covers, shares at the (top, right, bottom, left)."""
    if rng.random() >= how.collimated:
        return 0.0, 0.0, 0.0, 0.0
    top, right, bottom, left = (float(rng.uniform(0.01, 0.06)) if rng.random() < 0.7 else 0.0 for _ in range(4))
    return top, right, bottom, left


def _marker(rng: np.random.Generator, view: str, edges: tuple[float, ...]) -> tuple[str, tuple[float, float]]:
    """Letter and place: on an AP film L stands on the right side of the picture; on a lateral one L is next to the detector."""
    side = "L" if rng.random() < 0.5 or view == "lateral" else "R"
    right = side == "L" if view == "ap" else bool(rng.random() < 0.5)
    margin = 0.05 + float(rng.uniform(0.02, 0.06))
    x = 1 - edges[1] - margin if right else edges[3] + margin
    y = edges[0] + margin if rng.random() < 0.6 else 1 - edges[2] - margin
    return side, (float(x), float(y))
