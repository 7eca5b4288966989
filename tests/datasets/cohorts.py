"""Small cohorts for the tests of the layouts: made once a session, by the writers that the tests are about, coarse enough to be quick."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from conftest import require_program
from spondyl.datasets import miniatures
from spondyl.datasets.cohort import draw_member
from spondyl.datasets.making import Order, Plan, Scale
from spondyl.datasets.making.order import make_order
from spondyl.datasets.making.views import built
from spondyl.phantom.measured import SubjectTruth, measure_subject
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.volume import Volume

SUBJECTS = 2
SMALL = Scale(fine_mm=2.0, trunk_mm=4.0, film_mm=1.6, slices=9, matrix_mm=1.5)
FLAT = "spider_pack"
"""The layout that needs no volume and is made in a blink."""


def small_seed() -> int:
    """A seed whose first subjects have small pictures, so that the tests are quick."""

    def size(seed: int) -> int:
        return sum(scan.rows * scan.columns for i in range(SUBJECTS) for scan in draw_member(seed, "train", i).scans.values())

    return min(range(40), key=size)


SEED = small_seed()


@pytest.fixture(scope="session")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> Cohorts:
    """A miniature in every layout, by its name."""
    return _cohorts(tmp_path_factory.getbasetemp() / "cohorts")


class Cohorts:
    """Miniatures by layout, each made when it is first asked for; nothing may be written into them."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __getitem__(self, layout: str) -> Path:
        folder = self._root / layout
        if not folder.is_dir():
            miniatures.make(layout, folder, SUBJECTS, SEED, profile=profile_of(layout), scale=SMALL)
        return folder

    def items(self) -> Iterator[tuple[str, Path]]:
        """Every layout with its miniature."""
        return ((layout, self[layout]) for layout in miniatures.LAYOUTS)


@cache
def _cohorts(root: Path) -> Cohorts:
    """Made once, although every module that imports the fixture has its own copy of it."""
    return Cohorts(root)


def profile_of(layout: str) -> str:
    """Sick people everywhere, so that there is something to label; whole spines where the layout wants them."""
    return {"aasce": "scoliosis", "aasce_pack": "scoliosis", "dxa": "dxa", "rsna2024": "rsna"}.get(layout, "uniform")


def order_of(layout: str) -> Order:
    """What the fixture's cohort was asked to be."""
    how = miniatures.layout_named(layout)
    return make_order(layout, SEED, miniatures.LAYOUTS, profile=profile_of(layout), scale=SMALL, pattern=how.pattern)


@cache
def plan_of(layout: str, index: int) -> Plan:
    """A subject of the fixture's cohort, drawn again."""
    return miniatures.layout_named(layout).draw(order_of(layout), index)


def rebuilt(layout: str, index: int) -> tuple[Volume, SubjectTruth]:
    """The same subject built and measured again."""
    return _rebuilt(plan_of(layout, index).spec, layout.startswith("aasce"))


@cache
def _rebuilt(spec: SubjectSpec, whole_spine: bool) -> tuple[Volume, SubjectTruth]:
    """Layouts share subjects."""
    volume = built(spec, SMALL, whole_spine)
    return volume, measure_subject(volume)


def contents(root: Path) -> dict[str, bytes]:
    """Every file under a folder, by its path."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def complaints(path: Path) -> list[str]:
    """What dciodvfy holds against a DICOM object."""
    done = subprocess.run([require_program("dciodvfy"), path], capture_output=True, text=True, check=False)
    return [line for line in (done.stderr + done.stdout).splitlines() if line.startswith("Error")]


Damage = Callable[[Path], None]
