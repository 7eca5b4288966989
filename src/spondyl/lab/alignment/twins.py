"""Films of a data set that are one exposure, shown twice: otherwise windowed, cropped or scaled, annotated anew, and under two groups.

    python -m spondyl.lab.alignment.twins --data DIR      the pairs, and how far their two sets of corners are apart

A network that has seen one has seen the other. Groups that share an exposure are of one patient, so films of such a group are not judged
where another fold holds the other (`unjudged`). And where both were annotated they say what the annotation itself is worth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.lab.alignment.cases import Case, prepared, read_cases
from spondyl.lab.alignment.fitted import widest
from spondyl.metrics.spine_curves import aasce_angles
from spondyl.tasks.xray_alignment.frames import close_frame, even, looked_at, widths

COARSE, COARSE_NEAR, WORTH_A_LOOK = (96, 48), 1 / 12, 0.5
"""Frame and evenness of a first comparison, and the correlation from which on there is a second."""
FINE, FINE_NEAR, ONE_EXPOSURE = (256, 128), 1 / 48, 0.45
"""Of the second one, in which ribs and end plates must fit; pairs of the AASCE pack were looked at."""
SHIFT = (12, 8)
"""Rows and columns by which two annotations may have placed one column differently."""
BY_EYE = (("aasce_229", "aasce_459"), ("aasce_009", "aasce_458"))
"""Pairs that a reader found and the correlation does not."""


def twins(cases: Sequence[Case]) -> list[tuple[int, int, float]]:
    """(place, place, correlation) of pairs that are one exposure or nearly so; those of BY_EYE have 1."""
    coarse = np.stack([_column(case, COARSE, COARSE_NEAR).ravel() for case in cases])
    spectra = np.stack([np.fft.rfft2(_column(case, FINE, FINE_NEAR), s=FINE) for case in cases])
    pairs = []
    for a, b in zip(*np.nonzero(np.triu(coarse @ coarse.T >= WORTH_A_LOOK, 1)), strict=True):
        alike = np.fft.irfft2(spectra[a] * np.conj(spectra[b]), s=FINE)
        alike = np.roll(alike, SHIFT, axis=(0, 1))[:2 * SHIFT[0], :2 * SHIFT[1]]
        if alike.max() >= ONE_EXPOSURE:
            pairs.append((int(a), int(b), float(alike.max())))
    place = {Path(case.name).stem: k for k, case in enumerate(cases)}
    return pairs + [(place[a], place[b], 1.0) for a, b in BY_EYE if a in place and b in place]


def unjudged(cases: Sequence[Case], folds: Sequence[int]) -> NDArray[np.bool_]:
    """(n,) whether a film is of a group that shares an exposure with a group of another fold."""
    fold_of = {case.group: fold for case, fold in zip(cases, folds, strict=True)}
    mixed = {group for a, b, _ in twins(cases) for group in (cases[a].group, cases[b].group)
             if fold_of[cases[a].group] != fold_of[cases[b].group]}
    return np.array([case.group in mixed for case in cases])


def _column(case: Case, shape: tuple[int, int], near: float) -> NDArray[np.float32]:
    """The column with its greys made even, mean 0, length 1."""
    picture = even(looked_at(prepared(case), close_frame(case.corners, shape)), near)
    picture = picture - picture.mean()
    return np.asarray(picture / max(float(np.linalg.norm(picture)), 1e-9), np.float32)


def annotated_twice(cases: Sequence[Case]) -> list[tuple[Case, Case]]:
    """Pairs of two groups that are each other's best match: one film with two annotations."""
    pairs = [(a, b, alike) for a, b, alike in twins(cases) if cases[a].group != cases[b].group]
    best: dict[int, tuple[float, int]] = {}
    for a, b, alike in pairs:
        best[a], best[b] = max(best.get(a, (0.0, -1)), (alike, b)), max(best.get(b, (0.0, -1)), (alike, a))
    return [(cases[a], cases[b]) for a, b, _ in pairs if best[a][1] == b and best[b][1] == a]


def corners_apart(one: Case, other: Case) -> NDArray[np.float64]:
    """(n, 4) distances of two sets of corners in widths of a vertebra, once the one film is laid over the other (least squares, turned,
    scaled and moved as a whole)."""
    first, second = (case.corners.reshape(-1, 2) @ np.array([1, 1j]) for case in (one, other))
    design = np.stack([first, np.ones_like(first)], axis=1)
    scale = np.linalg.lstsq(design, second, rcond=None)[0]
    gaps = np.abs(design @ scale - second).reshape(-1, 4)
    return np.asarray(gaps / widths(other.corners)[:, None])


def main() -> None:
    """Print the pairs of different groups, and what they say of the annotation."""
    parser = argparse.ArgumentParser(prog="python -m spondyl.lab.alignment.twins", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--layout", default="aasce_pack")
    options = parser.parse_args()
    pairs = annotated_twice(read_cases(options.layout, options.data, lambda *_: None))
    if not pairs:
        print("no film is there twice")
        return
    print(f"{len(pairs)} films are there twice, in two groups and with two sets of corners:")
    print(", ".join(f"{Path(one.name).stem}/{Path(other.name).stem}" for one, other in pairs))
    gaps = np.concatenate([corners_apart(one, other).ravel() for one, other in pairs if len(one.corners) == len(other.corners)])
    print(f"corners by two annotations: {100 * np.median(gaps):.1f} % of the width apart in the median")
    angles: dict[str, Callable[[Case], float]] = {"mid-line": lambda case: aasce_angles(case.corners, case.pixels.shape[0])[0],
                                                  "end-plate Cobb": lambda case: widest(case.corners)}
    for words, angle in angles.items():
        gaps = np.array([abs(angle(one) - angle(other)) for one, other in pairs])
        print(f"largest {words} angle by two annotations: {gaps.mean():.1f} degrees apart on average, {gaps.max():.1f} at most")


if __name__ == "__main__":
    main()
