"""Training of one grader: eight questions about one disc, from one crop on T2 (or SPACE) and one on T1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from spondyl.lab.schedule import one_cycle
from spondyl.models.grader import Grader
from spondyl.tasks.mri_discs.answers import GRADES, OUTPUTS


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One disc of one patient.

    Attributes:
        patient: Its unit.
        from_bottom: 1 is the lowest.
        labels: (8,) Pfirrmann 0..4, then 0/1 in the order of QUESTIONS.
        wet, dry: Patches on T2-weighted series (T2, SPACE) and on T1, float16 (rows, columns); either may be empty.
    """

    patient: str
    from_bottom: int
    labels: NDArray[np.int64]
    wet: tuple[NDArray[np.float16], ...] = field(default=(), repr=False)
    dry: tuple[NDArray[np.float16], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class GraderPlan:
    """How a grader is trained; the numbers were chosen on inner folds."""

    shape: tuple[int, int] = (80, 112)
    epochs: int = 60
    batch: int = 32
    lr: float = 3e-3
    weight_decay: float = 0.05
    widths: tuple[int, int, int] = (24, 48, 96)
    dropout: float = 0.3
    drop_dry: float = 0.5
    drop_wet: float = 0.2
    rotate_deg: float = 14.0
    zoom: float = 0.2
    shift: float = 0.08
    ema: float = 0.995
    rps: float = 1.0
    mixup: float = 0.0


def batch_of(examples: Sequence[Example], plan: GraderPlan, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Augmented crops (n, 2, rows, columns) and labels (n, 8). Which series, which turn and which exposure are drawn here."""
    size = examples[0].wet[0].shape if examples[0].wet else examples[0].dry[0].shape
    patches = np.zeros((len(examples), 2, *size), np.float32)
    present = np.zeros((len(examples), 2), np.float32)
    for row, example in enumerate(examples):
        use_wet = bool(example.wet) and not (example.dry and rng.random() < plan.drop_wet)
        use_dry = bool(example.dry) and not (use_wet and rng.random() < plan.drop_dry)
        for channel, (use, choices) in enumerate(((use_wet, example.wet), (use_dry, example.dry))):
            if use:
                patches[row, channel] = choices[int(rng.integers(len(choices)))]
                present[row, channel] = 1
    x = _turn(torch.from_numpy(patches), plan, rng)
    return _expose(x, torch.from_numpy(present), rng), torch.from_numpy(np.stack([e.labels for e in examples]))


def _turn(patches: Tensor, plan: GraderPlan, rng: np.random.Generator) -> Tensor:
    """A random small rotation, zoom and shift of each pair of patches, cut to the crop's shape. T1 gets a little shift of its own."""
    n, _, rows, columns = patches.shape
    wanted_rows, wanted_columns = plan.shape
    out = []
    angle = np.radians(rng.uniform(-plan.rotate_deg, plan.rotate_deg, n))
    zoom = np.exp(rng.uniform(-plan.zoom, plan.zoom, (n, 2)))
    shift = rng.uniform(-plan.shift, plan.shift, (n, 2)) * 2 * wanted_rows / np.array([columns, rows])
    for channel in range(2):
        own = shift + channel * rng.normal(0, 0.01, (n, 2))
        theta = np.zeros((n, 2, 3), np.float32)
        theta[:, 0, 0] = np.cos(angle) * zoom[:, 0] * wanted_columns / columns
        theta[:, 0, 1] = -np.sin(angle) * zoom[:, 1] * wanted_rows / columns
        theta[:, 1, 0] = np.sin(angle) * zoom[:, 0] * wanted_columns / rows
        theta[:, 1, 1] = np.cos(angle) * zoom[:, 1] * wanted_rows / rows
        theta[:, :, 2] = own
        grid = functional.affine_grid(torch.from_numpy(theta), [n, 1, wanted_rows, wanted_columns], align_corners=False)
        out.append(functional.grid_sample(patches[:, channel : channel + 1], grid, align_corners=False, padding_mode="border"))
    return torch.cat(out, 1)


def _expose(x: Tensor, present: Tensor, rng: np.random.Generator) -> Tensor:
    """Random gamma, gain, brightness slope and noise per channel; a channel that is absent stays zero."""
    n, c, rows, columns = x.shape

    def draw(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, c, 1, 1)).astype(np.float32))

    x = x.clamp(0, 1) ** torch.exp(draw(-0.35, 0.35)) * torch.exp(draw(-0.2, 0.2)) + draw(-0.05, 0.05)
    across = torch.linspace(-0.5, 0.5, columns).view(1, 1, 1, -1)
    down = torch.linspace(-0.5, 0.5, rows).view(1, 1, -1, 1)
    x = x * torch.exp(draw(-0.3, 0.3) * across + draw(-0.2, 0.2) * down)
    noise = torch.from_numpy(rng.standard_normal(x.shape, dtype=np.float32))
    x = x + noise * draw(-0.02, 0.05).clamp(min=0)
    return x.clamp(0, 1) * present[:, :, None, None]


def loss(logits: Tensor, labels: Tensor, weights: Tensor, positive: Tensor, rps: float) -> Tensor:
    """Cross entropy with neighbours a little right, ranked probability score, and weighted binary cross entropy.

    Args:
        logits: (n, 12).
        labels: (n, 8).
        weights: (5,) per Pfirrmann grade.
        positive: (7,) weight of a positive answer.
        rps: Weight of the ranked probability score (Epstein 1969), which counts how far off the mass lies.
    """
    grade = labels[:, 0]
    distance = (torch.arange(GRADES)[None] - grade[:, None]).abs()
    soft = torch.where(distance == 0, 0.86, torch.where(distance == 1, 0.07, 0.0))
    soft = soft / soft.sum(1, keepdim=True)
    log_p = functional.log_softmax(logits[:, :GRADES], 1)
    own = weights[grade]
    ce = (-(soft * log_p).sum(1) * own).sum() / own.sum()
    cumulative = (log_p.exp().cumsum(1) - (distance == 0).float().cumsum(1))[:, :-1]
    ranked = ((cumulative**2).sum(1) * own).sum() / own.sum()
    answers = labels[:, 1:].float()
    yes_no = functional.binary_cross_entropy_with_logits(logits[:, GRADES:], answers * 0.96 + 0.02, pos_weight=positive)
    return ce + rps * ranked + yes_no * 2.0


def balance(labels: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Square-root inverse frequencies: (5,) for the grades (mean 1) and (7,) for a positive answer."""
    counts = np.bincount(labels[:, 0], minlength=GRADES) + 5.0
    weights = np.sqrt(counts.sum() / counts)
    rate = labels[:, 1:].mean(0).clip(0.01, 0.99)
    return torch.tensor(weights / weights.mean(), dtype=torch.float32), torch.tensor(np.sqrt((1 - rate) / rate), dtype=torch.float32)


def fit_grader(
    examples: Sequence[Example], plan: GraderPlan, rng: np.random.Generator, first: Mapping[str, Tensor] | None = None
) -> Grader:
    """A trained grader: AdamW, one-cycle rate, bfloat16, the running average of its weights at the end.

    `first` holds the weights of a trained grader to begin with, instead of random ones.
    """
    net = Grader(OUTPUTS, plan.widths, plan.dropout).train().to(memory_format=torch.channels_last)
    if first is not None:
        net.load_state_dict(dict(first))
    weights, positive = balance(np.stack([e.labels for e in examples]))
    per_epoch = max(1, len(examples) // plan.batch)
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.lr, weight_decay=plan.weight_decay)
    schedule = one_cycle(optimiser, plan.epochs * per_epoch)
    blend = torch.optim.swa_utils.get_ema_multi_avg_fn(plan.ema)  # type: ignore[no-untyped-call]
    average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=blend, use_buffers=True)
    for _ in range(plan.epochs):
        order = rng.permutation(len(examples))
        for start in range(0, per_epoch * plan.batch, plan.batch):
            x, y = batch_of([examples[i] for i in order[start : start + plan.batch]], plan, rng)
            share = float(rng.beta(plan.mixup, plan.mixup)) if plan.mixup else 1.0
            other = torch.from_numpy(rng.permutation(len(x)))
            mixed = share * x + (1 - share) * x[other]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits, _ = net(mixed.contiguous(memory_format=torch.channels_last))
            value = share * loss(logits.float(), y, weights, positive, plan.rps)
            if share < 1:
                value = value + (1 - share) * loss(logits.float(), y[other], weights, positive, plan.rps)
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            average.update_parameters(net)
    return average.module.eval()  # type: ignore[return-value]  # the copy of `net`
