"""What can be chosen when `mri-stenosis` is trained."""

from __future__ import annotations

from dataclasses import dataclass

from spondyl.tasks.mri_stenosis.crops import CropPlan

TARGETS = ("labels", "chances")


@dataclass(frozen=True, slots=True)
class StenosisRecipe:
    """recipes/mri-stenosis.toml.

    Attributes:
        levels_from: The bundle whose gate and locator find the levels: a task whose bundle ships, or a folder.
        gates, locators: How many of its networks are taken over.
        val_share: Share of the training studies that choose and calibrate.
        members: Networks that answer together, each from its own seed.
        width, features, token: Of the network.
        epochs, lr, batch: Of the fit; `batch` counts studies.
        margin: Pixels by which training crops may be shifted.
        drop: How often a series is hidden from a study in training; at least one is left.
        point_weight, size_weight: Of the losses of the points and of the sac's sizes, beside the grades'.
        targets: "labels" as they are written, or "chances": of the digital spine it is known how often readers would write each grade,
            and that is what is taught. Where the data set does not say, labels are.
        stir_epochs, stir_lr: Of the locator for STIR slices.
        jobs: Processes, one thread each.
    """

    task: str
    version: str
    licence: str
    attribution: str
    trained_on: str
    layout: str = "rsna2024"
    evidence: str = "in-silico"
    scale: str = "cpu"
    levels_from: str = "mri-discs"
    gates: int = 2
    locators: int = 2
    val_share: float = 0.2
    members: int = 2
    width: int = 24
    features: int = 48
    token: int = 96
    epochs: int = 10
    lr: float = 2e-3
    batch: int = 6
    margin: int = 4
    drop: float = 0.12
    point_weight: float = 0.2
    size_weight: float = 0.5
    targets: str = "chances"
    stir_epochs: int = 60
    stir_lr: float = 3e-3
    seed: int = 1
    jobs: int = 2

    def __post_init__(self) -> None:
        if self.task != "mri-stenosis":
            raise ValueError(f"this recipe trains mri-stenosis, not {self.task!r}")
        if self.targets not in TARGETS:
            raise ValueError(f"targets are one of {TARGETS}, got {self.targets!r}")
        if not 0 < self.val_share < 1 or min(self.members, self.gates, self.locators, self.epochs, self.batch, self.jobs) < 1:
            raise ValueError("val_share lies between 0 and 1, and counts are 1 or more")

    @property
    def plan(self) -> CropPlan:
        """Sizes of the crops."""
        return CropPlan()
