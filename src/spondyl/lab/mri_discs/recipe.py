"""The keys of recipes/mri-discs.toml."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is trained on what, for how long. Lengths are epochs; sizes are pixels; `leave_out` names slices that gates and graders skip."""

    task: str
    version: str
    layout: str
    trained_on: str
    licence: str
    attribution: str
    evidence: str
    leave_out: tuple[str, ...] = ()
    folds: int = 5
    seed: int = 0
    jobs: int = 2
    gate_size: int = 128
    gate_epochs: int = 32
    gate_phantoms: int = 360
    gate_others: int = 45
    locator_size: int = 192
    locator_epochs: int = 70
    locator_epochs_all: int = 45
    locator_lr: float = 3e-3
    crop_rows: int = 80
    crop_columns: int = 112
    crop_height_units: float = 1.7
    crop_back_shift: float = 0.1
    grader_epochs: int = 64
    grader_lr: float = 3e-3
    grader_width: int = 22
    grader_mixup: float = 0.3

    def __post_init__(self) -> None:
        object.__setattr__(self, "leave_out", tuple(self.leave_out))
        if self.task != "mri-discs":
            raise ValueError(f"this recipe trains mri-discs, not {self.task!r}")
        if self.folds < 3:
            raise ValueError(f"nested folds need at least 3, got {self.folds}")
        if self.locator_size % 32 or self.gate_size % 16:
            raise ValueError("locator_size must be a multiple of 32 and gate_size of 16")

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of folds that a grader is kept blind to: one grader each."""
        return list(combinations(range(self.folds), 2))

    @property
    def preprocessing(self) -> dict[str, object]:
        """The part of the bundle's settings that says what the networks see."""
        return {
            "gate": {"size": self.gate_size, "members": [f"gate-{k}" for k in range(self.folds)]},
            "locator": {
                "size": self.locator_size,
                "members": [f"locator-{k}" for k in range(self.folds)],
                "chain": {"least_score": 0.05, "keep_score": 0.3, "step_cost": 8.0, "start_cost": 2.0, "start_least": 0.02},
            },
            "crop": {
                "shape": [self.crop_rows, self.crop_columns],
                "height_units": self.crop_height_units,
                "back_shift": self.crop_back_shift,
            },
            "grader": {"members": [f"grader-{a}{b}" for a, b in self.pairs]},
        }
