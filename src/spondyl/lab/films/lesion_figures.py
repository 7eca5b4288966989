"""The official scores of `xray-lesions`, from what the served task said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.lab.films.asking import Answer, Answers
from spondyl.lab.films.records import FilmRecord
from spondyl.lab.films.scoring import (
    DRAWS,
    Figure,
    Floats,
    Ints,
    alone,
    bootstrapped,
    calibration_error,
    figure,
    number,
    pr_points,
    reliability,
    roc_points,
    share,
)
from spondyl.metrics import (
    auroc,
    brier,
    confusion_matrix,
    coverage_by_class,
    f1_score,
    log_loss,
    recalibration,
    sensitivity,
    specificity,
    youden_threshold,
)
from spondyl.metrics.detection_scores import FilmBoxes, detection_average_precision, detection_table, mean_precision
from spondyl.metrics.logistic import logit
from spondyl.tasks.films.votes import STUDENT, calibrated, threshold_of
from spondyl.tasks.xray_lesions.answers import CLASSES

TARGETS = ("normal", "abnormal")
TOGETHER = "members together"
"""The ensemble before the detector has its say."""
VOID = FilmBoxes(np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0))


def lesion_figures(answers: Answers, films: Mapping[str, FilmRecord], settings: Mapping[str, Any], prior: Mapping[str, float], best: str
                   ) -> dict[str, Any]:  # fmt: skip
    """`test` of metrics.json. A film that was refused is scored as one of which only the training data's share of abnormal is known.

    Args:
        answers: Of the task.
        films: By name: the true boxes.
        settings: Of the bundle.
        prior: Share of abnormal training films: "" of all, and by view.
        best: The member that was best on validation.
    """
    rows, threshold = answers.films, threshold_of(settings)
    truth, units = np.array([row.truth for row in rows], np.int64), [row.group for row in rows]
    chances = np.array([prior[""] if row.chances is None else row.chances[1] for row in rows], np.float64)
    said = np.array([prior[""] >= threshold if row.chances is None else row.said == 1 for row in rows])
    boxes = _boxes(rows, films, units, float(settings.get("detector", {}).get("likely", 0.0)))
    return {
        "scores": {**film_scores(truth, chances, said, units), **boxes["scores"], **_sets(rows), "refused": _refused(rows, units)},
        "coverage": _coverage(rows), "classes": boxes["classes"], "baselines": _baselines(rows, truth, threshold, prior),
        "members": _members(rows, truth, units, settings), "paired": _paired(rows, truth, chances, units, best, settings),
        "roc": roc_points(truth, chances, units), "pr": pr_points(truth, chances), "reliability": reliability(truth == 1, chances),
        "confusion": confusion_matrix(truth, said.astype(np.int64), 2).tolist(), "targets": list(TARGETS), "threshold": threshold,
    }  # fmt: skip


def film_scores(truth: Ints, chances: Floats, said: NDArray[np.bool_], units: Sequence[str]) -> dict[str, Figure]:
    """AUROC; decisions at the frozen threshold, and at Youden's point of these very films; calibration."""

    def at_youden(score: Any) -> Any:
        def metric(t: Ints, p: Floats) -> float:
            cut = youden_threshold(t, p)
            return float(score(t, p >= cut)) if np.isfinite(cut) else float("nan")

        return metric

    decided = {"f1": f1_score, "sensitivity": sensitivity, "specificity": specificity}
    return {
        "auroc": bootstrapped(auroc, units, truth, chances),
        **{name: bootstrapped(score, units, truth, said) for name, score in decided.items()},
        **{f"{name}_youden": bootstrapped(at_youden(score), units, truth, chances) for name, score in decided.items()},
        "brier": bootstrapped(brier, units, truth, chances), "log_loss": bootstrapped(log_loss, units, truth, chances),
        **calibration_error(truth, chances),
        "calibration_slope": bootstrapped(lambda t, p: recalibration(t, p).slope, units, truth, chances),
        "calibration_intercept": bootstrapped(lambda t, p: recalibration(t, p).in_the_large, units, truth, chances),
    }  # fmt: skip


def _boxes(rows: Sequence[Answer], films: Mapping[str, FilmRecord], units: Sequence[str], likely: float) -> dict[str, Any]:
    """Average precision of all boxes that the official rule keeps, and of those alone that are shown: from `likely` on."""
    found, shown = ([_film_boxes(_found(row, least)) for row in rows] for least in (0.0, likely))
    true = [_film_boxes([(box.label, box.box, 1.0) for box in films[row.name].boxes]) for row in rows]
    if not any(len(one.labels) for one in true):
        return {"scores": {}, "classes": {}}
    table = detection_table(found, true, np.asarray(units), len(CLASSES), np.random.default_rng(0), DRAWS)
    classes = {name: {"ap": number(own.estimate), **figure(own), "boxes": table.true[label], "found": table.found[label]}
               for label, (name, own) in enumerate(zip(CLASSES, table.classes, strict=True))}
    seen = mean_precision(detection_average_precision(shown, true, len(CLASSES)))
    return {"scores": {"map50": figure(table.map50), "map50_95": alone(table.map5095), "map50_shown": alone(seen)}, "classes": classes}


def _found(row: Answer, least: float) -> list[tuple[int, tuple[float, float, float, float], float]]:
    return [(CLASSES.index(box.finding), box.box, box.probability) for box in row.boxes if box.probability >= least]


def _film_boxes(rows: Sequence[tuple[int, tuple[float, float, float, float], float]]) -> FilmBoxes:
    if not rows:
        return VOID
    labels, boxes, scores = zip(*rows, strict=True)
    return FilmBoxes(np.asarray(labels, np.int64), np.asarray(boxes, np.float64), np.asarray(scores, np.float64))


def _sets(rows: Sequence[Answer]) -> dict[str, Figure]:
    """Coverage and size of the 90 % sets of the films that were answered."""
    own = [row for row in rows if row.inside]
    if not own:
        return {}
    covered = np.array([row.truth in row.inside for row in own])
    return {"set_coverage": share(covered, [row.group for row in own]), "set_size": alone(float(np.mean([len(row.inside) for row in own])))}


def _coverage(rows: Sequence[Answer]) -> dict[str, Figure]:
    own = [row for row in rows if row.inside]
    if not own:
        return {}
    sets = np.array([[label in row.inside for label in range(len(TARGETS))] for row in own])
    seen = coverage_by_class(sets, [row.truth for row in own], [row.group for row in own])
    return {name: figure(interval) for name, interval in zip(("all", *TARGETS), seen, strict=True)}


def _refused(rows: Sequence[Answer], units: Sequence[str]) -> Figure:
    return share(np.array([bool(row.refusal) for row in rows]), units)


def _baselines(rows: Sequence[Answer], truth: Ints, threshold: float, prior: Mapping[str, float]) -> dict[str, dict[str, float | None]]:
    """What one reaches who knows how common disease is, and one who also knows the view."""
    constant = np.full(len(rows), prior[""])
    by_view = np.array([prior.get(row.views[0], prior[""]) for row in rows], np.float64)
    return {"prior only": _plain_scores(truth, constant, threshold), "view only": _plain_scores(truth, by_view, threshold)}


def _plain_scores(truth: Ints, chances: Floats, threshold: float) -> dict[str, float | None]:
    said = chances >= threshold
    values = {"auroc": auroc(truth, chances), "f1": f1_score(truth, said), "sensitivity": sensitivity(truth, said),
              "specificity": specificity(truth, said), "brier": brier(truth, chances), "log_loss": log_loss(truth, chances)}
    return {name: number(value) for name, value in values.items()}


def _members(rows: Sequence[Answer], truth: Ints, units: Sequence[str], settings: Mapping[str, Any]) -> dict[str, dict[str, Figure]]:
    """Each network alone, and the members together without the detector, on the films that were answered."""
    table = {}
    for name, chances in _voices(rows, settings).items():
        known = np.isfinite(chances)
        own = [unit for unit, is_known in zip(units, known, strict=True) if is_known]
        table[name] = {"auroc": bootstrapped(auroc, own, truth[known], chances[known]),
                       "log_loss": bootstrapped(log_loss, own, truth[known], chances[known])}
    return table


def _paired(rows: Sequence[Answer], truth: Ints, chances: Floats, units: Sequence[str], best: str, settings: Mapping[str, Any]
            ) -> dict[str, Any]:  # fmt: skip
    """AUROC of one reader less that of another on the same films, paired bootstrap over studies; films that were answered."""
    voices = _voices(rows, settings)

    def difference(first: Floats, second: Floats) -> Figure:
        known = np.isfinite(first) & np.isfinite(second)
        own = [unit for unit, is_known in zip(units, known, strict=True) if is_known]
        return bootstrapped(lambda t, a, b: auroc(t, a) - auroc(t, b), own, truth[known], first[known], second[known])

    body: dict[str, Any] = {}
    if best in voices and TOGETHER in voices:
        body["ensemble_minus_best_member"] = {**difference(voices[TOGETHER], voices[best]), "member": best, "score": "auroc"}
        if "detector" in settings:
            body["with_detector_minus_without"] = {**difference(chances, voices[TOGETHER]), "score": "auroc"}
    if any(row.student is not None for row in rows):  # none where the student is the reader
        body["student_minus_ensemble"] = {**difference(voices["student"], chances), "score": "auroc"}
    return body


def _voices(rows: Sequence[Answer], settings: Mapping[str, Any]) -> dict[str, Floats]:
    """p(abnormal) of each member, of all members TOGETHER, and of the student, by name; NaN where a film was refused."""
    names = sorted({name for row in rows for name in row.members or ()})
    table = {name: np.array([row.members[name][1] if row.members else np.nan for row in rows]) for name in names}
    if len(names) > 1 and settings["reader"] != STUDENT:
        weights = {name: settings["members"][name]["weight"] for name in names}
        mean = sum(weight * table[name] for name, weight in weights.items()) / sum(weights.values())
        known = np.isfinite(mean)
        table[TOGETHER] = np.full(len(rows), np.nan)
        table[TOGETHER][known] = calibrated(logit(mean[known])[:, None], settings["ensemble"])[:, 0]
    if any(row.student is not None for row in rows):
        table["student"] = np.array([np.nan if row.student is None else row.student[1] for row in rows])
    return table
