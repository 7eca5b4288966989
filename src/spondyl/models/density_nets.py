"""Networks that say the density class of a spine, and whether a vertebra can be trusted: bodies of any width, one linear layer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from timm.models.resnet import Bottleneck, ResNet
from torch import Tensor, nn

from spondyl.core.errors import InputError, describe_unknown
from spondyl.models.blocks import Residual, conv

VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the stages (Simonyan and Zisserman 2015, table 1, column D)."""
RESNET50 = ((3, 4, 6, 3), (64, 128, 256, 512))
"""Blocks and channels of the stages (He et al. 2016, table 1)."""


class DensityNet(nn.Module):
    """One picture in, cumulative logits out.

    Input `spine` (n, 1, rows, columns), 0..1 as displayed. Output logits (n, K) of "class is k or worse", k = 1..K; `cam` (n, K, h, w), one
    linear layer on each place's features, whose mean plus the bias is the logit, so that the map is Grad-CAM up to a positive factor
    (Zhou et al. 2016); and `features` (n, d), the mean over places.
    """

    def __init__(self, body: nn.Module, width: int, outputs: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.body = body
        self.width = width
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, outputs)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, spine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, maps, features."""
        maps = self.body((spine - 0.3) / 0.25)
        features = maps.mean((2, 3))
        logits = self.head(self.dropout(features))
        cam = nn.functional.conv2d(maps, self.head.weight[:, :, None, None])
        return logits, cam, features


Maker = Callable[[float], tuple[nn.Module, int]]


def _wide(channels: int, width: float) -> int:
    return max(8, 8 * round(channels * width / 8))


def _stem(channels: int, width: float) -> int:
    """Of the first layer, which has one channel to see: in steps of sixteen, since torch 2.15 crashes in the backward pass of others in
    channels-last order."""
    return max(16, 16 * round(channels * width / 16))


def _cnn(width: float) -> tuple[nn.Module, int]:
    """A small plain network: five stages of strided residual blocks."""
    a, b, c, d = _stem(16, width), *(_wide(n, width) for n in (32, 64, 96))
    return nn.Sequential(conv(1, a, stride=2, kernel=5), Residual(a, b, stride=2), Residual(b, c, stride=2), Residual(c, d, stride=2)), d


def _vgg16(width: float) -> tuple[nn.Module, int]:
    """VGG16 with batch norm, without its three dense layers: their place is taken by the mean over places and one layer."""
    layers: list[nn.Module] = []
    before = 1
    for k, stage in enumerate(VGG16):
        for channels in (_stem(n, width) if k == 0 else _wide(n, width) for n in stage):
            layers.append(conv(before, channels))
            before = channels
        if k < len(VGG16) - 1:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers), before


def _resnet50(width: float) -> tuple[nn.Module, int]:
    """ResNet50 without its dense layer."""
    blocks, channels = RESNET50
    narrow = tuple(_wide(n, width) for n in channels)
    net = ResNet(Bottleneck, layers=blocks, channels=narrow, in_chans=1, stem_width=_stem(64, width), num_classes=0, global_pool="")
    return net, narrow[-1] * Bottleneck.expansion


BODIES: dict[str, Maker] = {"cnn": _cnn, "vgg16": _vgg16, "resnet50": _resnet50}


def create(name: str, outputs: int, width: float = 1.0, dropout: float = 0.1) -> DensityNet:
    """A network by name, with random weights.

    Args:
        name: One of BODIES.
        outputs: How many logits.
        width: Share of the published number of channels; 1.0 is the published network.

    Raises:
        InputError: `network-unknown`.
    """
    if name not in BODIES:
        raise InputError("network-unknown", describe_unknown("network", name, BODIES), "Name one of the known networks")
    body, channels = BODIES[name](width)
    return DensityNet(body, channels, outputs, dropout)


class PlacedNet(nn.Module):
    """Says what kind of thing a picture shows, from features that keep their places: what is up and what is down matters to it.

    Input (n, 1, rows, columns), 0..1. Output logits (n, outputs).

    Args:
        shape: (rows, columns) of the picture.
        widths: Channels of the stem and of each strided stage after it.
        stride: Of the stem.
        pool: Cells a side that are averaged at the end.
    """

    def __init__(self, outputs: int, shape: tuple[int, int], widths: tuple[int, ...] = (16, 16, 32, 48), stride: int = 1,
                 pool: int = 1) -> None:
        super().__init__()
        stages = [Residual(a, b, stride=2) for a, b in pairwise(widths)]
        self.body = nn.Sequential(conv(1, widths[0], stride, kernel=5 if stride > 1 else 3), *stages, nn.AvgPool2d(pool))
        cell = stride * 2 ** len(stages) * pool
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(widths[-1] * (shape[0] // cell) * (shape[1] // cell), outputs))

    def forward(self, picture: Tensor) -> Tensor:
        """Logits."""
        return self.head(self.body((picture - 0.4) / 0.25))  # type: ignore[no-any-return]
