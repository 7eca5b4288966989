"""What can be chosen when `xray-alignment` is trained."""

from __future__ import annotations

from dataclasses import dataclass

from spondyl.tasks.xray_alignment.frames import Frames


@dataclass(frozen=True, slots=True)
class AlignmentRecipe:
    """recipes/xray-alignment.toml.

    Attributes:
        layout: Of the data set: "aasce_pack" or "aasce".
        folds: Of the cross-validation by group; each fold's two networks ship.
        film, vertebra, gate: Frames in pixels, rows and columns.
        drawn_data: Folder of digital spines in the layout "aasce" that are taught beside the films and judge nothing; "" for none.
        drawn_share: Share of what a network sees that is digital.
        detector_widths, corner_widths: Channels.
        detector_epochs, detector_lr, batch: Of the detector.
        corner_epochs, corner_lr, corner_batch, corner_share: Of the second look; an epoch shows so large a share of all vertebrae.
        detector_again, corner_again: Epochs of a second cycle of the learning rate, whose peak is half as high.
        half: Whether training multiplies in bfloat16.
        gate_epochs, gate_each: Of the gate; drawn pictures of each kind.
        strengths: Strengths of smoothing of mid-lines and plates that are tried on the other folds.
        jobs: Processes, one thread each.
    """

    task: str
    version: str
    licence: str
    attribution: str
    trained_on: str
    layout: str = "aasce_pack"
    evidence: str = "real"
    scale: str = "cpu"
    research_only: bool = True
    folds: int = 5
    film: tuple[int, int] = (512, 256)
    vertebra: tuple[int, int] = (80, 96)
    gate: tuple[int, int] = (192, 96)
    drawn_data: str = ""
    drawn_share: float = 0.1
    detector_widths: tuple[int, ...] = (16, 24, 32, 48, 48)
    corner_widths: tuple[int, ...] = (16, 32, 48, 48)
    detector_epochs: int = 60
    detector_lr: float = 4e-3
    batch: int = 8
    corner_epochs: int = 14
    corner_lr: float = 3e-3
    corner_batch: int = 64
    corner_share: float = 1.0
    detector_again: int = 40
    corner_again: int = 6
    half: bool = True
    gate_epochs: int = 40
    gate_each: int = 40
    strengths: tuple[float, ...] = (0.0, 0.02, 0.05, 0.1, 0.2)
    seed: int = 1
    jobs: int = 2

    def __post_init__(self) -> None:
        for name in ("film", "vertebra", "gate", "detector_widths", "corner_widths", "strengths"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.task != "xray-alignment":
            raise ValueError(f"this recipe trains xray-alignment, not {self.task!r}")
        if self.folds < 3 or not 0 <= self.drawn_share < 1:
            raise ValueError("there are 3 folds or more, and the digital share is below 1")

    @property
    def frames(self) -> Frames:
        """Sizes of the networks' frames."""
        return Frames(self.film, self.vertebra, self.gate)
