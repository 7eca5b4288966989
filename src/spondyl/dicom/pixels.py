"""Stored values -> what a person sees: modality LUT, then VOI LUT or window, then MONOCHROME1 (DICOM PS3.3 C.11, PS3.4 N.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import InputError

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]

LUMA = (0.299, 0.587, 0.114)
"""Rec. 601 weights: the Y of YBR_FULL (PS3.3 C.7.6.3.1.2)."""

COLOUR_SPREAD = 0.05
"""Channels that differ by more than this share of the range are colour; less is compression noise in a grey picture."""
COLOUR_SHARE = 0.01
"""Share of coloured pixels from which a picture is one in colour; fewer are a marker or a line of text on a grey one [O]."""


@dataclass(frozen=True, slots=True)
class Window:
    """A VOI window in modality units. `function` is "LINEAR", "LINEAR_EXACT" or "SIGMOID"."""

    centre: float
    width: float
    function: str = "LINEAR"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A lookup table: `values[0]` is for inputs up to `first`, the last one for all beyond; `top` is the largest output possible."""

    first: float
    values: Float64
    top: float

    def __call__(self, values: Float64) -> Float64:
        """The table's outputs, in its own units."""
        return self.values[np.clip(np.floor(values) - self.first, 0, len(self.values) - 1).astype(np.intp)]


@dataclass(frozen=True, slots=True, eq=False)
class Display:
    """How stored values become grey.

    Attributes:
        slope, intercept: Modality rescale.
        modality_table: Modality LUT, instead of the rescale.
        voi: VOI LUT or window, in modality units; None shows the whole range.
        low, high: The range in modality units that is shown where there is no VOI; None when the file has none.
        invert: MONOCHROME1.
    """

    slope: float = 1.0
    intercept: float = 0.0
    modality_table: Table | None = None
    voi: Window | Table | None = None
    low: float | None = 0.0
    high: float | None = 1.0
    invert: bool = False

    def __call__(self, stored: Float64) -> Float32:
        """Grey in 0..1, bright is high, for stored values of any shape.

        Raises:
            InputError: `no-display-range` for float pixels without a window.
        """
        values = self.modality_table(stored) if self.modality_table is not None else stored * self.slope + self.intercept
        if isinstance(self.voi, Window):
            grey = apply_window(values, self.voi)
        elif self.voi is not None:
            grey = self.voi(values) / self.voi.top
        elif self.low is None or self.high is None:
            message = "floating-point pixels come without a window, so their range is unknown"
            raise InputError("no-display-range", message, "Store a window with them")
        else:
            grey = (values - self.low) / max(self.high - self.low, 1e-12)
        grey = np.clip(grey, 0.0, 1.0)
        return (1.0 - grey if self.invert else grey).astype(np.float32)


def apply_window(values: Float64, window: Window) -> Float64:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3 with output 0..1. A LINEAR width below 1, which is not legal, is taken as LINEAR_EXACT."""
    centre, width = window.centre, window.width
    if window.function == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -700, 700))))
    if window.function == "LINEAR_EXACT" or width < 1:
        return np.clip((values - centre) / width + 0.5, 0.0, 1.0)
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Cells:
    """How a stored value lies in its cell.

    Attributes:
        bits: Bits that count (BitsStored, never more than the cell has).
        shift: Unused bits below them (HighBit + 1 - BitsStored).
        signed: Two's complement.
        kept: Bits that are not cut away, where the codestream holds more than BitsStored says; the range shown stays that of `bits`.
    """

    bits: int
    shift: int = 0
    signed: bool = False
    kept: int = 0

    @property
    def width(self) -> int:
        """Bits of a code."""
        return max(self.bits, self.kept)

    @property
    def span(self) -> tuple[float, float]:
        """Smallest and largest value that can be stored."""
        half = 2.0 ** (self.bits - 1)
        return (-half, half - 1) if self.signed else (0.0, 2 * half - 1)

    def codes(self, cells: NDArray[Any]) -> NDArray[Any]:
        """The bits that count, as unsigned numbers of the cells' own width."""
        codes = cells.view(f"{cells.dtype.byteorder}u{cells.dtype.itemsize}") if cells.dtype.kind == "i" else cells
        codes = codes >> self.shift if self.shift else codes
        return codes & codes.dtype.type(2**self.width - 1) if self.width < 8 * codes.dtype.itemsize else codes

    def values(self, codes: NDArray[Any]) -> Float64:
        """The numbers that the codes stand for."""
        values = codes.astype(np.float64)
        return np.where(values >= 2.0 ** (self.bits - 1), values - 2.0**self.bits, values) if self.signed else values


def render(cells: NDArray[Any], layout: Cells, display: Display) -> Float32:
    """Grey picture of the cells. Many pixels of few bits go through a table of every code: the same arithmetic, once a code."""
    codes = layout.codes(cells)
    if layout.width <= 16 and codes.size >= 2**layout.width:
        shades = display(layout.values(np.arange(2**layout.width)))
        return np.take(shades, codes)
    return display(layout.values(codes))


def luminance(samples: NDArray[Any], top: float, ybr: bool = False) -> tuple[Float32, bool]:
    """Grey in 0..1 of (rows, columns, 3) samples in 0..top, and whether the picture is in colour: COLOUR_SHARE of it or more.

    Args:
        ybr: The samples are Y, Cb, Cr; Y is the answer.
    """
    planes = [samples[..., index] for index in range(3)]
    if ybr:
        middle = (top + 1) / 2
        spread = np.maximum.reduce([np.abs(plane.astype(np.float32) - middle) for plane in planes[1:]])
        grey = planes[0].astype(np.float32) / np.float32(top)
    else:
        spread = np.maximum.reduce(planes) - np.minimum.reduce(planes)
        grey = np.zeros(samples.shape[:2], np.float32)
        for weight, plane in zip(LUMA, planes, strict=True):
            grey += np.float32(weight / top) * plane
    return np.clip(grey, 0.0, 1.0), bool((spread > COLOUR_SPREAD * top).mean() >= COLOUR_SHARE)
