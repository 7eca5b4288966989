"""One subject seen by everything: films, DXA and a lumbar MR study of one built patient, with its truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spondyl.phantom.measured import SubjectTruth, density_words, measure_subject
from spondyl.phantom.rays import DxaAcquisition, DxaScan, Film, XrayAcquisition, draw_dxa, draw_xray, render_dxa, render_xray
from spondyl.phantom.resonance import MrAcquisition, MrSeries, draw_study, render_mr
from spondyl.phantom.solid import Detail, build
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.volume import Volume


@dataclass(frozen=True, slots=True)
class Orders:
    """Every acquisition of one examination: all its chance.

    Attributes:
        films: "ap" and "lateral".
        series: "t1", "t2", "stir" and "axial_t2".
    """

    films: Mapping[str, XrayAcquisition]
    dxa: DxaAcquisition
    series: Mapping[str, MrAcquisition]


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """One built subject, what is true of it, and its pictures by name."""

    volume: Volume
    truth: SubjectTruth
    films: Mapping[str, Film]
    dxa: DxaScan
    series: Mapping[str, MrSeries]


def draw_orders(rng: np.random.Generator, volume: Volume, style: str = "easy") -> Orders:
    """Acquisitions of all modalities; sagittal T1, T2 and STIR share their slices."""
    films = {view: draw_xray(rng, volume, view, style) for view in ("ap", "lateral")}
    dxa = draw_dxa(rng, volume)
    study = draw_study(rng, volume, style)
    t2 = next(study[name] for name in ("t2", "stir") if name in study)
    sagittal = {name: _as_sequence(t2, name) for name in ("t1", "t2", "stir")}
    return Orders(films, dxa, {**sagittal, "axial_t2": study["axial_t2"]})


def coarser(orders: Orders, by: int = 3) -> Orders:
    """The same pictures with pixels that many times as large: for a quick look."""
    films = {view: replace(one, rows=one.rows // by, columns=one.columns // by, pixel_mm=one.pixel_mm * by)
             for view, one in orders.films.items()}
    series = {name: replace(one, rows=one.rows // by, columns=one.columns // by, spacing_mm=_times(one.spacing_mm, by))
              for name, one in orders.series.items()}
    return replace(orders, films=films, series=series)


QUICK = Detail(fine_mm=1.4, trunk_mm=4.2)
"""Detail of a quick look: an eighth of the voxels."""


def examine(spec: SubjectSpec, orders: Orders | np.random.Generator, quick: bool = False) -> Examination:
    """Build the subject, measure it, and take every picture that is ordered; a generator draws the orders first.

    `quick` builds and shows it coarsely, in a fraction of the time; labels near their limits may then differ.
    """
    volume = build(spec, QUICK if quick else None)
    wanted = draw_orders(orders, volume) if isinstance(orders, np.random.Generator) else orders
    wanted = coarser(wanted) if quick else wanted
    truth = measure_subject(volume)
    return Examination(
        volume, truth, {view: render_xray(volume, one) for view, one in wanted.films.items()},
        render_dxa(volume, wanted.dxa, words=density_words(truth)), {name: render_mr(volume, one) for name, one in wanted.series.items()},
    )


def _times(pair: tuple[float, float], by: float) -> tuple[float, float]:
    return pair[0] * by, pair[1] * by


TIMING_MS = {"t1": (560.0, 10.0), "t2": (3500.0, 105.0), "stir": (4000.0, 55.0)}
"""(TR, TE) of the sagittal series of an examination, within the ranges of the lumbar pack's protocols."""


def _as_sequence(scan: MrAcquisition, sequence: str) -> MrAcquisition:
    tr, te = TIMING_MS[sequence]
    return replace(scan, sequence=sequence, tr_ms=tr, te_ms=te, noise_seed=(scan.noise_seed + list(TIMING_MS).index(sequence)) % 2**31)
