"""What is chosen on the validation split: the settings that a bundle's tasks read, and a report of how they came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.lab.films import ensemble, fusion
from spondyl.lab.films.predict import Found, Said
from spondyl.lab.films.recipe import FITTED, FilmRecipe
from spondyl.lab.films.records import GRADES, FilmRecord
from spondyl.metrics import auroc, balanced_accuracy, kappa, log_loss, match_boxes
from spondyl.tasks.films.maps import joint_map
from spondyl.tasks.films.votes import STUDENT, calibrated, fused, grades_of, joined_views, median_grade, together
from spondyl.tasks.xray_lesions.answers import CLASSES

ABNORMAL, GRADE = "abnormal", "degeneration_grade"
SCALE_PERCENTILE = 95
"""A heat map's 1: this percentile of the peaks on validation films that have something to show."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """What validation decided.

    Attributes:
        settings: Parts of a bundle's settings, by name; without frames and gate.
        report: `validation` of metrics.json.
    """

    settings: dict[str, Any]
    report: dict[str, Any]


def choose(recipe: FilmRecipe, films: Sequence[FilmRecord], said: Said, found: Found | None) -> Choices:
    """Calibration, weights, fusion, threshold, views and sets from what networks said of the validation films.

    Args:
        films: Of the validation split, in the order of `said` and `found`.
        said: Of every member and, if there is one, of the student (named STUDENT).
        found: Of the detector, or None where there is none.
    """
    return _choose_lesions(recipe, films, said, found) if recipe.task == "xray-lesions" else _choose_grades(recipe, films, said)


def _choose_lesions(recipe: FilmRecipe, films: Sequence[FilmRecord], said: Said, found: Found | None) -> Choices:
    truth, groups = _targets(films), [film.group for film in films]
    votes = ensemble.fit_votes(_members(said, 1), truth, _given_weights(recipe))
    alone = together(_members(said, 1), votes)[:, 0]
    settings = {**votes, **_lesion_reader(recipe, alone, truth, groups, found)}
    settings["cam_scale"] = _cam_scale(said, settings, np.zeros(len(films), np.int64), truth > 0)
    if found is not None:
        settings["detector"] = {
            "least": recipe.detector_least, "likely": recipe.detector_likely, "sure": recipe.detector_sure,
            "overlap": recipe.detector_overlap, "most": recipe.detector_most,
            "ask_from": settings.pop("ask_from"), "classes": _box_classes(films, found),
        }  # fmt: skip
    report = _report(recipe, votes, _members(said, 1), truth)
    report |= {"threshold": settings["threshold"], "threshold_from": "fit" if recipe.threshold == FITTED else "given",
               "fusion": settings["fusion"], "scores": _known({"auroc": auroc(truth, alone), "log_loss": log_loss(truth, alone)})}
    if found is not None:
        report["ask_from"] = settings["detector"]["ask_from"]
    if STUDENT in said.logits:
        settings[STUDENT] = _lesion_student(recipe, said, truth, groups, found)
    return Choices(settings, report)


def _lesion_reader(recipe: FilmRecipe, alone: Floats, truth: Ints, groups: Sequence[str], found: Found | None) -> dict[str, Any]:
    """Fusion, threshold, sets and, with a detector, when it is asked: for one reader's calibrated probabilities."""
    joint = dict(fusion.PLAIN) if found is None else fusion.fit_fusion(alone, found.best, truth, groups)
    joined = alone if found is None else fused(alone, found.best, joint)
    threshold = ensemble.fit_threshold(joined, truth) if isinstance(recipe.threshold, str) else recipe.threshold
    ask_from = 0.0 if found is None else fusion.fit_ask_from(alone, joined, threshold)
    served = np.where(alone < ask_from, alone, joined)
    sets = ensemble.fit_quantile(np.stack([1 - served, served], axis=1), truth, groups)
    own = {"fusion": joint, "threshold": threshold, "quantiles": {ABNORMAL: sets}}
    return own if found is None else {**own, "ask_from": ask_from}


def _lesion_student(recipe: FilmRecipe, said: Said, truth: Ints, groups: Sequence[str], found: Found | None) -> dict[str, Any]:
    """The student as a reader of its own."""
    own = {"network": STUDENT, "weight": 1.0, **ensemble.fit_calibration(said.logits[STUDENT][:, :1], truth)}
    alone = calibrated(said.logits[STUDENT], own)[:, 0]
    reader = _lesion_reader(recipe, alone, truth, groups, found)
    scale = _cam_scale(said, {"reader": STUDENT, STUDENT: own}, np.zeros(len(truth), np.int64), truth > 0)
    return {**own, **reader, "cam_scale": scale}


def _choose_grades(recipe: FilmRecipe, films: Sequence[FilmRecord], said: Said) -> Choices:
    truth = _targets(films)
    logits = _members(said, GRADES - 1)
    votes = ensemble.fit_votes(logits, truth, _given_weights(recipe))
    settings: dict[str, Any] = {**votes, **_grade_reader(films, together(logits, votes))}
    chances = grades_of(together(logits, votes))
    settings["cam_scale"] = _cam_scale(said, settings, _shown(chances), truth > 0)
    if STUDENT in said.logits:
        own = {"network": STUDENT, "weight": 1.0, **ensemble.fit_calibration(said.logits[STUDENT], truth)}
        cumulative = calibrated(said.logits[STUDENT], own)
        reader = _grade_reader(films, cumulative)
        scale = _cam_scale(said, {"reader": STUDENT, STUDENT: own}, _shown(grades_of(cumulative)), truth > 0)
        settings[STUDENT] = {**own, **reader, "cam_scale": scale}
    report = _report(recipe, votes, logits, truth)
    report |= {"views": settings["views"], "scores": _known({**_grade_scores(truth, chances), "log_loss": log_loss(truth, chances)})}
    return Choices(settings, report)


def _grade_reader(films: Sequence[FilmRecord], cumulative: Floats) -> dict[str, Any]:
    """Weights of the views, and the sets of studies as they are served with them."""
    studies: dict[str, list[int]] = {}
    for place, film in enumerate(films):
        studies.setdefault(film.study, []).append(place)
    truth = np.array([max(films[place].target for place in own) for own in studies.values()], np.int64)
    groups = [films[own[0]].group for own in studies.values()]
    tables = [cumulative[own] for own in studies.values()]
    views = [[films[place].view or "frontal" for place in own] for own in studies.values()]
    weights = ensemble.fit_views(tables, views, truth)
    joined = np.stack([joined_views(table, own, weights) for table, own in zip(tables, views, strict=True)])
    return {"views": weights, "quantiles": {GRADE: ensemble.fit_quantile(grades_of(joined), truth, groups)}}


def _report(recipe: FilmRecipe, votes: Mapping[str, Any], logits: Mapping[str, Floats], truth: Ints) -> dict[str, Any]:
    rows = {}
    for name, values in logits.items():
        chances = grades_of(calibrated(values, votes["members"][name]))
        scores = {"auroc": auroc(truth, chances[:, 1])} if chances.shape[1] == 2 else _grade_scores(truth, chances)
        rows[name] = {**scores, "log_loss": log_loss(truth, chances)}
    compared = "auroc" if recipe.task == "xray-lesions" else "quadratic_kappa"
    best = max(rows, key=lambda name: (np.nan_to_num(rows[name][compared], nan=-np.inf), -rows[name]["log_loss"]))
    return {
        "films": len(truth), "weights": {name: row["weight"] for name, row in votes["members"].items()},
        "weights_from": "fit" if recipe.weights == FITTED else "given",
        "members": {name: _known(row) for name, row in rows.items()}, "best_member": best,
    }  # fmt: skip


def _known(scores: Mapping[str, float]) -> dict[str, float | None]:
    """The scores, None where validation does not say: films of one class have no AUROC."""
    return {name: float(value) if np.isfinite(value) else None for name, value in scores.items()}


def _grade_scores(truth: Ints, chances: Floats) -> dict[str, float]:
    said = median_grade(chances)
    return {"balanced_accuracy": balanced_accuracy(truth, said, GRADES), "quadratic_kappa": kappa(truth, said, GRADES)}


def _box_classes(films: Sequence[FilmRecord], found: Found) -> dict[str, dict[str, float]]:
    """Calibration of box scores: what share of boxes of that score lie on a true box of their class."""
    scores: list[float] = []
    labels: list[int] = []
    right: list[bool] = []
    for film, boxes in zip(films, found.boxes, strict=True):
        for label in sorted({one.label for one in boxes}):
            own = [one for one in boxes if one.label == label]
            true = [one.box for one in film.boxes if one.label == label]
            given = match_boxes([one.box for one in own], [one.score for one in own], true)
            scores += [one.score for one in own]
            labels += [label] * len(own)
            right += (given >= 0).tolist()
    return fusion.fit_box_classes(np.asarray(scores, np.float64), np.asarray(labels, np.int64), np.asarray(right, bool), CLASSES)


def _cam_scale(said: Said, settings: Mapping[str, Any], outputs: Ints, shown: NDArray[np.bool_]) -> float:
    """What a heat map's 1 stands for: a percentile of the peaks of the reader's maps on films that have something to show.

    Args:
        outputs: Which output is shown of each film.
    """
    peaks = [float(joint_map({name: cams[place, outputs[place]] for name, cams in said.cams.items()}, settings).max())
             for place in np.flatnonzero(shown)]
    return max(float(np.percentile(peaks, SCALE_PERCENTILE)), 1e-3) if peaks else 1.0


def _shown(chances: Floats) -> Ints:
    """Which output the task shows: that the grade is what is said, or more."""
    return np.maximum(median_grade(chances), 1) - 1


def _members(said: Said, outputs: int) -> dict[str, Floats]:
    return {name: values[:, :outputs] for name, values in said.logits.items() if name != STUDENT}


def _targets(films: Sequence[FilmRecord]) -> Ints:
    return np.array([film.target for film in films], np.int64)


def _given_weights(recipe: FilmRecipe) -> Sequence[float] | None:
    return None if isinstance(recipe.weights, str) else recipe.weights
