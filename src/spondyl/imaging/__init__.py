"""Pixels in, pixels out. Every change of frame is an affine map that goes both ways.

Points are (x, y) in continuous pixel coordinates: pixel (row i, column j) covers [j, j+1) x [i, i+1), its centre is
(j + 0.5, i + 0.5). Affine maps are (2, 3) arrays that act on (x, y, 1).
"""

from spondyl.imaging.affine import affine_sample, apply_affine, compose, invert
from spondyl.imaging.letterbox import Letterbox, content_box, letterbox
from spondyl.imaging.normalise import percentile_scale, scaled_block_mean

__all__ = [
    "Letterbox",
    "affine_sample",
    "apply_affine",
    "compose",
    "content_box",
    "invert",
    "letterbox",
    "percentile_scale",
    "scaled_block_mean",
]
