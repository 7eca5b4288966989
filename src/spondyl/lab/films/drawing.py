"""Plain figures as SVG: the same numbers give the same bytes, and each says in words what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, SOFT, LINE, ACCENT, AMBER, RED, VIOLET = "#16232b", "#50616b", "#d5dde1", "#17606c", "#d9932a", "#98231d", "#4f2f86"
"""The colours of the page that serves."""
SERIES = (ACCENT, AMBER, VIOLET, RED, "#4b7ea3", "#6b7d2a", "#8a5300", "#50616b")
"""Told apart by lightness too; figures with several lines also change the dashes."""
DASHES = ("-", "--", "-.", ":")
STYLE = {
    "svg.hashsalt": "spondyl", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 9.0, "axes.edgecolor": SOFT,
    "axes.labelcolor": INK, "axes.titlesize": 10.0, "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": LINE, "grid.linewidth": 0.6, "text.color": INK, "xtick.color": SOFT,
    "ytick.color": SOFT, "legend.frameon": False, "legend.fontsize": 8.0, "figure.constrained_layout.use": True, "path.simplify": True,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawing:
    """One figure.

    Attributes:
        svg: Its bytes.
        alt: What it shows, in words, for those who do not see it.
        caption: How to read it.
    """

    svg: bytes
    alt: str
    caption: str = ""


class Sheet:
    """A figure that is being drawn; `svg` holds its bytes once the `with` block of `sheet` is left."""

    def __init__(self, figure: Figure, axes: Any) -> None:
        self.figure, self.axes, self.svg = figure, axes, b""

    def as_drawing(self, alt: str, caption: str = "") -> Drawing:
        """The finished figure with its words."""
        return Drawing(self.svg, alt, caption)


@contextmanager
def sheet(width: float, height: float, rows: int = 1, columns: int = 1, **grid: Any) -> Iterator[Sheet]:
    """An empty figure of some inches; `axes` is an array of shape (rows, columns).

    Neither a date nor a version is written, and identifiers are salted, so that the bytes depend on the drawing alone.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        FigureCanvasSVG(figure)
        drawn = Sheet(figure, figure.subplots(rows, columns, squeeze=False, **grid))
        yield drawn
        buffer = BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        drawn.svg = buffer.getvalue()
