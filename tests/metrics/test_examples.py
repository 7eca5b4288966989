"""Every example in a docstring of this room, and of what the engine is calibrated with, runs."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = (
    "metrics.agreement", "metrics.calibration", "metrics.detection", "metrics.discrimination", "metrics.intervals", "metrics.logistic",
    "metrics.thresholds",
    "inference.calibration", "inference.conformal",
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name):
    outcome = doctest.testmod(importlib.import_module(f"spondyl.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0
