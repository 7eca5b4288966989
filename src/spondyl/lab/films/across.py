"""One training across several devices: how Lightning runs it, and what an error of another process was."""

from __future__ import annotations

import torch
from torch.multiprocessing.spawn import ProcessRaisedException

OUT_OF_MEMORY = f"{torch.OutOfMemoryError.__module__}.{torch.OutOfMemoryError.__qualname__}:"


def strategy(devices: int, some_idle: bool = False) -> str:
    """The strategy of so many devices, each in a process of its own; `some_idle` where some weights do not learn in every epoch."""
    if devices == 1:
        return "auto"
    return "ddp_spawn_find_unused_parameters_true" if some_idle else "ddp_spawn"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device had no memory left, here or in another process, of whose error only the traceback's text arrives."""
    if isinstance(error, ProcessRaisedException):
        return any(line.startswith(OUT_OF_MEMORY) for line in str(error).splitlines())
    return isinstance(error, torch.OutOfMemoryError)
