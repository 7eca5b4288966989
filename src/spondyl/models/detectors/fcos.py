"""Our own detector: one stage, no anchors (after FCOS, Tian et al. 2019), trainable from scratch on two processor cores."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from spondyl.models import film_nets
from spondyl.models.blocks import Residual, conv
from spondyl.models.detectors.assign import dense_losses, places_of
from spondyl.models.detectors.contract import BoxTargets, Detector
from spondyl.models.detectors.registry import register

SMALL = (16, 32, 48, 80, 112)
STRIDES = (4, 8, 16, 32)
PRIOR = 0.01
"""Probability that an untrained network gives to every class at every place (focal loss, Lin et al. 2017)."""


class Neck(nn.Module):
    """Maps of all strides, each with what the coarser ones know (feature pyramid, Lin et al. 2017)."""

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.sides = nn.ModuleList(nn.Conv2d(own, width, 1) for own in widths)
        self.mend = nn.ModuleList(conv(width, width) for _ in widths)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Finest first, all of `width` channels."""
        sides = [side(x) for side, x in zip(self.sides, maps, strict=True)]
        for index in range(len(sides) - 2, -1, -1):
            sides[index] = sides[index] + functional.interpolate(sides[index + 1], scale_factor=2.0, mode="nearest")
        return [mend(x) for mend, x in zip(self.mend, sides, strict=True)]


class Shared(nn.Module):
    """A 3x3 convolution whose kernels all maps share, and a batch norm of its own for each (after Tan et al. 2020)."""

    def __init__(self, inputs: int, width: int, levels: int) -> None:
        super().__init__()
        self.kernel = nn.Conv2d(inputs, width, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(levels))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """As many maps as came in."""
        return [torch.relu(norm(self.kernel(x))) for norm, x in zip(self.norms, maps, strict=True)]


class Head(nn.Module):
    """From maps to class logits (n, places, classes) and distances to the four sides in strides (n, places, 4)."""

    def __init__(self, width: int, classes: int, levels: int, depth: int) -> None:
        super().__init__()
        self.label_towers = nn.ModuleList(Shared(width, width, levels) for _ in range(depth))
        self.side_towers = nn.ModuleList(Shared(width, width, levels) for _ in range(depth))
        self.label = nn.Conv2d(width, classes, 3, 1, 1)
        self.side = nn.Conv2d(width, 4, 3, 1, 1)
        self.gains = nn.Parameter(torch.ones(levels))
        for last in (self.label, self.side):
            nn.init.normal_(last.weight, std=0.01)
        nn.init.constant_(self.label.bias, -math.log(1 / PRIOR - 1))  # type: ignore[arg-type]  # has a bias
        nn.init.constant_(self.side.bias, math.log(1.5))  # type: ignore[arg-type]

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Places of the finest map first, row by row."""
        labels, sides = list(maps), list(maps)
        for tower in self.label_towers:
            labels = tower(labels)
        for tower in self.side_towers:
            sides = tower(sides)
        logits = torch.cat([self.label(x).flatten(2) for x in labels], 2).transpose(1, 2)
        powers = [(self.side(x) * gain).flatten(2) for x, gain in zip(sides, self.gains.unbind(), strict=True)]
        return logits, torch.exp(torch.cat(powers, 2).transpose(1, 2).clamp(max=6.0))


class ResidualBody(nn.Module):
    """Maps at strides 4, 8, 16 and 32 from plain residual blocks."""

    def __init__(self, widths: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        stem, *stages = widths
        self.stem = conv(1, stem, stride=2, kernel=5)
        self.stages = nn.ModuleList()
        before = stem
        for width, count in zip(stages, blocks, strict=True):
            self.stages.append(nn.Sequential(Residual(before, width, stride=2), *(Residual(width, width) for _ in range(count - 1))))
            before = width

    def forward(self, film: Tensor) -> list[Tensor]:
        """Finest first."""
        x = self.stem(film)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class FilmFcos(Detector):
    """A body with maps at strides 4 to 32, a pyramid and one head that all maps share.

    The score of a place is trained to be the overlap of its box (quality focal loss), so no centreness is needed.
    """

    divisor = 32

    def __init__(self, classes: int, body: nn.Module, channels: Sequence[int], neck: int = 32, depth: int = 1) -> None:
        """A detector with random weights but for its body's.

        Args:
            body: From films to maps at STRIDES.
            channels: Of each map.
            neck: Channels of the pyramid and the head.
            depth: Convolutions in each of the head's two towers.
        """
        super().__init__()
        self.classes = classes
        self.body = body
        self.neck = Neck(channels, neck)
        self.head = Head(neck, classes, len(channels), depth)

    def raw(self, film: Tensor) -> tuple[Tensor, Tensor, list[tuple[int, int]]]:
        """Logits, distances in strides, and the (rows, columns) of each map."""
        maps = self.body(film)
        logits, sides = self.head(self.neck(maps))
        return logits, sides, [(x.shape[-2], x.shape[-1]) for x in maps]

    def boxes_of(self, sides: Tensor, shapes: Sequence[tuple[int, int]]) -> Tensor:
        """Boxes (n, places, 4) in pixels of the frame."""
        places = places_of(shapes, STRIDES, sides.device)
        reach = sides * places.strides[None, :, None]
        return torch.cat([places.centres[None] - reach[..., :2], places.centres[None] + reach[..., 2:]], -1)

    def losses(self, films: Tensor, targets: Sequence[BoxTargets]) -> dict[str, Tensor]:
        """`label` and `box`."""
        logits, sides, shapes = self.raw(films)
        logits, sides = logits.float(), sides.float()
        return dense_losses(self.boxes_of(sides, shapes), logits, places_of(shapes, STRIDES, films.device), STRIDES, targets)

    def forward(self, film: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes and probabilities."""
        logits, sides, shapes = self.raw(film)
        return self.boxes_of(sides, shapes), torch.sigmoid(logits)


def plain(
    classes: int, widths: Sequence[int] = SMALL, blocks: Sequence[int] = (2, 2, 2, 2), neck: int = 32, depth: int = 1
) -> Detector:
    """A detector on a residual body.

    Args:
        classes: Number of classes.
        widths: Channels of the stem (stride 2) and of the stages at strides 4, 8, 16 and 32.
            Multiples of 16: with fewer, torch 2.15 can crash in bfloat16 on a CPU.
        blocks: Residual blocks of each stage.
        neck, depth: As in `FilmFcos`.
    """
    return FilmFcos(classes, ResidualBody(widths, blocks), widths[1:], neck, depth)


@register("spondyl_small", "MIT")
def small(classes: int, **settings: object) -> Detector:
    """About a million weights, trainable from scratch."""
    return plain(classes, **settings)  # type: ignore[arg-type]


@register("spondyl_large", "MIT")
def large(classes: int, **settings: object) -> Detector:
    """As much work as YOLO11l: about 53 billion multiplications for a film of 640 x 640 pixels."""
    chosen: dict[str, object] = {"widths": (48, 96, 192, 320, 448), "neck": 112, "depth": 2, "blocks": (2, 3, 4, 2), **settings}
    return plain(classes, **chosen)  # type: ignore[arg-type]


@register("spondyl_slim", "MIT")
def slim(classes: int, neck: int = 32, depth: int = 1) -> Detector:
    """On the body of the member `resnet10t_slim`, so that it can begin with what a member has learnt."""
    member = film_nets.create("resnet10t_slim", classes, stride=STRIDES[0])
    return FilmFcos(classes, Standardised(member), member.channels, neck, depth)


class Standardised(nn.Module):
    """The body of a `FilmNet`, fed as the `FilmNet` feeds it. Its weights have the same names in both: `body.`..."""

    def __init__(self, member: film_nets.FilmNet) -> None:
        super().__init__()
        self.levels, self.mean, self.std = member.body, member.mean, member.std

    def forward(self, film: Tensor) -> list[Tensor]:
        """Finest first."""
        return list(self.levels((film - self.mean) / self.std))
