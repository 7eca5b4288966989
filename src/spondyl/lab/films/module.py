"""One network's training as Lightning runs it: steps, rates, the running average of the weights, figures on validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from spondyl.lab.films.augment import NONE, Augment
from spondyl.lab.films.averaged import Averaged, Swapped
from spondyl.lab.films.batches import Batch, FilmBatches, Lesson
from spondyl.lab.films.heads import Head, Taught
from spondyl.lab.films.pieces import Pieces
from spondyl.lab.films.records import FilmRecord
from spondyl.lab.films.sampling import Floats, order_of_epoch
from spondyl.lab.schedule import one_cycle
from spondyl.models.film_nets import FilmNet

NO_DECAY = 1
"""Weights of so many dimensions or fewer (biases, norms) are not decayed."""


class Rates(Protocol):
    """What of a plan decides how the weights move."""

    @property
    def epochs(self) -> int: ...
    @property
    def head_epochs(self) -> int: ...
    @property
    def lr(self) -> float: ...
    @property
    def body_lr(self) -> float: ...
    @property
    def layer_decay(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def average(self) -> float: ...
    @property
    def seed(self) -> int: ...


class FilmModule(Averaged):
    """A network, its head and its data."""

    def __init__(
        self, net: FilmNet, head: Head, rates: Rates, lesson: Lesson, films: Sequence[FilmRecord], splits: dict[str, np.ndarray[Any, Any]],
        weights: Floats, batch: int, parts: int, augment: Augment, cells: dict[str, tuple[int, int]], loaders: int,
        pieces: Pieces | None = None,
    ) -> None:  # fmt: skip
        """Args: `splits` has the places of train and val; a step is `batch` films in `parts` parts on each device; `cells` has the
        shape of the map in train and in val."""
        super().__init__(net, rates.average)
        self.net: FilmNet
        self.head, self.rates, self.lesson, self.films, self.splits = head, rates, lesson, films, splits
        self.weights, self.batch, self.parts, self.augment, self.cells, self.loaders = weights, batch, parts, augment, cells, loaders
        self.pieces = pieces
        self.train_losses: list[Tensor] = []
        self.val_rows: list[tuple[np.ndarray[Any, Any], Tensor, Tensor]] = []
        self.figures: dict[str, float] = {}

    @property
    def piece(self) -> int:
        """Films that go through the network at once on one device."""
        return max(1, self.batch // (self.parts * self._world))

    @property
    def _world(self) -> int:
        return int(self._trainer.world_size) if self._trainer is not None else 1

    def steps_an_epoch(self) -> int:
        """How often the weights move in an epoch: whole batches only."""
        return max(1, len(self.splits["train"]) * (self.pieces.each if self.pieces else 1) // self.batch)

    def train_dataloader(self) -> DataLoader[Batch]:
        """This epoch's batches, this device's share of them."""
        seed = self.rates.seed, self.current_epoch
        rng = np.random.default_rng([*seed, 1])
        rounds = [order_of_epoch(self.weights, rng) for _ in range(self.pieces.each if self.pieces else 1)]
        order = self.splits["train"][np.concatenate(rounds)]
        whole = min(len(order), self.steps_an_epoch() * self.batch)
        rank = self._trainer.global_rank if self._trainer is not None else 0
        mine = order[:whole][rank :: self._world]
        batches = FilmBatches(self.lesson, self.head, mine, self.piece, self.cells["train"], self.augment, (*seed, 2, rank), self.pieces)
        return self._loader(batches)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Validation as it is, every film once."""
        rank = self._trainer.global_rank if self._trainer is not None else 0
        mine = self.splits["val"][rank :: self._world]
        return self._loader(FilmBatches(self.lesson, self.head, mine, 2 * self.piece, self.cells["val"], NONE))

    def _loader(self, batches: FilmBatches) -> DataLoader[Batch]:
        return DataLoader(batches, batch_size=None, num_workers=self.loaders, shuffle=False)

    def on_train_epoch_start(self) -> None:
        """While only the head learns, the body reads as it does in the end."""
        frozen = self.current_epoch < self.rates.head_epochs
        self.net.train()
        if frozen:
            self.net.body.eval()
        for weight in self.net.body.parameters():
            weight.requires_grad_(not frozen)

    def training_step(self, batch: Batch, number: int) -> Tensor:
        """The loss of one piece. Chance inside the network (dropout) is the piece's own, so that a resumed run draws the same."""
        torch.manual_seed(hash((self.rates.seed, self.current_epoch, number, self.global_rank)) % 2**31)
        logits, cells = self._seen(batch)
        loss = self.head.loss(logits, cells, batch.taught)
        self.train_losses.append(loss.detach())
        return loss

    def _seen(self, batch: Batch) -> tuple[Tensor, Tensor]:
        logits, cam = self.net(batch.films.contiguous(memory_format=torch.channels_last))
        return logits, self.net.cells(logits, cam)

    def on_validation_epoch_start(self) -> None:
        """Validation sees the average."""
        self.val_rows.clear()
        self._swap = Swapped(self.net, self.average.values) if self.average is not None else None
        if self._swap is not None:
            self._swap.__enter__()

    def validation_step(self, batch: Batch, number: int) -> None:
        """Logits and losses are kept until all are there."""
        logits, _ = self._seen(batch)
        loss = self.head.film_loss(logits, batch.taught)
        self.val_rows.append((batch.places, logits.float().cpu(), loss.cpu() * len(logits)))

    def on_validation_epoch_end(self) -> None:
        """Figures of the epoch."""
        if self._swap is not None:
            self._swap.__exit__()
        rows = self._gathered()
        places = np.concatenate([place for place, _, _ in rows])
        logits = torch.cat([part for _, part, _ in rows]).double().numpy()
        films = [self.films[place] for place in places]
        loss = float(sum(float(part) for _, _, part in rows)) / len(places)
        self.figures = {"val_loss": loss, **self.head.figures(logits, films)}

    def _gathered(self) -> list[tuple[np.ndarray[Any, Any], Tensor, Tensor]]:
        """What every device saw."""
        if self._world == 1:
            return self.val_rows
        parts: list[Any] = [None] * self._world
        torch.distributed.all_gather_object(parts, self.val_rows)
        return [row for part in parts for row in part]

    def configure_optimizers(self) -> Any:
        """AdamW; the body's rate falls from its end to its beginning."""
        optimiser = torch.optim.AdamW(self.groups(), lr=self.rates.lr, fused=True)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": self._schedule(optimiser), "interval": "step"}}

    def groups(self) -> list[dict[str, Any]]:
        """Weights by rate and decay: the head's own rate, and `body_lr` x `layer_decay`^(stages behind) of it for the body's stages."""
        stages = list(self.net.body.children())
        body_lr, decay = self.rates.lr * self.rates.body_lr, self.rates.layer_decay
        rows: list[tuple[float, nn.Module]] = [(self.rates.lr, part) for part in (self.net.head, self.net.neck) if part is not None]
        rows += [(body_lr * decay ** (len(stages) - 1 - depth), stage) for depth, stage in enumerate(stages)]
        groups: list[dict[str, Any]] = []
        for rate, part in rows:
            for decayed in (True, False):
                weights = [weight for weight in part.parameters() if (weight.ndim > NO_DECAY) == decayed]
                if weights:
                    groups.append({"params": weights, "lr": rate, "weight_decay": self.rates.weight_decay if decayed else 0.0})
        return groups

    def _schedule(self, optimiser: Optimizer) -> LambdaLR:
        return one_cycle(optimiser, self.rates.epochs * self.steps_an_epoch())

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Batches are frozen: a new one on an accelerator, the same here."""
        if device.type == "cpu":
            return batch
        return Batch(batch.films.to(device, non_blocking=True), batch.places, to_device(batch.taught, device))


def to_device(taught: Taught, device: torch.device) -> Taught:
    """The same on an accelerator."""
    return Taught(
        taught.targets.to(device), taught.known.to(device), None if taught.places is None else taught.places.to(device),
        taught.places_known.to(device), taught.weights.to(device), None if taught.teacher is None else taught.teacher.to(device),
    )  # fmt: skip
