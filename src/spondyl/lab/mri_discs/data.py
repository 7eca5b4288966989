"""The training slices with their folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.core import InputError
from spondyl.datasets.records import DiscGrades, DiscSlice
from spondyl.datasets.sources import open_source
from spondyl.lab.folds import patient_folds
from spondyl.tasks.mri_discs.frame import normalised


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Slices of one source.

    Attributes:
        slices: In the order of the source.
        pixels: Normalised, the same order.
        folds: By patient.
    """

    slices: tuple[DiscSlice, ...]
    pixels: tuple[NDArray[np.float32], ...]
    folds: Mapping[str, int]

    def fold(self, index: int) -> int:
        """Fold of a slice's patient."""
        return self.folds[self.slices[index].patient]


def read_cohort(layout: str, root: Path, folds: int, seed: int) -> Cohort:
    """All slices of a source that have grades, patients dealt to folds by their mean Pfirrmann grade.

    Raises:
        InputError: If the folder is not in that layout, or has fewer patients than folds.
    """
    slices = tuple(s for s in open_source(layout, root) if s.grades)
    burden = {s.patient: float(np.mean([g.pfirrmann for g in s.grades.values()])) for s in slices}
    if len(burden) < folds:
        raise InputError(
            "too-few-patients", f"{len(burden)} graded patients were found, {folds} folds need at least as many", "Add patients"
        )
    return Cohort(slices, tuple(normalised(s.pixels) for s in slices), patient_folds(burden, folds, seed))


def label_row(grades: DiscGrades) -> NDArray[np.int64]:
    """(8,) Pfirrmann 0..4, then 0/1 in the order of `answers.QUESTIONS`. Modic is absent or present."""
    return np.array(
        [
            grades.pfirrmann - 1,
            grades.narrowing,
            grades.bulging,
            grades.herniation,
            grades.spondylolisthesis,
            int(grades.modic > 0),
            grades.upper_endplate,
            grades.lower_endplate,
        ]
    )
