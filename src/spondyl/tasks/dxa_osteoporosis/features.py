"""What is measured on the picture of a spine: numbers for the tree model, in groups that a person can name.

All greys are taken in the spine's frame as the console displayed them. Lengths are ratios, since pictures have no millimetres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox
from spondyl.imaging.dual_energy import polygon_mask
from spondyl.metrics.bone_density import REGION
from spondyl.tasks.dxa_osteoporosis.space import Vertebra

UNKNOWN = -1.0
"""Of an areal density that is not measured, and of what could not be taken."""
DENSITIES = tuple(f"areal_density_{name}" for name in REGION)
GREYS = (5, 25, 50, 75, 95)
SCALES = (1, 2, 4)
GROUPS: dict[str, tuple[str, ...]] = {
    "bone against soft tissue": ("bone_grey", "soft_grey", "contrast", "soft_share", "gap_grey"),
    "display scaling": ("black_share", "white_share", *(f"grey_{p}" for p in GREYS)),
    "noise": ("noise_soft", "noise_bone"),
    "texture": tuple(f"texture_{s}" for s in SCALES),
    "cortical edges": ("plate_edge", "side_edge", "centre_dip"),
    "shape": ("height_ratio", "lowest_height_ratio", "gap_ratio", "taper"),
    "levels": ("level_slope", "level_spread"),
    "areal density": (*DENSITIES, "areal_density"),
}
FEATURES = tuple(name for names in GROUPS.values() for name in names)


def features_of(picture: NDArray[np.float32], frame: Letterbox, found: Sequence[Vertebra],
                densities: Mapping[str, float] | None = None) -> NDArray[np.float32]:
    """(len(FEATURES),) float32.

    Args:
        picture: The spine in its frame, 0..1.
        frame: The way back to the picture's own pixels.
        found: Vertebrae in pixels of the original picture.
        densities: g/cm2 by vertebra where they were measured.
    """
    own = {one.name: frame.forward(one.corners) for one in found if one.name in REGION}
    table = dict.fromkeys(FEATURES, UNKNOWN)
    parts = [_vertebra(picture, corners) for corners in own.values()]
    whole = [part for part in parts if part is not None]
    if whole:
        table.update(_summary(whole))
    table.update(_display(picture), **_shape(list(own.values())))
    if densities:
        table.update({f"areal_density_{name}": value for name, value in densities.items() if name in REGION})
        table["areal_density"] = float(np.mean(list(densities.values())))
    return np.array([table[name] for name in FEATURES], np.float32)


def _vertebra(picture: NDArray[np.float32], corners: NDArray[np.float64]) -> dict[str, float] | None:
    """Of one body: None where it is cut by the frame."""
    middle = corners.mean(axis=0)

    def inside(low: float, high: float, tall: float) -> NDArray[np.bool_]:
        """Between two shares of the half width on both sides, and up to a share of the half height."""
        outer, inner = (polygon_mask(middle + (corners - middle) * np.array([side, tall]), (picture.shape[0], picture.shape[1]))
                        for side in (high, max(low, 1e-3)))
        return outer & ~inner if low else outer

    body, soft = inside(0, 0.8, 0.75), inside(1.25, 1.7, 0.8)
    plates = inside(0, 0.8, 1.1) & ~inside(0, 0.8, 0.85)
    sides = inside(0.85, 1.1, 0.7)
    core = inside(0, 0.35, 0.45)
    if min(int(part.sum()) for part in (body, soft, plates, sides, core)) < 8:
        return None
    bone, tissue = float(picture[body].mean()), float(picture[soft].mean())
    room = max(bone - tissue, 0.02)
    row = {"bone_grey": bone, "soft_grey": tissue, "contrast": bone - tissue, "soft_share": tissue / max(bone, 0.02),
           "plate_edge": (float(picture[plates].mean()) - bone) / room, "side_edge": (float(picture[sides].mean()) - bone) / room,
           "centre_dip": (bone - float(picture[core].mean())) / room,
           "noise_soft": _noise(picture, soft) / room, "noise_bone": _noise(picture, body) / room}
    return row | {f"texture_{s}": _texture(picture, body, s) / room for s in SCALES}


def _summary(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    table = {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}
    greys = np.array([part["bone_grey"] for part in parts])
    steps = np.arange(len(greys)) - (len(greys) - 1) / 2
    slope = float((steps * greys).sum() / (steps**2).sum()) if len(greys) > 1 else 0.0
    return table | {"level_slope": slope, "level_spread": float(greys.std()), "gap_grey": float(greys.min() / max(greys.max(), 0.02))}


def _display(picture: NDArray[np.float32]) -> dict[str, float]:
    """How the console scaled the picture."""
    table = {"black_share": float((picture <= 0.004).mean()), "white_share": float((picture >= 0.996).mean())}
    return table | {f"grey_{p}": float(value) for p, value in zip(GREYS, np.percentile(picture, GREYS), strict=True)}


def _shape(bodies: Sequence[NDArray[np.float64]]) -> dict[str, float]:
    """Heights over widths, the lowest against the mean, gaps over heights, and how much wider the lowest body is than the highest."""
    if len(bodies) < 2:
        return {}
    heights = np.array([np.linalg.norm(b[[2, 3]].mean(axis=0) - b[[0, 1]].mean(axis=0)) for b in bodies])
    widths = np.array([np.linalg.norm(b[[1, 2]].mean(axis=0) - b[[0, 3]].mean(axis=0)) for b in bodies])
    gaps = [float(np.linalg.norm(below[[0, 1]].mean(axis=0) - above[[2, 3]].mean(axis=0)))
            for above, below in pairwise(bodies)]
    return {"height_ratio": float((heights / widths).mean()), "lowest_height_ratio": float(heights.min() / heights.mean()),
            "gap_ratio": float(np.mean(gaps) / heights.mean()), "taper": float(widths[-1] / widths[0])}


def _noise(picture: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Robust size of what differs from pixel to pixel: median absolute second difference over 1.65 [Gaussian noise: its SD]."""
    second = np.zeros_like(picture)
    second[1:-1] = picture[:-2] - 2 * picture[1:-1] + picture[2:]
    return float(np.median(np.abs(second[mask]))) / 1.652


def _texture(picture: NDArray[np.float32], mask: NDArray[np.bool_], size: int) -> float:
    """Standard deviation of the difference of two box means, `size` and twice as wide."""
    return float((_box_mean(picture, size) - _box_mean(picture, 2 * size))[mask].std())


def _box_mean(picture: NDArray[np.float32], size: int) -> NDArray[np.float64]:
    """Mean over (2 size + 1) squared pixels, edges repeated."""
    width = 2 * size + 1
    padded = np.pad(picture.astype(np.float64), size + 1, mode="edge")
    total = padded.cumsum(axis=0).cumsum(axis=1)
    part = total[width:, width:] - total[:-width, width:] - total[width:, :-width] + total[:-width, :-width]
    return np.asarray(part[: picture.shape[0], : picture.shape[1]] / width**2)
