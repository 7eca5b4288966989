"""Which place of which map answers for which box, and the losses of dense detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from spondyl.models.detectors.contract import BoxTargets

RADIUS = 1.5
"""Places this many strides around the middle of a box answer for it (centre sampling, Tian et al. 2019)."""
SIDE_PER_STRIDE = 5.6
"""A map takes boxes whose side (root of the area) is up to this many of its strides; the coarsest takes all that are larger."""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The places of all maps, finest first.

    Attributes:
        centres: (places, 2), (x, y) in pixels of the frame.
        strides: (places,), pixels of the frame from one place to the next.
    """

    centres: Tensor
    strides: Tensor


def places_of(shapes: Sequence[tuple[int, int]], strides: Sequence[int], device: torch.device) -> Places:
    """The places of maps of these (rows, columns) at these strides."""
    centres, steps = [], []
    for (rows, columns), stride in zip(shapes, strides, strict=True):
        y, x = torch.meshgrid(torch.arange(rows, device=device) + 0.5, torch.arange(columns, device=device) + 0.5, indexing="ij")
        centres.append(torch.stack([x, y], -1).reshape(-1, 2) * stride)
        steps.append(torch.full((rows * columns,), float(stride), device=device))
    return Places(torch.cat(centres), torch.cat(steps))


def assign(places: Places, strides: Sequence[int], target: BoxTargets) -> Tensor:
    """For each place the box it answers for, or -1, (places,). Where boxes compete, the smaller one wins."""
    if not len(target.boxes):
        return torch.full((len(places.centres),), -1, dtype=torch.long, device=places.centres.device)
    corners = target.boxes
    size = corners[:, 2:] - corners[:, :2]
    area = size.prod(1)
    middle = (corners[:, :2] + corners[:, 2:]) / 2
    limits = torch.tensor([stride * SIDE_PER_STRIDE for stride in strides[:-1]], device=corners.device)
    own = torch.tensor(strides, device=corners.device, dtype=corners.dtype)[torch.bucketize(area.sqrt(), limits)]
    reach = torch.minimum(torch.maximum(size / 2, own[:, None] / 2), own[:, None] * RADIUS)
    near = ((places.centres[:, None] - middle[None]).abs() <= reach[None]).all(-1)
    fits = near & (places.strides[:, None] == own[None])
    cost = torch.where(fits, area[None], torch.inf)
    best = cost.min(1)
    return torch.where(best.values.isfinite(), best.indices, -1)


def paired_iou(first: Tensor, second: Tensor, generalised: bool = False) -> Tensor:
    """Intersection over union of row with row, (m,); minus the empty share of the hull if generalised (Rezatofighi et al. 2019)."""
    shared = (torch.minimum(first[:, 2:], second[:, 2:]) - torch.maximum(first[:, :2], second[:, :2])).clamp(min=0).prod(1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1) for boxes in (first, second)]
    union = (areas[0] + areas[1] - shared).clamp(min=1e-6)
    if not generalised:
        return shared / union
    hull = (torch.maximum(first[:, 2:], second[:, 2:]) - torch.minimum(first[:, :2], second[:, :2])).clamp(min=0).prod(1).clamp(min=1e-6)
    return shared / union - (hull - union) / hull


def quality_focal(logits: Tensor, quality: Tensor, beta: float = 2.0, known: Tensor | None = None) -> Tensor:
    """Sum of the quality focal loss (Li et al. 2020): cross entropy with the overlap as the target, weighted by the error's square.

    Args:
        logits, quality: (n, places, classes).
        beta: Power of the error.
        known: (n, places), whether anything is taught there; None: everywhere.
    """
    error = (quality - torch.sigmoid(logits)).abs() ** beta
    each = functional.binary_cross_entropy_with_logits(logits, quality, reduction="none") * error
    return (each if known is None else each * known[..., None]).sum()


def taught_places(places: Places, given: Tensor, targets: Sequence[BoxTargets]) -> Tensor:
    """(n, places): whether something is taught at each place: not inside what is `unsaid`, unless the place answers for a box."""
    known = torch.ones_like(given, dtype=torch.bool)
    for row, target in enumerate(targets):
        if target.unsaid is not None and len(target.unsaid):
            low, high = target.unsaid[None, :, :2], target.unsaid[None, :, 2:]
            inside = ((places.centres[:, None] >= low) & (places.centres[:, None] < high)).all(-1).any(1)
            known[row] = ~inside | (given[row] >= 0)
    return known


def dense_losses(boxes: Tensor, logits: Tensor, places: Places, strides: Sequence[int], targets: Sequence[BoxTargets]) -> dict[str, Tensor]:
    """`label` (quality focal) and `box` (1 - generalised overlap), both per assigned place of the batch.

    Args:
        boxes: (n, places, 4) in pixels of the frame.
        logits: (n, places, classes).
    """
    given = torch.stack([assign(places, strides, target) for target in targets])
    film, place = torch.nonzero(given >= 0, as_tuple=True)
    quality, known = torch.zeros_like(logits), taught_places(places, given, targets)
    count = max(1, len(film))
    if not len(film):
        return {"label": quality_focal(logits, quality, known=known) / count, "box": boxes.sum() * 0}
    starts = torch.tensor([0, *[len(t.boxes) for t in targets]], device=boxes.device).cumsum(0)
    which = starts[film] + given[film, place]
    true = torch.cat([t.boxes for t in targets])[which]
    found = boxes[film, place]
    overlap = paired_iou(found.detach(), true)
    quality[film, place, torch.cat([t.labels for t in targets])[which]] = overlap
    box = (1 - paired_iou(found, true, generalised=True)).sum() / count
    return {"label": quality_focal(logits, quality, known=known) / count, "box": box}
