"""How fast batches are prepared, with nothing learnt from them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import DataLoader

from spondyl.lab.films.augment import Augment
from spondyl.lab.films.batches import FilmBatches, lesson_of
from spondyl.lab.films.heads import head_of

if TYPE_CHECKING:
    from spondyl.lab.films.cache import FilmCache


def loader_rate(cache: FilmCache, films: int = 2000, *, task: str = "xray-lesions", loaders: int = 2, batch: int = 32) -> float:
    """Films a second that leave the cache changed and taught place by place, as training takes them.

    Args:
        cache: Films of any split.
        films: So many are asked for, over and over where the cache holds fewer; the first batches are not counted.
        task: What they are taught.
        loaders: Processes of one thread that prepare them; 0 does it here, with torch's threads.
        batch: Films a batch.
    """
    head = head_of(task, place_weight=1.0)
    order = np.arange(films + batch * max(1, 2 * loaders)) % len(cache.films)
    cells = cache.frame.rows // 16, cache.frame.columns // 16
    batches = FilmBatches(lesson_of(cache, head), head, order, batch, cells, Augment())
    warm = max(1, 2 * loaders)
    began, seen = 0.0, 0
    for number, one in enumerate(DataLoader(batches, batch_size=None, num_workers=loaders, worker_init_fn=_one_thread)):
        if number == warm:
            began = time.perf_counter()
        seen += len(one.films) if number >= warm else 0
    first = batch  # the batch after which the clock began was on its way already
    return (seen - first) / (time.perf_counter() - began)


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
