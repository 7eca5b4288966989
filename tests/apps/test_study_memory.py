"""Memory that is bounded, and given back."""

from __future__ import annotations

import numpy as np

from spondyl.apps.study_memory import StudyMemory
from spondyl.core import Image, Series, Study


def study(key: str, rows: int) -> Study:
    """A study of `rows` kB."""
    return Study(key, (Series(key, "MR", (Image(f"{rows:032d}", np.full((rows, 256), 0.5, np.float32)),)),))


def test_the_oldest_go_when_the_budget_is_passed():
    memory = StudyMemory(4 * 1024)
    for key in "abc":
        memory.put(study(key, 2), [key])
    assert [memory.get(key, [key]) is not None for key in "abc"] == [False, True, True]


def test_a_study_too_large_to_hold_pushes_nothing_out():
    memory = StudyMemory(4 * 1024)
    memory.put(study("a", 2), ["a"])
    memory.put(study("b", 5), ["b"])
    assert memory.get("a", ["a"]) is not None
    assert memory.get("b", ["b"]) is None


def test_a_study_stands_for_just_the_files_it_was_read_from():
    memory = StudyMemory(4 * 1024)
    memory.put(study("a", 1), ["x", "y"])
    assert memory.get("a", ["y", "x"]) is not None
    assert memory.get("a", ["x"]) is None


def test_what_was_analysed_is_forgotten():
    memory = StudyMemory(4 * 1024)
    memory.put(study("a", 1), ["a"])
    memory.drop("a")
    memory.drop("a")
    assert memory.get("a", ["a"]) is None
