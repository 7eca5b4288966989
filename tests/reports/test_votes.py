"""What one member of an ensemble is said to answer is what its task would say if it answered alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from reports.make_film import film_result, grade_result
from reports.pdf_words import pdf_words
from spondyl.apps.api.view import view_of
from spondyl.core import Finding, term, vocabulary
from spondyl.reports import report_pdf, voted_key
from spondyl.reports.rows import MEDIANS
from spondyl.tasks.films.votes import median_grade
from spondyl.tasks.mri_discs.answers import decide

ANSWERS: dict[str, Callable[[np.ndarray], int]] = {
    "degeneration_grade": lambda row: int(median_grade(row)),
    "pfirrmann_grade": lambda row: decide(row, "pfirrmann_grade", {}),
}
"""Index of the key that the task of a finding says."""
APART = {"0": 0.4, "1": 0.0, "2": 0.3, "3": 0.3, "4": 0.0}
"""The likeliest grade is 0, the median 2."""


def by_key(name: str, row: np.ndarray) -> dict[str, float]:
    return dict(zip(term(name).keys, row.tolist(), strict=True))


@pytest.mark.parametrize("name", [name for name, word in vocabulary().items() if word.integer])
def test_a_vote_is_the_answer_that_the_task_would_give(name: str):
    keys = term(name).keys
    for row in np.random.default_rng(7).dirichlet(np.full(len(keys), 0.5), 500):
        answer, other = keys[ANSWERS[name](row)], by_key(name, np.full(len(keys), 1 / len(keys)))
        assert voted_key(Finding(name, None, other), by_key(name, row)) == answer
    assert (name in MEDIANS) == (ANSWERS[name](np.array(list(APART.values()))) == 2)


def test_the_vote_of_one_that_answers_alone_is_the_answer_even_where_rounding_would_turn_it():
    rounded = {"0": 0.2, "1": 0.3, "2": 0.5, "3": 0.0, "4": 0.0}
    alone = Finding("degeneration_grade", 1, rounded, members={"student": rounded})
    assert voted_key(alone, rounded) == "1"


def test_a_yes_no_vote_is_how_likely_it_is_present():
    chances = {"absent": 0.9, "present": 0.1}
    assert voted_key(Finding("abnormal", "absent", chances), chances) == "present"


def test_page_and_report_say_the_same_of_a_member_as_of_the_grade():
    study, _, _ = film_result("ap")
    result = grade_result("ap", grades=APART, value=2)
    (row,) = view_of(result, ()).rows
    assert (row.graded[0].value, [vote.words for vote in row.graded[0].votes]) == ("2", ["2 (0.30)"])
    assert [bar.key for bar in row.graded[0].votes[0].bars if bar.chosen] == ["2"]
    assert "2 (0.30)" in pdf_words(report_pdf(study, result))
