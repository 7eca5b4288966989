"""Studies of a data set as the network sees them, kept in a folder: read by the serving reader, located and cropped by the serving code."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image, InputError, Refusal, Series, Study
from spondyl.datasets.film_records import Instance, StenosisStudy
from spondyl.datasets.rsna2024 import LEVELS, TARGETS
from spondyl.datasets.rsna2024_truth import TargetTruth, read_truth
from spondyl.datasets.sources import open_as
from spondyl.dicom import Reader, Source
from spondyl.inference import Engine
from spondyl.lab.mri_stenosis.sacrum import cut_score
from spondyl.lab.mri_stenosis.stir import keep_stir
from spondyl.lab.spread import keep
from spondyl.tasks.mri_stenosis.assembly import assemble
from spondyl.tasks.mri_stenosis.crops import CropPlan, LevelCrops, level_crops, network_inputs
from spondyl.tasks.mri_stenosis.locate import Levels, find_levels
from spondyl.tasks.mri_stenosis.space import LevelFrame, to_patient

KEY = b"the laboratory keeps no pseudonym"
OnStep = Callable[[str, int, int], None]
Floats = NDArray[np.float64]
PLAIN = ("study", "image", "lowest", "cut_lowest")
"""Fields of a Case that are no arrays."""
PICTURES = ("sagittal", "axial")
"""Those that are pictures."""
Place = tuple[float, ...]
"""Where a slice lies, rounded: what a file's header and the read image have in common. Empty where it is not known."""
SEQUENCES = {"Sagittal T1": "t1", "Sagittal T2/STIR": "t2", "Axial T2": "axial_t2"}


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What is known of the n levels of a study that were found, from the lowest up.

    Attributes:
        grades: int8 (n, 5) in the order of `answers.TARGETS`; -1 unknown.
        truth: The same as built, where the data set says; -1.
        chances: float32 (n, 5, 3) how often readers would write each grade; NaN.
        points: float32 (n, 5, 3) marked places in the level's frame (u, v, w), mm; NaN.
        sizes: float32 (n, 2) area (mm2) and AP diameter (mm) of the sac; NaN.
    """

    grades: NDArray[np.int8]
    truth: NDArray[np.int8]
    chances: NDArray[np.float32]
    points: NDArray[np.float32]
    sizes: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A study ready for the network: the arrays of `crops.network_inputs`, crops as uint8 with a margin, and its labels.

    Attributes:
        study, image: Its identifier; id of the slice on which its levels were found.
        lowest: The locator's score of its lowest disc as the one above the sacrum.
        cut_lowest: The same where the field is cut above the sacrum, in CUT_SHARE of the studies; NaN in the others.
    """

    study: str
    image: str
    lowest: float
    cut_lowest: float
    numbers: NDArray[np.int64]
    sagittal: NDArray[np.uint8]
    across: NDArray[np.float32]
    sagittal_seen: NDArray[np.float32]
    axial: NDArray[np.uint8]
    along: NDArray[np.float32]
    axial_seen: NDArray[np.float32]
    labels: Labels


def target_name(number: int, index: int) -> str:
    """Column of train.csv of a level (1 the lowest) and one of the five answers."""
    order = ("spinal_canal_stenosis", "left_neural_foraminal_narrowing", "right_neural_foraminal_narrowing",
             "left_subarticular_stenosis", "right_subarticular_stenosis")
    return f"{order[index]}_{LEVELS[len(LEVELS) - number]}"


def target_column(number: int, index: int) -> int:
    """Place of that column among TARGETS."""
    return TARGETS.index(target_name(number, index))


def open_studies(layout: str, data: Path) -> tuple[list[StenosisStudy], dict[str, dict[str, TargetTruth]]]:
    """The studies of a data set, and what is true of them where it says so.

    Raises:
        InputError: `dataset-empty`, or where the data set is not in its layout.
    """
    studies = list(open_as(StenosisStudy, layout, data))
    if not studies:
        raise InputError("dataset-empty", "the data set has no study", "Name the folder that holds train.csv and train_images/")
    return studies, read_truth(data)


def read_study(reader: Reader, root: Path, study: StenosisStudy) -> Study | None:
    """The study as serving reads it; None where none of its files can be read. Where a header does not name the sequence, the data set's
    description of the series does."""
    report = reader.read([Source(root / f"{study.split}_images" / study.study, "study")])
    read = max(report.studies, key=lambda one: len(one.images)) if report.studies else None
    if read is None or all(image.sequence != "unknown" for image in read.images):
        return read
    folder = root / f"{study.split}_images" / study.study
    parts = [(one.description, reader.read([Source(folder / one.series, "series")])) for one in study.series]
    return replace(read, series=tuple(_told(series, SEQUENCES[description]) for description, part in parts
                                      for whole in part.studies for series in whole.series))


def _told(series: Series, sequence: str) -> Series:
    """The series with that sequence where its headers do not name one."""
    images = (replace(image, sequence=sequence) if image.sequence == "unknown" else image for image in series.images)
    return replace(series, images=tuple(images))


def prepare(layout: str, data: Path, folder: Path, engine: Engine, plan: CropPlan, margin: int, on_step: OnStep) -> dict[str, str]:
    """Keep every training study of a data set as a Case; what is there already is left, and studies of its test split are not touched.

    Returns:
        By study, why it could not be used.
    """
    everything, truths = open_studies(layout, data)
    studies = [study for study in everything if study.split == "train"]
    if not studies:
        raise InputError("split-empty", "the data set has test studies only", "Name the folder that holds train.csv and train_images/")
    folder.mkdir(parents=True, exist_ok=True)
    refused: dict[str, str] = {}
    with Reader(KEY, workers=1) as reader:
        for done, study in enumerate(studies, start=1):
            file = folder / f"{study.study}.npz"
            if not file.exists():
                reason = _prepare_one(reader, data, study, truths.get(study.study, {}), engine, plan, margin, file)
                if reason:
                    refused[study.study] = reason
            on_step("Reading studies", done, len(studies))
    return refused


def _prepare_one(reader: Reader, data: Path, study: StenosisStudy, truth: Mapping[str, TargetTruth], engine: Engine, plan: CropPlan,
                 margin: int, file: Path) -> str:
    read = read_study(reader, data, study)
    if read is None:
        return "unreadable"
    try:
        assembly = assemble(read)
        levels = find_levels(assembly, engine)
    except Refusal as reason:
        return reason.code
    keep_stir(assembly, levels, file.parent.with_name("stir") / file.name)
    cut = cut_score(engine, levels.found, study.study, levels.image.sequence)
    case = case_of(study, read, levels, level_crops(levels.frames, levels.stacks, plan, margin), truth, cut)
    keep(file, _packed(case))
    return ""


def case_of(study: StenosisStudy, read: Study, levels: Levels, crops: list[LevelCrops], truth: Mapping[str, TargetTruth],
            cut_lowest: float = float("nan")) -> Case:  # fmt: skip
    """A study's crops with its labels."""
    numbers = [frame.number for frame in levels.frames]
    inputs = network_inputs(crops, numbers)
    return Case(
        study.study, levels.image.id, levels.found.discs[0].lowest, cut_lowest, np.array(numbers),
        np.stack([one.sagittal for one in crops]), inputs["across"], inputs["sagittal_seen"],
        np.stack([one.axial for one in crops]), inputs["along"], inputs["axial_seen"],
        labels_of(study, read, levels.frames, truth))


def labels_of(study: StenosisStudy, read: Study, frames: Iterable[LevelFrame], truth: Mapping[str, TargetTruth]) -> Labels:
    """What the data set says of the levels that were found."""
    frames = list(frames)
    n = len(frames)
    marked = marked_points(study, read)
    labels = Labels(np.full((n, 5), -1, np.int8), np.full((n, 5), -1, np.int8), np.full((n, 5, 3), np.nan, np.float32),
                    np.full((n, 5, 3), np.nan, np.float32), np.full((n, 2), np.nan, np.float32))
    for row, frame in enumerate(frames):
        for index in range(5):
            name = target_name(frame.number, index)
            grade = study.grades.get(name)
            labels.grades[row, index] = -1 if grade is None else grade
            if name in marked:
                labels.points[row, index] = frame.local(marked[name])
            built = truth.get(name)
            if built is not None:
                labels.truth[row, index] = built.grade
                labels.chances[row, index] = built.chances
            if built is not None and index == 0:
                labels.sizes[row] = (built.numbers.get("sac_area_mm2", np.nan), built.numbers.get("sac_depth_mm", np.nan))
    return labels


def marked_points(study: StenosisStudy, read: Study) -> dict[str, Floats]:
    """Patient points (3,) of the marks, by target; those on slices without a place are left out."""
    placed: dict[tuple[float, ...], Image] = {key: image for image in read.images if (key := _key_of(image)) and image.spacing_mm}
    series = {one.series: one for one in study.series}
    points = {}
    for mark in study.points:
        own = series[mark.series]
        instance = own.instances[own.index_of(mark.instance)]
        shown = placed.get(_key_at(instance))
        if shown is not None:
            points[mark.target] = to_patient(shown, np.array([mark.x + 0.5, mark.y + 0.5]))
    return points


def _key_of(image: Image) -> Place:
    own = image.geometry
    return _place_key(own.position, own.row_direction, own.column_direction) if own else ()


def _key_at(instance: Instance) -> Place:
    own = instance.orientation
    return _place_key(instance.position_mm, own[:3], own[3:]) if own else ()


def _place_key(position: Iterable[float], across: Iterable[float], down: Iterable[float]) -> Place:
    return (*(round(value, 1) for value in position), *(round(value, 2) + 0.0 for value in (*across, *down)))


def _packed(case: Case) -> bytes:
    buffer = io.BytesIO()
    body: dict[str, Any] = {field.name: getattr(case, field.name) for field in fields(Case) if field.name != "labels"}
    body |= {f"label_{field.name}": getattr(case.labels, field.name) for field in fields(Labels)}
    np.savez(buffer, **body)
    return buffer.getvalue()


def load_case(file: Path, crops: bool = True) -> Case:
    """A case that `prepare` kept; without `crops` its pictures are empty and not read, which is most of the file."""
    with np.load(file) as kept:
        labels = Labels(**{field.name: kept[f"label_{field.name}"] for field in fields(Labels)})
        names = [field.name for field in fields(Case) if field.name not in ("labels", *PLAIN)]
        body: dict[str, Any] = {name: kept[name] if crops or name not in PICTURES else np.zeros(0, np.uint8) for name in names}
        return Case(str(kept["study"]), str(kept["image"]), float(kept["lowest"]), float(kept["cut_lowest"]), labels=labels, **body)


def load(files: Iterable[Path]) -> Iterator[Case]:
    """The cases of those files."""
    return map(load_case, files)
