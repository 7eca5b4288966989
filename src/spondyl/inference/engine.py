"""The only place that runs networks: one bundle, one backend, one precision rule."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from spondyl import __version__
from spondyl.core import BundleError, InputError
from spondyl.core.errors import describe_unknown
from spondyl.inference.backends import Backend, Network, open_backend
from spondyl.inference.bundle import Bundle
from spondyl.inference.manifest import PRECISIONS

LARGEST_BATCH = 32
"""Larger batches are cut, so that memory stays bounded; a result does not depend on its neighbours."""

Arrays = Mapping[str, NDArray[np.float32]]


class Engine:
    """Runs the networks of one bundle. Safe to share between threads; calls of one network wait for each other.

    Networks are compiled at their first use and kept.
    """

    def __init__(self, bundle: Bundle, backend: Backend, precision: str = "auto", threads: int = 0) -> None:
        """Open a bundle on a runtime.

        Args:
            precision: "f32", "bf16", or "auto" for the fastest that the processor has and the network allows. A network
                whose parity check did not pass in bf16, or a processor without it, gets f32 whatever is asked.
            threads: 0 for every core this process may use.

        Raises:
            InputError: If there is no such precision.
        """
        if precision not in ("auto", *PRECISIONS):
            raise InputError("unknown-precision", describe_unknown("precision", precision, ["auto", *PRECISIONS]))
        self.bundle = bundle
        self._backend = backend
        self._threads = threads or available_cores()
        self._precisions = {name: _choose(precision, file.precisions, backend.precisions) for name, file in bundle.networks.items()}
        self._slots: dict[str, _Slot] = {name: _Slot() for name in bundle.networks}
        self.software: dict[str, str] = {
            "spondyl": __version__,
            "backend": backend.name,
            "precision": "+".join(sorted(set(self._precisions.values()))),
            "cpu": cpu_model(),
        }

    def precision(self, network: str) -> str:
        """The arithmetic this network runs in here.

        Raises:
            NotFoundError: If the bundle has no such network.
        """
        self.bundle.network(network)
        return self._precisions[network]

    def warm(self) -> None:
        """Compile every network now rather than at its first use."""
        for name in self.bundle.networks:
            with self._slots[name].lock:
                self._compiled(name)

    def run(self, network: str, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        """Outputs of one network, by name.

        Args:
            network: Its name in the bundle.
            inputs: One array for each input of the graph, the same first axis (the batch, any length, also none).

        Raises:
            NotFoundError: If the bundle has no such network.
            BundleError: If the inputs are not those of the graph, or the graph cannot be compiled.
        """
        self.bundle.network(network)
        slot = self._slots[network]
        with slot.lock:
            compiled = self._compiled(network)
            arrays = {name: np.ascontiguousarray(values, np.float32) for name, values in inputs.items()}
            count = _batch_size(network, compiled.inputs, arrays)
            if count == 0:
                one = {name: np.zeros((1, *values.shape[1:]), np.float32) for name, values in arrays.items()}
                return {name: values[:0] for name, values in compiled.run(one).items()}
            return _in_pieces(compiled, arrays, count)

    def _compiled(self, name: str) -> Network:
        slot = self._slots[name]
        if slot.network is None:
            data = self.bundle.read(self.bundle.networks[name].file)
            slot.network = self._backend.load(data, self._precisions[name], self._threads)
        return slot.network


class _Slot:
    """A network once it is compiled, and the lock that its callers hold."""

    __slots__ = ("lock", "network")

    def __init__(self) -> None:
        self.lock = Lock()
        self.network: Network | None = None


def open_engine(bundle: Bundle, backend: str = "auto", precision: str = "auto", threads: int = 0) -> Engine:
    """An engine for a bundle on the runtime of that name.

    Raises:
        InputError: If the runtime or precision is unknown or its library missing.
    """
    return Engine(bundle, open_backend(backend), precision, threads)


def available_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    """The processor's name, as result.json gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _choose(asked: str, allowed: tuple[str, ...], able: tuple[str, ...]) -> str:
    wants_bf16 = asked in ("auto", "bf16")
    return "bf16" if wants_bf16 and "bf16" in allowed and "bf16" in able else "f32"


def _batch_size(network: str, wanted: Mapping[str, tuple[int | None, ...]], given: Arrays) -> int:
    """Length of the batch, once the names and shapes agree with the graph."""
    if set(wanted) != set(given):
        raise BundleError("network-inputs", f"network {network!r} takes {sorted(wanted)}, got {sorted(given)}", "Use the task's own bundle")
    for name, shape in wanted.items():
        seen = given[name].shape
        if len(seen) != len(shape) or any(want not in (None, have) for want, have in zip(shape[1:], seen[1:], strict=True)):
            raise BundleError("network-inputs", f"input {name!r} of {network!r} has shape {shape}, got {seen}", "Use the task's own bundle")
    counts = {len(values) for values in given.values()}
    if len(counts) != 1:
        raise BundleError("network-inputs", f"the inputs of {network!r} have batches of {sorted(counts)}", "Give them the same length")
    return counts.pop()


def _in_pieces(network: Network, arrays: Arrays, count: int) -> dict[str, NDArray[np.float32]]:
    """Run in batches of at most LARGEST_BATCH and join the outputs along the first axis."""
    if count <= LARGEST_BATCH:
        return network.run(arrays)
    starts = range(0, count, LARGEST_BATCH)
    pieces = [network.run({name: values[i : i + LARGEST_BATCH] for name, values in arrays.items()}) for i in starts]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
