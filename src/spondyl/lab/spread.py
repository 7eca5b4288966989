"""Work in several processes of one thread, and files that are either whole or not there."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

TICK_S = 2.0
KEEPS_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_TOP_PAD_": str(1 << 28)}
"""Settings of glibc's allocator under which a process keeps the memory it has used. A training step asks for the same tens of
megabytes again and again, and the system would zero them anew each time."""


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
        with _environment(KEEPS_MEMORY):
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


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Processes that begin inside have these in their environment, unless they are set already."""
    own = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            del os.environ[name]


def keep(file: Path, data: bytes) -> None:
    """Write a file so that it is whole or not there."""
    half_done = file.with_name(f"{file.name}.{os.getpid()}.part")
    half_done.write_bytes(data)
    half_done.replace(file)


def _one_thread() -> None:
    torch.set_num_threads(1)
