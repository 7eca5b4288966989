"""Trains one network on cached films: kept every epoch, taken up again where it stopped.

    cache = open_cache(film_set("xray-lesions", data, "vindr", 0.15, 0).films, FilmFrame(384, 256), run / "cache")
    plan = FitPlan(task="xray-lesions", network="mobilenetv4_conv_small_050", pool="lse", stride=16, place_weight=0.5,
                   epochs=20, batch=16, lr=3e-3, average=0.995, seed=1)
    folder = fit_member(plan, cache, run / "members" / "a", on_step=lambda what, done, of: None)
    net = load_member(folder)                                  # eval mode: (n, 1, 384, 256) -> logits (n, 8), cam (n, 8, 24, 16)
    graph = to_onnx(net, torch.zeros(1, 1, 384, 256), "film", ("logits", "cam"))
    student = FitPlan(task="xray-lesions", network="mobilenetv4_conv_small_050", teacher=run / "teacher.npy", teacher_weight=0.7)

The folder holds member.json (the plan), history.json (one row an epoch), last.ckpt, and weights.pt when it is finished.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
import numpy as np
import torch
from torch.multiprocessing.spawn import ProcessRaisedException

from spondyl.core import InputError
from spondyl.lab.films.across import is_out_of_memory, strategy
from spondyl.lab.films.batches import is_sure, lesson_of
from spondyl.lab.films.heads import head_of
from spondyl.lab.films.keeper import CHECKPOINT, Keeper, has_ended, keep, read_history
from spondyl.lab.films.module import FilmModule
from spondyl.lab.films.plan import PRECISIONS, FitPlan, is_same
from spondyl.lab.films.quiet import quiet, threads
from spondyl.lab.films.sampling import sampling_weights
from spondyl.models import film_nets
from spondyl.models.film_nets import FilmNet

if TYPE_CHECKING:
    from spondyl.lab.films.cache import FilmCache

MEMBER_FILE = "member.json"
OnStep = Callable[[str, int, int], None]


def fit_member(plan: FitPlan, cache: FilmCache, folder: Path, on_step: OnStep = lambda *_: None) -> Path:
    """The folder of a finished network. What is finished is left as it is; what was stopped goes on from its last whole epoch.

    Args:
        plan: How it is trained.
        cache: Films with places in "train" and "val".
        folder: Its own.
        on_step: Gets what is being done, how many steps are done, and how many there are.

    Raises:
        InputError: `member-differs` where the folder holds a network of another plan, `training-no-films`, `training-interrupted`,
            `training-out-of-memory`, `teacher-shape`, and what unknown names of the plan raise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_plan(plan, cache, folder)
    if (folder / "weights.pt").exists():
        return folder
    parts = 1
    while not has_ended(folder, plan):
        try:
            _train(plan, cache, folder, parts, on_step)
        except (torch.OutOfMemoryError, ProcessRaisedException) as error:
            if not is_out_of_memory(error):
                raise
            parts *= 2
            _announce_pieces(plan, parts, on_step)
    keep(folder, plan)
    return folder


def load_member(folder: Path) -> FilmNet:
    """The trained network, for reading."""
    about = json.loads((folder / MEMBER_FILE).read_text("utf-8"))
    plan = about["plan"]
    net = film_nets.create(
        plan["network"], about["outputs"], pool=plan["pool"], stride=plan["stride"], shape=tuple(about["shape"]), dropout=plan["dropout"]
    )
    net.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    return net.eval()


def _check_plan(plan: FitPlan, cache: FilmCache, folder: Path) -> None:
    """The folder is of this plan, or becomes it."""
    about = {"plan": plan.what(), "outputs": head_of(plan.task).outputs, "shape": [cache.frame.rows, cache.frame.columns]}
    about = json.loads(json.dumps(about))
    file = folder / MEMBER_FILE
    if file.exists():
        kept = json.loads(file.read_text("utf-8"))
        if {**kept, "plan": None} != {**about, "plan": None} or not is_same(kept["plan"], about["plan"]):
            raise InputError("member-differs", f"{folder.name} was begun with another plan", "Go on with that plan, or give a new folder")
        return
    for split in ("train", "val"):
        if not len(cache.places(split)):
            raise InputError("training-no-films", f"there are no films in {split}", "Give data with both, or a larger share for validation")
    file.write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def _announce_pieces(plan: FitPlan, parts: int, on_step: OnStep) -> None:
    if plan.batch // (parts * plan.devices) < 1:
        raise InputError("training-out-of-memory", f"not even one film of {plan.network} fits into the device's memory",
                         "Choose a smaller frame or network")  # fmt: skip
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    films = plan.batch // (parts * plan.devices)
    on_step(f"{plan.network} does not fit into memory: steps of {plan.batch} films are taken {films} at a time", 0, 0)


def taught_places(cache: FilmCache, plan: FitPlan) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Places of the films that a plan is taught on: all of train, or, on pieces, those of which the source says what is where."""
    train = cache.places("train")
    return np.asarray([place for place in train if is_sure(cache.films[place])], np.intp) if plan.pieces else train


def build(plan: FitPlan, cache: FilmCache, parts: int = 1, say: Callable[[str], None] = lambda _: None) -> FilmModule:
    """The network with its first weights, and what it is to learn."""
    train = taught_places(cache, plan)
    films = [cache.films[place] for place in train]
    shape = cache.frame.rows, cache.frame.columns
    teacher_weight = plan.teacher_weight if plan.teacher else 0.0
    head = head_of(plan.task, films, weighting=plan.class_weights, place_weight=plan.place_weight, teacher_weight=teacher_weight)
    torch.manual_seed(plan.seed)
    net = film_nets.create(
        plan.network, head.outputs, pool=plan.pool, pretrained=plan.pretrained, stride=plan.stride, shape=shape, dropout=plan.dropout,
        say=say,
    )  # fmt: skip
    if plan.start:
        _begin_with(net, plan.start)
    taught_on = (plan.pieces.rows, plan.pieces.columns) if plan.pieces else shape
    present = [frozenset(box.label for box in film.boxes) for film in films]
    return FilmModule(
        net.to(memory_format=torch.channels_last), head, plan, lesson_of(cache, head, _teacher(plan, cache, head.outputs)), cache.films,
        {"train": train, "val": cache.places("val")}, sampling_weights(plan.sampling, [film.target for film in films], present),
        plan.batch, parts, plan.changes, {"train": _cells(net, taught_on), "val": _cells(net, shape)},
        plan.loaders, plan.pieces,
    )  # fmt: skip


def _begin_with(net: FilmNet, file: Path) -> None:
    """Give the network those weights; another head's are left out, so that what one task taught begins another.

    Raises:
        InputError: `start-differs` where they are of another network.
    """
    own, given = net.state_dict(), torch.load(file, weights_only=True)
    if own.keys() != given.keys():
        raise InputError("start-differs", f"{file.name} holds the weights of another network than {type(net).__name__} is built of here",
                         "Begin with a network of the same name and stride")  # fmt: skip
    net.load_state_dict({name: given[name] if given[name].shape == value.shape else value for name, value in own.items()})


def _cells(net: FilmNet, shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the map of films of that shape."""
    with torch.no_grad():
        cam = net.eval()(torch.zeros(1, 1, *shape))[1]
    return int(cam.shape[2]), int(cam.shape[3])


def _teacher(plan: FitPlan, cache: FilmCache, outputs: int) -> np.ndarray[Any, np.dtype[np.float32]] | None:
    if plan.teacher is None:
        return None
    logits = np.load(plan.teacher)
    if logits.shape != (len(cache.films), outputs):
        raise InputError("teacher-shape", f"the teacher answers {logits.shape}, the films ask for {(len(cache.films), outputs)}",
                         "Ask the teacher about the films of this cache")  # fmt: skip
    return np.asarray(logits, dtype=np.float32)


def _train(plan: FitPlan, cache: FilmCache, folder: Path, parts: int, on_step: OnStep) -> None:
    """Epochs until the end, an interruption, or no memory."""
    module = build(plan, cache, parts, lambda message: on_step(message, 0, 0))
    with quiet(), threads(plan.threads), Keeper(plan, folder, on_step) as keeper:
        trainer = lightning.Trainer(
            accelerator="auto" if torch.cuda.is_available() else "cpu", devices=plan.devices,
            strategy=strategy(plan.devices, some_idle=plan.head_epochs > 0), sync_batchnorm=plan.devices > 1 and torch.cuda.is_available(),
            precision=PRECISIONS[plan.precision],
            max_epochs=plan.epochs, accumulate_grad_batches=parts, reload_dataloaders_every_n_epochs=1, use_distributed_sampler=False,
            num_sanity_val_steps=0, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
            default_root_dir=str(folder), callbacks=[keeper],
        )  # fmt: skip
        last = folder / CHECKPOINT
        try:
            trainer.fit(module, ckpt_path=str(last) if last.exists() else None, weights_only=False if last.exists() else None)
        except SystemExit:  # what Lightning makes of Ctrl-C
            done = len(read_history(folder))
            raise InputError(
                "training-interrupted", f"{plan.network} was stopped after epoch {done} of {plan.epochs}; that epoch is kept",
                "Give the same command again to go on",
            ) from None  # fmt: skip


__all__ = ["MEMBER_FILE", "FitPlan", "build", "fit_member", "load_member"]
