"""A bundle in a temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from inference.small_graphs import MANIFEST, small_network
from spondyl.inference import Bundle, write_bundle


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Bundle]:
    """Writes a bundle with two small networks; arguments replace fields of the manifest."""

    def write(folder: str = "mri-discs", **changes: object) -> Bundle:
        contents = {"card.md": b"# Card\n", "gate.onnx": small_network(1, 2).SerializeToString(),
                    "grader.onnx": small_network(2).SerializeToString()}
        return write_bundle(tmp_path / folder, replace(MANIFEST, **changes), contents)

    return write
