"""Patient folds: fixed by the patients and a seed, balanced by a number that each patient has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def patient_folds(burden: Mapping[str, float], folds: int = 5, seed: int = 0) -> dict[str, int]:
    """Fold of each patient, so that every fold has patients of low and high `burden` alike.

    Patients are sorted by burden (ties by a seeded shuffle) and dealt out in groups of `folds`, each group in a random order.

    Args:
        burden: By patient, e.g. the mean Pfirrmann grade.
        folds: Number of folds.
        seed: Decides ties and the order inside a group.
    """
    rng = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(folds,)))
    names = sorted(burden)
    order = [names[i] for i in rng.permutation(len(names))]
    order.sort(key=lambda name: burden[name])
    table: dict[str, int] = {}
    for start in range(0, len(order), folds):
        for name, fold in zip(order[start : start + folds], rng.permutation(folds), strict=False):
            table[name] = int(fold)
    return table
