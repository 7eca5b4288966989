"""Folds of patients: fixed, even, balanced, and never through a patient."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.conftest import Tiny
from spondyl.core import InputError
from spondyl.lab.folds import patient_folds
from spondyl.lab.mri_discs.data import read_cohort


@given(st.integers(0, 2**31), st.integers(10, 80), st.integers(2, 6), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_folds_are_fixed_by_patients_and_seed_and_hold_as_many_and_as_ill_people_each(seed: int, count: int, folds: int, choice: int):
    rng = np.random.default_rng(seed)
    burden = {f"p{i}": float(rng.integers(1, 6)) for i in range(count)}
    table = patient_folds(burden, folds, choice)
    shuffled = {name: burden[name] for name in rng.permutation(list(burden)).tolist()}
    assert patient_folds(shuffled, folds, choice) == table
    assert set(table) == set(burden)
    sizes = Counter(table.values())
    assert set(sizes) <= set(range(folds))
    assert max(sizes.values()) - min(sizes.get(k, 0) for k in range(folds)) <= 1
    if count >= 10 * folds:
        means = [np.mean([burden[p] for p in table if table[p] == k]) for k in range(folds)]
        assert max(means) - min(means) < 0.5


def test_another_seed_deals_another_hand():
    burden = {f"p{i}": 0.0 for i in range(40)}
    assert patient_folds(burden, 5, 0) != patient_folds(burden, 5, 1)


def test_both_slices_of_a_patient_are_in_one_fold(tiny: Tiny):
    cohort = tiny.cohort
    by_patient: dict[str, set[int]] = {}
    for index, slice_ in enumerate(cohort.slices):
        by_patient.setdefault(slice_.patient, set()).add(cohort.fold(index))
    assert len(by_patient) == 9
    assert all(len(folds) == 1 for folds in by_patient.values())
    assert Counter(next(iter(folds)) for folds in by_patient.values()) == {0: 3, 1: 3, 2: 3}


def test_more_folds_than_patients_are_refused(tiny: Tiny):
    with pytest.raises(InputError, match="9 graded patients were found, 10 folds"):
        read_cohort("spider_pack", tiny.data, 10, 0)
