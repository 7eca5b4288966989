"""Small cohorts for the tests of the layouts: made once a session, by the writers that the tests are about."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from spondyl.datasets import miniatures
from spondyl.datasets.cohort import draw_member

SUBJECTS = 2


def small_seed() -> int:
    """A seed whose first subjects have small pictures, so that the tests are quick."""

    def size(seed: int) -> int:
        return sum(scan.rows * scan.columns for i in range(SUBJECTS) for scan in draw_member(seed, "train", i).scans.values())

    return min(range(40), key=size)


SEED = small_seed()


@pytest.fixture(scope="session")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A miniature in every layout, by its name."""
    return _made(tmp_path_factory.getbasetemp() / "cohorts")


@cache
def _made(root: Path) -> dict[str, Path]:
    """Made once, although every module that imports the fixture has its own copy of it."""
    for layout in miniatures.LAYOUTS:
        miniatures.make(layout, root / layout, SUBJECTS, SEED)
    return {layout: root / layout for layout in miniatures.LAYOUTS}
