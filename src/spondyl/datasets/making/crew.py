"""The processes that make subjects: as many as were asked for, each with one thread, gone when the run ends or is stopped."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import TypeVar

from spondyl.core.errors import InputError

J = TypeVar("J")
T = TypeVar("T")
MAX_WORKERS = 64
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def work_through(jobs: Sequence[J], work: Callable[[J], T], workers: int) -> Generator[T, None, None]:
    """What `work` answers for each job, as they are done. `work` must be a picklable function of no state.

    One worker is this process itself. Ctrl-C and SIGTERM end all of them at once (KeyboardInterrupt).

    Raises:
        InputError: `workers-out-of-range`, or `worker-lost` where the system ended one.
    """
    if not 1 <= workers <= MAX_WORKERS:
        raise InputError("workers-out-of-range", f"{workers} workers were asked for", f"Ask for 1 to {MAX_WORKERS}")
    with _stopped_by_sigterm():
        if min(workers, len(jobs)) <= 1:
            yield from map(work, jobs)
        else:
            yield from _together(jobs, work, min(workers, len(jobs)))


def _together(jobs: Sequence[J], work: Callable[[J], T], workers: int) -> Iterator[T]:
    others = set(multiprocessing.active_children())
    with _single_threaded(), ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _settle) as pool:
        try:
            waiting: set[Future[T]] = set()
            rest = iter(jobs)
            while True:
                for job in rest:
                    waiting.add(pool.submit(work, job))
                    if len(waiting) >= 2 * workers:
                        break
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from [future.result() for future in done]
        except BrokenProcessPool:
            raise InputError("worker-lost", f"one of {workers} worker processes was ended by the system, most likely for want of memory",
                             "Run it again with --resume and fewer --workers (each takes up to 1 GB)") from None
        except BaseException:
            _end(set(multiprocessing.active_children()) - others)
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end(processes: set[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(10)


def _settle() -> None:
    """In a new worker: Ctrl-C is the parent's to handle, and no worker outlives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes that start meanwhile calculate with one thread each."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """While inside, SIGTERM stops as Ctrl-C does. Signals belong to the main thread; elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
