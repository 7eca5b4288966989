"""How one detector is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from spondyl.lab.films.augment import Augment
from spondyl.lab.films.pieces import Pieces
from spondyl.lab.films.plan import PRECISIONS, WHERE, check_shares


@dataclass(frozen=True, slots=True)
class DetectPlan:
    """How one detector is trained on the films of a cache.

    Attributes:
        detector: Of `models.detectors`.
        settings: Its own settings.
        classes: How many the boxes have.
        epochs: In all.
        lr: Peak rate of AdamW.
        weight_decay: On kernels.
        batch: Films a step, over all devices.
        repeat: Classes on fewer than this share of the films with boxes are seen more often.
        normals: Films without boxes for each film with boxes in an epoch.
        augment: How films are changed; `flip` stands above its own.
        flip: Mirror half of the films.
        pieces: Teach on pieces of films; None teaches on whole films.
        start: weights.pt of a film network whose body is the detector's own, to begin with.
        average: Decay of the running average of the weights, 0 is none.
        clip: Largest norm of a gradient.
        precision: "32" or "bf16".
        every: Most epochs from one validation to the next; the last epoch is always validated.
        patience: Stop after so many validations without a better mAP@0.5, and keep the best epoch; 0 keeps the last one.
        seed: Of everything.
        devices, threads, loaders: Accelerators (or processes on a CPU), threads of each, processes that prepare batches for each.

    Raises:
        ValueError: Unknown precision, or a number out of its range.
    """

    detector: str = "spondyl_small"
    settings: Mapping[str, Any] = field(default_factory=dict)
    classes: int = 7
    epochs: int = 20
    lr: float = 3e-3
    weight_decay: float = 0.02
    batch: int = 8
    repeat: float = 0.15
    normals: float = 0.3
    augment: Augment = field(default_factory=lambda: Augment(rotate_deg=5.0, zoom=0.15, stretch=0.05, shift=0.05))
    flip: bool = True
    pieces: Pieces | None = None
    start: Path | None = None
    average: float = 0.998
    clip: float = 5.0
    precision: str = "bf16"
    every: int = 4
    patience: int = 0
    seed: int = 0
    devices: int = 1
    threads: int = 1
    loaders: int = 0

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision is 32 or bf16, not {self.precision!r}")
        if min(self.epochs, self.batch, self.devices, self.threads, self.every, self.classes) < 1:
            raise ValueError("epochs, batch, every, classes, devices and threads are at least 1")
        check_shares(self.batch, self.devices)
        if not 0 <= self.average < 1 or min(self.repeat, self.normals, self.lr) < 0:
            raise ValueError("average is in [0, 1); repeat, normals and lr are not negative")

    @property
    def changes(self) -> Augment:
        """How films are changed."""
        return replace(self.augment, flip=0.5 if self.flip else 0.0, mixup=0.0)

    @property
    def judged_every(self) -> int:
        """Epochs from one validation to the next: the largest number up to `every` that divides the epochs."""
        return max(step for step in range(1, self.every + 1) if self.epochs % step == 0)

    def what(self) -> dict[str, Any]:
        """What decides the weights, as JSON; where it runs is left out."""
        table = {name: value for name, value in asdict(replace(self, settings=dict(self.settings))).items() if name not in WHERE}
        return table | {"start": None if self.start is None else self.start.name}


def best_of(history: Sequence[Mapping[str, Any]], patience: int) -> int:
    """Number of the epoch to keep, from 0: the validated one with the best mAP@0.5 where there is patience, else the last."""
    judged = [epoch for epoch, row in enumerate(history) if row.get("map50") is not None]
    if not patience or not judged:
        return len(history) - 1
    return max(judged, key=lambda epoch: (history[epoch]["map50"], epoch))


def is_over(history: Sequence[Mapping[str, Any]], plan: DetectPlan) -> bool:
    """Whether nothing is left to train."""
    if len(history) >= plan.epochs:
        return True
    since = [row for row in history[best_of(history, plan.patience) + 1 :] if row.get("map50") is not None]
    return bool(plan.patience) and len(since) >= plan.patience
