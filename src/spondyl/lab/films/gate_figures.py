"""What a gate for films refuses wrongly and what it lets in, with intervals: in-silico where the pictures are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.inference.calibration import softmax
from spondyl.lab.films.strangers import Drawing
from spondyl.metrics import Interval, share_interval
from spondyl.tasks.films.gate import POSES, VIEWS

Ask = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Frames (n, rows, columns), 0..1, to logits (n, poses + views)."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Some films of a cache.

    Attributes:
        pixels: uint16, all films of the cache.
        places: Which of them.
        views, groups: Of each of these; the view may be None.
    """

    pixels: NDArray[np.uint16]
    places: NDArray[np.intp]
    views: tuple[str | None, ...]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.places)

    def pixels_of(self, at: int) -> NDArray[np.float32]:
        """One film, 0..1."""
        return np.asarray(self.pixels[self.places[at]] * np.float32(1 / 65535), np.float32)

    def all(self) -> NDArray[np.float32]:
        """All of them, (n, rows, columns)."""
        return np.asarray(self.pixels[self.places] * np.float32(1 / 65535), np.float32)


def figures_of(ask: Ask, films: Samples, strangers: Sequence[Drawing], least: float) -> dict[str, Any]:
    """Shares with 95 % intervals.

    Returns:
        `false_refusals` of upright films, `let_in` by pose (turned films and inverted ones that pass), `named_rightly` (the pose that is
        said of them), `views` (right views of films that pass), `wrong_acceptances` by kind of stranger and of all. None where nothing
        was there to judge.
    """
    table: dict[str, Any] = {"least": least, "films": len(films), **_of_films(ask, films, least)}
    kinds = sorted({one.kind for one in strangers} - {"film"})
    accepted: dict[str, NDArray[np.bool_]] = {}
    for kind in kinds:
        frames = np.stack([one.pixels for one in strangers if one.kind == kind]).astype(np.float32) / np.float32(65535)
        accepted[kind] = poses_of(ask(frames))[:, POSES.index("film")] >= least
    everything = np.concatenate([accepted[kind] for kind in kinds]) if kinds else np.zeros(0, bool)
    by_kind = {kind: {"shown": len(seen), "accepted": int(seen.sum())} for kind, seen in accepted.items()}
    table["wrong_acceptances"] = {"all": share(everything, np.arange(len(everything))), "kinds": by_kind}
    return table


def _of_films(ask: Ask, films: Samples, least: float) -> dict[str, Any]:
    if not len(films):
        return {"false_refusals": None, "let_in": None, "named_rightly": None, "views": None}
    upright, groups = films.all(), np.array(films.groups)
    shown = {
        "upside_down": [upright[:, ::-1, ::-1], upright[:, ::-1]],
        "on_its_side": [upright.transpose(0, 2, 1), upright.transpose(0, 2, 1)[:, :, ::-1]],
        "inverted": [np.where(upright > 0, 1 - upright, 0).astype(np.float32)],
    }
    logits = ask(upright)
    passed = poses_of(logits)[:, POSES.index("film")] >= least
    let_in, named = {}, {}
    for pose, ways in shown.items():
        said = np.concatenate([poses_of(ask(np.ascontiguousarray(way))) for way in ways])
        let_in[pose] = share(said[:, POSES.index("film")] >= least, np.tile(groups, len(ways)))
        if pose in POSES:
            named[pose] = share(said.argmax(axis=1) == POSES.index(pose), np.tile(groups, len(ways)))
    return {"false_refusals": share(~passed, groups), "let_in": let_in, "named_rightly": named, "views": _views(logits, passed, films)}


def _views(logits: NDArray[np.float32], passed: NDArray[np.bool_], films: Samples) -> dict[str, float] | None:
    known = np.array([view in VIEWS for view in films.views]) & passed
    if not known.any():
        return None
    truth = np.array([VIEWS.index(view) if view in VIEWS else -1 for view in films.views])
    said = logits[:, len(POSES):].argmax(axis=1)
    return share(said[known] == truth[known], np.array(films.groups)[known])


def poses_of(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities of each pose, (n, poses)."""
    return softmax(logits[:, :len(POSES)])


def share(happened: NDArray[np.bool_], units: NDArray[Any]) -> dict[str, float] | None:
    """A share with its interval as JSON holds it, or None of nothing."""
    return as_figure(share_interval(happened, units)) if len(happened) else None


def as_figure(interval: Interval) -> dict[str, float]:
    """An interval as JSON holds it."""
    return {"estimate": round(interval.estimate, 5), "low": round(interval.low, 5), "high": round(interval.high, 5)}
