"""Work in several processes of one thread, and files that are either whole or not there."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import torch

TICK_S = 2.0


def spread(jobs: int, work: Callable[..., object], calls: Sequence[tuple[Any, ...]], tick: Callable[[], None] = lambda: None
           ) -> Iterator[int]:  # fmt: skip
    """Do the calls in that many processes of one thread, or here where it is one; yields how many are finished.

    The first failure stops it: calls that have begun are waited for, the others never begin.

    Args:
        jobs: How many processes.
        work: A function of a module.
        calls: Its arguments.
        tick: Called every TICK_S seconds while processes work.
    """
    if jobs == 1:
        for done, call in enumerate(calls, start=1):
            work(*call)
            yield done
        return
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _one_thread)
    try:
        running = {pool.submit(work, *call) for call in calls}
        while running:
            finished, running = wait(running, TICK_S, FIRST_COMPLETED)
            for job in finished:
                job.result()
            tick()
            if finished:
                yield len(calls) - len(running)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def keep(file: Path, data: bytes) -> None:
    """Write a file so that it is whole or not there."""
    half_done = file.with_name(f"{file.name}.{os.getpid()}.part")
    half_done.write_bytes(data)
    half_done.replace(file)


def _one_thread() -> None:
    torch.set_num_threads(1)
