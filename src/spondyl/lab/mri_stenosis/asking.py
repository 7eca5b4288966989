"""Each study of a data set through the task as it is served, whole and with a series missing: plain rows for the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image, Study, StudyResult
from spondyl.datasets.film_records import StenosisStudy
from spondyl.datasets.rsna2024 import TARGETS as COLUMNS
from spondyl.datasets.rsna2024_truth import TargetTruth
from spondyl.dicom import Reader
from spondyl.inference import Shelf
from spondyl.lab.mri_stenosis.cases import KEY, OnStep, marked_points, read_study, target_column, target_name
from spondyl.tasks.mri_stenosis import MriStenosis
from spondyl.tasks.mri_stenosis.answers import MEASURES, SEVERITIES, TARGETS
from spondyl.tasks.mri_stenosis.assembly import AXIAL, FLUID, T1, plane_of
from spondyl.tasks.mri_stenosis.space import to_patient
from spondyl.tasks.port import process_study

UNREADABLE = "unreadable"
WITHOUT = {"": "", "no_t1": T1, "no_t2": FLUID, "no_axial": AXIAL}
"""Ways in which a study is asked, and the series that is left out of it."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What was answered about one study, in the order of train.csv; NaN where nothing was.

    Attributes:
        refusal: Its code, or "".
        probabilities, weighted: (25, 3).
        sets: (25, 3) whether each severity is in the 90 % set.
        refer: (25,).
        points: (25, 3) mm of the patient.
        normals: (25, 3) of the slices that the points lie on.
        names: By number of the level from the bottom: (name or "", its confidence, {name: probability} of the alternatives).
        sizes: (5, 2, 2) value and error of area and AP diameter, from the lowest level up.
        warnings: Codes.
        milliseconds: Of the whole answer, reading left out.
    """

    refusal: str
    probabilities: Floats
    weighted: Floats
    sets: NDArray[np.bool_]
    refer: NDArray[np.bool_]
    points: Floats
    normals: Floats
    names: Mapping[int, tuple[str, float, Mapping[str, float]]]
    sizes: Floats
    warnings: tuple[str, ...]
    milliseconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One study with its labels and, by way of asking, what was said.

    Attributes:
        study: Its identifier.
        labels, truth: (25,) -1 unknown.
        chances: (25, 3) NaN unknown.
        points: (25, 3) marks in mm of the patient; NaN.
        built: (25, 3) where it was built; NaN.
        levels: True names by number from the bottom, where the data set says.
        sizes: (5, 2) area and AP diameter from the lowest level up; NaN.
        image: Id of the slice the levels were found on, "".
        said: By the keys of WITHOUT.
    """

    study: str
    labels: NDArray[np.int64]
    truth: NDArray[np.int64]
    chances: Floats
    points: Floats
    built: Floats
    levels: Mapping[int, str]
    sizes: Floats
    image: str
    said: Mapping[str, Said] = field(default_factory=dict)


def ask_all(folder: Path, root: Path, studies: Sequence[StenosisStudy], truths: Mapping[str, Mapping[str, TargetTruth]],
            ways: Sequence[str], backend: str, precision: str, workers: int, on_step: OnStep) -> list[Asked]:
    """Every study, in the order given; one of which no file can be read is refused as UNREADABLE.

    Args:
        folder: Of the bundle.
        ways: Keys of WITHOUT.
    """
    work = partial(_ask, folder, root, tuple(ways), backend, precision)
    jobs = [(study, truths.get(study.study, {})) for study in studies]
    rows: list[Asked] = []
    if workers == 1:
        try:
            for done, row in enumerate(map(work, jobs), start=1):
                rows.append(row)
                on_step("Asking", done, len(jobs))
        finally:
            _close()
        return rows
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for done, row in enumerate(pool.map(work, jobs, chunksize=2), start=1):
            rows.append(row)
            on_step("Asking", done, len(jobs))
    return rows


_open: dict[tuple[Any, ...], tuple[Shelf, Reader]] = {}
"""The shelf and the reader of this process: compiled networks are kept from study to study."""


def _tools(folder: Path, backend: str, precision: str) -> tuple[Shelf, Reader]:
    key = (folder, backend, precision)
    if key not in _open:
        _open[key] = (Shelf(folders=[folder], backend=backend, precision=precision, threads=1), Reader(KEY, workers=1))
    return _open[key]


def _close() -> None:
    """End the readers of this process; those of other processes end with them."""
    while _open:
        _open.popitem()[1][1].close()


def _ask(folder: Path, root: Path, ways: tuple[str, ...], backend: str, precision: str,
         job: tuple[StenosisStudy, Mapping[str, TargetTruth]]) -> Asked:
    study, truth = job
    shelf, reader = _tools(folder, backend, precision)
    read = read_study(reader, root, study)
    if read is None:
        return replace(known_of(study, Study("", ()), truth), said=dict.fromkeys(ways, nothing_said(UNREADABLE)))
    said, image = {}, ""
    for way in ways:
        part = thinned(read, WITHOUT[way])
        if part is None:
            continue
        result = process_study(part, MriStenosis(), shelf).result
        said[way] = said_of(result, read)
        image = image or (result.images[0].id if result.images else "")
    return replace(known_of(study, read, truth), image=image, said=said)


def thinned(study: Study, role: str) -> Study | None:
    """The study without its series of a role; None where nothing is left."""
    def goes(image: Image) -> bool:
        plane = plane_of(image)
        if role == AXIAL:
            return plane == "axial"
        return plane == "sagittal" and (image.sequence == "t1") == (role == T1)

    series = []
    for one in study.series:
        kept = tuple(image for image in one.images if not (role and goes(image)))
        if kept:
            series.append(replace(one, images=kept))
    return replace(study, series=tuple(series)) if series else None


def known_of(study: StenosisStudy, read: Study, truth: Mapping[str, TargetTruth]) -> Asked:
    """What the data set says of a study."""
    labels = np.array([-1 if (grade := study.grades.get(name)) is None else grade for name in COLUMNS])
    grades = np.array([truth[name].grade if name in truth else -1 for name in COLUMNS])
    built = np.array([truth[name].point_mm if name in truth else (np.nan,) * 3 for name in COLUMNS])
    chances = np.array([truth[name].chances if name in truth else (np.nan,) * 3 for name in COLUMNS])
    marked = marked_points(study, read)
    points = np.array([marked.get(name, np.full(3, np.nan)) for name in COLUMNS])
    canals = {number: truth.get(target_name(number, 0)) for number in range(1, 6)}
    sizes = np.array([[own.numbers.get(name, np.nan) if own else np.nan for name in ("sac_area_mm2", "sac_depth_mm")]
                      for own in canals.values()])
    levels = {number: own.level for number, own in canals.items() if own}
    return Asked(study.study, labels, grades, chances, points, built, levels, sizes, "")


def nothing_said(refusal: str) -> Said:
    """What stands for a study that could not be answered."""
    nothing = np.full((25, 3), np.nan)
    sizes = np.full((5, 2, 2), np.nan)
    return Said(refusal, nothing, nothing, np.zeros((25, 3), bool), np.zeros(25, bool), nothing, nothing, {}, sizes, (), float("nan"))


def said_of(result: StudyResult, read: Study) -> Said:
    """A result as arrays."""
    images = {image.id: image for image in read.images}
    probabilities, second = np.full((25, 3), np.nan), np.full((25, 3), np.nan)
    points, normals, sizes = np.full((25, 3), np.nan), np.full((25, 3), np.nan), np.full((5, 2, 2), np.nan)
    sets, refer = np.zeros((25, 3), bool), np.zeros(25, bool)
    names: dict[int, tuple[str, float, Mapping[str, float]]] = {}
    for one in result.findings:
        number = one.level_from_bottom or 0
        names[number] = (one.level or "", one.level_confidence or 0.0, dict(one.level_alternatives))
        if one.probabilities is None:
            continue
        at = target_column(number, TARGETS.index((one.finding, one.side)))
        assert one.probabilities_weighted is not None
        assert one.image
        assert one.points
        probabilities[at] = [one.probabilities[key] for key in SEVERITIES]
        second[at] = [one.probabilities_weighted[key] for key in SEVERITIES]
        sets[at], refer[at] = [key in one.set for key in SEVERITIES], one.refer
        place = images[one.image].geometry
        points[at], normals[at] = to_patient(images[one.image], np.array(one.points[0])), place.normal if place else np.nan
    for row in result.measurements:
        sizes[(row.level_from_bottom or 1) - 1, MEASURES.index(row.name)] = (row.value, row.error or np.nan)
    refusal = str(result.refusal["code"]) if result.refusal else ""
    return Said(refusal, probabilities, second, sets, refer, points, normals, names, sizes, tuple(one.code for one in result.warnings),
                float(result.timings_ms.get("total", np.nan)))
