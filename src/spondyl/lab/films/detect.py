"""Trains one detector on cached films: kept every epoch, taken up again where it stopped.

    cache = open_cache(film_set("xray-lesions", data, "vindr", 0.15, 0).films, FilmFrame(512, 320), run / "detector-cache")
    folder = fit_detector(DetectPlan(detector="spondyl_small", epochs=20, seed=1), cache, run / "detector")
    net = load_detector(folder)                     # eval mode: (n, 1, 512, 320) -> boxes (n, places, 4), scores (n, places, 7)
    graph = to_onnx(net, torch.zeros(1, 1, 512, 320), "film", ("boxes", "scores"))

The folder holds detector.json (the plan), history.json (one row an epoch), last.ckpt, and weights.pt when it is finished.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch.multiprocessing.spawn import ProcessRaisedException

from spondyl.core import InputError
from spondyl.lab.films.across import is_out_of_memory, strategy
from spondyl.lab.films.detect_module import CHECKPOINT, DetectKeeper, DetectModule, OnStep
from spondyl.lab.films.detect_plan import DetectPlan, is_over
from spondyl.lab.films.plan import PRECISIONS
from spondyl.lab.films.quiet import quiet, threads
from spondyl.models import detectors
from spondyl.models.detectors import Detector

if TYPE_CHECKING:
    from spondyl.lab.films.cache import FilmCache


def fit_detector(plan: DetectPlan, cache: FilmCache, folder: Path, on_step: OnStep = lambda *_: None) -> Path:
    """The folder of a finished detector. What is finished is left as it is; what was stopped goes on from its last whole epoch.

    Args:
        plan: How it is trained.
        cache: Films with places in "train" and "val", in a frame whose sides the detector can divide.
        folder: Its own.
        on_step: Gets what is being done, how many steps are done, and how many there are.

    Raises:
        InputError: `detector-differs` where the folder holds a detector of another plan, `detector-frame`, `training-no-boxes`,
            `training-interrupted`, `training-out-of-memory`, `detector-not-installed`.
        NotFoundError: `unknown-detector`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_plan(plan, cache, folder)
    if (folder / "weights.pt").exists():
        return folder
    parts = 1
    while not is_over(read_history(folder), plan):
        try:
            _train(plan, cache, folder, parts, on_step)
        except (torch.OutOfMemoryError, ProcessRaisedException) as error:
            if not is_out_of_memory(error):
                raise
            parts *= 2
            _announce_pieces(plan, parts, on_step)
    (folder / "best.pt").replace(folder / "weights.pt")
    return folder


def load_detector(folder: Path) -> Detector:
    """The trained detector, for reading."""
    plan = json.loads((folder / "detector.json").read_text("utf-8"))["plan"]
    net = detectors.create(plan["detector"], plan["classes"], **plan["settings"])
    net.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    return net.eval()


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The epochs that are kept."""
    file = folder / "history.json"
    return list(json.loads(file.read_text("utf-8"))) if file.exists() and (folder / CHECKPOINT).exists() else []


def _check_plan(plan: DetectPlan, cache: FilmCache, folder: Path) -> None:
    """The folder is of this plan, or becomes it."""
    about = json.loads(json.dumps({"plan": plan.what(), "frame": [cache.frame.rows, cache.frame.columns]}))
    file = folder / "detector.json"
    if file.exists():
        if json.loads(file.read_text("utf-8")) != about:
            raise InputError("detector-differs", f"{folder.name} was begun with another plan", "Go on with that plan, or give a new folder")
        return
    if not any(cache.films[place].boxes for place in cache.places("train")) or not len(cache.places("val")):
        raise InputError("training-no-boxes", "a detector needs films with boxes in train, and films in val",
                         "Give data with both, or leave the detector out of the recipe")  # fmt: skip
    file.write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def _made(plan: DetectPlan, cache: FilmCache) -> Detector:
    """The detector with its first weights."""
    torch.manual_seed(plan.seed)
    net = detectors.create(plan.detector, plan.classes, **plan.settings)
    if cache.frame.rows % net.divisor or cache.frame.columns % net.divisor:
        raise InputError("detector-frame", f"{plan.detector} takes frames with sides divisible by {net.divisor}, got "
                         f"{cache.frame.rows} x {cache.frame.columns}", "Change detector_rows and detector_columns")  # fmt: skip
    if plan.start:
        _begin_with(net, plan.start)
    return net.to(memory_format=torch.channels_last)


def _begin_with(net: Detector, file: Path) -> None:
    """Give the detector the weights of one like it, or its body those of a film network's.

    Raises:
        InputError: `start-differs` where the two are of other architectures.
    """
    held = torch.load(file, weights_only=True)
    if held.keys() == net.state_dict().keys():
        net.load_state_dict(held)
        return
    given = {name.removeprefix("body."): value for name, value in held.items() if name.startswith("body.")}
    body = getattr(getattr(net, "body", None), "levels", None)
    if body is None or body.state_dict().keys() != given.keys():
        raise InputError("start-differs", f"{file.name} holds the weights of another body than the detector's",
                         "Begin with a member whose network the detector is built on")  # fmt: skip
    body.load_state_dict(given)


def _announce_pieces(plan: DetectPlan, parts: int, on_step: OnStep) -> None:
    films = plan.batch // (parts * plan.devices)
    if films < 1:
        raise InputError("training-out-of-memory", f"not even one film of {plan.detector} fits into the device's memory",
                         "Choose a smaller frame or detector")  # fmt: skip
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    on_step(f"{plan.detector} does not fit into memory: steps of {plan.batch} films are taken {films} at a time", 0, 0)


def _train(plan: DetectPlan, cache: FilmCache, folder: Path, parts: int, on_step: OnStep) -> None:
    """Epochs until the end, an interruption, or no memory."""
    module = DetectModule(_made(plan, cache), plan, cache, parts)
    with quiet(), threads(plan.threads):
        trainer = lightning.Trainer(
            accelerator="auto" if torch.cuda.is_available() else "cpu", devices=plan.devices,
            strategy=strategy(plan.devices), sync_batchnorm=plan.devices > 1 and torch.cuda.is_available(),
            precision=PRECISIONS[plan.precision],
            max_epochs=plan.epochs, accumulate_grad_batches=parts, gradient_clip_val=plan.clip, reload_dataloaders_every_n_epochs=1,
            check_val_every_n_epoch=plan.judged_every, use_distributed_sampler=False, num_sanity_val_steps=0, logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, default_root_dir=str(folder),
            callbacks=[DetectKeeper(plan, folder, on_step)],
        )  # fmt: skip
        last = folder / CHECKPOINT
        try:
            trainer.fit(module, ckpt_path=str(last) if last.exists() else None, weights_only=False if last.exists() else None)
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise InputError(
                "training-interrupted", f"{plan.detector} was stopped after epoch {len(read_history(folder))} of {plan.epochs}; "
                "that epoch is kept", "Give the same command again to go on",
            ) from None  # fmt: skip


__all__ = ["DetectPlan", "fit_detector", "load_detector", "read_history"]
