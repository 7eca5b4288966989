"""The reader of stenosis: crops of a level from sagittal and axial slices to five answers, where they rest, and the size of the sac."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOT_INPUTS = 4
GONE = -1e4
"""Score of a slot that is empty."""
LEFT, MIDDLE, RIGHT = 1.0, 0.0, -1.0
"""Signs of the place across."""
CONDITIONS = ("canal", "foramen", "recess")
ANSWERS = (("canal", MIDDLE), ("foramen", LEFT), ("foramen", RIGHT), ("recess", LEFT), ("recess", RIGHT))
Vectors = dict[tuple[str, float], Tensor]
"""What is seen, by condition and side."""


def _convolution(given: int, made: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(given, made, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(made), nn.ReLU(inplace=True))


class _Block(nn.Module):
    """Two convolutions beside a way past them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class CropEncoder(nn.Module):
    """A crop (channels, size, size) -> features at a quarter of the size, and one vector for the whole crop."""

    def __init__(self, channels: int, width: int, made: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(_convolution(channels, width, 2, 5), _convolution(width, width))
        self.fine = nn.Sequential(_convolution(width, 2 * width, 2), _Block(2 * width))
        self.coarse = nn.Sequential(_convolution(2 * width, 4 * width, 2), _Block(4 * width))
        self.side = nn.Conv2d(2 * width, made, 1)
        self.down = nn.Conv2d(4 * width, made, 1)
        self.mix = _convolution(made, made)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(self.stem(x))
        coarse = self.coarse(fine)
        joined = self.side(fine) + F.interpolate(self.down(coarse), scale_factor=2.0, mode="nearest")
        return self.mix(F.relu(joined)), coarse.mean(dim=(2, 3))


class _Look(nn.Module):
    """Attention over all places of all slots for one condition: a map that sums to one, and what is seen there."""

    def __init__(self, features: int, whole: int, made: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(features, 1, 1)
        self.place = nn.Sequential(nn.Linear(SLOT_INPUTS, 16), nn.ReLU(inplace=True), nn.Linear(16, 1))
        self.out = nn.Linear(features + whole, made)

    def forward(self, features: Tensor, whole: Tensor, place: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, s, f, h, w), whole (n, s, g), place (n, s), seen (n, s) -> logits of the map (n, s, h, w), vector (n, made)."""
        n, s, f, h, w = features.shape
        inputs = torch.stack([place, place * place / 4, (place / 2).sin(), place.sin()], dim=-1)
        score = self.score(features.reshape(n * s, f, h, w)).reshape(n, s, h * w)
        score = score + self.place(inputs) + (1 - seen).unsqueeze(-1) * GONE
        flat = score.reshape(n, s * h * w)
        attention = flat.softmax(dim=1).reshape(n, s, h * w)
        here = torch.einsum("nsp,nsfp->nf", attention, features.reshape(n, s, f, h * w))
        around = torch.einsum("ns,nsg->ng", attention.sum(dim=2), whole)
        any_seen = seen.amax(dim=1, keepdim=True)
        return score.reshape(n, s, h, w), F.relu(self.out(torch.cat([here, around], dim=1))) * any_seen


class StenosisNet(nn.Module):
    """Five answers about each level.

    Sagittal crops are read by one encoder, halves of axial crops by another. Each condition looks over all slices by itself; what it saw on
    either kind of slice is joined, then the five are linked: each hears its own, its neighbour on the same side, the canal and the
    other side. Left and right share every weight, the sign of the place across apart, so that a mirrored patient gets mirrored answers.
    """

    def __init__(self, width: int = 24, features: int = 48, token: int = 96) -> None:
        super().__init__()
        self.sagittal = CropEncoder(2, width, features)
        self.axial = CropEncoder(1, width, features)
        whole = 4 * width
        self.sagittal_looks = nn.ModuleDict({name: _Look(features + 2, whole, token) for name in CONDITIONS})
        self.axial_looks = nn.ModuleDict({name: _Look(features + 2, whole, token) for name in CONDITIONS})
        known = 2 * token + 3 + 5
        self.tokens = nn.ModuleDict({name: nn.Sequential(nn.Linear(known, token), nn.ReLU(inplace=True)) for name in CONDITIONS})
        self.canal = self._head(3 * token, token)
        self.foramen = self._head(4 * token, token)
        self.recess = self._head(4 * token, token)
        self.sizes = nn.Sequential(nn.Linear(token, 32), nn.ReLU(inplace=True), nn.Linear(32, 2))

    @staticmethod
    def _head(given: int, token: int) -> nn.Sequential:
        return nn.Sequential(nn.Dropout(0.2), nn.Linear(given, token), nn.ReLU(inplace=True), nn.Linear(token, 3))

    def forward(self, sagittal: Tensor, across: Tensor, sagittal_seen: Tensor, axial: Tensor, along: Tensor, axial_seen: Tensor,
                level: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Inputs as `tasks.mri_stenosis.crops.network_inputs` makes them.

        Returns:
            logits (n, 5, 3); logits of the sagittal maps (n, 5, slots, h, w) in the order of the answers; of the axial maps
            (n, 6, slots, h, w): canal, foramen, recess on the left half, then on the right; sizes (n, 2): logarithms of the sac's
            area (mm2) and AP diameter (mm).
        """
        sagittal_maps, seen = self._look_sagittal(sagittal, across, sagittal_seen.amax(dim=2))
        axial_maps, halves = self._look_axial(axial, along, axial_seen)
        have = torch.cat([sagittal_seen.amax(dim=1), axial_seen.amax(dim=1, keepdim=True), level], dim=1)
        canal, told = self._told(seen, halves, have)
        logits = torch.stack(self._answers(canal, told), dim=1)
        return logits, torch.stack(sagittal_maps, dim=1), torch.stack(axial_maps, dim=1), self.sizes(canal)

    def _look_sagittal(self, crops: Tensor, across: Tensor, there: Tensor) -> tuple[list[Tensor], Vectors]:
        """Map and vector of each answer over crops (n, s, 2, size, size); `there`: (n, s) whether a slot shows anything."""
        n, s = crops.shape[:2]
        size = crops.shape[-1]
        fine, whole = _encoded(self.sagittal, crops.reshape(n * s, 2, size, size), there.reshape(-1))
        fine = _with_places(fine).reshape(n, s, -1, *fine.shape[2:])
        whole = whole.reshape(n, s, -1)
        maps, vectors = [], {}
        for name, sign in ANSWERS:
            place = across.abs() if sign == MIDDLE else across if sign == LEFT else -across
            score, vectors[name, sign] = self.sagittal_looks[name](fine, whole, place, there)
            maps.append(score)
        return maps, vectors

    def _look_axial(self, crops: Tensor, along: Tensor, seen: Tensor) -> tuple[list[Tensor], Vectors]:
        """Map and vector of each condition over the left halves, then the right ones, of crops (n, a, 2, size, size)."""
        n, a = crops.shape[:2]
        size = crops.shape[-1]
        fine, whole = _encoded(self.axial, crops.reshape(n * a * 2, 1, size, size), seen.repeat_interleave(2, dim=1).reshape(-1))
        fine = _with_places(fine).reshape(n, a, 2, -1, *fine.shape[2:])
        whole = whole.reshape(n, a, 2, -1)
        maps, vectors = [], {}
        for half, sign in enumerate((LEFT, RIGHT)):
            for name in CONDITIONS:
                score, vectors[name, sign] = self.axial_looks[name](fine[:, :, half], whole[:, :, half], along, seen)
                maps.append(score)
        return maps, vectors

    def _told(self, seen: Vectors, halves: Vectors, have: Tensor) -> tuple[Tensor, Vectors]:
        """What both kinds of slice say of the canal, and of foramen and recess on either side."""
        canal_halves = halves["canal", LEFT] + halves["canal", RIGHT]
        canal = self.tokens["canal"](torch.cat([seen["canal", MIDDLE], canal_halves, have], dim=1))
        told = {(name, sign): self.tokens[name](torch.cat([seen[name, sign], halves[name, sign], have], dim=1))
                for name in ("foramen", "recess") for sign in (LEFT, RIGHT)}
        return canal, told

    def _answers(self, canal: Tensor, told: Vectors) -> list[Tensor]:
        """Logits (n, 3) of each answer, in the order of ANSWERS."""
        recesses, foramina = told["recess", LEFT] + told["recess", RIGHT], told["foramen", LEFT] + told["foramen", RIGHT]
        answers = [self.canal(torch.cat([canal, recesses, foramina], dim=1))]
        for name, other, head in (("foramen", "recess", self.foramen), ("recess", "foramen", self.recess)):
            for sign in (LEFT, RIGHT):
                own = [told[name, sign], told[other, sign], canal, told[name, -sign]]
                answers.append(head(torch.cat(own, dim=1)))
        return answers


def _encoded(encoder: nn.Module, crops: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Features of crops. In training empty slots are passed by: they cost time, and batch norms should not learn from black."""
    if not encoder.training:
        fine, whole = encoder(crops)
        return fine, whole
    at = seen.nonzero()[:, 0]
    if len(at) < 2:
        at = torch.arange(min(2, len(seen)), device=seen.device)
    fine, whole = encoder(crops[at].contiguous(memory_format=torch.channels_last))
    all_fine, all_whole = fine.new_zeros(len(seen), *fine.shape[1:]), whole.new_zeros(len(seen), whole.shape[1])
    return all_fine.index_copy(0, at, fine), all_whole.index_copy(0, at, whole)


def _with_places(fine: Tensor) -> Tensor:
    """Features with two more that say where in the crop they are, -1 to 1."""
    n, _, h, w = fine.shape
    rows = torch.linspace(-1, 1, h, device=fine.device, dtype=fine.dtype).reshape(1, 1, h, 1).expand(n, 1, h, w)
    columns = torch.linspace(-1, 1, w, device=fine.device, dtype=fine.dtype).reshape(1, 1, 1, w).expand(n, 1, h, w)
    return torch.cat([fine, rows, columns], dim=1)
