from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from spondyl.inference import backends
from spondyl.inference.selfcheck import check_backends


class OffByOne:
    """A runtime that loads anything and is wrong."""

    name = "off by one"
    precisions = ("f32",)
    inputs: Mapping[str, tuple[int | None, ...]] = {}

    def load(self, model: bytes, precision: str, threads: int) -> OffByOne:
        return self

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        return {"y": np.ones((2, 8), np.float32)}


def test_every_runtime_here_gives_the_right_answer():
    assert check_backends() == dict.fromkeys(backends.BACKENDS)


def test_a_runtime_that_is_wrong_is_told_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(backends.BACKENDS, "openvino", OffByOne)
    found = check_backends()
    assert "wrong by" in (found["openvino"] or "")
    assert found["onnxruntime"] is None
