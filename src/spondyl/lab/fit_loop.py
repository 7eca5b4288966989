"""The loop that fits small networks: AdamW with a one-cycle rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from spondyl.lab.schedule import one_cycle

WEIGHT_DECAY = 0.02
LARGEST_GRADIENT = 5.0
Drawn = tuple[Tensor, ...]


def fit_loop(net: nn.Module, batches: Callable[[int], Iterator[Drawn]], loss: Callable[..., Tensor], epochs: int, steps: int, lr: float,
             say: Callable[[int], None] = lambda epoch: None, *, raw: Callable[[Tensor], Any] | None = None, half: bool = False) -> None:
    """In place; leaves the network in its serving state.

    Args:
        batches: The batches of an epoch.
        loss: Of the network's outputs (as one argument) and the rest of a batch after its first tensor.
        steps: Batches of an epoch.
        say: Called with the number of epochs that are done.
        raw: What is asked instead of the network itself, where a loss wants logits.
        half: Whether to multiply in bfloat16; the output, one tensor then, comes to the loss as float32.
    """
    net.train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=WEIGHT_DECAY)
    schedule = one_cycle(optimiser, epochs * steps)
    for epoch in range(epochs):
        for pictures, *rest in batches(epoch):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                said = (raw or net)(pictures.contiguous(memory_format=torch.channels_last))
            value = loss(said.float() if half else said, *rest)
            optimiser.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), LARGEST_GRADIENT)
            optimiser.step()
            schedule.step()
        say(epoch + 1)
    net.eval()
