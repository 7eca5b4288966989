"""Pictures that a DXA reader must refuse, made from a vendor's picture of a spine: inverted, turned, photographed, small on a report.

All take and give uint8 (rows, columns). Lines of text below a picture, as `rays.dxa_picture` sets them, are left as they are unless
asked otherwise: a console prints them upright and white on black whichever way the scan lies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.canvas import Array
from spondyl.phantom.dxa_pages import photograph, print_of, report
from spondyl.phantom.dxa_shadows import even_log, resized, within

Grey = NDArray[np.uint8]
LINE = 8
"""Rows of one line of text."""
INK = 230


def text_rows(picture: Grey) -> int:
    """How many rows at the bottom are lines of text, white on black, as the vendor's picture has them; 0 once it has been resampled."""
    count, height = 0, picture.shape[0]
    while height - count >= LINE and _is_line(picture[height - count - LINE:height - count]):
        count += LINE
    return count


def _is_line(rows: Grey) -> bool:
    inked, empty = rows[1:6], rows[[0, 6, 7]]
    return not empty.any() and bool((inked == INK).any()) and bool(((inked == INK) | (inked == 0)).all())


def inverted(picture: Grey, text_too: bool = False) -> Grey:
    """Grey levels turned round: bone dark on bright."""
    scan, text = _parts(picture, text_too)
    return np.concatenate([255 - scan, text])


def upside_down(picture: Grey, text_too: bool = False) -> Grey:
    """Turned by half: the feet up."""
    scan, text = _parts(picture, text_too)
    return np.concatenate([scan[::-1, ::-1], text])


def on_its_side(picture: Grey, clockwise: bool = True, text_too: bool = False) -> Grey:
    """Turned by a quarter; text that stays is cut or filled to the new width."""
    scan, text = _parts(picture, text_too)
    turned = np.rot90(scan, -1 if clockwise else 1)
    fitted = np.zeros((len(text), turned.shape[1]), np.uint8)
    shared = min(text.shape[1], turned.shape[1])
    fitted[:, :shared] = text[:, :shared]
    return np.concatenate([turned, fitted])


def photographed(picture: Grey, rng: np.random.Generator) -> Grey:
    """A photograph of a print, a screen or a report that shows the picture."""
    shown = picture.astype(np.float32) / np.float32(255)
    page = print_of(rng, shown) if rng.random() < 0.7 else report(rng, shown, float(rng.uniform(0.15, 0.5)))
    return _grey(photograph(rng, page, photo_size(rng, page)))


def report_with(picture: Grey, rng: np.random.Generator) -> Grey:
    """A page of a report with the picture on 10 to 25 % of its area."""
    page = report(rng, picture.astype(np.float32) / np.float32(255))
    return _grey(resized(page, page_size(rng, page)))


def photo_size(rng: np.random.Generator, page: Array) -> tuple[int, int]:
    """(rows, columns) of a photograph of that page, about its shape, the longer side 100 to 900 pixels, mostly small."""
    stretch = float(np.exp(rng.normal(0, 0.12)))
    return within((int(page.shape[0] * stretch), int(page.shape[1] / stretch)), even_log(rng, 100, 900) / max(page.shape))


def page_size(rng: np.random.Generator, page: Array) -> tuple[int, int]:
    """(rows, columns) that a page is shown at: the longer side 100 to 900 pixels."""
    return within(page.shape, even_log(rng, 100, 900) / max(page.shape))


def _parts(picture: Grey, whole: bool) -> tuple[Grey, Grey]:
    """(scan, text below it); all of it is scan if `whole`."""
    cut = picture.shape[0] - (0 if whole else text_rows(picture))
    return picture[:cut], picture[cut:]


def _grey(value: Array) -> Grey:
    return np.asarray(np.rint(value * np.float32(255)), np.uint8)
