"""A data set of density pictures in memory: pixels as the serving reader gives them, labels, and what is known of the vertebrae."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.core import InputError
from spondyl.core.identity import content_hash, pixel_hash
from spondyl.datasets import sources
from spondyl.datasets.dxa import CLASSES, read_picture
from spondyl.datasets.dxa_truth import VertebraOnPicture, raw_of, read_truth
from spondyl.datasets.film_records import DensityPicture
from spondyl.tasks.dxa_osteoporosis.panel import Panel, find_panel, inside

OnStep = Callable[[str, int, int], None]
TOP = 65535


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One picture.

    Attributes:
        file, patient: As the data set names them; the file stands for the patient where it does not say.
        label: 0 normal, 1 osteopenia, 2 osteoporosis.
        stored: uint16 (rows, columns), 0..65535 for 0..1: eight bits come back exactly.
        image: Id, as `core.Image` has it.
        panel: Where the scan lies; None where there is none.
        truth: Vertebrae from the highest down; empty where the data set does not say.
        raw: The calibrated pair, or None.
    """

    file: str
    patient: str
    label: int
    stored: NDArray[np.uint16]
    image: str
    split: str | None
    sex: str | None
    age_years: float | None
    bmd_g_cm2: float | None
    t_score: float | None
    truth: tuple[VertebraOnPicture, ...]
    raw: Path | None
    panel: Panel | None

    @property
    def pixels(self) -> NDArray[np.float32]:
        """float32 (rows, columns), 0..1, captions and all."""
        return self.stored.astype(np.float32) / np.float32(TOP)

    @property
    def scan(self) -> NDArray[np.float32]:
        """The same with all around the scan black, which is what networks see."""
        return self.pixels if self.panel is None else inside(self.pixels, self.panel)


def read_cases(layout: str, data: Path, splits: Sequence[str | None], on_step: OnStep) -> list[Case]:
    """Every picture of these splits, in the order of the data set.

    Raises:
        InputError: The data set cannot be used, or has no such pictures.
    """
    pictures = [one for one in sources.open_as(DensityPicture, layout, data) if one.split in splits]
    if not pictures:
        said = ", ".join(str(name) for name in splits if name)
        raise InputError("no-pictures", f"the data set has no pictures of {said or 'any split'}", "Name another folder or --split")
    truth = read_truth(data)
    found = []
    for number, one in enumerate(pictures, start=1):
        found.append(_case(one, truth.get(one.file, ()), raw_of(data, one.file)))
        if number % 50 == 0 or number == len(pictures):
            on_step("Reading pictures", number, len(pictures))
    return _one_owner(found)


def _one_owner(cases: list[Case]) -> list[Case]:
    """The same picture under several names belongs to one patient, so that no split tears it apart."""
    owner: dict[str, str] = {}
    return [replace(case, patient=owner.setdefault(case.image, case.patient)) for case in cases]


def _case(one: DensityPicture, truth: tuple[VertebraOnPicture, ...], raw: Path | None) -> Case:
    pixels = read_picture(one).pixels
    stored = np.rint(np.clip(pixels, 0, 1) * TOP).astype(np.uint16)
    return Case(one.file, one.patient or one.file, CLASSES.index(one.who_class), stored, pixel_hash(pixels), one.split, one.sex,
                one.age_years, one.bmd_g_cm2, one.t_score, truth, raw, find_panel(pixels))


def share_of(case: Case, purpose: str, seed: int) -> float:
    """A number of 0..1 that a patient's name and a purpose decide, and nothing else."""
    return int(content_hash(f"{seed}/{purpose}/{case.patient}".encode())[:8], 16) / 16**8


def folds_of(cases: Sequence[Case], folds: int, calibration_share: float, seed: int) -> NDArray[np.int64]:
    """Fold of each case, 0 .. folds - 1, and `folds` for those who calibrate: by patient, every class shared out evenly.

    A patient's class is the worst of the patient's pictures.
    """
    worst: dict[str, Case] = {}
    for case in cases:
        if case.patient not in worst or case.label > worst[case.patient].label:
            worst[case.patient] = case
    place: dict[str, int] = {}
    for label in range(len(CLASSES)):
        mine = [case for case in worst.values() if case.label == label]
        own = sorted(mine, key=lambda case: (share_of(case, "fold", seed), case.patient))
        held = round(calibration_share * len(own))
        place |= {case.patient: folds if k < held else k % folds for k, case in enumerate(own)}
    return np.array([place[case.patient] for case in cases], np.int64)
