"""What film sources hand out: one film (or study) with its labels and where its file lies. Pixels are read when they are wanted.

Boxes and points are in pixels of the original file, (x, y), origin at the top left; boxes are (x0, y0, x1, y1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.datasets.records import Box
from spondyl.phantom.measured import FilmTruth, SubjectTruth


@dataclass(frozen=True, slots=True)
class LesionBox:
    """One finding on a film: its class (one of `phantom.measured.LESIONS`) and its box."""

    lesion: str
    box: Box

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.box
        if not (0 <= x0 < x1 and 0 <= y0 < y1):
            raise ValueError(f"a box runs from its top left to its bottom right inside the film, got {self.box}")


@dataclass(frozen=True, slots=True)
class LesionFilm:
    """A film of VinDr-SpineXR's layout. The film is the unit of test, the study the unit of split.

    Attributes:
        split: "train" or "test".
        study, series, image: Identifiers as the tables have them.
        readers: `rad_id` of all rows.
        lesions: Empty where the film has no finding.
        path: Its DICOM file.
        where: Table and line of its first row, for messages.
    """

    split: str
    study: str
    series: str
    image: str
    readers: tuple[str, ...]
    lesions: tuple[LesionBox, ...]
    path: Path
    where: str

    @property
    def abnormal(self) -> bool:
        """Whether there is any finding."""
        return bool(self.lesions)


@dataclass(frozen=True, slots=True)
class GradedDisc:
    """One disc on a graded film: its level as the source names it, its box, and its grade 0 to 4."""

    level: str
    box: Box
    grade: int

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.box
        if not (0 <= x0 < x1 and 0 <= y0 < y1):
            raise ValueError(f"a box runs from its top left to its bottom right inside the film, got {self.box}")
        if self.grade not in range(5):
            raise ValueError(f"grades run from 0 to 4, got {self.grade}")


@dataclass(frozen=True, slots=True)
class GradedFilm:
    """A film of the graded folders.

    Attributes:
        split: "train", "val" or "test".
        grade: 0 to 4.
        file: Path under the root, with forward slashes.
        patient, study: From patients.csv; None where it does not say, and results are then image-level.
        view: "frontal", "lateral", or None where patients.csv does not say.
        discs: From discs.csv; empty where it does not say.
    """

    split: str
    grade: int
    file: str
    patient: str | None
    study: str | None
    view: str | None
    path: Path
    discs: tuple[GradedDisc, ...] = ()


@dataclass(frozen=True, slots=True)
class DensityPicture:
    """A DXA picture.

    Attributes:
        split: "train", "val", "test", or None where the folders have no splits (then: patient-grouped folds).
        who_class: "normal", "osteopenia" or "osteoporosis".
        file: Path under the root, with forward slashes.
        patient, sex, age_years, bmd_g_cm2, t_score, region: From subjects.csv; None where it does not say.
    """

    split: str | None
    who_class: str
    file: str
    path: Path
    patient: str | None = None
    sex: str | None = None
    age_years: float | None = None
    bmd_g_cm2: float | None = None
    t_score: float | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CornerFilm:
    """A frontal whole-spine film with the corners of 17 vertebrae.

    Attributes:
        split: "train" or "test"; None where the source has none.
        image: Name of its file.
        group: What splits keep together; the file's own name where the source does not say.
        corners: (17, 4, 2), from the highest vertebra down; top-left, top-right, bottom-left, bottom-right of the picture, sorted again;
            (x, y) pixels.
        angles_deg: Three, as the source gives them.
        shape: (rows, columns) that the corners are in.
    """

    split: str | None
    image: str
    group: str
    corners: NDArray[np.float64]
    angles_deg: tuple[float, float, float]
    shape: tuple[int, int]
    path: Path


@dataclass(frozen=True, slots=True)
class Instance:
    """One slice of a series: its number, its file, ImagePositionPatient (mm), its place along the series' normal (mm), and its own
    ImageOrientationPatient (None where the file does not say): blocks of one series may be turned against each other."""

    number: int
    path: Path
    position_mm: tuple[float, float, float]
    along_mm: float
    orientation: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class MrSeries:
    """A series of RSNA 2024's layout.

    Attributes:
        series: Its identifier.
        description: One of `rsna2024.DESCRIPTIONS`.
        instances: By position along the slice normal; by number where the files do not say where they lie.
        orientation: ImageOrientationPatient of the first file that says it; instances are ordered along its normal. None where none does.
    """

    series: str
    description: str
    instances: tuple[Instance, ...]
    orientation: tuple[float, ...] | None

    def index_of(self, number: int) -> int:
        """Place of that instance number in `instances`.

        Raises:
            KeyError: If the series has no such number: they have gaps.
        """
        for place, instance in enumerate(self.instances):
            if instance.number == number:
                return place
        raise KeyError(number)


@dataclass(frozen=True, slots=True)
class StenosisPoint:
    """Where a target is marked: `target` is a column of train.csv; x, y are pixels of that instance."""

    target: str
    series: str
    instance: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class StenosisStudy:
    """A study of RSNA 2024's layout.

    Attributes:
        split: "train" or "test".
        study: Its identifier, the unit of split.
        series: In the order of their table; there may be several axial ones, or none.
        grades: By target (`<condition>_<level>`, 25 of them): 0 normal or mild, 1 moderate, 2 severe, None unknown.
        points: Marks, in the order of their table.
    """

    split: str
    study: str
    series: tuple[MrSeries, ...]
    grades: Mapping[str, int | None]
    points: tuple[StenosisPoint, ...]

    def described(self, description: str) -> tuple[MrSeries, ...]:
        """Its series of that description."""
        return tuple(one for one in self.series if one.description == description)


@dataclass(frozen=True, slots=True)
class StudyFilm:
    """A film of a whole study of the digital spine: its view ("ap" or "lateral"), its file, and what is true of it."""

    view: str
    path: Path
    truth: FilmTruth


@dataclass(frozen=True, slots=True)
class StudyDensity:
    """A density picture: its file, and what the simulated machine itself measured against which reference.

    The label, which any text in the picture repeats, is the `density` of the study's truth.
    """

    path: Path
    bmd_g_cm2: float
    t_score: float
    reference: str


@dataclass(frozen=True, slots=True)
class SpineStudy:
    """One subject of the digital spine in every modality.

    Attributes:
        subject: Its number in the cohort.
        series: "t1", "t2" and "axial_t2" in `description`.
        films: "ap", then "lateral".
        density: The DXA picture.
        grades: Stenosis by target, as in StenosisStudy.
        points: Their marks; `series` is the series' description.
        truth: Everything that is true of the subject.
    """

    subject: int
    series: tuple[MrSeries, ...]
    films: tuple[StudyFilm, ...]
    density: StudyDensity
    grades: Mapping[str, int]
    points: tuple[StenosisPoint, ...]
    truth: SubjectTruth
