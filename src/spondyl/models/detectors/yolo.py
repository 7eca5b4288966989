"""YOLO11 (ultralytics) behind our contract, for those who accept its licence: `pip install "spondyl[yolo]"`."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from spondyl.core.errors import InputError
from spondyl.models.detectors.contract import BoxTargets, Detector
from spondyl.models.detectors.registry import register

GAINS = {"box": 7.5, "cls": 0.5, "dfl": 1.5}
"""Weights of the three terms of its loss, as its own trainer sets them."""


class Yolo11(Detector):
    """The network and the loss of ultralytics; framing, training and the removal of overlaps are ours.

    It is imported only here and only when asked for: ultralytics is under the AGPL, and weights trained with it may be too.
    """

    divisor = 32

    def __init__(self, classes: int, size: str = "n") -> None:
        """A detector with random weights; `size` is n, s, m, l or x.

        Raises:
            InputError: `detector-not-installed`.
        """
        super().__init__()
        self.classes = classes
        self.net = _network(classes, size)
        self.net.args = SimpleNamespace(**GAINS)

    def losses(self, films: Tensor, targets: Sequence[BoxTargets]) -> dict[str, Tensor]:
        """`box`, `label` and `dfl`."""
        sides = torch.tensor([films.shape[3], films.shape[2]] * 2, device=films.device, dtype=torch.float32)
        corners = torch.cat([target.boxes for target in targets])
        middle, size = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
        film = torch.cat([torch.full((len(target.boxes),), float(index)) for index, target in enumerate(targets)])
        batch: dict[str, Any] = {
            "img": films.expand(-1, 3, -1, -1), "batch_idx": film.to(films.device), "bboxes": torch.cat([middle, size], 1) / sides,
            "cls": torch.cat([target.labels for target in targets]).float()[:, None],
        }  # fmt: skip
        terms, _ = self.net.loss(batch)
        return dict(zip(("box", "label", "dfl"), terms.reshape(-1) / len(films), strict=True))

    def forward(self, film: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes and probabilities."""
        found = self.net(film.expand(-1, 3, -1, -1))
        found = found[0] if isinstance(found, (tuple, list)) else found
        middle, size, scores = found.transpose(1, 2).split([2, 2, self.classes], -1)
        return torch.cat([middle - size / 2, middle + size / 2], -1), scores


def _network(classes: int, size: str) -> Any:
    try:
        from ultralytics.nn.tasks import DetectionModel
    except ImportError:
        raise InputError(
            "detector-not-installed", "the detector 'yolo11' needs ultralytics, which is not installed",
            'pip install "spondyl[yolo]" (AGPL-3.0); or choose spondyl_small, which needs nothing',
        ) from None
    return DetectionModel(f"yolo11{size}.yaml", ch=3, nc=classes, verbose=False)


@register("yolo11", "AGPL-3.0", extra="yolo")
def yolo11(classes: int, **settings: str) -> Detector:
    """YOLO11 in one of its sizes, untrained."""
    return Yolo11(classes, **settings)
