"""The digital spine's chance: drawn first, kept as JSON, replayed exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.core import NotFoundError
from spondyl.phantom import PROFILES, Acquisition, acquisition_from_json, draw_acquisition, draw_subject, subject_from_json
from spondyl.phantom.draw import Profile, profile_named

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from(sorted(PROFILES)))
def test_a_subject_survives_json(seed: int, profile: str):
    spec = draw_subject(np.random.default_rng(seed), profile)
    assert subject_from_json(spec.to_json()) == spec


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from(["t1", "t2", "t2_space", "stir"]), st.sampled_from(["none", "above_sacrum", "few"]))
def test_an_acquisition_survives_json(seed: int, sequence: str, crop: str):
    scan = draw_acquisition(np.random.default_rng(seed), sequence, crop)
    assert acquisition_from_json(scan.to_json()) == scan
    assert scan.sequence == sequence


def test_the_same_generator_draws_the_same_subject_and_another_one_does_not():
    first, again, other = (draw_subject(np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_transitional_anatomy_comes_at_the_profile_s_rates():
    rng = np.random.default_rng(0)
    counts = [draw_subject(rng, Profile("half", four_lumbar=0.25, six_lumbar=0.25)).lumbar for _ in range(400)]
    assert counts.count(4) == pytest.approx(100, abs=35)
    assert counts.count(6) == pytest.approx(100, abs=35)


def test_healthy_people_have_younger_discs_than_patients():
    rng = np.random.default_rng(1)
    mean = {name: np.mean([disc.nucleus_t2_ms for _ in range(60) for disc in draw_subject(rng, name).discs[:6]]) for name in PROFILES}
    assert mean["healthy"] > mean["symptomatic"] + 20


def test_a_misspelt_profile_is_told_the_right_one():
    with pytest.raises(NotFoundError, match="Did you mean 'healthy'"):
        profile_named("helthy")


def test_an_acquisition_that_cannot_be_taken_is_not_made():
    with pytest.raises(ValueError, match="sagittal sequence"):
        Acquisition(sequence="axial_t2")
    with pytest.raises(ValueError, match="too small"):
        Acquisition(rows=4)
