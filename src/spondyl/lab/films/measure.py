"""Figures of a bundle on films, through the task as it is served.

`metrics.json` of a run, and the file of `spondyl evaluate --out`, are one JSON object. A figure is {estimate, low, high}, 95 %, None
where it cannot be said:

    task, evidence, scale, version
    networks    {name: architecture}: members, student, detector, gate
    data        {splits: {train, val, test: {films, groups, targets: {label: n}, views: {view: n}, boxes: {class: n},
                targets_by_view: {view: [n, ...]}}}, grouped_by, notices: [...], cohort: {...}, skipped: [{name, code, message}]}
    history     {name: [{epoch, ...}]}
    validation  {films, weights: {member: w}, weights_from, best_member, members: {member: {score: x}}, scores: {score: x},
                threshold, threshold_from, ask_from, fusion: {...}} or {views: {...}}
    recipe      {key: value}: what decides most of the training
    parity      {passed, allowed: [kind], films, largest_difference, mean_difference, flips_inside, flips_outside, refusals_changed,
                boxes_kept, boxes, and with the beginning student_ of the student}
    test        {films, studies, groups, refused, unread, training_images_met, refusals: {code: n}, software: {...},
                scores: {score: figure}, coverage: {label: figure}, baselines: {name: {score: x}}, members: {name: {score: figure}},
                paired: {ensemble_minus_best_member: figure + {member, score}, student_minus_ensemble: figure + {score},
                with_detector_minus_without (lesions): figure + {score}},
                reliability: [{low, high, mean, rate, count}], confusion: [[n]], targets: [label],
                cases: {best, worst: [{name, target, said, probability, picture}]}}
      lesions:  classes: {finding: figure + {ap, boxes, found}}, roc: {fpr, tpr, low, high}, pr: {recall, precision, prevalence}, threshold
      grades:   class_accuracy: {label: figure}; scores of studies, and with the ending _film of films
    trust       as lab.films.trust says
    curve       [{subjects, films, ...}]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.core import InputError
from spondyl.inference import Bundle
from spondyl.lab.films.asking import Answer, Answers, Asker, OnStep, ask, asker, open_film
from spondyl.lab.films.cases import CaseFilm, best_and_worst, case_film
from spondyl.lab.films.grade_figures import grade_figures
from spondyl.lab.films.lesion_figures import TARGETS, lesion_figures
from spondyl.lab.films.records import GRADES, FilmRecord
from spondyl.lab.films.scoring import Floats
from spondyl.reports.case_picture import CaseBox
from spondyl.tasks.xray_lesions.answers import CLASSES

LESIONS = "xray-lesions"


def measure(bundle: Bundle, films: Sequence[FilmRecord], run: Path | None = None, on_step: OnStep = lambda *_: None, *,
            backend: str = "auto", precision: str = "auto", workers: int = 1) -> dict[str, Any]:  # fmt: skip
    """`test` of metrics.json: the served task on these films.

    Args:
        bundle: Its metrics say how common each label was in training, and which member was best on validation.
        films: Of one split.
        run: Folder into which pictures of the best and worst cases go, under cases/; None for none.
        workers: Processes; the answers are the same.

    Raises:
        InputError: `split-empty`, or `dataset-unreadable-many` where no film can be read.
    """
    if not films:
        raise InputError("split-empty", "there is no film to measure with", "Name another --split, or a data set that has it")
    with asker(bundle, backend, precision) as who:
        answers = ask(who, films, on_step, workers)
        if not answers.films:
            raise InputError("dataset-unreadable-many", f"none of {len(films)} films can be read", "Copy or export them again")
        body = figures_of(bundle, answers, films)
        if run is not None:
            body["cases"] = _cases(who, answers, {film.name: film for film in films}, run / "cases")
        body["software"] = dict(who.shelf.open(bundle.task).software)
    return body


def figures_of(bundle: Bundle, answers: Answers, films: Sequence[FilmRecord]) -> dict[str, Any]:
    """Counts and scores of what was said."""
    best = str(bundle.metrics.get("validation", {}).get("best_member", ""))
    prior = priors(bundle)
    if bundle.task == LESIONS:
        shares = {view: float(row[1]) for view, row in prior.items()}
        scores = lesion_figures(answers, {film.name: film for film in films}, bundle.settings, shares, best)
    else:
        scores = grade_figures(answers, prior, best)
    refusals = Counter(row.refusal for row in answers.films if row.refusal)
    return {
        "films": len(answers.films), "studies": len(answers.studies), "groups": len({row.group for row in answers.films}),
        "refused": sum(refusals.values()), "refusals": dict(sorted(refusals.items())), "unread": len(answers.unread),
        "training_images_met": sum(row.image_id in bundle.training_images for row in answers.films), **scores,
    }  # fmt: skip


def priors(bundle: Bundle) -> dict[str, Floats]:
    """Share of each label among the films that taught the bundle, of all ("") and by view; equal shares where it does not say.

    Where it learned from a second data set too, whose rates are not those of the first, validation says it.
    """
    labels = len(TARGETS) if bundle.task == LESIONS else GRADES
    data: Mapping[str, Any] = bundle.metrics.get("data", {})
    by_view: Mapping[str, Any] = data.get("splits", {}).get("val" if data.get("also") else "train", {}).get("targets_by_view", {})
    counts = {view: np.pad(np.asarray(row, np.float64), (0, labels - len(row))) for view, row in by_view.items()}
    total = sum(counts.values(), np.zeros(labels))
    table = {"": total, **counts}
    return {view: row / row.sum() if row.sum() else np.full(labels, 1 / labels) for view, row in table.items()}


def _cases(who: Asker, answers: Answers, films: Mapping[str, FilmRecord], folder: Path) -> dict[str, Any]:
    """Pictures of the surest right and wrong answers about films."""
    rows: list[Answer] = [row for row in answers.films if row.chances is not None]
    if not rows:
        return {"best": [], "worst": []}

    def open_case(place: int) -> CaseFilm:
        film = films[rows[place].name]
        image = open_film(film)
        true = [CaseBox(_box_name(who.task.name, box.label), box.box) for box in film.boxes]
        return case_film(image, who.whole([image]), true)

    labels = TARGETS if who.task.name == LESIONS else tuple(f"grade {grade}" for grade in range(GRADES))
    chances = np.array([row.chances for row in rows], np.float64)
    return best_and_worst(
        folder, chances, [row.truth for row in rows], open_case, names=[row.name for row in rows], labels=labels,
        said=[row.said for row in rows], groups=[row.group for row in rows],
    )  # fmt: skip


def _box_name(task: str, label: int) -> str:
    return CLASSES[label] if task == LESIONS else f"grade {label}"


