"""Work in several processes of one thread, and files that are either whole or not there."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch


def spread(jobs: int, work: Callable[..., object], calls: Sequence[tuple[Any, ...]]) -> Iterator[int]:
    """Do the calls in that many processes of one thread, or here where it is one; yields how many are finished."""
    if jobs == 1:
        for done, call in enumerate(calls, start=1):
            work(*call)
            yield done
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _one_thread) as pool:
        running = [pool.submit(work, *call) for call in calls]
        for done, job in enumerate(as_completed(running), start=1):
            job.result()
            yield done


def keep(file: Path, data: bytes) -> None:
    """Write a file so that it is whole or not there."""
    half_done = file.with_name(f"{file.name}.{os.getpid()}.part")
    half_done.write_bytes(data)
    half_done.replace(file)


def _one_thread() -> None:
    torch.set_num_threads(1)
