"""What every training of a film network keeps beside its weights: their running average, and what has happened."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch import Tensor, nn


class Average:
    """The running average of a network's weights and statistics. Early on it forgets faster: decay min(d, (1 + t) / (10 + t))."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.values = {name: value.detach().clone() for name, value in net.state_dict().items()}

    @torch.no_grad()
    def take(self, net: nn.Module) -> None:
        """One step later."""
        self.steps += 1
        share = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        now = net.state_dict()
        floats = [name for name, value in self.values.items() if value.is_floating_point()]
        self.values = {name: self.values[name].to(value.device) for name, value in now.items()}
        torch._foreach_lerp_([self.values[name] for name in floats], [now[name] for name in floats], share)
        for name in self.values.keys() - set(floats):
            self.values[name].copy_(now[name])


class Swapped:
    """While it is entered, a network holds other weights."""

    def __init__(self, net: nn.Module, values: dict[str, Tensor]) -> None:
        self.net, self.values = net, values

    def __enter__(self) -> None:
        self.own = {name: value.detach().clone() for name, value in self.net.state_dict().items()}
        self.net.load_state_dict(self.values)

    def __exit__(self, *_: object) -> None:
        self.net.load_state_dict(self.own)


class Averaged(lightning.LightningModule):  # type: ignore[misc]  # mypy skips lightning
    """A network in training, the average of its weights, and the rows of its history; all go with a checkpoint and come back."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        """`decay`: of the average, 0 for none."""
        super().__init__()
        self.net = net
        self.average = Average(net, decay) if decay else None
        self.history: list[dict[str, Any]] = []

    def on_train_batch_end(self, *_: Any) -> None:
        """After each step of the weights the average takes them in."""
        if self.average is not None and self.trainer.global_step > self.average.steps:
            self.average.take(self.net)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """What has happened and the average go with it."""
        checkpoint["history"] = self.history
        if self.average is not None:
            checkpoint["average"] = {"steps": self.average.steps, "values": self.average.values}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """And come back."""
        self.history = list(checkpoint["history"])
        if self.average is not None:
            self.average.steps, self.average.values = checkpoint["average"]["steps"], checkpoint["average"]["values"]

    def learnt(self) -> dict[str, Tensor]:
        """The weights to keep."""
        values = self.average.values if self.average is not None else self.net.state_dict()
        return {name: value.detach().cpu().clone().contiguous() for name, value in values.items()}
