"""What boxes say of the cells of a map."""

from __future__ import annotations

import torch
from torch import Tensor


def overlaps(boxes: Tensor, shape: tuple[int, int], cells: tuple[int, int]) -> Tensor:
    """How much of the smaller of box and cell lies in the other, (n, B, h, w), 0..1.

    A small lesion inside one cell makes it 1, and so does every cell inside a large lesion.

    Args:
        boxes: (n, B, 4) as (x0, y0, x1, y1) in pixels of the frame; a box without area overlaps nothing.
        shape: (rows, columns) of the frame.
        cells: (h, w) of the map.
    """
    across, width = _shared(boxes[..., 0], boxes[..., 2], shape[1], cells[1])
    down, height = _shared(boxes[..., 1], boxes[..., 3], shape[0], cells[0])
    area = ((boxes[..., 2] - boxes[..., 0]).clamp(min=0) * (boxes[..., 3] - boxes[..., 1]).clamp(min=0))[..., None, None]
    shared = down[..., :, None] * across[..., None, :]
    return shared / area.clamp(min=1e-6, max=width * height)


def _shared(low: Tensor, high: Tensor, length: int, count: int) -> tuple[Tensor, float]:
    """Pixels that (n, B) intervals share with each of `count` cells of a side, (n, B, count), and how many a cell has."""
    size = length / count
    start = torch.arange(count, device=low.device) * size
    return (torch.minimum(high[..., None], start + size) - torch.maximum(low[..., None], start)).clamp(min=0), size


def cell_targets(boxes: Tensor, labels: Tensor, codes: Tensor, shape: tuple[int, int], cells: tuple[int, int]) -> Tensor:
    """What each cell should say to each question, (n, K, h, w), 0..1: the most that any box says of it.

    Args:
        boxes: (n, B, 4), pixels of the frame.
        labels: (n, B) index into `codes`; negative where there is no box.
        codes: (labels, K): what a place with each label says to each question, 0 or 1.
        shape, cells: Of the frame and of the map.
    """
    inside = overlaps(boxes, shape, cells) * (labels >= 0)[..., None, None]
    says = codes[labels.clamp(min=0)]
    if not boxes.shape[1]:
        return torch.zeros(len(boxes), codes.shape[1], *cells, device=boxes.device)
    return torch.stack([(inside * says[:, :, k, None, None]).amax(1) for k in range(codes.shape[1])], 1)
