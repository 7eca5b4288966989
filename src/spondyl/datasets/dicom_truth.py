"""Whole studies of the digital spine: every modality of a subject with its truth, from a folder that `dicom_study` made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spondyl.core.errors import InputError
from spondyl.datasets import sources
from spondyl.datasets.dicom_folder import read_subjects
from spondyl.datasets.film_records import SpineStudy, StenosisPoint, StudyDensity, StudyFilm
from spondyl.datasets.mr_files import read_series
from spondyl.phantom.measured import film_from_json, truth_from_json


@sources.register("dicom", SpineStudy)
def read_studies(root: Path) -> Iterator[SpineStudy]:
    """The subjects of truth.json; headers are read subject by subject.

    Raises:
        InputError: `dataset-file-missing`, `dataset-truth-invalid` or `dataset-image-unreadable`.
    """
    return (_study(root, row) for row in read_subjects(root))


def _study(root: Path, row: Mapping[str, Any]) -> SpineStudy:
    try:
        files = [Path(mark["file"]) for mark in row["stenosis"]]
        folder = root / Path(row["films"][0]["file"]).parts[0]
        names = sorted(path.name for path in folder.iterdir() if path.name.split("_")[-1] in ("t1", "t2", "stir"))
        return SpineStudy(
            subject=int(row["subject"]), series=tuple(read_series(folder / name, name, name) for name in names),
            films=tuple(_film(root, film) for film in row["films"]), density=_density(root, row["density"]),
            grades={mark["target"]: int(mark["grade"]) for mark in row["stenosis"]},
            points=tuple(StenosisPoint(mark["target"], file.parent.name, int(file.stem), float(mark["x"]), float(mark["y"]))
                         for mark, file in zip(row["stenosis"], files, strict=True)),
            truth=truth_from_json(json.dumps(row["truth"])),
        )
    except (KeyError, TypeError, ValueError, OSError, IndexError) as error:
        raise InputError("dataset-truth-invalid", f"a subject of truth.json cannot be used ({type(error).__name__})",
                         "Make the folder with `spondyl phantom make --layout dicom`") from error


def _film(root: Path, row: Mapping[str, Any]) -> StudyFilm:
    file = Path(row["file"])
    truth = {key: value for key, value in row.items() if key != "file"}
    return StudyFilm(file.parent.name, root / file, film_from_json(json.dumps(truth)))


def _density(root: Path, row: Mapping[str, Any]) -> StudyDensity:
    return StudyDensity(root / row["file"], float(row["measured_g_cm2"]), float(row["measured_t_score"]), str(row["reference"]))
