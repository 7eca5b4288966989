"""What every test may lean on: where optional things lie, and when their absence is a failure."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch is not loaded yet; its threads beside the runtimes' have crashed in backward passes

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
"""Data packs of real patients, beside the repository where a developer has them; never in it."""


def require(kind: str, present: bool, what: str) -> None:
    """Skip the test where `what` is absent, or fail it if SPONDYL_REQUIRE lists this kind ("packages", "data").

    So a machine that installed the packages, or was given the data, cannot pass by skipping.
    """
    if present:
        return
    if kind in os.environ.get("SPONDYL_REQUIRE", "").replace(",", " ").split():
        pytest.fail(f"SPONDYL_REQUIRE lists {kind!r}, but {what} is not here")
    pytest.skip(f"{what} is not here ({kind})")


def require_program(name: str) -> str:
    """Path of a program from a Debian package; skips or fails by the rule of `require`."""
    found = shutil.which(name)
    require("packages", found is not None, f"the program {name}")
    assert found is not None
    return found


def require_data(name: str) -> Path:
    """Folder of a data pack ("spider", "aasce"); skips or fails by the rule of `require`."""
    folder = DATA / name
    require("data", folder.is_dir(), f"the data pack {name}")
    return folder
