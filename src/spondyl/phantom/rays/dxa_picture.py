"""The picture that a DXA console shows: bone bright on dark soft tissue, scaled by its own values, with or without text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.rays.acquisition import DxaAcquisition
from spondyl.phantom.rays.marks import text_mask

SOFT_SHARE = 0.015
"""Grey of a g/cm2 of soft tissue beside that of mineral [O]."""


def picture(bmd: NDArray[np.floating], soft: NDArray[np.floating], acquisition: DxaAcquisition, words: Sequence[str]) -> NDArray[np.uint8]:
    """uint8 (rows, columns); with text, lines of it stand below the picture."""
    value = np.maximum(bmd, -0.1) + SOFT_SHARE * soft
    black, white = np.percentile(value, [acquisition.black, acquisition.white])
    grey = np.clip((value - black) / max(float(white - black), 1e-6), 0, 1)
    shown = np.rint(255 * grey).astype(np.uint8)
    return np.concatenate([shown, *(_line(word, shown.shape[1]) for word in ["IN-SILICO", *words])]) if acquisition.text else shown


def _line(word: str, columns: int) -> NDArray[np.uint8]:
    """One line of text, white on black."""
    strip = np.zeros((8, columns), np.uint8)
    mask = text_mask(word)[:, :max(columns - 4, 0)]
    strip[1:6, 3:3 + mask.shape[1]][mask] = 230
    return strip
