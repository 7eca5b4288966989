"""What is true of a subject and of its pictures, or what a reader would write of them, as the order asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spondyl.datasets.making.order import Order
from spondyl.phantom.measured import DiscSpaceTruth, FilmTruth, SubjectTruth, measure_subject
from spondyl.phantom.measured.film import film_truth as measure_film
from spondyl.phantom.measured.readers import read, read_film
from spondyl.phantom.measured.series import series_points
from spondyl.phantom.rays import Film
from spondyl.phantom.resonance import MrSeries
from spondyl.phantom.volume import Volume

LEVELS = ("l5_s1", "l4_l5", "l3_l4", "l2_l3", "l1_l2")
"""RSNA's names from the lowest disc up: a reader of a lumbar study counts from the sacrum."""
VIEWS = ("ap", "lateral")
Mark = tuple[int, str, int, float, float]
"""(grade 0 to 2, name of the series, slice from 0, x, y)."""


def subject_truth(volume: Volume, order: Order, index: int) -> SubjectTruth:
    """The labels of a built subject: as measured, or as one reader writes them."""
    truth = measure_subject(volume)
    return truth if order.labels == "truth" else read(truth, order.reader(index, 0))


def film_truth(truth: SubjectTruth, film: Film, order: Order, index: int) -> FilmTruth:
    """The labels of one of its films; a reader passes some findings over."""
    scan = film.acquisition
    found = measure_film(truth, film.projection, (scan.rows, scan.columns), scan.collimation)
    return found if order.labels == "truth" else read_film(found, order.reader(index, 1 + VIEWS.index(scan.view)))


def target_of(condition: str, side: str | None, from_bottom: int) -> str:
    """RSNA's name of a reading: `left_subarticular_stenosis_l4_l5`."""
    return f"{side}_{condition}_{LEVELS[from_bottom - 1]}" if side else f"{condition}_{LEVELS[from_bottom - 1]}"


def stenosis_marks(truth: SubjectTruth, series: Mapping[str, MrSeries]) -> dict[str, Mark]:
    """By target, its grade and where it is marked; where two series show it, in the one whose slice is nearer."""
    grades = {(one.condition, one.side, one.from_bottom): one.grade for one in truth.stenosis}
    marks: dict[str, tuple[float, Mark]] = {}
    for name, one in series.items():
        for point in series_points(truth, one):
            target = target_of(point.condition, point.side, point.from_bottom)
            grade = grades[point.condition, point.side, point.from_bottom]
            if target not in marks or point.off_mm < marks[target][0]:
                marks[target] = (point.off_mm, (grade, name, point.slice_index, point.x, point.y))
    return {target: mark for target, (_, mark) in marks.items()}


def whole_discs(truth: SubjectTruth, series: MrSeries) -> list[DiscSpaceTruth]:
    """Discs whose four mid-line corners lie on the pictures of a series."""
    limits = np.array([series.acquisition.columns, series.acquisition.rows, len(series.pixels)]) - 1
    seen = {disc.from_bottom: series.to_image(np.array(disc.corners_mm)) for disc in truth.discs}
    return [disc for disc in truth.discs if bool(((place := seen[disc.from_bottom]) >= 0).all() and (place <= limits).all())]


@dataclass(frozen=True, slots=True)
class DensityLabel:
    """What a row of subjects.csv says: the class, the number behind it, and of which vertebrae ("L1-L4", or "L1+L3+L4" with a gap)."""

    who_class: str
    bmd_g_cm2: float
    t_score: float
    region: str


def density_label(truth: SubjectTruth) -> DensityLabel | None:
    """The class by the subject's density; None where the classes do not apply."""
    density = truth.density
    if density is None or density.who_class is None:
        return None
    return DensityLabel(density.who_class, density.bmd_g_cm2, density.t_score, _region(density.vertebrae))


def _region(vertebrae: tuple[str, ...]) -> str:
    """"L1-L4" where none is left out in between, else every one that counts: "L1+L3+L4"."""
    first, last = vertebrae[0], vertebrae[-1]
    return f"{first}-{last}" if int(last[1:]) - int(first[1:]) == len(vertebrae) - 1 else "+".join(vertebrae)
