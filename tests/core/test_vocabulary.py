"""The closed list of findings: every row is usable, and nothing outside it is."""

from __future__ import annotations

from itertools import combinations

import pytest

from spondyl.core import NotFoundError, Term, term, vocabulary
from spondyl.tasks.mri_discs.answers import QUESTIONS

NAMES = tuple(vocabulary())


@pytest.mark.parametrize("name", NAMES)
def test_every_finding_has_at_least_two_keys_a_cut_that_splits_them_and_words(name: str):
    own = term(name)
    assert own.name == name
    assert len(set(own.keys)) == len(own.keys) >= 2
    assert own.keys.index(own.cut) > 0, "a cut at the first key leaves nothing below it"
    assert own.where in ("disc", "vertebra", "image")
    assert own.text.strip()
    assert own.text[0].isupper()


@pytest.mark.parametrize("name", NAMES)
def test_values_go_to_keys_and_back(name: str):
    own = term(name)
    assert tuple(str(own.value_of(key)) for key in own.keys) == own.keys
    assert all(isinstance(own.value_of(key), int) is own.integer for key in own.keys)


def test_yes_and_no_are_called_absent_and_present():
    assert all(term(name).keys == ("absent", "present") for name in NAMES if len(term(name).keys) == 2)


def test_the_task_asks_only_for_what_the_vocabulary_has():
    assert set(QUESTIONS) <= set(NAMES)
    assert all(term(question).where == "disc" for question in QUESTIONS)


@pytest.mark.parametrize("name", NAMES)
def test_a_set_spans_the_cut_exactly_when_it_has_keys_on_both_sides(name: str):
    own = term(name)
    at = own.keys.index(own.cut)
    below, past = set(own.keys[:at]), set(own.keys[at:])
    for count in range(len(own.keys) + 1):
        for keys in combinations(own.keys, count):
            assert own.spans_cut(keys) == (bool(set(keys) & below) and bool(set(keys) & past))


def test_grades_three_and_four_lie_on_two_sides_and_four_and_five_on_one():
    grade = term("pfirrmann_grade")
    assert grade.spans_cut(("3", "4"))
    assert not grade.spans_cut(("4", "5"))
    assert not grade.spans_cut(("1", "2", "3"))


def test_a_misspelt_finding_is_answered_with_the_nearest_one():
    with pytest.raises(NotFoundError, match="Did you mean 'pfirrmann_grade'") as caught:
        term("pfirman_grade")
    assert caught.value.code == "unknown-finding"


def test_a_cut_that_is_no_key_is_refused():
    with pytest.raises(ValueError, match="'severe' is not one of"):
        Term("made_up", ("absent", "present"), "disc", False, "severe", True, "Made up")
