"""DXA: two energies, decomposition against the soft tissue beside the spine, areal mineral by vertebra, T-score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError
from spondyl.imaging.dual_energy import mineral_map, polygon_mask, soft_map, soft_ratio
from spondyl.metrics.bone_density import REFERENCES, DxaReference, reference_named
from spondyl.phantom.posture import Pose, plate_corners
from spondyl.phantom.rays.acquisition import DxaAcquisition
from spondyl.phantom.rays.attenuation import BASIS, attenuation
from spondyl.phantom.rays.dxa_picture import picture
from spondyl.phantom.rays.integrals import areal_densities, stretch
from spondyl.phantom.rays.projection import PARALLEL_MM, Projection
from spondyl.phantom.volume import Array, Volume

__all__ = ["REFERENCES", "DxaReference", "DxaRegion", "DxaScan", "fat_bias", "plate_sides", "reference_named", "render_dxa"]

MINERAL = BASIS.index("mineral")
METALS = [BASIS.index("titanium"), BASIS.index("steel")]
METAL_G_CM2 = 0.05
"""Areal metal from which a ray counts as having met some [O]: a tenth of a millimetre of titanium."""


@dataclass(frozen=True, slots=True)
class DxaRegion:
    """One measured vertebra.

    Attributes:
        level: Its name, "L1" the highest lumbar one.
        index: Counted from 0, the lowest above the sacrum.
        corners: (4, 2) pixels (x, y): upper right, upper left, lower left, lower right of the patient; edges at the middle of the discs.
        bmd_g_cm2: Measured mean areal density.
        true_g_cm2: Mean mineral that the rays passed there.
        area_cm2: Of the region.
        metal_share: Of its rays that meet metal, wherever it lies: in the body, in the arch, on the skin.
    """

    level: str
    index: int
    corners: tuple[tuple[float, float], ...]
    bmd_g_cm2: float
    true_g_cm2: float
    area_cm2: float
    metal_share: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class DxaScan:
    """What a DXA scan says.

    Attributes:
        logs: The raw pair: negative logarithms of the signals at the low and the high energy, float32 (2, rows, columns), with noise.
        bmd: Areal mineral, g/cm2, float32 (rows, columns), noise included.
        soft: Areal soft tissue, g/cm2.
        regions: From L1 down.
        bmd_g_cm2, t_score: What this machine measures itself: the area-weighted mean of all regions, and that against `reference`.
        true_g_cm2: The same mean of the mineral that is there.
        words: What the picture says where it has text.
        picture: uint8 (rows, columns), as a vendor shows it; with text it has more rows.
        projection: Where points of the patient lie in `bmd`.
    """

    logs: Array
    bmd: Array
    soft: Array
    regions: tuple[DxaRegion, ...]
    bmd_g_cm2: float
    true_g_cm2: float
    t_score: float
    reference: DxaReference
    words: tuple[str, ...]
    picture: NDArray[np.uint8]
    projection: Projection
    acquisition: DxaAcquisition


def render_dxa(volume: Volume, acquisition: DxaAcquisition, reference: str = "nhanes-women-21-30",
               words: Sequence[str] | None = None) -> DxaScan:
    """The scan of a built patient, and what is measured on it. No chance: the noise comes from the acquisition's seed.

    A vendor's machine is calibrated so that its numbers and its reference's belong together; here the picture prints the mineral that
    is there, of which the labels are made [O]. What this machine measures itself is kept beside: marrow fat lies outside its
    baseline, so that it reads low.

    Args:
        words: Lines that are burnt in where the acquisition asks for text, as `measured.density_words` writes them of the subject's
            truth. None prints the mineral that the rays passed in every region.

    Raises:
        InputError: `regions-outside` if a vertebra to be measured is not on the map.
        NotFoundError: If there is no such reference.
    """
    a, against = acquisition, reference_named(reference)
    projection = Projection("ap", a.rows, a.columns, a.pixel_mm, PARALLEL_MM, 1.0, a.centre_mm)
    areal = _at_pixels(volume, projection)
    logs = _log_signals(areal, a)
    boxes = _boxes(volume, projection, a.levels)
    baseline = _baseline(logs, volume, projection)
    low, high = attenuation(np.array(a.energies_kev))[:, MINERAL]
    bmd = mineral_map(logs, baseline, (float(low), float(high)))
    soft = soft_map(logs, bmd, float(high), float(attenuation(np.array(a.energies_kev))[1, 0]))
    metal = areal[METALS].sum(axis=0) > METAL_G_CM2
    regions = tuple(_measure(level, index, box, (bmd, areal[MINERAL], metal), a.pixel_mm) for level, index, box in boxes)
    area = sum(r.area_cm2 for r in regions)
    if not all(r.area_cm2 for r in regions):
        seen = ", ".join(r.level for r in regions if not r.area_cm2)
        raise InputError("regions-outside", f"a scan holds all vertebrae that it measures, but {seen} lie outside this one",
                         "Move centre_mm, make the map larger, or measure fewer levels.")
    mean, true = (sum(value * r.area_cm2 for value, r in zip(values, regions, strict=True)) / area
                  for values in ([r.bmd_g_cm2 for r in regions], [r.true_g_cm2 for r in regions]))
    score = (mean - against.mean) / against.sd
    own = [*(f"{r.level} {r.true_g_cm2:.3f}" for r in regions), f"BMD {true:.3f}", f"T {(true - against.mean) / against.sd:.2f}"]
    said = tuple(own if words is None else words)
    return DxaScan(logs.astype(np.float32), bmd.astype(np.float32), soft.astype(np.float32), regions, mean, true, score, against, said,
                   picture(bmd, soft, a, said), projection, a)


def fat_bias(energies_kev: tuple[float, float], fat_cm: float = 1.0, density_g_cm3: float = 0.95) -> float:
    """Change of BMD in g/cm2 by fat over the bone that the soft tissue beside it lacks: negative, about -0.04 a centimetre."""
    low, high = attenuation(np.array(energies_kev))
    lean = low[0] / high[0]
    return float(fat_cm * density_g_cm3 * (low[1] - lean * high[1]) / (low[MINERAL] - lean * high[MINERAL]))


def _at_pixels(volume: Volume, projection: Projection) -> Array:
    """Areal densities (5, rows, columns), averaged over each pixel: samples on a lattice twice as fine."""
    lattice, areal = areal_densities(volume, projection, projection.pixel_mm / 2)
    rows, columns = (((np.arange(2 * n) - (2 * n - 1) / 2) * lattice.step_mm - start) / lattice.step_mm
                     for n, start in ((projection.rows, lattice.start_mm[1]), (projection.columns, lattice.start_mm[0])))
    inner = np.stack([stretch(stretch(one, rows).T, columns).T for one in areal])
    return np.asarray(inner.reshape(len(areal), projection.rows, 2, projection.columns, 2).mean(axis=(2, 4)), np.float32)


def _log_signals(areal: Array, a: DxaAcquisition) -> NDArray[np.float64]:
    """Negative logarithms of the two signals, (2, rows, columns), with quantum noise that grows as the beam is weakened."""
    logs = np.tensordot(attenuation(np.array(a.energies_kev)), areal.astype(np.float64), axes=1)
    rng = np.random.default_rng(a.noise_seed)
    noise = rng.standard_normal(logs.shape) * a.noise * np.exp(np.minimum(logs, 30) / 2)
    return np.asarray(logs + noise)


def plate_sides(volume: Volume, index: int) -> NDArray[np.float64]:
    """Patient points at the sides of a body's plates: upper right, upper left, lower left, lower right, (4, 3) mm."""
    body, pose, own = volume.spine.bodies[index], volume.posture.bodies[index], volume.spec.vertebrae[index]
    points = []
    for upper, sides in ((True, (-1, 1)), (False, (1, -1))):
        front_v, front_w, rear_v, rear_w = plate_corners(body, pose, upper)
        half = own.width_mm[1 if upper else 0] / 2
        points += [(side * half, (front_v + rear_v) / 2, (front_w + rear_w) / 2) for side in sides]
    return pose.to_patient(np.array(points))


def _boxes(volume: Volume, projection: Projection, levels: int) -> list[tuple[str, int, NDArray[np.float64]]]:
    """(name, index, corner pixels (4, 2)) of the measured vertebrae; borders lie midway to the neighbours."""
    edges = [projection.to_pixels(plate_sides(volume, k)) for k in range(len(volume.spine.bodies))]
    found = []
    for k in range(levels):
        index = volume.spec.lumbar - 1 - k
        box = edges[index].copy()
        if index + 1 < len(edges):
            box[:2] = (box[:2] + edges[index + 1][[3, 2]]) / 2
        if index > 0:
            box[2:] = (box[2:] + edges[index - 1][[1, 0]]) / 2
        found.append((f"L{k + 1}", index, box))
    return found


def _baseline(logs: NDArray[np.float64], volume: Volume, projection: Projection) -> NDArray[np.float64]:
    """Ratio of the two logarithms in soft tissue, by row (rows, 1), beside where the bodies are known to lie."""
    bodies: tuple[Pose, ...] = volume.posture.bodies
    centres = projection.to_pixels(np.array([p.centre for p in bodies[::-1]]))
    halves = [max(own.width_mm) / 2 for own in volume.spec.vertebrae[::-1]]
    rows = np.arange(projection.rows)
    return soft_ratio(logs, np.interp(rows, centres[:, 1], centres[:, 0]), np.interp(rows, centres[:, 1], halves), projection.pixel_mm)


def _measure(level: str, index: int, box: NDArray[np.float64], maps: tuple[NDArray[np.floating], Array, NDArray[np.bool_]],
             pixel_mm: float) -> DxaRegion:
    """A region on the maps of measured mineral, of true mineral, and of metal."""
    inside = polygon_mask(box, (maps[0].shape[0], maps[0].shape[1]))
    area = float(inside.sum()) * pixel_mm**2 / 100
    mean, real, metal = (float(values[inside].mean()) if inside.any() else float("nan") for values in maps)
    return DxaRegion(level, index, tuple((float(x), float(y)) for x, y in box), mean, real, area, metal)
