"""What the formulas of angles make of noise in the corners: the baseline beside every figure of a detector.

    python -m spondyl.lab.alignment.noise --data DIR [--seed N]     a Markdown table; DIR is the frontal pack
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.datasets import sources
from spondyl.datasets.film_records import CornerFilm
from spondyl.lab.alignment.cases import BROKEN
from spondyl.metrics.spine_curves import aasce_angles, cobb_angles, smoothed, smoothed_plates

ERRORS = (0.02, 0.03, 0.04, 0.06)
STRENGTHS = (0.0, 0.05, 0.1, 0.5)
MEDIAN = 1.1774
"""Median length of a two-dimensional Gaussian step in units of its standard deviation."""


@dataclass(frozen=True, slots=True)
class Row:
    """One corner error and one strength of smoothing: mean absolute error and bias of both largest angles, degrees."""

    error: float
    strength: float
    mid_line: tuple[float, float]
    cobb: tuple[float, float]


def noise_table(films: Sequence[CornerFilm], seed: int = 0) -> list[Row]:
    """Largest angles of jittered corners against those of the corners themselves.

    Each corner moves by a Gaussian step whose median length is `error` times the film's mean vertebra width; every row has the same steps.
    """
    true = [(aasce_angles(film.corners, film.shape[0])[0], _largest(film.corners)) for film in films]
    rows = []
    for error in ERRORS:
        rng = np.random.default_rng(seed)
        moved = [film.corners + rng.normal(0, error * _width(film) / MEDIAN, film.corners.shape) for film in films]
        for strength in STRENGTHS:
            plain = [smoothed(corners, strength) for corners in moved]
            gaps = np.array([(aasce_angles(corners, film.shape[0])[0] - mid, _largest(corners) - cobb)
                             for corners, film, (mid, cobb) in zip(plain, films, true, strict=True)])
            pairs = [(float(np.abs(gap).mean()), float(gap.mean())) for gap in gaps.T]
            rows.append(Row(error, strength, pairs[0], pairs[1]))
    return rows


def baseline(films: Sequence[tuple[NDArray[np.float64], int]], error: float, strengths: Mapping[str, float], seed: int) -> dict[str, Any]:
    """What the formulas alone make of true corners moved by that median error, with the smoothing that ships.

    Args:
        films: (corners, rows) of each.
        error: In widths of a vertebra.
        strengths: `mid_strength` and `plate_strength`.
    """
    rng = np.random.default_rng(seed)
    gaps = []
    for corners, rows in films:
        width = float(np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1).mean())
        moved = corners + rng.normal(0, error * width / MEDIAN, corners.shape)
        gaps.append((aasce_angles(smoothed(moved, strengths["mid_strength"]), rows)[0] - aasce_angles(corners, rows)[0],
                     _largest(smoothed_plates(moved, strengths["plate_strength"])) - _largest(corners)))
    table = np.array(gaps)
    return {"error": error, **{name: {"mean_absolute_error": float(np.abs(gap).mean()), "bias": float(gap.mean())}
                               for name, gap in zip(("mid_line", "cobb"), table.T, strict=True)}}


def _width(film: CornerFilm) -> float:
    return float(np.linalg.norm(film.corners[:, 1] - film.corners[:, 0], axis=1).mean())


def _largest(corners: NDArray[np.float64]) -> float:
    return max((curve.angle_deg for curve in cobb_angles(corners)), default=0.0)


def markdown(rows: Sequence[Row]) -> str:
    """The table."""
    lines = ["| corner error | smoothing | mid-line: mean absolute error / bias | end-plate Cobb: mean absolute error / bias |",
             "|---|---|---|---|"]
    lines += [f"| {100 * row.error:.0f} % | {row.strength:g} | {row.mid_line[0]:.1f} / {row.mid_line[1]:+.1f} | "
              f"{row.cobb[0]:.1f} / {row.cobb[1]:+.1f} |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    """Print the table of a data set."""
    parser = argparse.ArgumentParser(prog="python -m spondyl.lab.alignment.noise", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--layout", default="aasce_pack")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    films = [film for film in sources.open_as(CornerFilm, options.layout, options.data) if Path(film.image).stem not in BROKEN]
    print(f"{len(films)} films of {len({film.group for film in films})} groups\n\n{markdown(noise_table(films, options.seed))}")


if __name__ == "__main__":
    main()
