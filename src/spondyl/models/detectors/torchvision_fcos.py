"""FCOS with a residual body, as torchvision has it, behind our contract."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spondyl.models.detectors.assign import Places, places_of
from spondyl.models.detectors.contract import BoxTargets, Detector
from spondyl.models.detectors.registry import register

STRIDES = (8, 16, 32, 64, 128)


class TorchvisionFcos(Detector):
    """torchvision's network and its loss, without its resizing and its removal of overlaps: films are already framed, and numpy removes."""

    divisor = 128

    def __init__(self, classes: int, body: str = "resnet50") -> None:
        """A detector with random weights; `body` is a residual network of torchvision."""
        from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
        from torchvision.models.detection.fcos import FCOS
        from torchvision.ops.feature_pyramid_network import LastLevelP6P7

        super().__init__()
        self.classes = classes
        last = LastLevelP6P7(256, 256)
        pyramid = resnet_fpn_backbone(
            backbone_name=body, weights=None, norm_layer=torch.nn.BatchNorm2d, trainable_layers=5, returned_layers=[2, 3, 4],
            extra_blocks=last,
        )  # fmt: skip
        self.net = FCOS(pyramid, classes)

    def _raw(self, film: Tensor) -> tuple[dict[str, Tensor], Places]:
        """What the head says of every place, and the places."""
        maps = list(self.net.backbone(film.expand(-1, 3, -1, -1) * 4 - 2).values())
        shapes = [(x.shape[-2], x.shape[-1]) for x in maps]
        return self.net.head(maps), places_of(shapes, STRIDES, film.device)

    def losses(self, films: Tensor, targets: Sequence[BoxTargets]) -> dict[str, Tensor]:
        """`classification`, `bbox_regression` and `bbox_ctrness`, as torchvision weighs them."""
        raw, places = self._raw(films)
        half = places.strides[:, None] / 2
        anchors = torch.cat([places.centres - half, places.centres + half], 1)
        counts = [int((places.strides == stride).sum()) for stride in STRIDES]
        told = [{"boxes": target.boxes, "labels": target.labels} for target in targets]
        found = {name: values.float() for name, values in raw.items()}
        return self.net.compute_loss(told, found, [anchors] * len(told), counts)  # type: ignore[no-any-return]

    def forward(self, film: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes, and the root of probability times centreness."""
        raw, places = self._raw(film)
        reach = raw["bbox_regression"] * places.strides[None, :, None]
        boxes = torch.cat([places.centres[None] - reach[..., :2], places.centres[None] + reach[..., 2:]], -1)
        return boxes, torch.sqrt(torch.sigmoid(raw["cls_logits"]) * torch.sigmoid(raw["bbox_ctrness"]))


@register("fcos_resnet50", "BSD-3-Clause")
def fcos_resnet50(classes: int, **settings: str) -> Detector:
    """torchvision's FCOS, 32 million weights."""
    return TorchvisionFcos(classes, **settings)
