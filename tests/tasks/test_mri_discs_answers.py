"""From logits to what is said: probabilities add up, sets are contiguous, the value is in its set, and `refer` follows the cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.core import term
from spondyl.tasks.mri_discs.answers import GRADE, OUTPUTS, QUESTIONS, answer, calibrated, columns_of, decide, mean_logits

FEW = settings(max_examples=80, deadline=None)
PLAIN = {q: {"slope": 1.0, "offset": 0.0} for q in QUESTIONS[1:]} | {GRADE: {"temperature": 1.0}}
quantiles = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
questions = st.sampled_from(QUESTIONS)


@st.composite
def views(draw: st.DrawFn) -> dict:
    """Settings of one view, as a bundle might hold them."""
    return {
        "calibration": {q: {"slope": draw(st.floats(0.1, 3)), "offset": draw(st.floats(-2, 2))} for q in QUESTIONS[1:]}
        | {GRADE: {"temperature": draw(st.floats(0.3, 5)), "offsets": draw(st.lists(st.floats(-1, 1), min_size=5, max_size=5))}},
        "thresholds": {q: draw(st.floats(0.15, 0.5)) for q in QUESTIONS[1:]},
        "sets": {q: [draw(quantiles) for _ in range(len(term(q).keys))] for q in QUESTIONS},
    }


@given(views(), questions, st.integers(0, 2**31))
@FEW
def test_every_answer_is_one_that_a_reader_can_trust_to_fit_together(own: dict, question: str, seed: int):
    logits = np.random.default_rng(seed).normal(0, 3, (1, OUTPUTS)).astype(np.float32)
    probabilities = calibrated(logits, question, own["calibration"])[0]
    words = term(question)
    said = answer(probabilities, question, own)
    assert said.probabilities is not None
    assert tuple(said.probabilities) == words.keys
    assert sum(said.probabilities.values()) == pytest.approx(1)
    assert min(said.probabilities.values()) >= 0
    places = [words.keys.index(str(value)) for value in said.set]
    assert places == list(range(min(places), max(places) + 1))
    assert said.value in said.set
    assert words.value_of(words.keys[int(np.argmax(probabilities))]) in said.set
    assert said.refer == words.spans_cut([str(value) for value in said.set])


def test_each_output_of_the_network_belongs_to_one_question():
    columns = [list(range(OUTPUTS))[columns_of(question)] for question in QUESTIONS]
    assert sorted(column for own in columns for column in own) == list(range(OUTPUTS))
    assert len(columns[0]) == 5
    assert all(len(own) == 1 for own in columns[1:])


def test_a_narrow_set_on_one_side_of_the_cut_needs_no_second_look_and_a_wide_one_does():
    own = {"thresholds": {}, "sets": {GRADE: [0.0] * 5}}
    sure = answer(np.array([0.0, 0.05, 0.9, 0.05, 0.0]), GRADE, own)
    assert (sure.value, sure.set, sure.refer) == (3, (3,), False)
    wide = answer(np.array([0.0, 0.05, 0.5, 0.45, 0.0]), GRADE, {"thresholds": {}, "sets": {GRADE: [0.6] * 5}})
    assert (wide.value, wide.set, wide.refer) == (3, (3, 4), True)


def test_a_rare_finding_is_said_from_its_frozen_threshold_on_and_then_its_set_holds_both():
    own = {"thresholds": {"modic_change": 0.3}, "sets": {"modic_change": [0.0, 0.0]}}
    assert decide(np.array([0.7, 0.3]), "modic_change", own) == 1
    said = answer(np.array([0.65, 0.35]), "modic_change", own)
    assert (said.value, said.set, said.refer) == ("present", ("absent", "present"), True)
    assert answer(np.array([0.75, 0.25]), "modic_change", own).value == "absent"


@given(questions, st.integers(0, 2**31))
@FEW
def test_calibration_of_many_discs_is_calibration_of_each(question: str, seed: int):
    logits = np.random.default_rng(seed).normal(0, 3, (5, OUTPUTS))
    together = calibrated(logits, question, PLAIN)
    assert together == pytest.approx(np.concatenate([calibrated(row[None], question, PLAIN) for row in logits]))
    assert together.sum(axis=1) == pytest.approx(1)


def test_uncalibrated_probabilities_are_softmax_and_sigmoid():
    logits = np.arange(OUTPUTS, dtype=np.float64)[None] / 3
    e = np.exp(logits[0, :5])
    assert calibrated(logits, GRADE, PLAIN)[0] == pytest.approx(e / e.sum())
    assert calibrated(logits, "disc_narrowing", PLAIN)[0, 1] == pytest.approx(1 / (1 + np.exp(-5 / 3)))


def test_the_ensemble_is_the_mean_of_its_members():
    members = [np.full((2, OUTPUTS), value, np.float32) for value in (1.0, 2.0, 6.0)]
    assert (mean_logits(members) == 3.0).all()
