"""Looks at whole-spine films in training: other frames, cuts, mirrors, exposures. Drawn first, applied afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox, compose
from spondyl.lab.photometry import Photometry, apply_photometry, plan_photometry
from spondyl.tasks.xray_alignment.frames import (
    FILM_NEAR,
    VERTEBRA_NEAR,
    close_frame,
    even,
    film_frame,
    looked_at,
    vertebra_frame,
    widths,
)

Points = NDArray[np.float64]
Pixels = NDArray[np.float32]
MIRRORED = [1, 0, 3, 2]
"""Places of the corners after left and right have changed."""
CLOSE, WIDE, CUT, BARRED, SATURATED = 0.4, 0.3, 0.3, 0.25, 0.08
"""How often a film is seen close up, smaller than its frame, cut above or below, with something drawn over it, or too bright."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmLook:
    """A planned look at a film.

    Attributes:
        frame: Part of the film that is seen.
        mirrored: Whether left and right change.
        rows: First and last row of the film (exclusive) that is there; what lies beyond was cut off.
        bars: (n, 5) x0, y0, x1, y1 in the frame and the grey that is drawn there.
        greys: Change of exposure.
    """

    frame: Letterbox
    mirrored: bool
    rows: tuple[float, float]
    bars: NDArray[np.float64]
    greys: Photometry


def plan_film(rng: np.random.Generator, film: tuple[int, int], corners: Points, shape: tuple[int, int]) -> FilmLook:
    """Draw one look at a film of that shape (rows, columns)."""
    base = close_frame(corners, shape) if rng.random() < CLOSE else film_frame(film, shape)
    zoom = float(np.exp(rng.uniform(-0.25, 0.2)))
    if rng.random() < WIDE:
        zoom = float(rng.uniform(1.1, 2.0))
    angle, stretch = np.radians(rng.normal(0, 5)), float(np.exp(rng.uniform(-0.1, 0.1)))
    linear = zoom * np.array([[np.cos(angle) * stretch, -np.sin(angle) / stretch], [np.sin(angle) * stretch, np.cos(angle) / stretch]])
    middle = np.array([shape[1], shape[0]]) / 2
    room = 0.06 + 0.35 * max(zoom - 1, 0)
    around = np.column_stack([linear, middle - linear @ middle + rng.uniform(-room, room, 2) * [shape[1], shape[0]]])
    top, bottom = 0.0, float(film[0])
    if rng.random() < CUT:
        if rng.random() < 0.5:
            top = float(rng.uniform(0.02, 0.5)) * film[0]
        else:
            bottom = float(rng.uniform(0.5, 0.98)) * film[0]
    return FilmLook(Letterbox(compose(base.to_source, around), shape), bool(rng.random() < 0.5), (top, bottom), _bars(rng, shape),
                    plan_greys(rng))


def plan_greys(rng: np.random.Generator) -> Photometry:
    """Draw an exposure; few saturate, since greys are made even afterwards and what is clipped is lost."""
    drawn = plan_photometry(rng)
    if rng.random() < SATURATED:
        return drawn
    return replace(drawn, gain=float(rng.uniform(0.4, 0.62)), noise=0.2 * drawn.noise)


def seen_film(pixels: Pixels, look: FilmLook) -> Pixels:
    """The film through a look, float32 of the frame's shape, as the detector takes it."""
    first, last = (int(row) for row in look.rows)
    kept = pixels
    if first > 0 or last < len(pixels):
        kept = np.zeros_like(pixels)
        kept[first:last] = pixels[first:last]
    picture = looked_at(kept, look.frame)
    for x0, y0, x1, y1, grey in look.bars:
        picture[int(y0):int(y1), int(x0):int(x1)] = np.float32(grey)
    picture = even(apply_photometry(np.maximum(picture, 0), look.greys), FILM_NEAR)
    return np.ascontiguousarray(picture[:, ::-1]) if look.mirrored else picture


def placed(corners: Points, look: FilmLook) -> tuple[Points, NDArray[np.float64]]:
    """(corners in the look's frame, (n,) share of each vertebra's height that is on the film)."""
    inside = look.frame.forward(corners)
    height = corners[:, 2:, 1].max(axis=1) - corners[:, :2, 1].min(axis=1)
    shown = (np.minimum(corners[:, 2:, 1].max(axis=1), look.rows[1]) - np.maximum(corners[:, :2, 1].min(axis=1), look.rows[0])) / height
    if look.mirrored:
        inside = (inside * [-1, 1] + [look.frame.shape[1], 0])[:, MIRRORED]
    span = inside[:, 2:, 1].max(axis=1) - inside[:, :2, 1].min(axis=1)
    there = np.minimum(inside[:, 2:, 1].max(axis=1), look.frame.shape[0]) - np.maximum(inside[:, :2, 1].min(axis=1), 0)
    return inside, np.minimum(shown, there / span)


@dataclass(frozen=True, slots=True, eq=False)
class VertebraLook:
    """A planned look at one vertebra: where the detector might have seen it, and how it is exposed."""

    frame: Letterbox
    mirrored: bool
    greys: Photometry


def plan_vertebra(rng: np.random.Generator, corners: Points, shape: tuple[int, int]) -> VertebraLook:
    """Draw one; half of them are as wrong as a first look, half as a second."""
    wrong = 1.0 if rng.random() < 0.6 else 0.35
    width = float(widths(corners[None])[0])
    middle = corners.mean(axis=0)
    turn, zoom = np.radians(rng.normal(0, 5 * wrong)), float(np.exp(rng.normal(0, 0.09 * wrong)))
    linear = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = (corners - middle) @ linear.T + middle + rng.normal(0, 0.07 * wrong, 2) * width + rng.normal(0, 0.04 * wrong, (4, 2)) * width
    return VertebraLook(vertebra_frame(moved, shape), bool(rng.random() < 0.5), plan_greys(rng))


def seen_vertebra(pixels: Pixels, corners: Points, look: VertebraLook) -> tuple[Pixels, Points]:
    """(the crop as the second look takes it, corners in it)."""
    picture = even(apply_photometry(np.maximum(looked_at(pixels, look.frame), 0), look.greys), VERTEBRA_NEAR)
    inside = look.frame.forward(corners)
    if look.mirrored:
        return np.ascontiguousarray(picture[:, ::-1]), (inside * [-1, 1] + [look.frame.shape[1], 0])[MIRRORED]
    return picture, inside


def _bars(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Stitching seams, shields, clips."""
    if rng.random() > BARRED:
        return np.zeros((0, 5))
    rows, columns = shape
    bars = []
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(0, columns), rng.uniform(0, rows)
        across, down = ((columns * 2, rng.uniform(1, 10)), (rng.uniform(4, 40), rng.uniform(4, 40)))[int(rng.integers(2))]
        bars.append([max(x - across, 0), max(y - down, 0), min(x + across, columns), min(y + down, rows), rng.choice([0.0, 0.5, 1.0])])
    return np.array(bars)

