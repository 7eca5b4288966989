"""The outline of a disc seen from above: a kidney, wider than deep, a little hollow behind; the same as that of the bodies' plates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
CORNERS = 0.42
"""How much fuller than an ellipse the outline is on its diagonals: close to a superellipse of exponent 2.5 [O]."""
HOLLOW = 0.16
"""How far the back stands out on either side of its middle, relative to the half depth [O]."""


def kidney(a: Array, b: Array) -> Array:
    """Radius, 1 on the outline, of places a (left) and b (back) in units of the half width and of the half depth."""
    aa = a * a
    bump = np.clip(4 * aa * (1 - aa), 0, 1) * np.float32(HOLLOW)
    bb = np.square(b - np.clip(b, 0, 1) * bump)
    return np.asarray(np.sqrt(aa + bb - np.float32(CORNERS) * np.minimum(aa * bb, np.float32(0.75))), np.float32)
