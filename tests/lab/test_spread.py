"""Work in several processes."""

from __future__ import annotations

import os
from pathlib import Path

from spondyl.lab.spread import KEEPS_MEMORY, spread


def note(file: Path) -> None:
    file.write_text(" ".join(os.environ.get(name, "-") for name in KEEPS_MEMORY))


def test_processes_keep_the_memory_they_got_and_this_one_stays_as_it_was(tmp_path: Path):
    before = dict(os.environ)
    calls = [(tmp_path / "a",), (tmp_path / "b",)]
    assert list(spread(2, note, calls))[-1] == 2
    assert {file.read_text() for (file,) in calls} == {" ".join(KEEPS_MEMORY.values())}
    assert dict(os.environ) == before
