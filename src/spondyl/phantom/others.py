"""Pictures that a sagittal lumbar reader must refuse, by kind: `draw_other(rng, kind)`.

They carry no truth, so here chance and drawing are not kept apart; the generator's state replays them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from spondyl.core.errors import NotFoundError, describe_unknown
from spondyl.phantom import other_pictures as pictures
from spondyl.phantom.canvas import Array, Canvas, Frame, box, ellipse
from spondyl.phantom.draw import draw_acquisition, draw_subject
from spondyl.phantom.other_mr import expose, render_axial, render_brain_axial, render_brain_sagittal, render_coronal, render_knee
from spondyl.phantom.other_regions import render_cervical, render_ct_axial, render_hand
from spondyl.phantom.other_xray import render_chest, render_whole_spine, render_xray
from spondyl.phantom.spec import Acquisition

__all__ = ["KINDS", "draw_other", "render_axial", "render_brain_axial", "render_brain_sagittal", "render_chest", "render_coronal",
           "render_knee", "render_whole_spine", "render_xray"]

Drawer = Callable[[np.random.Generator], Array]
KINDS: dict[str, Drawer] = {}
"""Every kind by name."""


def kind(name: str) -> Callable[[Drawer], Drawer]:
    """Claim a name for a drawer. A name claimed twice raises ValueError."""

    def claim(drawer: Drawer) -> Drawer:
        if name in KINDS:
            raise ValueError(f"the kind {name!r} is claimed twice")
        KINDS[name] = drawer
        return drawer

    return claim


def draw_other(rng: np.random.Generator, kind: str) -> Array:
    """A picture of that kind: float32 (rows, columns), 0..1, of a random size around 256 to 512 pixels.

    Raises:
        NotFoundError: If no such kind is registered; the sentence offers the nearest one.
    """
    if kind not in KINDS:
        raise NotFoundError("unknown-kind", describe_unknown("kind of picture", kind, KINDS))
    return KINDS[kind](rng)


def _scan(rng: np.random.Generator, height_mm: tuple[float, float], shape: tuple[float, float] = (0.8, 1.25)) -> Acquisition:
    """An acquisition of a random sequence with a field of that height and of columns/rows in `shape`."""
    scan = draw_acquisition(rng, str(rng.choice(["t1", "t2", "stir"], p=[0.4, 0.5, 0.1])), "none")
    rows = int(rng.integers(256, 449))
    columns = int(np.clip(rows * rng.uniform(*shape), 128, 512))
    step = float(rng.uniform(*height_mm)) / rows
    return replace(scan, rows=rows, columns=columns, spacing_mm=(step, step), pad_px=(0, 0, 0, 0))


def _size(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(256, 449)), int(rng.integers(256, 449))


@kind("axial_mr")
def _axial(rng: np.random.Generator) -> Array:
    return render_axial(draw_subject(rng), _scan(rng, (150, 330)), int(rng.integers(1, 7)))


@kind("coronal_mr")
def _coronal(rng: np.random.Generator) -> Array:
    return render_coronal(draw_subject(rng), _scan(rng, (240, 340), (0.55, 1.1)))


@kind("xray_ap")
def _xray_ap(rng: np.random.Generator) -> Array:
    return render_xray(draw_subject(rng), "ap", _scan(rng, (240, 380), (0.4, 1.0)))


@kind("xray_lateral")
def _xray_lateral(rng: np.random.Generator) -> Array:
    return render_xray(draw_subject(rng), "lateral", _scan(rng, (240, 380), (0.4, 1.0)))


@kind("xray_whole_spine")
def _xray_whole(rng: np.random.Generator) -> Array:
    return render_whole_spine(rng, _scan(rng, (460, 620), (0.3, 0.6)))


@kind("chest")
def _chest(rng: np.random.Generator) -> Array:
    return render_chest(rng, _scan(rng, (330, 400), (0.8, 1.2)))


@kind("brain_axial")
def _brain_axial(rng: np.random.Generator) -> Array:
    return render_brain_axial(rng, _scan(rng, (200, 250)))


@kind("brain_sagittal")
def _brain_sagittal(rng: np.random.Generator) -> Array:
    return render_brain_sagittal(rng, _scan(rng, (210, 270)))


@kind("knee")
def _knee(rng: np.random.Generator) -> Array:
    return render_knee(rng, _scan(rng, (140, 190)))


@kind("cervical_mr")
def _cervical(rng: np.random.Generator) -> Array:
    scan = _scan(rng, (150, 210), (0.7, 1.0))
    step = scan.rows * scan.spacing_mm[0] / 256
    return render_cervical(rng, replace(scan, rows=256, columns=int(256 * scan.columns / scan.rows), spacing_mm=(step, step)))


@kind("ct_axial")
def _ct_axial(rng: np.random.Generator) -> Array:
    return render_ct_axial(rng, _scan(rng, (260, 400), (0.9, 1.3)))


@kind("hand")
def _hand(rng: np.random.Generator) -> Array:
    return render_hand(rng, _scan(rng, (200, 260), (0.6, 0.9)))


@kind("collage")
def _collage(rng: np.random.Generator) -> Array:
    """Several pictures side by side, as on a screenshot of a viewer."""
    rows, columns = int(rng.integers(1, 3)), 2
    page = np.full((rows * 160, columns * 160), rng.random() * 0.3, np.float32)
    for row in range(rows):
        for column in range(columns):
            tile = KINDS[str(rng.choice(["brain_axial", "brain_sagittal", "chest", "chart", "knee", "page"]))](rng)
            step = max(tile.shape) / 150
            down, across = ((np.arange(int(size / step)) * step).astype(int) for size in tile.shape)
            tile = tile[np.ix_(down, across)]
            page[row * 160 + 5:row * 160 + 5 + tile.shape[0], column * 160 + 5:column * 160 + 5 + tile.shape[1]] = tile
    return page


@kind("simple_scan")
def _simple(rng: np.random.Generator) -> Array:
    """A bottle, a ball or a box in a scanner: bright shapes on black."""
    scan = _scan(rng, (200, 300))
    c = Canvas(Frame(scan.rows, scan.columns, scan.spacing_mm, (0.0, 0.0), float(rng.uniform(-30, 30))))
    a, b = rng.uniform(30, 110, 2)
    shape = ellipse(c.x, c.y, a, b) if rng.random() < 0.5 else box(c.x, c.y, a, b, min(a, b) * 0.3)
    c.paint(shape, float(rng.uniform(0.4, 1.0)))
    for _ in range(int(rng.integers(0, 9))):
        x, y, r = rng.uniform(-50, 50), rng.uniform(-50, 50), rng.uniform(3, 18)
        c.paint(ellipse(c.x - x, c.y - y, r, r), float(rng.random()))
    return expose(c, scan, rng)


def _register_pictures() -> None:
    for draw in (pictures.shapes, pictures.gradient, pictures.landscape, pictures.face, pictures.page, pictures.chart, pictures.texture,
                 pictures.street, pictures.ultrasound):
        kind(draw.__name__)(_sized(draw))


def _sized(draw: Callable[[np.random.Generator, tuple[int, int]], Array]) -> Drawer:
    return lambda rng: draw(rng, _size(rng))


_register_pictures()
