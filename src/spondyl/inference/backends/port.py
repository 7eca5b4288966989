"""What a runtime must be able to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Network(Protocol):
    """One compiled graph. Calls must not overlap: the engine sees to it."""

    @property
    def inputs(self) -> Mapping[str, tuple[int | None, ...]]:
        """Input name -> shape, None where any size is taken."""

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name, in memory of their own."""


class Backend(Protocol):
    """A runtime on this machine."""

    @property
    def name(self) -> str:
        """With version, e.g. "openvino 2026.4"."""

    @property
    def precisions(self) -> tuple[str, ...]:
        """Arithmetic that this runtime does on this processor at full speed; "f32" is always among them."""

    def load(self, model: bytes, precision: str, threads: int) -> Network:
        """Compile an ONNX graph for exactly this precision and number of threads.

        Raises:
            BundleError: If the runtime cannot read or compile it.
        """
