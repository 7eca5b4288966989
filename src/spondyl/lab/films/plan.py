"""How one network is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from spondyl.core.identity import content_hash
from spondyl.lab.films.augment import Augment
from spondyl.lab.films.pieces import Pieces

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed"}
WHERE = ("devices", "threads", "loaders")
"""What a run may change when it goes on: where it runs, not what comes out but for rounding."""
START_SUM = "start_sha256"
"""Key, in a kept plan, of the content of the weights that it began with; plans that were kept before there was this key do not say it."""


@dataclass(frozen=True, slots=True)
class FitPlan:
    """How one network is trained on the films of a cache.

    Attributes:
        task: "xray-lesions" or "xray-grade".
        network, pool, stride, dropout: As in `models.film_nets.create`.
        pretrained: Begin with ImageNet's weights where they can be had.
        epochs: In all.
        head_epochs: So many of them teach the head alone, while the body stays as it is: for pretrained bodies.
        lr: Peak rate of the head.
        body_lr, layer_decay: The body's rate as a share of `lr`, and how it falls from stage to stage towards the film.
        weight_decay: Of AdamW, on matrices and kernels.
        batch: Films a step, over all devices.
        sampling, class_weights: Of `lab.films.sampling`.
        augment: How films are changed; `flip` and `mixup` here stand above its own.
        flip: Mirror half of the films.
        mixup: Alpha, 0 is none.
        place_weight: Weight of what boxes teach place by place.
        pieces: Teach on pieces of films, where boxes say what is in them; None teaches on whole films.
        average: Decay of the running average of the weights, 0 is none.
        precision: "32" or "bf16".
        patience: Stop after so many epochs without a better validation, and keep the best epoch; 0 keeps the last one.
        watch: What is better on validation: "loss" falls or "figure" (AUROC of abnormal, quadratic kappa) rises.
        seed: Of everything.
        devices, threads, loaders: Accelerators (or processes on a CPU), threads of each, processes that prepare batches for each.
        start: weights.pt of a network of the same kind to begin with; of another task all but the head is taken.
        teacher: .npy of (films, K) logits, aligned with the cache's films.
        teacher_weight: Share of the loss that is the teacher's.

    Raises:
        ValueError: Unknown precision or watch, or a number out of its range.
    """

    task: str
    network: str
    pool: str = "mean"
    stride: int | None = None
    dropout: float = 0.0
    pretrained: bool = False
    epochs: int = 20
    head_epochs: int = 0
    lr: float = 2e-3
    body_lr: float = 1.0
    layer_decay: float = 1.0
    weight_decay: float = 0.02
    batch: int = 16
    sampling: str = "plain"
    class_weights: str = "none"
    augment: Augment = field(default_factory=Augment)
    flip: bool = True
    mixup: float = 0.0
    place_weight: float = 0.0
    pieces: Pieces | None = None
    average: float = 0.99
    precision: str = "32"
    patience: int = 0
    watch: str = "loss"
    seed: int = 0
    devices: int = 1
    threads: int = 1
    loaders: int = 0
    start: Path | None = None
    teacher: Path | None = None
    teacher_weight: float = 0.7

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision is 32 or bf16, not {self.precision!r}")
        if self.watch not in ("loss", "figure"):
            raise ValueError(f"watch is loss or figure, not {self.watch!r}")
        if min(self.epochs, self.batch, self.devices, self.threads) < 1:
            raise ValueError("epochs, batch, devices and threads are at least 1")
        check_shares(self.batch, self.devices)
        if self.pieces and self.teacher:
            raise ValueError("a teacher speaks of whole films, not of pieces")
        if not 0 <= self.average < 1 or not 0 <= self.teacher_weight <= 1:
            raise ValueError("average is in [0, 1) and teacher_weight in [0, 1]")

    @property
    def changes(self) -> Augment:
        """How films are changed."""
        return replace(self.augment, flip=0.5 if self.flip else 0.0, mixup=self.mixup)

    def what(self) -> dict[str, Any]:
        """What decides the weights, as JSON; where it runs is left out."""
        table = {name: value for name, value in asdict(self).items() if name not in WHERE}
        names = {name: None if file is None else file.name for name, file in (("teacher", self.teacher), ("start", self.start))}
        known = self.start is not None and self.start.is_file()
        return table | names | {START_SUM: content_hash(self.start.read_bytes()) if self.start and known else None}


def check_shares(batch: int, devices: int) -> None:
    """Raises ValueError where the films of a step cannot be shared out evenly."""
    if batch % devices:
        raise ValueError(f"batch is a multiple of devices, so that each takes as many films of a step, got {batch} films over {devices}")


def is_same(kept: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two plans, as `what` gives them, train the same. Weights to begin with that either does not know are not compared."""
    if kept.get(START_SUM) and now.get(START_SUM):
        return kept == now
    return {**kept, START_SUM: None} == {**now, START_SUM: None}
