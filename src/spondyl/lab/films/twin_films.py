"""Films of a digital patient, of its twin that lacks or has one thing, and of a placebo twin: the same patient, other noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from spondyl.core import InputError
from spondyl.datasets.making.crew import work_through
from spondyl.datasets.making.order import Order, Scale, profile_of
from spondyl.datasets.making.views import built, film_of
from spondyl.datasets.miniatures import judging_order
from spondyl.lab.films.strangers import shown
from spondyl.lab.films.twins import given, places_of, taken
from spondyl.phantom import SubjectSpec
from spondyl.phantom.measured import FilmTruth, film_truth, measure_subject
from spondyl.phantom.rays import XrayAcquisition, projection_of, render_xray
from spondyl.phantom.rays.xray import develop, signal_map
from spondyl.phantom.volume import Volume

VIEWS = ("ap", "lateral")
SCALE = Scale(fine_mm=1.0, trunk_mm=3.0, film_mm=0.3)
"""As fine as the labels need: spurs and heights are measured on voxels of a millimetre."""
COHORTS = {"xray-lesions": "xray_lesions_eval", "xray-grade": "xray_grade_eval"}
"""Who the patients are like, and how their films are taken: as in the judging cohorts, whose own subjects are left alone."""
SPARED = 4
"""Of patients with several things wrong, one in so many keeps all but the largest."""
PLACEBO_SEED = 777_767_777


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One film: its view ("ap" or "lateral"), pixels float32 (rows, columns) as a reader sees them, and what is true of it."""

    view: str
    pixels: NDArray[np.float32]
    truth: FilmTruth


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """A digital patient with its twins.

    Attributes:
        number: In the cohort.
        change: "taken", "given", or "" where there is no twin.
        places: What was taken or given.
        before: Films of the patient, by view.
        placebo: The same with other noise.
        after: The films of the twin.
    """

    number: int
    change: str
    places: tuple[str, ...]
    before: Mapping[str, Shot]
    placebo: Mapping[str, Shot]
    after: Mapping[str, Shot]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which patients: the task, their order, and whether those with nothing wrong are given something."""

    task: str
    order: Order
    give: bool = True


def order_for(task: str, seed: int, scale: Scale = SCALE) -> Order:
    """Patients like those of the task's judging cohort, in the stream of twins: they share no subject with any other cohort."""
    return replace(judging_order(COHORTS[task], scale)[0], seed=seed, role="twin", wild=False)


def patients(wanted: Wanted, numbers: range, workers: int = 1) -> Iterator[Patient]:
    """Those patients, in order."""
    waiting: dict[int, Patient] = {}
    following = iter(numbers)
    awaited = next(following, None)
    for one in work_through(numbers, partial(examine, wanted), workers):
        waiting[one.number] = one
        while awaited in waiting:
            yield waiting.pop(awaited)
            awaited = next(following, None)


def examine(wanted: Wanted, number: int) -> Patient:
    """One patient, both views; the twin lacks what is wrong, or has something where nothing was."""
    order = wanted.order
    rng = order.rng(number)
    spec = order.subject(rng)
    scans = {view: film_of(rng, spec, view, order) for view in VIEWS}
    first = VIEWS[int(rng.integers(len(VIEWS)))]
    volume = built(spec, order.scale)
    truth = _truths(volume, scans)
    change, places, twin = _change(rng, wanted, spec, truth, first)
    if not change:
        return Patient(number, "", (), {}, {}, {})
    before, placebo = {}, {}
    for view, scan in scans.items():
        lattice, signal = signal_map(volume, scan)
        other = replace(scan, noise_seed=(scan.noise_seed + PLACEBO_SEED) % 2**31)
        before[view] = Shot(view, shown(develop(lattice, signal, scan)), truth[view])
        placebo[view] = Shot(view, shown(develop(lattice, signal, other)), truth[view])
    return Patient(number, change, places, before, placebo, _films(twin, scans, order))


def _films(spec: SubjectSpec, scans: Mapping[str, XrayAcquisition], order: Order) -> dict[str, Shot]:
    volume = built(spec, order.scale)
    truth = _truths(volume, scans)
    return {view: Shot(view, shown(render_xray(volume, scan)), truth[view]) for view, scan in scans.items()}


def _truths(volume: Volume, scans: Mapping[str, XrayAcquisition]) -> dict[str, FilmTruth]:
    subject = measure_subject(volume)
    return {view: film_truth(subject, projection_of(scan), (scan.rows, scan.columns), scan.collimation) for view, scan in scans.items()}


def _change(rng: np.random.Generator, wanted: Wanted, spec: SubjectSpec, truth: Mapping[str, FilmTruth], first: str,
            ) -> tuple[str, tuple[str, ...], SubjectSpec]:
    """What is done to the patient: what, where, and who comes of it. What either film shows is taken away from both."""
    places = tuple(dict.fromkeys(place for view in (first, *VIEWS) for place in places_of(truth[view], wanted.task)))
    spare = bool(rng.integers(SPARED) == 0)
    if places:
        chosen = places[:1] if spare and wanted.task == "xray-lesions" else places
        twin = taken(spec, chosen)
        return ("taken", chosen, twin) if twin != spec else ("", (), spec)
    if not wanted.give:
        return "", (), spec
    try:
        twin, place = given(rng, spec, profile_of(wanted.order), wanted.task)
    except InputError:
        return "", (), spec
    return "given", (place,), twin
