"""What can be chosen when `dxa-osteoporosis` is trained."""

from __future__ import annotations

from dataclasses import dataclass

from spondyl.tasks.dxa_osteoporosis.space import Frames

NETS = ("cnn", "vgg16")
"""Members that are fitted anew in every fold."""


@dataclass(frozen=True, slots=True)
class DensityRecipe:
    """recipes/dxa-osteoporosis.toml.

    Attributes:
        parts_from: A bundle whose gate, locator, vertebra network and calibration are taken over where the data set does not say where its
            vertebrae are: a task whose bundle ships, or a folder.
        parts_data: Another folder of the same layout, whose patients teach gate, locator, vertebra network and the ResNet's features, and
            no member. Where it is not named, a share of the patients does: `parts_share`.
        calibration_share: Share of the other patients that teach no member either, and calibrate what ships.
        folds: Outer folds of the nested cross-validation; its inner folds are the others, one at a time.
        scan, spine, vertebra: Frames in pixels, rows and columns.
        cnn_width, vgg_width, resnet_width: Share of the published number of channels.
        epochs, lr, batch: Of the members' fit.
        resnet_epochs, locator_epochs, vertebra_epochs, gate_epochs, student_epochs: Of the other fits.
        gate_subjects, gate_each: Digital patients that are built for the gate, and pictures of each drawn kind.
        forest_trees, forest_leaf: Of the random forest: how many, and least cases in a leaf.
        boost_steps, boost_rate, boost_leaves: Of the gradient-boosted trees.
        background: Cases that Shapley values compare with.
        positive_value, negative_value: PPV and NPV that decided patients are to reach.
        jobs: Processes, one thread each.
    """

    task: str
    version: str
    licence: str
    attribution: str
    trained_on: str
    layout: str = "dxa"
    evidence: str = "in-silico"
    scale: str = "cpu"
    parts_from: str = "dxa-osteoporosis"
    parts_data: str = ""
    parts_share: float = 0.2
    calibration_share: float = 0.2
    folds: int = 4
    scan: tuple[int, int] = (192, 160)
    spine: tuple[int, int] = (128, 80)
    vertebra: tuple[int, int] = (48, 64)
    cnn_width: float = 1.0
    vgg_width: float = 0.2
    resnet_width: float = 0.2
    epochs: int = 10
    lr: float = 2e-3
    batch: int = 32
    resnet_epochs: int = 20
    locator_epochs: int = 30
    vertebra_epochs: int = 20
    gate_epochs: int = 12
    gate_subjects: int = 150
    gate_each: int = 60
    student_epochs: int = 16
    forest_trees: int = 80
    forest_leaf: int = 12
    boost_steps: int = 120
    boost_rate: float = 0.06
    boost_leaves: int = 8
    background: int = 64
    positive_value: float = 0.95
    negative_value: float = 0.95
    seed: int = 1
    jobs: int = 2

    def __post_init__(self) -> None:
        for name in ("scan", "spine", "vertebra"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.task != "dxa-osteoporosis":
            raise ValueError(f"this recipe trains dxa-osteoporosis, not {self.task!r}")
        if not (0 < self.parts_share < 1 and 0 < self.calibration_share < 1) or self.folds < 3:
            raise ValueError("shares lie between 0 and 1, and there are 3 folds or more")

    @property
    def frames(self) -> Frames:
        """Sizes of the networks' frames."""
        return Frames(self.scan, self.spine, self.vertebra)
