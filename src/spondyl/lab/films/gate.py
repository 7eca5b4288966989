"""Training of the gate for films: is this a frontal or lateral film of a lumbar spine, the right way up, and which view?

It learns from the films of the data set, upright and turned, and from pictures of the digital spine. A mirrored film is not refused:
a lateral film may face either side, and a frontal one does not show which side is which. A film with black bone is none as we read films.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from spondyl.imaging import affine_sample, letterbox
from spondyl.lab.films.cache import FilmCache
from spondyl.lab.films.gate_figures import Samples, figures_of
from spondyl.lab.films.quiet import threads
from spondyl.lab.films.strangers import Drawing, draw_strangers
from spondyl.lab.photometry import apply_photometry, plan_photometry
from spondyl.lab.schedule import one_cycle
from spondyl.models.gate import Gate
from spondyl.tasks.films.framing import FilmFrame
from spondyl.tasks.films.gate import POSES, VIEWS

OnStep = Callable[[str, int, int], None]
WIDTHS = (16, 32, 48, 64)
"""Multiples of 16: other counts of channels cost as much, and some break the channels-last kernels of PyTorch."""
POSE_RATES = (0.5, 0.23, 0.2, 0.07)
"""How often a film is shown in each pose; as "other" its greys are inverted."""
FILM_SHARE = 0.55
"""Films among what is shown; strangers are the rest, every kind as often."""
CROPPED, MOST_CROP, MOST_TURN_DEG = 0.4, 0.22, 10.0


@dataclass(frozen=True, slots=True)
class GatePlan:
    """How a gate is trained.

    Attributes:
        size: Edge of its square frame in pixels.
        low, high: As in `FilmFrame`.
        steps, batch, lr: Of the training.
        each: Strangers of each kind; half as many fresh ones judge it.
        least: Probability of "film" under which a picture is refused.
        seed: The same seed gives the same gate.
        threads: Of the training.
    """

    size: int = 160
    low: float = 1.0
    high: float = 99.0
    steps: int = 420
    batch: int = 32
    lr: float = 3e-3
    each: int = 32
    least: float = 0.5
    seed: int = 0
    threads: int = 1

    @property
    def frame(self) -> FilmFrame:
        """Its frame: the cache that it learns from has the same."""
        return FilmFrame(self.size, self.size, self.low, self.high)

    def settings(self, network: str = "gate") -> dict[str, Any]:
        """The `gate` of a bundle's settings."""
        return {"network": network, "frame": asdict(self.frame), "least": self.least}


def fit_gate(cache: FilmCache, folder: Path, on_step: OnStep = lambda *_: None, plan: GatePlan | None = None) -> Path:
    """A trained gate in the folder: weights.pt, plan.json, and figures.json with what it refuses wrongly and what it lets in.

    A gate that the folder holds already is kept, if it was trained by the same plan.

    Args:
        cache: Films in the plan's frame; "train" teaches, "val" judges.
    """
    how = plan or GatePlan()
    folder.mkdir(parents=True, exist_ok=True)
    asked = json.dumps(asdict(how)) + "\n"
    note = folder / "plan.json"
    if (folder / "figures.json").exists() and note.exists() and note.read_text("utf-8") == asked:
        return folder
    (folder / "figures.json").unlink(missing_ok=True)
    note.write_text(asked, encoding="utf-8")
    with threads(how.threads):
        net = _trained(samples_of(cache, "train"), draw_strangers(how.frame, how.each, how.seed, on_step), how, on_step)
        torch.save(net.state_dict(), folder / "weights.pt")
        fresh = draw_strangers(how.frame, (how.each + 1) // 2, how.seed + 1_000_003, on_step)
        figures = figures_of(_asker(net), samples_of(cache, "val"), fresh, how.least)
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return folder


def load_gate(folder: Path) -> Gate:
    """The gate that `fit_gate` left there, ready to be exported: input (n, 1, size, size), output logits of POSES and then of VIEWS."""
    net = Gate(len(POSES) + len(VIEWS), WIDTHS)
    net.load_state_dict(torch.load(folder / "weights.pt", map_location="cpu", weights_only=True))
    return net.eval()


def read_plan(folder: Path) -> GatePlan:
    """The plan that a gate was trained by."""
    return GatePlan(**json.loads((folder / "plan.json").read_text("utf-8")))


def samples_of(cache: FilmCache, split: str) -> Samples:
    """The films of one split."""
    places = cache.places(split)
    return Samples(cache.pixels, places, tuple(cache.films[at].view for at in places), tuple(cache.films[at].group for at in places))


def _trained(films: Samples, drawings: list[Drawing], plan: GatePlan, on_step: OnStep) -> Gate:
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(np.random.SeedSequence(entropy=plan.seed, spawn_key=(2,)))
    net = Gate(len(POSES) + len(VIEWS), WIDTHS).train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.lr, weight_decay=0.05)
    schedule = one_cycle(optimiser, plan.steps)
    shown = _Deck(films, drawings)
    for step in range(plan.steps):
        drawn = [shown.draw(rng) for _ in range(plan.batch)]
        x = torch.from_numpy(np.stack([one[0] for one in drawn])[:, None]).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = net(x)
        optimiser.zero_grad()
        _loss(out.float(), torch.tensor([one[1] for one in drawn]), torch.tensor([one[2] for one in drawn])).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        on_step("Training the gate", step + 1, plan.steps)
    return net.eval()


def _loss(logits: Tensor, poses: Tensor, views: Tensor) -> Tensor:
    """Cross entropy of the pose, and of the view where it is known (not -1)."""
    count = len(POSES)
    value = functional.cross_entropy(logits[:, :count], poses, label_smoothing=0.02)
    known = views >= 0
    if bool(known.any()):
        value = value + 0.5 * functional.cross_entropy(logits[known][:, count:], views[known])
    return value


class _Deck:
    """What is shown to the gate: films of the data set, drawn films, and strangers."""

    def __init__(self, films: Samples, drawings: list[Drawing]) -> None:
        self.films = films
        self.drawn = [one for one in drawings if one.kind == "film"]
        self.strangers: dict[str, list[Drawing]] = {}
        for one in drawings:
            if one.kind != "film":
                self.strangers.setdefault(one.kind, []).append(one)
        self.kinds = sorted(self.strangers)

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], int, int]:
        """(pixels, pose, view or -1) of the next picture."""
        if rng.random() >= FILM_SHARE:
            own = self.strangers[self.kinds[int(rng.integers(len(self.kinds)))]]
            pixels = _whole(own[int(rng.integers(len(own)))].pixels)
            return varied(1 - pixels if rng.random() < 0.15 else pixels, rng), POSES.index("other"), -1
        at = int(rng.integers(len(self.films) + len(self.drawn)))
        if at < len(self.films):
            pixels, view = self.films.pixels_of(at), self.films.views[at]
        else:
            pixels, view = _whole(self.drawn[at - len(self.films)].pixels), self.drawn[at - len(self.films)].view
        pose = int(rng.choice(len(POSES), p=POSE_RATES))
        return varied(posed(pixels, POSES[pose], rng), rng), pose, VIEWS.index(view) if view and POSES[pose] == "film" else -1


def posed(pixels: NDArray[np.float32], pose: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """An upright film (square frame) in that pose, mirrored half of the time; as "other" its greys are inverted where it is exposed."""
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    if pose == "upside_down":
        return pixels[::-1]
    if pose == "on_its_side":
        return pixels.T if rng.random() < 0.5 else pixels.T[:, ::-1]
    if pose == "other":
        return np.where(pixels > 0, 1 - pixels, 0).astype(np.float32)
    return pixels


def varied(pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The picture as a scanner, a crop or a small turn might change it."""
    size = len(pixels)
    cut = rng.uniform(0, MOST_CROP, 4) * size * (rng.random() < CROPPED)
    frame = letterbox((cut[0], cut[1], size - cut[2], size - cut[3]), (size, size))
    angle, zoom = np.radians(rng.uniform(-MOST_TURN_DEG, MOST_TURN_DEG)), np.exp(rng.uniform(-0.1, 0.15))
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([size / 2, size / 2])
    linear = frame.to_source[:, :2] @ turn
    offset = frame.to_source @ np.append(middle, 1.0) - linear @ (middle + rng.uniform(-0.03, 0.03, 2) * size)
    out = affine_sample(np.ascontiguousarray(pixels), np.column_stack([linear, offset]), (size, size))
    return apply_photometry(out, plan_photometry(rng))


def _whole(pixels: NDArray[np.uint16]) -> NDArray[np.float32]:
    return pixels.astype(np.float32) * np.float32(1 / 65535)


def _asker(net: Gate) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Frames (n, size, size) to logits."""

    def ask(frames: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.concatenate([net(torch.from_numpy(part[:, None])).numpy() for part in np.array_split(frames, -(-len(frames) // 64))])

    return ask
