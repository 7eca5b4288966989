"""Networks that answer questions about a whole film and say where: timm bodies, one linear layer on their features."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import timm
import torch
from timm.layers import PatchEmbed
from torch import Tensor, nn

from spondyl.core.errors import InputError, describe_unknown
from spondyl.models.film_neck import Neck

POOLS = ("mean", "lse")
SHARPNESS = 6.0
"""r of the log-sum-exp pool (Pinheiro and Collobert 2015): 0 is the mean over places, infinity the maximum."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Body:
    """Where the features come from.

    Attributes:
        levels: Maps of features, finest first, each (n, channels, h, w).
        channels: Of each map.
        mean, std: What ImageNet pictures were normalised with, as one grey number.
    """

    levels: nn.Module
    channels: tuple[int, ...]
    mean: float = 0.5
    std: float = 0.25


Maker = Callable[["Wish"], Body]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a body is asked for: all maps of `stride` pixels a cell and coarser (None: the last map), for films of `shape`."""

    name: str
    stride: int | None
    shape: tuple[int, int] | None
    pretrained: bool


_MAKERS: dict[str, Maker] = {}


def register(name: str, maker: Maker) -> None:
    """Make a network known by name.

    Raises:
        ValueError: If the name is taken.
    """
    if name in _MAKERS:
        raise ValueError(f"two networks are called {name!r}")
    _MAKERS[name] = maker


def names() -> tuple[str, ...]:
    """Every network that can be created."""
    return tuple(_MAKERS)


class FilmNet(nn.Module):
    """One film in, one logit a question and one map a logit out.

    Input `film` (n, 1, rows, columns), 0..1. Output logits (n, K) and `cam` (n, K, h, w). The map is one linear layer on each place's
    features. With `pool="mean"` the mean of a map plus the bias is its logit, as in Zhou et al. 2016, so that the map is Grad-CAM up
    to a positive factor. With `pool="lse"` the map holds each place's own logit, and the film's logit is their soft maximum
    1/r log mean exp(r cam), r = SHARPNESS.
    """

    def __init__(self, body: Body, outputs: int, pool: str, neck: Neck | None, dropout: float) -> None:
        super().__init__()
        self.body = body.levels
        self.channels = body.channels
        self.neck = neck
        self.pool = pool
        self.mean, self.std = body.mean, body.std
        self.dropout = nn.Dropout2d(dropout)
        self.head = nn.Conv2d(neck.width if neck else body.channels[-1], outputs, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(_bias(self.head), -2.0 if pool == "lse" else 0.0)

    def forward(self, film: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and maps."""
        levels = self.body((film - self.mean) / self.std)
        features = self.neck(levels) if self.neck else levels[-1]
        with torch.autocast(features.device.type, enabled=False):
            features = self.dropout(features.float())
            bias = _bias(self.head)
            if self.pool == "mean":
                cam = nn.functional.conv2d(features, self.head.weight)
                return cam.mean((2, 3)) + bias, cam
            cam = nn.functional.conv2d(features, self.head.weight, bias)
            return soft_maximum(cam), cam

    def cells(self, logits: Tensor, cam: Tensor) -> Tensor:
        """What the linear layer says of each place, bias included, (n, K, h, w)."""
        return cam + (_bias(self.head)[None, :, None, None] if self.pool == "mean" else 0.0)


def soft_maximum(cam: Tensor) -> Tensor:
    """1/r log mean exp(r cam) over places, (n, K): between their mean and their maximum, and safe for any size of logit."""
    top = cam.amax((2, 3), keepdim=True)
    return top[:, :, 0, 0] + ((cam - top) * SHARPNESS).exp().mean((2, 3)).log() / SHARPNESS


def create(
    name: str,
    outputs: int,
    *,
    pool: str = "mean",
    pretrained: bool = False,
    stride: int | None = None,
    shape: tuple[int, int] | None = None,
    dropout: float = 0.0,
    say: Say = lambda _: None,
) -> FilmNet:
    """A network by name, with random weights or those of ImageNet.

    Args:
        name: One of `names()`.
        outputs: How many logits.
        pool: How a film's logit comes from its places, one of POOLS.
        pretrained: Begin with ImageNet's weights; where they cannot be had, `say` gets a sentence and the weights are random.
        stride: Pixels a cell of the map. Finer than the body's last map, a neck joins its levels; else that map is taken as it is.
        shape: (rows, columns) of the films; needed only by transformers, whose places are numbered.
        dropout: Share of feature channels left out in training.
        say: Gets notices.

    Raises:
        InputError: `network-unknown`, `network-pool`, or `network-stride` where the body has no such map.
    """
    if name not in _MAKERS:
        raise InputError("network-unknown", describe_unknown("network", name, names()), "Name one of the known networks")
    if pool not in POOLS:
        raise InputError("network-pool", describe_unknown("pool", pool, POOLS), "Write mean or lse")
    body = _body(Wish(name, stride, shape, pretrained), say)
    neck = Neck(body.channels) if stride is not None and len(body.channels) > 1 else None
    return FilmNet(body, outputs, pool, neck, dropout)


def _body(wish: Wish, say: Say) -> Body:
    if not wish.pretrained:
        return _MAKERS[wish.name](wish)
    try:
        return _MAKERS[wish.name](wish)
    except (OSError, RuntimeError) as error:  # what timm raises where there is no net, no cache or no such file
        say(f"ImageNet's weights of {wish.name} cannot be had ({type(error).__name__}): it is trained from scratch")
        return _MAKERS[wish.name](Wish(wish.name, wish.stride, wish.shape, pretrained=False))


def _bias(head: nn.Conv2d) -> Tensor:
    bias = head.bias
    assert bias is not None
    return bias


class Patches(PatchEmbed):  # type: ignore[misc]  # mypy skips timm
    """timm's patches for films of one size, without its checks of that size, which cannot be exported."""

    def forward(self, film: Tensor) -> Tensor:
        """(n, 1, rows, columns) to (n, places, channels)."""
        tokens: Tensor = self.norm(self.proj(film).flatten(2).transpose(1, 2))
        return tokens

    def dynamic_feat_size(self, img_size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of places."""
        return int(self.grid_size[0]), int(self.grid_size[1])


def _numbered(wish: Wish) -> dict[str, Any]:
    """What a transformer is told beside: how many places it has."""
    return {"embed_layer": Patches} | ({"img_size": wish.shape} if wish.shape else {})


def _from_timm(wish: Wish) -> Body:
    settings = {"features_only": True, "in_chans": 1, **(_numbered(wish) if wish.name.startswith("vit_") else {})}
    levels = _levels(wish, settings)
    net = timm.create_model(wish.name, pretrained=wish.pretrained, out_indices=levels, **settings)
    usual = timm.get_pretrained_cfg(wish.name)
    mean, std = (sum(three) / 3 for three in (usual.mean, usual.std))
    return Body(net, tuple(net.feature_info.channels()), mean, std)


def _levels(wish: Wish, settings: dict[str, Any]) -> tuple[int, ...]:
    """Which of the body's maps: the last, or all that are as coarse as the stride or coarser, one of each size."""
    if wish.stride is None:
        return (-1,)
    with torch.device("meta"):
        sizes = timm.create_model(wish.name, **settings).feature_info.reduction()
    if wish.stride >= max(sizes):
        return (-1,)
    if wish.stride not in sizes:
        raise InputError(
            "network-stride",
            f"{wish.name} has maps of {', '.join(map(str, sorted(set(sizes))))} pixels a cell, not {wish.stride}",
            "Choose one of those strides",
        )
    last_of_each = {size: index for index, size in enumerate(sizes)}
    wanted = tuple(index for size, index in last_of_each.items() if size >= wish.stride)
    return wanted if len(wanted) > 1 else (-1,)


for _name in (
    "legacy_xception", "resnet50", "inception_resnet_v2", "densenet121", "tf_efficientnetv2_s", "vgg16", "efficientnet_b0",
    "convnext_tiny", "vit_small_patch16_224",
    "mobilenetv4_conv_small_050", "mobilenetv4_conv_small", "mobilenetv3_small_100", "regnetx_002", "resnet10t",
):  # fmt: skip
    register(_name, _from_timm)


_SLIM: dict[str, dict[str, Any]] = {
    "resnet10t_slim": {"layers": (1, 1, 1, 1), "channels": (24, 48, 96, 128), "stem_width": 8},
    "resnet18t_slim": {"layers": (2, 2, 2, 2), "channels": (32, 64, 96, 128), "stem_width": 16},
}
"""Residual networks of 0.4 and 1.0 million weights: dense kernels, which a processor multiplies faster than a depthwise network's few."""


def _slim(wish: Wish) -> Body:
    if wish.pretrained:
        raise FileNotFoundError(wish.name)
    settings = {"features_only": True, "in_chans": 1, **_SLIM[wish.name]}
    levels = _levels(replace(wish, name="resnet10t"), settings)
    net = timm.create_model("resnet10t", out_indices=levels, **settings)
    return Body(net, tuple(net.feature_info.channels()))


for _name in _SLIM:
    register(_name, _slim)


def millions(net: nn.Module) -> float:
    """How many millions of weights a network has."""
    return math.fsum(weight.numel() for weight in net.parameters()) / 1e6
