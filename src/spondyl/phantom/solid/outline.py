"""The outline of a vertebral plate and of a disc seen from above: a kidney, wider than deep, a little hollow behind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
CORNERS = 0.4
"""How much fuller than an ellipse the outline is on its diagonals [O]."""
HOLLOW = 0.07
"""How far the back stands behind its middle on either side, relative to the half depth [O]."""


def kidney(a: Array, b: Array) -> Array:
    """Radius, 1 on the outline, of places a (left) and b (back) in units of the half width and of the half depth."""
    aa = a * a
    behind = 1 + np.float32(HOLLOW) * (aa / (aa + np.float32(0.12))) * np.clip(2 * b, 0, 1)
    bb = np.square(b / behind)
    return np.asarray(np.sqrt(aa + bb - np.float32(CORNERS) * np.minimum(aa * bb, 0.75)), np.float32)
