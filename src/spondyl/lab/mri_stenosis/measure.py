"""Figures of a bundle on a data set in RSNA 2024's layout, through the task as it is served.

A figure is {estimate, low, high}: 95 %, by bootstrap over studies; None where it cannot be said. `read` is against the labels of the
tables, `truth` against what was built, where the data set is of the digital spine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import InputError
from spondyl.datasets.making.tables import write_table
from spondyl.datasets.rsna2024 import TARGETS
from spondyl.inference import Bundle
from spondyl.lab.mri_stenosis.asking import UNREADABLE, WITHOUT, Asked, Said, ask_all
from spondyl.lab.mri_stenosis.cases import OnStep, open_studies
from spondyl.metrics import (
    Interval,
    StenosisScore,
    auroc,
    balanced_accuracy,
    bootstrap_interval,
    coverage_by_class,
    ece,
    ece_floor,
    kappa,
    level_prior,
    share_interval,
    stenosis_score,
)
from spondyl.metrics.intervals import wilson_interval
from spondyl.tasks.mri_stenosis.answers import MEASURES, SEVERITIES, WEIGHTS, weighted

DRAWS = 300
NEAR_MM = 4.0
"""A point this near to the mark counts as on it."""
GROUPS = {"spinal_canal_stenosis": slice(0, 5), "neural_foraminal_narrowing": slice(5, 15), "subarticular_stenosis": slice(15, 25)}
PARTS = ("canal", "foraminal", "subarticular", "any_severe")
Floats = NDArray[np.float64]
Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Floats, NDArray[np.bool_]]


def measure(bundle: Bundle, data: Path, layout: str, split: str, backend: str, precision: str, workers: int, on_step: OnStep,
            submission: Path | None = None) -> dict[str, Any]:
    """The figures. A study of which no file can be read counts as refused, and gets the prior in the score and in the submission.

    Args:
        split: "train", "test" or "all" of the data set's studies.
        submission: File for the challenge: a row for each target of each study.

    Raises:
        InputError: `split-empty`, or where the data cannot be used.
    """
    studies, truths = open_studies(layout, data)
    chosen = [study for study in studies if split in ("all", study.split)]
    if not chosen:
        there = ", ".join(sorted({study.split for study in studies}))
        raise InputError("split-empty", f"the data set has no study in {split!r}", f"Name one that it has with --split: {there}")
    asked = ask_all(bundle.folder, data, chosen, truths, tuple(WITHOUT), backend, precision, workers, on_step)
    if all(one.said[""].refusal == UNREADABLE for one in asked):
        raise InputError("dataset-unreadable-many", f"none of {len(chosen)} studies can be read", "Copy them again")
    if submission is not None:
        write_submission(submission, asked, np.asarray(bundle.settings["prior"]))
    return {"task": bundle.task, "evidence": bundle.note.evidence, "trained_on": bundle.note.trained_on,
            "validation": bundle.metrics.get("validation", {}), "test": figures(asked, np.asarray(bundle.settings["prior"]), bundle),
            "bundle": {"name": bundle.note.name, "version": bundle.note.version, "sha256": bundle.sha256}}


def figures(asked: Sequence[Asked], prior: Floats, bundle: Bundle) -> dict[str, Any]:
    """`test` of the figures: of studies that were asked."""
    rng = np.random.default_rng(0)
    whole = [one.said[""] for one in asked]
    met = sum(one.image in bundle.training_images for one in asked)
    body: dict[str, Any] = {
        "studies": len(asked), "training_images_met": met, "refused": dict(Counter(said.refusal for said in whole if said.refusal)),
        "counts": _counts(asked), "score": _scores(asked, prior, rng),
        "missing": {way: _missing(asked, way, prior, rng) for way in WITHOUT if way},
        "conditions": {name: _condition(asked, columns, rng) for name, columns in GROUPS.items()},
        "levels": _levels(asked), "points": _points(asked), "sizes": _sizes(asked),
        "milliseconds": float(np.nanmedian([said.milliseconds for said in whole])),
    }
    return body


def _figure(interval: Interval) -> dict[str, float | None]:
    values = {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
    return {name: round(value, 5) if np.isfinite(value) else None for name, value in values.items()}


def _counts(asked: Sequence[Asked]) -> dict[str, dict[str, list[int]]]:
    """How many labels of each severity, by condition: as read and as built."""
    return {source: {name: [int((_labels(asked, source)[:, columns] == k).sum()) for k in range(3)] for name, columns in GROUPS.items()}
            for source in ("read", "truth")}


def _labels(asked: Sequence[Asked], source: str) -> NDArray[np.int64]:
    return np.stack([one.labels if source == "read" else one.truth for one in asked])


def filled(said: Said | None, prior: Floats) -> Floats:
    """The weighted posterior (25, 3) with the training set's prior where nothing was said."""
    return prior if said is None else np.where(np.isfinite(said.weighted), said.weighted, prior)


def _scores(asked: Sequence[Asked], prior: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """The official score beside its baselines, on the labels as read; and of the truth."""
    labels = _labels(asked, "read")
    ours = np.stack([filled(one.said[""], prior) for one in asked])
    constant = np.broadcast_to(level_prior(labels), ours.shape)
    chances = np.stack([one.chances for one in asked])
    body: dict[str, Any] = {"parts": {}, "ours": _score_interval(labels, ours, rng)}
    tables = {"ours": ours, "uniform": np.full_like(ours, 1 / 3), "level_prior": constant}
    known = np.isfinite(chances).all()
    if known:
        tables["perfect_reader"] = weighted(chances, WEIGHTS)
    for name, table in tables.items():
        score = stenosis_score(labels, table)
        body["parts"][name] = _parts(score, "total", *PARTS)
    if known:
        body["way"] = _figure(bootstrap_interval(_way, np.arange(len(asked)), labels, ours, tables["perfect_reader"], rng=rng, draws=DRAWS))
    return body


def _score_interval(labels: NDArray[np.int64], table: Floats, rng: np.random.Generator) -> dict[str, float | None]:
    return _figure(bootstrap_interval(lambda y, p: stenosis_score(y, p).total, np.arange(len(labels)), labels, table, rng=rng, draws=DRAWS))


def _parts(score: StenosisScore, *names: str) -> dict[str, float | None]:
    return {name: round(value, 5) if np.isfinite(value := getattr(score, name)) else None for name in names}


def _way(labels: NDArray[np.int64], ours: Floats, perfect: Floats) -> float:
    """Share of the way from the level-aware prior of these studies to a perfect reader of their labels."""
    far = stenosis_score(labels, np.broadcast_to(level_prior(labels), ours.shape)).total
    near = stenosis_score(labels, perfect).total
    return (far - stenosis_score(labels, ours).total) / (far - near)


def _missing(asked: Sequence[Asked], way: str, prior: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """The score where a series was taken away."""
    labels = _labels(asked, "read")
    table = np.stack([filled(one.said.get(way), prior) for one in asked])
    refused = sum(one.said[way].refusal != "" if way in one.said else True for one in asked)
    score = stenosis_score(labels, table)
    return {"score": _score_interval(labels, table, rng), "refused": int(refused),
            "parts": _parts(score, *PARTS),
            "coverage": {name: [_figure(one) for one in _coverage(asked, way, columns)] for name, columns in GROUPS.items()},
            "mean_set": {name: _mean_set(asked, way, columns) for name, columns in GROUPS.items()}}


def _rows(asked: Sequence[Asked], columns: slice, way: str = "") -> Rows:
    """Labels as read, as built, study, probabilities and sets of all answers of a condition."""
    none = np.zeros(0, np.int64)
    rows: list[Rows] = [(none, none, none, np.zeros((0, 3)), np.zeros((0, 3), bool))]
    for k, one in enumerate(asked):
        said = one.said.get(way)
        if said is None:
            continue
        there = np.isfinite(said.probabilities[columns, 0])
        rows.append((one.labels[columns][there], one.truth[columns][there], np.full(int(there.sum()), k),
                     said.probabilities[columns][there], said.sets[columns][there]))
    read, truth, study, probabilities, sets = zip(*rows, strict=True)
    return np.concatenate(read), np.concatenate(truth), np.concatenate(study), np.concatenate(probabilities), np.concatenate(sets)


def _coverage(asked: Sequence[Asked], way: str, columns: slice) -> tuple[Interval, ...]:
    read, _, study, _, sets = _rows(asked, columns, way)
    known = read >= 0
    return coverage_by_class(sets[known], read[known], study[known])


def _mean_set(asked: Sequence[Asked], way: str, columns: slice) -> float | None:
    sets = _rows(asked, columns, way)[4]
    return round(float(sets.sum(axis=1).mean()), 3) if len(sets) else None


def _condition(asked: Sequence[Asked], columns: slice, rng: np.random.Generator) -> dict[str, Any]:
    read, truth, study, probabilities, _ = _rows(asked, columns)
    answered = np.concatenate([np.isfinite(one.said[""].probabilities[columns, 0]) for one in asked])
    labelled = np.concatenate([one.labels[columns] >= 0 for one in asked])
    refer = np.concatenate([one.said[""].refer[columns] for one in asked])[answered]
    body: dict[str, Any] = {"coverage": [_figure(one) for one in _coverage(asked, "", columns)], "mean_set": _mean_set(asked, "", columns),
                            "unanswered": int((labelled & ~answered).sum()), "labelled": int(labelled.sum()),
                            "refer": round(float(refer.mean()), 4) if len(refer) else None}
    for name, labels in (("read", read), ("truth", truth)):
        known = labels >= 0
        if not known.any():
            continue
        own, said, units = labels[known], probabilities[known], study[known]
        body[name] = {
            "answers": int(known.sum()), "severe": int((own == 2).sum()),
            "severe_auroc": _boot(lambda y, p: auroc((y == 2).astype(int), p[:, 2]), units, own, said, rng),
            "above_mild_auroc": _boot(lambda y, p: auroc((y >= 1).astype(int), 1 - p[:, 0]), units, own, said, rng),
            "kappa": _boot(lambda y, p: kappa(y, p.argmax(axis=1), 3, "quadratic"), units, own, said, rng),
            "balanced_accuracy": _boot(lambda y, p: balanced_accuracy(y, p.argmax(axis=1), 3), units, own, said, rng),
        }
    known = read >= 0
    if known.any():
        floor = ece_floor(probabilities[known], rng, draws=200)
        body["ece"] = {"value": round(ece(read[known], probabilities[known]), 5), "floor": round(floor.mean, 5),
                       "floor_p95": round(floor.p95, 5)}
    return body


def _boot(metric: Callable[..., float], units: NDArray[np.int64], labels: NDArray[np.int64], said: Floats,
          rng: np.random.Generator) -> dict[str, float | None]:
    return _figure(bootstrap_interval(metric, units, labels, said, rng=rng, draws=DRAWS))


def _levels(asked: Sequence[Asked]) -> dict[str, Any]:
    """Levels named right, in studies of five lumbar vertebrae and in others; and found at all."""
    ordinary, inside, confident_wrong = [], [], 0
    for one in asked:
        if not one.levels:
            continue
        said = one.said[""]
        usual = one.levels.get(1) == "L5/S1"
        named = [(said.names.get(number), true) for number, true in one.levels.items()]
        if usual:
            ordinary.append(all(name is not None and name[0] == true for name, true in named))
            confident_wrong += any(name is not None and name[0] not in ("", true) for name, true in named)
        else:
            inside.append(all(name is not None and (name[0] == true or true in name[2]) for name, true in named))
    return {"ordinary": {"studies": len(ordinary), "named_right": _figure(_share(ordinary)), "named_wrong": confident_wrong},
            "transitional": {"studies": len(inside), "true_level_inside": _figure(_share(inside))}}


def _share(happened: Sequence[bool]) -> Interval:
    return wilson_interval(float(np.mean(happened)) if happened else float("nan"), len(happened))


def _points(asked: Sequence[Asked]) -> dict[str, Any]:
    """Distance of the points from the marks, in the plane of the slice that was named and in space, and from what was built, in space: a
    mark stands on the nearest slice, so that the neighbouring one is a whole step away from it, and half a step from the place itself."""
    body = {}
    for name, columns in GROUPS.items():
        marked = [np.isfinite(one.points[columns, 0]) for one in asked]
        there = [one.said[""].points[columns][rows] for one, rows in zip(asked, marked, strict=True)]
        owners = np.repeat(np.arange(len(asked)), [int(rows.sum()) for rows in marked])
        gaps, built, axes = (np.concatenate(parts) for parts in (
            [place - one.points[columns][rows] for place, one, rows in zip(there, asked, marked, strict=True)],
            [place - one.built[columns][rows] for place, one, rows in zip(there, asked, marked, strict=True)],
            [one.said[""].normals[columns][rows] for one, rows in zip(asked, marked, strict=True)]))
        in_plane = gaps - (gaps * axes).sum(axis=1, keepdims=True) * axes
        body[name] = {"points": len(gaps), "within_4_mm_in_plane": _near(in_plane, owners), "within_4_mm": _near(gaps, owners),
                      "median_mm": round(float(np.nanmedian(np.linalg.norm(in_plane, axis=1))), 2) if np.isfinite(in_plane).any() else None}
        if any(np.isfinite(one.built).any() for one in asked):
            body[name]["within_4_mm_of_built"] = _near(built, owners)
    return body


def _near(gaps: Floats, owners: NDArray[np.int64]) -> dict[str, float | None]:
    """Share of gaps (n, 3) that are no longer than NEAR_MM; what was not said is far away."""
    return _figure(share_interval(np.nan_to_num(np.linalg.norm(gaps, axis=1), nan=np.inf) <= NEAR_MM, owners))


def _sizes(asked: Sequence[Asked]) -> dict[str, Any]:
    """Errors of the sac's area and AP diameter, and how often the error bar holds the truth."""
    body = {}
    for column, name in enumerate(MEASURES):
        said = np.stack([one.said[""].sizes[:, column] for one in asked])
        built = np.stack([one.sizes[:, column] for one in asked])
        have = np.isfinite(said[..., 0]) & np.isfinite(built)
        if not have.any():
            continue
        away = said[..., 0] - built
        units = np.repeat(np.arange(len(asked)), 5).reshape(-1, 5)
        body[name] = {"levels": int(have.sum()), "mean_absolute_error": round(float(np.abs(away[have]).mean()), 3),
                      "bias": round(float(away[have].mean()), 3),
                      "correlation": round(float(np.corrcoef(said[..., 0][have], built[have])[0, 1]), 4),
                      "bar_covers": _figure(share_interval(np.abs(away[have]) <= said[..., 1][have], units[have]))}
    return body


def write_submission(file: Path, asked: Sequence[Asked], prior: Floats) -> None:
    """The challenge's file: `row_id, normal_mild, moderate, severe`, 25 rows a study, by study and then by name."""
    rows: list[tuple[object, ...]] = []
    for one in sorted(asked, key=lambda one: one.study):
        table = filled(one.said.get(""), prior)
        table = table / table.sum(axis=1, keepdims=True)
        rows += [(f"{one.study}_{name}", *(round(float(p), 6) for p in table[TARGETS.index(name)])) for name in sorted(TARGETS)]
    write_table(file, rows, ("row_id", *SEVERITIES))
