"""The official scores of `xray-grade`, from what the served task said: study by study, as it answers, and film by film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spondyl.lab.films.asking import Answer, Answers
from spondyl.lab.films.records import GRADES
from spondyl.lab.films.scoring import Figure, Floats, Ints, alone, bootstrapped, calibration_error, figure, number, reliability, share
from spondyl.metrics import (
    accuracy,
    balanced_accuracy,
    brier,
    confusion_matrix,
    coverage_by_class,
    kappa,
    log_loss,
    mean_absolute_error,
)
from spondyl.tasks.films.votes import median_grade


def grade_figures(answers: Answers, prior: Mapping[str, Floats], best: str) -> dict[str, Any]:
    """`test` of metrics.json. What was refused is scored as if only the grades of the training films were known.

    Args:
        answers: Of the task.
        prior: Share of each grade among training films: "" of all, and by view.
        best: The member that was best on validation.
    """
    rows = answers.studies
    truth, chances, said, units = _table(rows, prior)
    by_film = _table(answers.films, prior)
    film_wise = {f"{name}_film": row for name, row in grade_scores(*by_film).items()} if len(answers.films) > len(rows) else {}
    confidence = chances.max(axis=1)
    return {
        "scores": {**grade_scores(truth, chances, said, units), **calibration_error(truth, chances),
                   "brier": bootstrapped(brier, units, truth, chances), "log_loss": bootstrapped(log_loss, units, truth, chances),
                   **_sets(rows), "refused": share(np.array([bool(row.refusal) for row in rows]), units), **film_wise},
        "class_accuracy": {f"grade {grade}": _right(truth == grade, truth, said, units) for grade in range(GRADES)},
        "coverage": _coverage(rows), "baselines": _baselines(rows, truth, prior), "members": _members(rows, truth, units),
        "paired": _paired(rows, truth, said, units, best), "reliability": reliability(chances.argmax(axis=1) == truth, confidence),
        "confusion": confusion_matrix(truth, said, GRADES).tolist(), "targets": [f"grade {grade}" for grade in range(GRADES)],
    }  # fmt: skip


def grade_scores(truth: Ints, chances: Floats, said: Ints, units: Sequence[str]) -> dict[str, Figure]:
    """Balanced accuracy, quadratic kappa, mean absolute error and accuracy of the grade that is said."""
    return {
        "balanced_accuracy": bootstrapped(lambda t, s: balanced_accuracy(t, s, GRADES), units, truth, said),
        "quadratic_kappa": bootstrapped(lambda t, s: kappa(t, s, GRADES), units, truth, said),
        "mean_absolute_error": bootstrapped(mean_absolute_error, units, truth, said),
        "accuracy": bootstrapped(accuracy, units, truth, said),
    }  # fmt: skip


def prior_of(row: Answer, prior: Mapping[str, Floats]) -> Floats:
    """The grades of training films of its views."""
    return np.asarray(np.mean([prior.get(view, prior[""]) for view in row.views], axis=0), np.float64)


def _table(rows: Sequence[Answer], prior: Mapping[str, Floats]) -> tuple[Ints, Floats, Ints, list[str]]:
    """Truth, probabilities, what is said, and groups."""
    chances = np.array([prior[""] if row.chances is None else row.chances for row in rows], np.float64)
    said = np.where([row.chances is None for row in rows], median_grade(chances), [row.said for row in rows]).astype(np.int64)
    return np.array([row.truth for row in rows], np.int64), chances, said, [row.group for row in rows]


def _right(chosen: np.ndarray[Any, np.dtype[np.bool_]], truth: Ints, said: Ints, units: Sequence[str]) -> Figure:
    own = [unit for unit, is_chosen in zip(units, chosen, strict=True) if is_chosen]
    return share((truth == said)[chosen], own)


def _sets(rows: Sequence[Answer]) -> dict[str, Figure]:
    own = [row for row in rows if row.inside]
    if not own:
        return {}
    covered = np.array([row.truth in row.inside for row in own])
    return {"set_coverage": share(covered, [row.group for row in own]), "set_size": alone(float(np.mean([len(row.inside) for row in own])))}


def _coverage(rows: Sequence[Answer]) -> dict[str, Figure]:
    own = [row for row in rows if row.inside]
    if not own:
        return {}
    sets = np.array([[grade in row.inside for grade in range(GRADES)] for row in own])
    seen = coverage_by_class(sets, [row.truth for row in own], [row.group for row in own])
    return {name: figure(interval) for name, interval in zip(("all", *(f"grade {k}" for k in range(GRADES))), seen, strict=True)}


def _baselines(rows: Sequence[Answer], truth: Ints, prior: Mapping[str, Floats]) -> dict[str, dict[str, float | None]]:
    """What one reaches who always says the commonest training grade, and one who says the median grade of its views."""
    majority = np.full(len(rows), int(prior[""].argmax()), np.int64)
    by_view = np.array([int(median_grade(prior_of(row, prior))) for row in rows], np.int64)
    return {"majority": _plain_scores(truth, majority), "view only": _plain_scores(truth, by_view)}


def _plain_scores(truth: Ints, said: Ints) -> dict[str, float | None]:
    values = {"balanced_accuracy": balanced_accuracy(truth, said, GRADES), "quadratic_kappa": kappa(truth, said, GRADES),
              "mean_absolute_error": mean_absolute_error(truth, said), "accuracy": accuracy(truth, said)}
    return {name: number(value) for name, value in values.items()}


def _members(rows: Sequence[Answer], truth: Ints, units: Sequence[str]) -> dict[str, dict[str, Figure]]:
    """Each network alone, on the studies that were answered."""
    known = np.array([row.chances is not None for row in rows])
    own = [unit for unit, is_known in zip(units, known, strict=True) if is_known]
    return {name: grade_scores(truth[known], chances[known], median_grade(chances[known]), own)
            for name, chances in _voices(rows).items()}


def _paired(rows: Sequence[Answer], truth: Ints, said: Ints, units: Sequence[str], best: str) -> dict[str, Any]:
    """Quadratic kappa of one reader less that of another on the same studies, paired bootstrap over groups."""
    voices = {name: median_grade(np.nan_to_num(chances)) for name, chances in _voices(rows).items()}
    known = np.array([row.chances is not None for row in rows])
    own = [unit for unit, is_known in zip(units, known, strict=True) if is_known]

    def difference(first: Ints, second: Ints) -> Figure:
        return bootstrapped(lambda t, a, b: kappa(t, a, GRADES) - kappa(t, b, GRADES), own, truth[known], first[known], second[known])

    body: dict[str, Any] = {}
    if best in voices and len(voices) > 1:
        body["ensemble_minus_best_member"] = {**difference(said, voices[best]), "member": best, "score": "quadratic_kappa"}
    if any(row.student is not None for row in rows):  # none where the student is the reader
        body["student_minus_ensemble"] = {**difference(voices["student"], said), "score": "quadratic_kappa"}
    return body


def _voices(rows: Sequence[Answer]) -> dict[str, Floats]:
    """Probabilities (n, grades) of each member, and of the student, by name; NaN where a study was refused."""
    void = np.full(GRADES, np.nan)
    names = sorted({name for row in rows for name in row.members or ()})
    table = {name: np.array([row.members[name] if row.members else void for row in rows]) for name in names}
    if any(row.student is not None for row in rows):
        table["student"] = np.array([void if row.student is None else row.student for row in rows])
    return table
