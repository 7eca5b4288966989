"""Pages around a DXA picture: a densitometry report with text, table and chart, and photographs of prints and screens. For refusing."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.canvas import Array, blur, upsample
from spondyl.phantom.dxa_shadows import LEAST, resized, within
from spondyl.phantom.other_pictures import octaves
from spondyl.phantom.rays.marks import GLYPHS, text_mask

WORDS = (
    "DXA RESULTS SUMMARY", "REGION  AREA  BMC  BMD  T  Z", "SCAN INFORMATION", "SCAN DATE", "SCAN TYPE", "ANALYSIS", "OPERATOR", "MODEL",
    "PATIENT ID", "SEX", "AGE", "HEIGHT", "WEIGHT", "REFERENCE", "WHO CLASSIFICATION", "FRACTURE RISK", "COMMENT", "PHYSICIAN",
    "TOTAL BMD CV", "T-SCORE VS. PEAK", "Z-SCORE VS. AGE MATCHED", "LUMBAR SPINE", "BONE DENSITOMETRY REPORT", "IN-SILICO",
    "NOT FOR DIAGNOSTIC USE",
)
LONG = 640
"""Pixels of the longer side that pages are set at before they are shown at another size."""


@lru_cache(maxsize=1)
def _glyphs() -> NDArray[np.bool_]:
    """The font, (characters, 5, 5), in the order of GLYPHS."""
    return np.stack([text_mask(character) for character in GLYPHS])


def write(page: Array, at: tuple[int, int], text: str, ink: float, scale: int = 1) -> None:
    """Set a line of text with its upper left corner at (row, column), in place; what runs off the page is left out."""
    order = {character: number for number, character in enumerate(GLYPHS)}
    cells = _glyphs()[[order.get(character, order[" "]) for character in text.upper()]]
    mask = cells.transpose(1, 0, 2).reshape(5, -1).repeat(scale, axis=0).repeat(scale, axis=1)
    area = page[at[0]:at[0] + 5 * scale, at[1]:at[1] + mask.shape[1]]
    area[mask[:area.shape[0], :area.shape[1]]] = ink


def sentence(rng: np.random.Generator, length: int) -> str:
    """About that many characters: words of a report, numbers, and words of random letters."""
    if rng.random() < 0.4:
        return f"{WORDS[int(rng.integers(len(WORDS)))]}: {_number(rng)}"[:max(length, 4)]
    letters = rng.choice(list("ABCDEFGHIKLMNOPRSTUVWEEEAIO      0123"), max(length, 1))
    return "".join(letters)


def _number(rng: np.random.Generator) -> str:
    return f"{rng.normal(0.4, 1.3):.{int(rng.integers(1, 4))}f}"


def lines_of_text(rng: np.random.Generator, page: Array, ink: float, scale: int) -> None:
    """Fill an area with lines, in place: ragged ends, empty lines, now and then a larger heading."""
    rows, columns = page.shape
    pitch, y, indent = int(scale * rng.uniform(6.5, 11)), int(scale * rng.integers(1, 9)), int(rng.integers(1, 4)) * scale
    while y + 5 * scale < rows:
        tall = 2 * scale if rng.random() < 0.06 else scale
        room = (columns - 2 * indent) // (5 * tall)
        if rng.random() < 0.85 and room > 0:
            write(page[:, :columns - indent], (y, indent), sentence(rng, int(room * rng.uniform(0.3, 1.0))), ink, tall)
        y += pitch + 5 * (tall - scale)


def table(rng: np.random.Generator, page: Array, ink: float, scale: int) -> None:
    """Rows of regions and numbers, ruled or not, in place."""
    rows, columns = page.shape
    pitch, count = int(scale * rng.uniform(7.5, 11)), int(np.clip(columns // (34 * scale), 2, rng.integers(4, 8)))
    step = columns // count
    names = ["REGION", "L1", "L2", "L3", "L4", "L1-L4"] if rng.random() < 0.7 else ["REGION", "NECK", "TROCH", "INTER", "TOTAL"]
    for number, name in enumerate(names):
        y = scale + pitch * number
        if y + 5 * scale > rows:
            break
        for column in range(count):
            word = name if column == 0 else ("AREA", "BMC", "BMD", "T", "PR", "Z", "AM")[column - 1] if number == 0 else _number(rng)
            write(page[:, :step * (column + 1)], (y, step * column + 2 * scale), word, ink, scale)
    if rng.random() < 0.6:
        page[:pitch * (len(names) + 1):pitch] = ink
    if rng.random() < 0.4:
        page[:pitch * len(names), ::step] = ink


def chart(rng: np.random.Generator, page: Array, ink: float, scale: int) -> None:
    """Density against age, in place: bands in the greys of green, yellow and red, a curve, axes, and where the patient lies."""
    rows, columns = page.shape
    left, low = min(5 * scale * 4, columns // 5), rows - 8 * scale
    plot = page[2:low, left:columns - 2]
    if min(plot.shape) < 12:
        return
    y, x = np.mgrid[:plot.shape[0], :plot.shape[1]] / np.array(plot.shape)[:, None, None]
    drop = rng.uniform(0.0, 0.35) * np.clip(x - rng.uniform(0.1, 0.4), 0, 1)
    shades = rng.permutation([0.35, 0.6, 0.88]) if rng.random() < 0.5 else np.array([0.58, 0.88, 0.34])
    edge = rng.uniform(0.3, 0.45)
    plot[...] = np.select([y < edge + drop, y < edge + 0.22 + drop], shades[:2].tolist(), shades[2])
    for shift in (0.0, 0.11, -0.11):
        plot[np.abs(y - edge + 0.08 - drop - shift) < 0.6 / plot.shape[0]] = ink
    at = [(int(rng.uniform(0.2, 0.9) * n)) for n in plot.shape]
    size = max(2 * scale, 2)
    plot[max(at[0] - size, 0):at[0] + size, max(at[1] - size, 0):at[1] + size] = rng.choice([0.0, 1.0])
    page[2:low, left - 1] = page[low, left:columns - 2] = ink
    for k in range(5):
        write(page, (2 + k * (low - 5 * scale) // 5, 0), f"{1.4 - 0.2 * k:.1f}", ink, scale)
        write(page, (low + 2, left + k * (columns - left) // 5), f"{20 + 15 * k}", ink, scale)


def report(rng: np.random.Generator, inset: Array, share: float | None = None) -> Array:
    """A report page at its own size, 0..1, with `inset` (0..1) on a share of its area (0.1 to 0.25 unless given)."""
    rows = LONG
    columns = int(rows * rng.uniform(0.62, 1.3))
    paper = float(rng.choice([rng.uniform(0.88, 1.0), rng.uniform(0.0, 0.1), rng.uniform(0.6, 0.85)], p=[0.6, 0.25, 0.15]))
    ink, scale = (float(rng.uniform(0.0, 0.3)) if paper > 0.5 else float(rng.uniform(0.6, 1.0))), int(rng.integers(1, 3))
    page = np.full((rows, columns), paper, np.float32)
    margin, head = int(rng.integers(8, 40)), int(rows * rng.uniform(0.08, 0.2))
    across = slice(margin, columns - margin)
    lines_of_text(rng, page[margin // 2:head, across], ink, scale)
    high, wide = _room(inset, (share or float(rng.uniform(0.1, 0.25))) * rows * columns, (int(rows * 0.72), int(columns * 0.62)))
    left = margin if rng.random() < 0.6 else columns - margin - wide
    top = head + int(rng.integers(0, max(rows - head - high - margin, 1)) * (rng.random() < 0.4))
    if top > head + 40:
        lines_of_text(rng, page[head:top - 4, across], ink, scale)
    page[top:top + high, left:left + wide] = resized(inset, (high, wide))
    beside = slice(left + wide + 10, columns - margin) if left == margin else slice(margin, left - 10)
    middle = top + int(high * rng.uniform(0.4, 0.7))
    areas = page[top:middle, beside], page[middle + 6:top + high, beside], page[top + high + 10:rows - 60, across]
    _fill(rng, areas, ink, scale)
    lines_of_text(rng, page[max(rows - 56, top + high + 4):rows - 8, across], ink, 1)
    if rng.random() < 0.2:
        page[:int(rng.integers(8, 20))] = rng.uniform(0.2, 0.8)
    return page


def _fill(rng: np.random.Generator, areas: tuple[Array, ...], ink: float, scale: int) -> None:
    """A chart into the first area and tables into the others, in place; now and then what comes next in that order."""
    parts = (chart, table, lines_of_text)
    for number, area in enumerate(areas):
        if min(area.shape) > 30:
            parts[(min(number, 1) + int(rng.random() < 0.2)) % 3](rng, area, ink, scale)


def _room(inset: Array, area: float, most: tuple[int, int]) -> tuple[int, int]:
    """(rows, columns) of that area in the shape of the inset, at most `most`."""
    high = float(np.sqrt(area * inset.shape[0] / inset.shape[1]))
    wide = area / high
    shrink = min(1.0, most[0] / high, most[1] / wide)
    return max(int(high * shrink), 8), max(int(wide * shrink), 8)


def print_of(rng: np.random.Generator, picture: Array) -> Array:
    """The picture printed with a margin on white paper, or on a screen with a dark rim, 0..1, not above LONG pixels."""
    factor = min(LONG / max(picture.shape), max(rng.uniform(0.8, 2.0), LEAST / min(picture.shape)))
    shown = resized(picture, within(picture.shape, float(factor)))
    edges = [(int(a), int(b)) for a, b in (rng.uniform(0.02, 0.25, (2, 2)) * np.array(shown.shape)[:, None])]
    return np.pad(shown, edges, constant_values=rng.uniform(0.85, 1.0) if rng.random() < 0.65 else rng.uniform(0, 0.15))


def photograph(rng: np.random.Generator, page: Array, size: tuple[int, int]) -> Array:
    """A hand-held photograph of that page, 0..1: askew, unevenly lit, blurred, with the moire of a screen or a screened print."""
    shape = within(size, min(1.0, 420 / max(size)))
    fine = min(1.0, 1.3 * max(shape) / max(page.shape))
    page = resized(page, within(page.shape, fine)) if fine < 1 else page
    corners = _corners(rng, shape)
    y, x = (axis.astype(np.float32) for axis in np.mgrid[:shape[0], :shape[1]])
    u, v = _onto(corners, x, y)
    inside = (u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)
    table_top = rng.uniform(0.05, 0.8) + 0.3 * (octaves(rng, *shape, rng.uniform(0.4, 1.4)) - 0.5)
    value = np.where(inside, _sampled(page, u, v), table_top)
    if rng.random() < 0.65:
        value = value * (1 + inside * _moire(rng, u, v))
    value = np.clip(value, 0, 1) * np.float32(rng.uniform(0.55, 0.85)) + np.float32(rng.uniform(0.03, 0.22))
    value = blur(value * _light(rng, x / shape[1], y / shape[0]), float(rng.choice([0.0, 0.5, 0.9, 1.4])))
    value = resized(np.asarray(value, np.float32), size)
    return np.asarray(np.clip(value + np.float32(rng.uniform(0, 0.03)) * rng.standard_normal(size, dtype=np.float32), 0, 1), np.float32)


def _corners(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Where the page's corners lie on the photograph, (4, 2) pixels (x, y): turned, unevenly near, seldom cut off."""
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64)
    turn = np.radians(rng.normal(0, 9))
    turned = square @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    near = turned * rng.uniform(0.72, 1.12, 2) + rng.normal(0, 0.09, (4, 2)) + rng.normal(0, 0.05, 2)
    return np.asarray((near * 0.5 + 0.5) * (shape[1], shape[0]))


def _onto(corners: NDArray[np.float64], x: Array, y: Array) -> tuple[Array, Array]:
    """Where on the page (0..1 across, 0..1 down) a pixel of the photograph looks, for the four corners of the page."""
    rows, right = [], []
    for (px, py), (u, v) in zip(corners, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
        rows += [(px, py, 1, 0, 0, 0, -u * px, -u * py), (0, 0, 0, px, py, 1, -v * px, -v * py)]
        right += [u, v]
    m = np.linalg.solve(np.array(rows, np.float64), np.array(right, np.float64)).astype(np.float32)
    depth = m[6] * x + m[7] * y + 1
    depth = np.where(np.abs(depth) < 1e-3, np.float32(1e-3), depth)
    return (m[0] * x + m[1] * y + m[2]) / depth, (m[3] * x + m[4] * y + m[5]) / depth


def _sampled(page: Array, u: Array, v: Array) -> Array:
    """The page there, bilinear; its edge outside."""
    rows, columns = page.shape
    x, y = np.clip(u * columns - 0.5, 0, columns - 1.001), np.clip(v * rows - 0.5, 0, rows - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    fx, fy = x - left, y - top
    first, flat = top * columns + left, np.ascontiguousarray(page, np.float32).ravel()
    upper = flat[first] * (1 - fx) + flat[first + 1] * fx
    lower = flat[first + columns] * (1 - fx) + flat[first + columns + 1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy, np.float32)


def _moire(rng: np.random.Generator, u: Array, v: Array) -> Array:
    """Bands where the camera's grid beats with the page's."""
    turn, rate = rng.uniform(0, np.pi), rng.uniform(25, 320)
    across = u * np.float32(np.cos(turn)) + v * np.float32(np.sin(turn))
    bend = np.float32(rng.uniform(0, 0.02)) * np.sin(np.float32(rng.uniform(2, 9)) * (v - u))
    bands = np.sin(np.float32(rate) * (across + bend))
    if rng.random() < 0.5:
        bands = bands * np.sin(np.float32(rate * rng.uniform(0.2, 1.1)) * (u * np.float32(np.sin(turn)) - v * np.float32(np.cos(turn))))
    return np.asarray(np.float32(rng.uniform(0.03, 0.22)) * bands, np.float32)


def _light(rng: np.random.Generator, x: Array, y: Array) -> Array:
    """Light over the photograph: a slope, darker corners, now and then a shadow's edge and a glare."""
    turn = rng.uniform(0, 2 * np.pi)
    slope = (x - 0.5) * np.float32(np.cos(turn)) + (y - 0.5) * np.float32(np.sin(turn))
    light = 1 + np.float32(rng.uniform(0.25, 1.1)) * slope - np.float32(rng.uniform(0, 0.5)) * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    if rng.random() < 0.4:
        edge = upsample(rng.standard_normal((3, 3)), *x.shape) * 0.15 + slope - rng.normal(0, 0.2)
        light = light * (1 - np.float32(rng.uniform(0.2, 0.5)) * np.clip(0.5 + edge / rng.uniform(0.02, 0.2), 0, 1))
    if rng.random() < 0.4:
        spot = rng.uniform(0.1, 0.9, 2)
        away = (x - spot[0]) ** 2 + (y - spot[1]) ** 2
        light = light + np.float32(rng.uniform(0.2, 0.9)) * np.exp(-away / np.float32(rng.uniform(0.01, 0.06)))
    return np.asarray(np.clip(light, 0.08, 2), np.float32)
