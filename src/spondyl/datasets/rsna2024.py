"""RSNA 2024 Lumbar Spine Degenerative Classification: MR studies with 25 graded targets and their marks.

    train_images/<study_id>/<series_id>/<instance_number>.dcm      test_images/ the same; numbers start at 1 and have gaps
    train.csv                      study_id and 25 columns <condition>_<level>: Normal/Mild, Moderate, Severe, or empty
    train_label_coordinates.csv    study_id, series_id, instance_number, condition, level, x, y
    train_series_descriptions.csv  study_id, series_id, series_description     (also: train_series_description.csv; test_... too)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError, describe_unknown
from spondyl.datasets import sources
from spondyl.datasets.file_pixels import read_file
from spondyl.datasets.film_records import MrSeries, StenosisPoint, StenosisStudy
from spondyl.datasets.mr_files import read_series
from spondyl.datasets.tables import Row, number, read_table

CONDITIONS = ("spinal_canal_stenosis", "left_neural_foraminal_narrowing", "right_neural_foraminal_narrowing",
              "left_subarticular_stenosis", "right_subarticular_stenosis")
LEVELS = ("l1_l2", "l2_l3", "l3_l4", "l4_l5", "l5_s1")
TARGETS = tuple(f"{condition}_{level}" for condition in CONDITIONS for level in LEVELS)
"""The 25 columns of train.csv, in its order."""
SEVERITIES = ("Normal/Mild", "Moderate", "Severe")
DESCRIPTIONS = ("Sagittal T1", "Sagittal T2/STIR", "Axial T2")
SPLITS = ("train", "test")


def title(condition: str) -> str:
    """A condition as the coordinates table writes it: "Left Subarticular Stenosis"."""
    return condition.replace("_", " ").title()


def printed(level: str) -> str:
    """A level as the coordinates table writes it: "L1/L2"."""
    return level.upper().replace("_", "/")


_CONDITIONS = {title(condition): condition for condition in CONDITIONS}
_LEVELS = {printed(level): level for level in LEVELS}


@sources.register("rsna2024", StenosisStudy)
def read(root: Path) -> Iterator[StenosisStudy]:
    """The studies of train, then of test, in the order of their series table; headers are read study by study.

    Raises:
        InputError: With the table and the line that is wrong, or the study whose file is.
    """
    splits = [split for split in SPLITS if _series_table(root, split)]
    if not splits:
        raise InputError("dataset-file-missing", "the data folder has no train_series_descriptions.csv and none of test",
                         "Name the folder that holds train.csv and train_images/")
    parts = [(split, _described(root, split), _grades(root, split), _points(root, split)) for split in splits]
    return (_study(root, split, study, rows, grades.get(study, {}), points.get(study, ()))
            for split, series, grades, points in parts for study, rows in series.items())


def _series_table(root: Path, split: str) -> str | None:
    for name in (f"{split}_series_descriptions.csv", f"{split}_series_description.csv"):
        if (root / name).is_file():
            return name
    return None


def _described(root: Path, split: str) -> dict[str, list[tuple[str, str]]]:
    """By study, (series, description)."""
    name = _series_table(root, split) or ""
    studies: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for line, row in enumerate(read_table(root, name, ("study_id", "series_id", "series_description"), None), start=2):
        known = {text.lower(): text for text in DESCRIPTIONS}
        description = known.get(row["series_description"].lower())
        if description is None:
            raise InputError("dataset-cell-invalid", f"line {line} of {name}: " + describe_unknown(
                "series description", row["series_description"], DESCRIPTIONS), "Correct the cell")
        studies[row["study_id"]].append((row["series_id"], description))
    return studies


def _grades(root: Path, split: str) -> dict[str, dict[str, int | None]]:
    """By study, then by target. The test split has no such table."""
    name = f"{split}.csv"
    if split == "test" and not (root / name).is_file():
        return {}
    table: dict[str, dict[str, int | None]] = {}
    for line, row in enumerate(read_table(root, name, ("study_id", *TARGETS), None), start=2):
        if row["study_id"] in table:
            raise InputError("dataset-row-twice", f"line {line} of {name} grades a study again", "Keep one row a study")
        table[row["study_id"]] = {target: _severity(row, target, name, line) for target in TARGETS}
    return table


def _severity(row: Row, target: str, table: str, line: int) -> int | None:
    if not row[target]:
        return None
    if row[target] not in SEVERITIES:
        said = describe_unknown("severity", row[target], SEVERITIES)
        raise InputError("dataset-cell-invalid", f"line {line} of {table}: {target}: {said}", "Correct the cell, or leave it empty")
    return SEVERITIES.index(row[target])


def _points(root: Path, split: str) -> dict[str, list[StenosisPoint]]:
    """Marks by study; the test split has none."""
    name = f"{split}_label_coordinates.csv"
    if not (root / name).is_file():
        return {}
    columns = ("study_id", "series_id", "instance_number", "condition", "level", "x", "y")
    points: dict[str, list[StenosisPoint]] = defaultdict(list)
    for line, row in enumerate(read_table(root, name, columns, None), start=2):
        for column, known in (("condition", _CONDITIONS), ("level", _LEVELS)):
            if row[column] not in known:
                raise InputError("dataset-cell-invalid", f"line {line} of {name}: " + describe_unknown(column, row[column], known),
                                 "Correct the cell")
        target = f"{_CONDITIONS[row['condition']]}_{_LEVELS[row['level']]}"
        points[row["study_id"]].append(StenosisPoint(
            target, row["series_id"], int(number(row, "instance_number", name, line)), number(row, "x", name, line),
            number(row, "y", name, line)))
    return points


def _study(root: Path, split: str, study: str, series: list[tuple[str, str]], grades: Mapping[str, int | None],
           points: list[StenosisPoint] | tuple[()]) -> StenosisStudy:
    found = tuple(read_series(root / f"{split}_images" / study / name, name, description) for name, description in series)
    known = {(one.series, instance.number) for one in found for instance in one.instances}
    for point in points:
        if (point.series, point.instance) not in known:
            raise InputError("dataset-point-astray", f"a mark of {point.target} lies on instance {point.instance} of a series without it",
                             "Copy the whole series, or remove the row")
    return StenosisStudy(split, study, found, {target: grades.get(target) for target in TARGETS}, tuple(points))


def read_stack(series: MrSeries) -> NDArray[np.float32]:
    """The series as float32 (slices, rows, columns) in the order of `instances`, its 1st to 99th percentile stretched to 0..1.

    Raises:
        InputError: `dataset-image-unreadable`, or `dataset-series-mixed` where slices differ in size.
    """
    slices = [read_file(one.path, f"instance {one.number} of a {series.description} series").pixels for one in series.instances]
    if len({picture.shape for picture in slices}) > 1:
        raise InputError("dataset-series-mixed", f"slices of a {series.description} series differ in size", "Split the series")
    stack = np.stack(slices)
    low, high = np.percentile(stack, (1, 99))
    return np.asarray(np.clip((stack - np.float32(low)) / np.float32(max(high - low, 1e-6)), 0, 1), np.float32)
