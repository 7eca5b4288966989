"""Pictures that a reader of DXA spine pictures must refuse, by kind: `draw_dxa_other(rng, kind)`.

They carry no truth, so here chance and drawing are not kept apart; the generator's state replays them. What is made from a genuine
picture of a spine is in `dxa_turned`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError, NotFoundError, describe_unknown
from spondyl.phantom import other_pictures as pictures
from spondyl.phantom.canvas import Array, box, ellipse, local
from spondyl.phantom.dxa_hip import hip
from spondyl.phantom.dxa_pages import lines_of_text, photograph, print_of, report
from spondyl.phantom.dxa_regions import body, coarse_spine, forearm
from spondyl.phantom.dxa_shadows import LEAST, MOST, DxaMap, console, density_words, displayed, even_log, resized, strip, within
from spondyl.phantom.dxa_turned import page_size, photo_size
from spondyl.phantom.other_pictures import octaves, unit_canvas
from spondyl.phantom.others import draw_other

__all__ = ["DXA_KINDS", "FROM_OTHERS", "draw_dxa_other"]

Picture = NDArray[np.uint8]
Drawer = Callable[[np.random.Generator, Picture | None], Array]
DXA_KINDS: dict[str, Drawer] = {}
"""Every kind by name. A drawer may show the given picture of a spine, if there is one."""
FROM_OTHERS = ("axial_mr", "brain_axial", "brain_sagittal", "chart", "chest", "coronal_mr", "ct_axial", "hand", "knee", "ultrasound",
               "xray_lateral", "xray_whole_spine")
"""Kinds of `others` that are passed on, at more sizes. Not the flat sketch of a spine from the front."""


def kind(name: str) -> Callable[[Drawer], Drawer]:
    """Claim a name for a drawer. A name claimed twice raises ValueError."""

    def claim(drawer: Drawer) -> Drawer:
        if name in DXA_KINDS:
            raise ValueError(f"the kind {name!r} is claimed twice")
        DXA_KINDS[name] = drawer
        return drawer

    return claim


def draw_dxa_other(rng: np.random.Generator, kind: str, picture: Picture | None = None) -> Array:
    """A picture of that kind: float32 (rows, columns), 0..1, the shorter side at least 60 pixels, the longer one at most 900.

    Args:
        kind: One of DXA_KINDS.
        picture: A vendor's picture of a spine, uint8 (rows, columns), to show on a photograph or a report page; None draws something
            in its place. Other kinds do without.

    Raises:
        NotFoundError: If no such kind is registered; the sentence offers the nearest one.
        InputError: `bad-picture` if `picture` is not of that type and shape.
    """
    if kind not in DXA_KINDS:
        raise NotFoundError("unknown-kind", describe_unknown("kind of picture", kind, DXA_KINDS))
    if picture is not None and (picture.dtype != np.uint8 or picture.ndim != 2 or min(picture.shape) < 2):
        raise InputError("bad-picture", f"the picture to show is {picture.dtype} {picture.shape}", "Give uint8 (rows, columns).")
    return np.ascontiguousarray(DXA_KINDS[kind](rng, picture), np.float32)


@kind("hip_dxa")
def _hip(rng: np.random.Generator, _: Picture | None) -> Array:
    """One hip, seldom both side by side."""
    scan = hip(rng)
    if rng.random() < 0.1:
        other, columns = hip(rng, (scan.bmd.shape[0], scan.bmd.shape[1])), scan.bmd.shape[1]
        scan = replace(scan, bmd=np.concatenate([scan.bmd, other.bmd], axis=1), soft=np.concatenate([scan.soft, other.soft], axis=1),
                       lines=(*scan.lines, *(np.array((columns, 0)) + line for line in other.lines)))
    return console(rng, scan)


@kind("forearm_dxa")
def _forearm(rng: np.random.Generator, _: Picture | None) -> Array:
    return console(rng, forearm(rng))


@kind("body_dxa")
def _body(rng: np.random.Generator, _: Picture | None) -> Array:
    """The whole body, or its upper or lower part, now and then with the soft tissue beside it."""
    scan = body(rng)
    rows = scan.bmd.shape[0]
    if rng.random() < 0.25:
        cut = int(rows * rng.uniform(0.45, 0.7))
        start = int(rng.integers(0, rows - cut))
        lines = tuple(line - np.array((0, start)) for line in scan.lines)
        scan = DxaMap(scan.bmd[start:start + cut], scan.soft[start:start + cut], lines, scan.words)
    if rng.random() < 0.25:
        beside = scan.soft * np.float32(scan.bmd.max() / max(float(scan.soft.max()), 1e-6) * rng.uniform(0.4, 0.9))
        scan = replace(scan, bmd=np.concatenate([scan.bmd, beside], axis=1), soft=np.concatenate([scan.soft, scan.soft], axis=1))
    return console(rng, scan, lines=0.4, text=0.4)


@kind("report_page")
def _report(rng: np.random.Generator, picture: Picture | None) -> Array:
    """A page of a report with a small picture on it."""
    page = report(rng, _inset(rng, picture))
    return displayed(rng, resized(page, page_size(rng, page)))


@kind("text_only")
def _text(rng: np.random.Generator, _: Picture | None) -> Array:
    """Lines of text on one grey, or the lines that a console prints and nothing else."""
    if rng.random() < 0.3:
        words = [word for _ in range(int(rng.integers(2, 5))) for word in density_words(rng, ("L1", "L2", "L3", "L4"))]
        area = strip(words, int(rng.uniform(80, 260)))
        return displayed(rng, _scaled(rng, area))
    dark, size = rng.random() < 0.5, (int(rng.uniform(120, 640)), int(rng.uniform(120, 640)))
    area = np.full(size, rng.uniform(0, 0.2) if dark else rng.uniform(0.75, 1), np.float32)
    lines_of_text(rng, area, float(rng.uniform(0.6, 1) if dark else rng.uniform(0, 0.35)), int(rng.integers(1, 4)))
    return displayed(rng, _scaled(rng, area))


@kind("photo")
def _photo(rng: np.random.Generator, picture: Picture | None) -> Array:
    """A photograph of a print, a screen or a report; without a picture to show also of a street, a face or a landscape."""
    if picture is None and rng.random() < 0.3:
        scene = (pictures.street, pictures.face, pictures.landscape)[int(rng.integers(3))]
        size = int(rng.integers(90, 200)), int(rng.integers(90, 200))
        return _scaled(rng, scene(rng, size))
    page = print_of(rng, _inset(rng, picture)) if rng.random() < 0.7 else report(rng, _inset(rng, picture), float(rng.uniform(0.15, 0.5)))
    return photograph(rng, page, photo_size(rng, page))


@kind("noise")
def _noise(rng: np.random.Generator, _: Picture | None) -> Array:
    """Grains, clouds, lines, salt and pepper, or one grey with a trace of noise."""
    size = _size(rng)
    small = within(size, min(1.0, 300 / max(size)))
    choices: tuple[Callable[[], Array], ...] = (
        lambda: rng.random(size, np.float32),
        lambda: np.clip(rng.normal(0.4, 0.2, size), 0, 1),
        lambda: resized(rng.random((max(size[0] // 12, 2), max(size[1] // 12, 2)), np.float32), size, bool(rng.random() < 0.5)),
        lambda: resized(octaves(rng, *small, rng.uniform(0.1, 1.6)), size),
        lambda: np.broadcast_to(rng.random((size[0], 1), np.float32), size) * rng.uniform(0.5, 1),
        lambda: (rng.random(size, np.float32) < rng.uniform(0.01, 0.5)).astype(np.float32),
        lambda: np.clip(rng.random() + 0.02 * rng.standard_normal(size, np.float32), 0, 1),
    )
    return displayed(rng, np.asarray(choices[int(rng.integers(len(choices)))](), np.float32))


@kind("flat_shapes")
def _shapes(rng: np.random.Generator, _: Picture | None) -> Array:
    """Boxes and ellipses of one grey each on one grey; now and then stacked like a drawing of a spine."""
    size = _size(rng)
    c = unit_canvas(within(size, min(1.0, 360 / max(size))))
    c.signal += np.float32(rng.random())
    if rng.random() < 0.25:
        tone, half, count = rng.random(), rng.uniform(0.12, 0.4), int(rng.integers(3, 9))
        for k in range(count):
            y = 2 * (k + 0.5) / count - 1
            c.paint(box(c.x, c.y - np.float32(y), half, 0.75 / count, 0.03), tone)
    else:
        for _shape in range(int(rng.integers(1, 12))):
            u, v = local(c.x, c.y, rng.uniform(-1, 1, 2), rng.uniform(-3, 3))
            a, b = rng.uniform(0.05, 0.6, 2)
            c.paint(ellipse(u, v, a, b) if rng.random() < 0.5 else box(u, v, a, b, min(a, b) * rng.uniform(0, 0.5)), rng.random())
    return displayed(rng, resized(c.signal, size))


def _inset(rng: np.random.Generator, picture: Picture | None) -> Array:
    """The given picture, 0..1, or a coarse spine, a hip or a forearm as a console shows them."""
    if picture is not None:
        return picture.astype(np.float32) / np.float32(255)
    scan = (coarse_spine, hip, forearm)[int(rng.choice(3, p=[0.6, 0.3, 0.1]))](rng)
    return console(rng, scan, text=0.3)


def _size(rng: np.random.Generator) -> tuple[int, int]:
    """Sides of 60 to 900 pixels, small ones as often as large ones, seldom narrower than one to three."""
    long = even_log(rng, LEAST, MOST)
    short = max(long * rng.uniform(0.35, 1), LEAST)
    rows, columns = (long, short) if rng.random() < 0.65 else (short, long)
    return int(rows), int(columns)


def _scaled(rng: np.random.Generator, pixels: Array) -> Array:
    """Shown at another size."""
    return resized(pixels, within(pixels.shape, even_log(rng, 0.5, 2.0)), bool(rng.random() < 0.2))


def _passed_on(name: str) -> Drawer:
    """A kind of `others`, half of the time at another size."""

    def draw(rng: np.random.Generator, _: Picture | None) -> Array:
        drawn = np.asarray(draw_other(rng, name), np.float32)
        return _scaled(rng, drawn) if rng.random() < 0.5 else drawn

    return draw


for _name in FROM_OTHERS:
    kind(_name)(_passed_on(_name))
