"""What more subjects bring: one plan taught by the first n of them, for several n."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from spondyl.core import InputError
from spondyl.lab.films.fit import FitPlan, fit_member, load_member, taught_places
from spondyl.lab.films.heads import head_of
from spondyl.metrics import bootstrap_interval

if TYPE_CHECKING:
    from spondyl.lab.films.cache import FilmCache

OnStep = Callable[[str, int, int], None]
NOT_USED = "not used"
"""Split of the films that a smaller size leaves out."""
DRAWS = 200
BATCH = 32


def learning_curve(
    plan: FitPlan, cache: FilmCache, sizes: Sequence[int], folder: Path, on_step: OnStep = lambda *_: None
) -> tuple[Mapping[str, Any], ...]:
    """One row a size: subjects, films, and the figures on validation with intervals drawn over groups.

    The plan is the same for all, epochs included, so that small sizes also take fewer steps. Subjects are taken in one order that the
    plan's seed decides; a larger size holds all of a smaller one. Networks are kept in `folder`/<subjects>. `taught_on` of a row is
    "pieces" where that is what the networks learn on, and `films` counts those that they learn from.

    Args:
        plan: How each network is trained.
        cache: Films; validation is the same for all.
        sizes: How many groups (patients, studies) of train each network learns from.
        folder: Gets a folder a size.
        on_step: Progress.

    Raises:
        InputError: `curve-size` where train has fewer groups, and what `fit_member` raises.
    """
    groups = sorted({cache.films[place].group for place in cache.places("train")})
    wrong = [size for size in sizes if not 1 <= size <= len(groups)]
    if wrong:
        raise InputError("curve-size", f"train has {len(groups)} subjects, so that none can learn from {wrong[0]}",
                         f"Ask for 1 to {len(groups)} subjects")  # fmt: skip
    order = np.random.default_rng([plan.seed, 5]).permutation(len(groups))
    return tuple(_row(plan, cache, frozenset(groups[place] for place in order[:size]), folder, on_step) for size in sizes)


def _row(plan: FitPlan, cache: FilmCache, groups: frozenset[str], folder: Path, on_step: OnStep) -> Mapping[str, Any]:
    films = tuple(film if film.split != "train" or film.group in groups else replace(film, split=NOT_USED) for film in cache.films)
    part = replace(cache, films=films)
    net = load_member(fit_member(plan, part, folder / str(len(groups)), on_step))
    places = part.places("val")
    logits = _answers(net, cache.pixels, places)
    figures = _with_intervals(plan.task, logits, [films[place] for place in places], np.random.default_rng(plan.seed))
    return {"subjects": len(groups), "films": len(taught_places(part, plan)), "taught_on": "pieces" if plan.pieces else "films", **figures}


@torch.no_grad()
def _answers(net: torch.nn.Module, pixels: NDArray[np.uint16], places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Logits (films, K) of the films in these places."""
    parts = []
    for start in range(0, len(places), BATCH):
        films = torch.from_numpy(pixels[places[start : start + BATCH]].astype(np.float32))[:, None] / 65535
        parts.append(net(films)[0].double().numpy())
    return np.concatenate(parts)


def _with_intervals(task: str, logits: NDArray[np.float64], films: Sequence[Any], rng: np.random.Generator) -> dict[str, Any]:
    head, groups = head_of(task), [film.group for film in films]
    rows = {}
    for name in head.figures(logits, films):

        def figure(chosen: NDArray[np.int64], name: str = name) -> float:
            return head.figures(logits[chosen], [films[place] for place in chosen])[name]

        rows[name] = asdict(bootstrap_interval(figure, groups, np.arange(len(films)), rng=rng, draws=DRAWS))
    return rows
