"""Keeps a training: one row of history and one checkpoint an epoch, and the weights at the end."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch

from spondyl.lab.films.module import FilmModule
from spondyl.lab.films.plan import FitPlan
from spondyl.lab.films.quiet import hush

CHECKPOINT = "last.ckpt"
FIGURES = {"xray-lesions": "auroc", "xray-grade": "kappa"}
"""The figure on validation that a task watches."""

OnStep = Callable[[str, int, int], None]
Row = Mapping[str, Any]


class Keeper(lightning.Callback):  # type: ignore[misc]  # mypy skips lightning
    """Writes what has happened after each epoch, tells how far it is, and stops when it gets no better.

    With several devices the network is trained in other processes, which cannot call `on_step`: they send what they would have told.
    """

    def __init__(self, plan: FitPlan, folder: Path, on_step: OnStep) -> None:
        self.plan, self.folder = plan, folder
        self.tell: OnStep = on_step
        self.told = multiprocessing.get_context("spawn").SimpleQueue() if plan.devices > 1 else None
        self.began = 0.0

    def __enter__(self) -> Keeper:
        if self.told is not None:
            self.reader = threading.Thread(target=self._read, args=(self.tell, self.told), daemon=True)
            self.reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.told is not None:
            self.told.put(None)
            self.reader.join(5)

    @staticmethod
    def _read(tell: OnStep, told: Any) -> None:
        while (word := told.get()) is not None:
            tell(*word)

    def __getstate__(self) -> dict[str, Any]:
        return {"plan": self.plan, "folder": self.folder, "told": self.told, "began": 0.0}

    def __setstate__(self, state: dict[str, Any]) -> None:
        hush()
        self.__dict__.update(state)
        self.tell = lambda *word: self.told.put(word)  # type: ignore[union-attr]  # several devices have one

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """In each process."""
        torch.set_num_threads(self.plan.threads)

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """The clock starts."""
        self.began = time.perf_counter()
        self.trained_s = 0.0

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any) -> None:
        """A step further."""
        assert isinstance(pl_module, FilmModule)
        self.trained_s = time.perf_counter() - self.began
        if trainer.is_global_zero:
            steps = pl_module.steps_an_epoch()
            self.tell(f"Training {self.plan.network}", trainer.global_step, steps * self.plan.epochs)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """A row more, the checkpoint anew, the best weights if these are."""
        assert isinstance(pl_module, FilmModule)
        row = self._row(trainer, pl_module)
        history = [*pl_module.history, row]
        pl_module.history = history
        part = self.folder / f"{CHECKPOINT}.part"
        trainer.save_checkpoint(part)
        if trainer.is_global_zero:
            if best_of(history, self.plan) == len(history) - 1:
                _replace(self.folder / "best.pt", lambda file: torch.save(pl_module.learnt(), file))
            _replace(self.folder / "history.json", lambda file: file.write_text(json.dumps(history, indent=1) + "\n", "utf-8"))
            part.replace(self.folder / CHECKPOINT)
        if _is_patient_no_more(history, self.plan):
            trainer.should_stop = True

    def _row(self, trainer: lightning.Trainer, module: FilmModule) -> dict[str, Any]:
        films = module.steps_an_epoch() * self.plan.batch
        losses = torch.stack(module.train_losses).float()
        module.train_losses.clear()
        return {
            "epoch": trainer.current_epoch + 1, "train_loss": float(losses.mean()), **module.figures,
            "lr": float(trainer.optimizers[0].param_groups[0]["lr"]), "seconds": time.perf_counter() - self.began,
            "films_per_second": min(films, len(module.splits["train"])) / max(self.trained_s, 1e-9),
        }  # fmt: skip


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The epochs that are kept."""
    file = folder / "history.json"
    return list(json.loads(file.read_text("utf-8"))) if file.exists() and (folder / CHECKPOINT).exists() else []


def best_of(history: Sequence[Row], plan: FitPlan) -> int:
    """Number of the epoch to keep, from 0: the best on validation where the plan has patience, else the last."""
    if not plan.patience:
        return len(history) - 1
    if plan.watch == "loss":
        return min(range(len(history)), key=lambda epoch: _number(history[epoch]["val_loss"], float("inf")))
    return max(range(len(history)), key=lambda epoch: _number(history[epoch][FIGURES[plan.task]], -float("inf")))


def _number(value: float, otherwise: float) -> float:
    return value if value == value else otherwise


def _is_patient_no_more(history: Sequence[Row], plan: FitPlan) -> bool:
    return bool(plan.patience) and len(history) - 1 - best_of(history, plan) >= plan.patience


def has_ended(folder: Path, plan: FitPlan) -> bool:
    """Whether nothing is left to train."""
    history = read_history(folder)
    return len(history) >= plan.epochs or (bool(history) and _is_patient_no_more(history, plan))


def keep(folder: Path, plan: FitPlan) -> None:
    """The weights of the epoch to keep become weights.pt; what only training needs is removed."""
    (folder / "best.pt").replace(folder / "weights.pt")


def _replace(file: Path, write: Callable[[Path], object]) -> None:
    half_done = file.with_name(f"{file.name}.part")
    write(half_done)
    half_done.replace(file)
