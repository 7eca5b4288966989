"""What every lumbar source hands out: one sagittal slice with the boxes and the grades of its discs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from spondyl.core.identity import pixel_hash
from spondyl.core.vocabulary import SEQUENCES

Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1), half-open, pixels of the image."""


@dataclass(frozen=True, slots=True)
class DiscGrades:
    """A reader's (or the phantom's measured) grades of one disc.

    Attributes:
        pfirrmann: 1 to 5.
        modic: 0 (none) to 3.
        upper_endplate, lower_endplate, spondylolisthesis, herniation, narrowing, bulging: 0 absent, 1 present.
    """

    pfirrmann: int
    modic: int
    upper_endplate: int
    lower_endplate: int
    spondylolisthesis: int
    herniation: int
    narrowing: int
    bulging: int

    def __post_init__(self) -> None:
        ranges = {"pfirrmann": (1, 5), "modic": (0, 3)}
        for field in fields(self):
            low, high = ranges.get(field.name, (0, 1))
            if not low <= getattr(self, field.name) <= high:
                raise ValueError(f"{field.name} is {low} to {high}, got {getattr(self, field.name)}")


@dataclass(frozen=True, slots=True, eq=False)
class DiscSlice:
    """One sagittal slice. Discs are numbered from the bottom: 1 is the lowest (L5/S1 in ordinary anatomy).

    Attributes:
        stem: Name of the slice inside its source.
        patient: Code of the patient inside its source: the unit that splits and resamples keep together.
        sequence: One of `core.vocabulary.SEQUENCES`.
        pixels: float32 (rows, columns), 0..1; exactly what the serving reader gives for the same file.
        spacing_mm: (row, column), or None when unknown.
        boxes: By disc, (x0, y0, x1, y1) half-open, pixels; may be empty.
        grades: By disc; may hold discs that have no box.
        boxes_complete: Whether every graded disc has a box, so that the two can be joined by disc.
        num_discs: Number of discs the source says the series shows, or None where it does not say.
    """

    stem: str
    patient: str
    sequence: str
    pixels: NDArray[np.float32]
    spacing_mm: tuple[float, float] | None
    boxes: Mapping[int, Box]
    grades: Mapping[int, DiscGrades]
    boxes_complete: bool
    num_discs: int | None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.float32:
            raise ValueError(f"pixels must be float32 (rows, columns), got {self.pixels.dtype} {self.pixels.shape}")
        if self.sequence not in SEQUENCES:
            raise ValueError(f"sequence {self.sequence!r} is not in the vocabulary: {SEQUENCES}")
        if min((*self.boxes, *self.grades, 1)) < 1:
            raise ValueError("discs are numbered from 1, the lowest")

    @property
    def image_id(self) -> str:
        """Content hash of the pixels: the image id that result.json carries for the same file."""
        return pixel_hash(self.pixels)
