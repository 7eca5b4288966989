"""A detector's training as Lightning runs it, and what is kept of it after each epoch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from spondyl.lab.films.augment import NONE
from spondyl.lab.films.averaged import Averaged, Swapped
from spondyl.lab.films.detect_batches import BoxBatch, DetectBatches, framed_boxes, order_of, targets_of, times_a_film
from spondyl.lab.films.detect_found import boxes_of_film, read_on_films
from spondyl.lab.films.detect_plan import DetectPlan, best_of, is_over
from spondyl.lab.schedule import one_cycle
from spondyl.metrics import FilmBoxes, detection_average_precision, mean_precision
from spondyl.models.detectors import Detector

if TYPE_CHECKING:
    from spondyl.lab.films.cache import FilmCache

CHECKPOINT = "last.ckpt"
OnStep = Callable[[str, int, int], None]


class DetectModule(Averaged):
    """A detector and its films."""

    def __init__(self, net: Detector, plan: DetectPlan, cache: FilmCache, parts: int) -> None:
        """`parts`: pieces that a step's films go through the network in, on each device."""
        super().__init__(net, plan.average)
        self.net: Detector
        self.plan, self.cache, self.parts = plan, cache, parts
        self.boxes, self.labels = framed_boxes(cache)
        self.train_places, self.val_places = cache.places("train"), cache.places("val")
        present = [frozenset(box.label for box in cache.films[place].boxes) for place in self.train_places]
        self.times = times_a_film(present, plan.repeat, plan.normals)
        self.figures: dict[str, Any] = {}
        self.losses: list[dict[str, Tensor]] = []
        self.found: dict[int, FilmBoxes] = {}

    @property
    def _world(self) -> int:
        return int(self._trainer.world_size) if self._trainer is not None else 1

    @property
    def _rank(self) -> int:
        return int(self._trainer.global_rank) if self._trainer is not None else 0

    @property
    def piece(self) -> int:
        """Films that go through the network at once on one device."""
        return max(1, self.plan.batch // (self.parts * self._world))

    def steps_an_epoch(self) -> int:
        """How often the weights move in an epoch: whole batches only."""
        return max(1, len(self._order(np.random.default_rng(0))) // self.plan.batch)

    def _order(self, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        """Places among the training films of one epoch."""
        return np.concatenate([order_of(self.times, rng) for _ in range(self.plan.pieces.each if self.plan.pieces else 1)])

    def train_dataloader(self) -> DataLoader[BoxBatch]:
        """This epoch's batches, this device's share of them."""
        seed = self.plan.seed, self.current_epoch
        order = self.train_places[self._order(np.random.default_rng([*seed, 1]))][: self.steps_an_epoch() * self.plan.batch]
        return self._loader(order[self._rank :: self._world], self.piece, (*seed, 2, self._rank))

    def val_dataloader(self) -> DataLoader[BoxBatch]:
        """Validation as it is, every film once."""
        return self._loader(self.val_places[self._rank :: self._world], 2 * self.piece, None)

    def _loader(self, order: np.ndarray[Any, Any], batch: int, seed: tuple[int, ...] | None) -> DataLoader[BoxBatch]:
        augment, pieces = (NONE, None) if seed is None else (self.plan.changes, self.plan.pieces)
        batches = DetectBatches(self.cache.pixels, self.boxes, self.labels, order, batch, augment, seed or (0,), pieces)
        return DataLoader(batches, batch_size=None, num_workers=self.plan.loaders, shuffle=False)

    def training_step(self, batch: BoxBatch, number: int) -> Tensor:
        """The sum of the detector's losses."""
        films, boxes, labels, _ = batch
        terms = self.net.losses(films.contiguous(memory_format=torch.channels_last), targets_of(boxes, labels))
        self.losses.append({name: value.detach() for name, value in terms.items()})
        return torch.stack(list(terms.values())).sum()

    def on_validation_epoch_start(self) -> None:
        """Validation sees the average."""
        self.found.clear()
        self._swap = Swapped(self.net, self.average.values) if self.average is not None else None
        if self._swap is not None:
            self._swap.__enter__()

    def validation_step(self, batch: BoxBatch, number: int) -> None:
        """Boxes are read off the maps as they are when served."""
        films, _, _, places = batch
        boxes, scores = self.net(films.contiguous(memory_format=torch.channels_last))
        own = [int(place) for place in places]
        self.found.update(zip(own, read_on_films(boxes.float().cpu().numpy(), scores.float().cpu().numpy(), self.cache, own), strict=True))

    def on_validation_epoch_end(self) -> None:
        """Average precision of each class, and its mean."""
        if self._swap is not None:
            self._swap.__exit__()
        found = self._gathered()
        places = sorted(found)
        truth = [boxes_of_film(self.cache.films[place]) for place in places]
        table = detection_average_precision([found[place] for place in places], truth, self.plan.classes)
        each = [None if np.isnan(value) else float(value) for value in table[0]]
        self.figures = {"map50": mean_precision(table) if np.isfinite(table).any() else 0.0, "ap50": each}

    def _gathered(self) -> dict[int, FilmBoxes]:
        if self._world == 1:
            return self.found
        parts: list[Any] = [None] * self._world
        torch.distributed.all_gather_object(parts, self.found)
        return {place: boxes for part in parts for place, boxes in part.items()}

    def configure_optimizers(self) -> Any:
        """AdamW without decay of norms and biases, one cycle."""
        groups = [
            {"params": [w for w in self.net.parameters() if (w.ndim > 1) == decayed], "weight_decay": self.plan.weight_decay * decayed}
            for decayed in (True, False)
        ]
        optimiser = torch.optim.AdamW(groups, lr=self.plan.lr, foreach=True)
        schedule = one_cycle(optimiser, self.plan.epochs * self.steps_an_epoch())
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class DetectKeeper(lightning.Callback):  # type: ignore[misc]  # mypy skips lightning
    """A row of history and a checkpoint after each epoch; stops when it gets no better."""

    def __init__(self, plan: DetectPlan, folder: Path, on_step: OnStep) -> None:
        self.plan, self.folder, self.tell = plan, folder, on_step
        self.began = 0.0

    def __getstate__(self) -> dict[str, Any]:
        return {"plan": self.plan, "folder": self.folder, "began": 0.0, "tell": _silent}

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """In each process."""
        torch.set_num_threads(self.plan.threads)

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """The clock starts."""
        self.began = time.perf_counter()
        self.trained_s = 0.0

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any) -> None:
        """A step further."""
        assert isinstance(pl_module, DetectModule)
        self.trained_s = time.perf_counter() - self.began
        if trainer.is_global_zero:
            self.tell(f"Training {self.plan.detector}", trainer.global_step, pl_module.steps_an_epoch() * self.plan.epochs)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """A row more, the checkpoint anew, the best weights if these are."""
        module = pl_module
        assert isinstance(module, DetectModule)
        losses = {name: float(torch.stack([row[name] for row in module.losses]).float().mean()) for name in module.losses[0]}
        module.losses.clear()
        films = module.steps_an_epoch() * self.plan.batch
        module.history = [*module.history, {
            "epoch": trainer.current_epoch + 1, "train_loss": sum(losses.values()), "losses": losses, **module.figures,
            "lr": float(trainer.optimizers[0].param_groups[0]["lr"]), "seconds": time.perf_counter() - self.began,
            "films_per_second": films / max(self.trained_s, 1e-9),
        }]  # fmt: skip
        module.figures = {}
        part = self.folder / f"{CHECKPOINT}.part"
        trainer.save_checkpoint(part)
        if trainer.is_global_zero:
            if best_of(module.history, self.plan.patience) == len(module.history) - 1:
                half_done = self.folder / "best.pt.part"
                torch.save(module.learnt(), half_done)
                half_done.replace(self.folder / "best.pt")
            (self.folder / "history.json").write_text(json.dumps(module.history, indent=1) + "\n", "utf-8")
            part.replace(self.folder / CHECKPOINT)
        trainer.should_stop = trainer.should_stop or is_over(module.history, self.plan)


def _silent(*_: Any) -> None:
    """What processes without a listener tell."""
