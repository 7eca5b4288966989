"""What formulas of angles make of noise: nothing without noise, more with more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spondyl.datasets.film_records import CornerFilm
from spondyl.lab.alignment import noise


def film(number: int) -> CornerFilm:
    """A curved spine of seventeen boxes."""
    rng = np.random.default_rng(number)
    tilts = np.radians(rng.uniform(8, 20) * np.sin(np.arange(17) / rng.uniform(2, 3)))
    box = np.array([[-45.0, -22.0], [45.0, -22.0], [-45.0, 22.0], [45.0, 22.0]])
    corners = [box @ np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]]) + [240.0, 80.0 + 65 * k] for k, t in enumerate(tilts)]
    return CornerFilm(None, f"film_{number}.jpg", str(number), np.array(corners), (0.0, 0.0, 0.0), (1280, 480), Path("none"))


def test_more_noise_means_more_error_and_a_wider_angle(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(noise, "ERRORS", (0.0001, 0.02, 0.06))
    rows = {(row.error, row.strength): row for row in noise.noise_table([film(k) for k in range(12)])}
    quiet = rows[0.0001, 0.0]
    assert max(*map(abs, quiet.mid_line), *map(abs, quiet.cobb)) < 0.1
    assert quiet.mid_line[0] < rows[0.02, 0.0].mid_line[0] < rows[0.06, 0.0].mid_line[0]
    assert rows[0.06, 0.0].mid_line[1] > 0.5
    assert rows[0.06, 0.1].mid_line[1] < rows[0.06, 0.0].mid_line[1]
    assert noise.markdown(list(rows.values())).count("\n") == len(rows) + 1
