"""The numbers of the card: out of fold for patients of the training set, plainly for others; intervals by patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import term
from spondyl.inference import Engine
from spondyl.lab.mri_discs.data import Cohort
from spondyl.lab.mri_discs.predict import DiscRow, SliceRow, cut_above_sacrum, disc_rows, slice_rows
from spondyl.metrics.agreement import balanced_accuracy, confusion_matrix, kappa, within
from spondyl.metrics.calibration import brier, ece, ece_floor, recalibration
from spondyl.metrics.detection import box_iou
from spondyl.metrics.discrimination import auroc
from spondyl.metrics.intervals import Interval, bootstrap_interval, coverage_by_class, share_interval
from spondyl.tasks.mri_discs.answers import GRADE, GRADES, QUESTIONS, answer, calibrated, decide
from spondyl.tasks.mri_discs.choosing import WET
from spondyl.tasks.mri_discs.levels import lowest_probability, name_disc

OnStep = Callable[[str, int, int], None]
DRAWS = 1000
GROUPS = (("t2", "wet"), ("t2_space", "wet"), ("t1", "dry"), ("t2", "both"))
"""(sequence of the main slice, view) of each group of figures."""


def measure(engine: Engine, cohort: Cohort, on_step: OnStep = lambda *_: None) -> dict[str, Any]:
    """Every figure of a bundle on a cohort. Training patients are judged by networks and settings that never saw them."""
    slices = slice_rows(engine, cohort.slices, lambda done, total: on_step("Measuring slices", done, total))
    discs = disc_rows(engine, slices, lambda done, total: on_step("Measuring discs", done, total))
    left_out = engine.bundle.settings.get("left_out", ())
    stored_upright = [row for row in slices if row.slice.stem not in left_out]
    met = sum(row.slice.image_id in engine.bundle.training_images for row in slices)
    return {
        "slices": len(slices),
        "patients": len({row.slice.patient for row in slices}),
        "training_images_met": met,
        "patients_out_of_fold": len({row.slice.patient for row in slices if row.fold is not None}),
        "software": dict(engine.software),
        "locating": {"all": locating(slices), "stored_upright": locating(stored_upright)},
        "levels": naming(engine, slices),
        "gate": {
            "stored_upright": len(stored_upright),
            "false_refusals": _share([row.refusal != "" for row in stored_upright], [row.slice.patient for row in stored_upright]),
            "stored_upside_down": len(slices) - len(stored_upright),
            "upside_down_refused": sum(row.refusal != "" for row in slices if row.slice.stem in left_out),
            "refused_slices": sorted(f"{row.slice.stem}: {row.refusal}" for row in slices if row.refusal),
        },
        "t1_told_from_t2": _share(
            [(row.sequence in WET) == (row.slice.sequence in WET) for row in slices], [row.slice.patient for row in slices]
        ),
        "grading": {f"{sequence}, {view}": grading(engine, discs, sequence, view) for sequence, view in GROUPS},
    }


def locating(rows: Sequence[SliceRow]) -> dict[str, Any]:
    """Discs found and numbered right where all are boxed; number of discs right where the source is sure of it.

    A slice that is refused counts as missed.
    """
    hits: list[bool] = []
    units: list[str] = []
    whole = 0
    boxed = [row for row in rows if row.slice.boxes_complete]
    for row in boxed:
        found = row.located.discs if row.located and not row.refusal else []
        own = [
            at < len(found) and float(box_iou([found[at].box], [row.slice.boxes[number]])[0, 0]) >= 0.5
            for at, number in enumerate(sorted(row.slice.boxes))
        ]
        hits += own
        units += [row.slice.patient] * len(own)
        whole += all(own)
    sure = [row for row in rows if row.slice.num_discs in (None, len(row.slice.grades))]
    agrees = [not row.refusal and row.located is not None and len(row.located.discs) == len(row.slice.grades) for row in sure]
    return {
        "boxed_series": len(boxed),
        "boxed_discs_found_and_numbered": _share(hits, units),
        "boxed_series_with_every_disc": whole / max(len(boxed), 1),
        "counted_series": len(sure),
        "number_of_discs_right": _share(agrees, [row.slice.patient for row in sure]),
    }


def naming(engine: Engine, rows: Sequence[SliceRow]) -> dict[str, Any]:
    """How sure the name of the lowest disc is, on whole slices and on the same slices cut above the sacrum."""
    whole = [row for row in rows if row.located and not row.refusal]
    cut = [row for row in (cut_above_sacrum(engine, row, 1 + index % 3) for index, row in enumerate(whole)) if row]

    def named(row: SliceRow) -> bool:
        own = engine.bundle.settings["levels"]
        platt = own["on_sacrum"] if row.fold is None else own["on_sacrum_out_of_fold"][str(row.fold)]
        return name_disc(1, lowest_probability(row.on_sacrum, platt), own["lumbar"], own["least"]).name is not None

    return {
        "lowest_disc_named": _share([named(row) for row in whole], [row.slice.patient for row in whole]),
        "lowest_disc_named_though_cut_away": _share([named(row) for row in cut], [row.slice.patient for row in cut]),
    }


def settings_of(engine: Engine, row: DiscRow) -> Mapping[str, Any]:
    """Calibration, thresholds and sets that never saw the row's patient."""
    settings = engine.bundle.settings
    if row.fold is None or str(row.fold) not in settings["out_of_fold"]:
        return settings["views"][row.view]  # type: ignore[no-any-return]
    return settings["out_of_fold"][str(row.fold)][row.view]  # type: ignore[no-any-return]


def grading(engine: Engine, rows: Sequence[DiscRow], sequence: str, view: str) -> dict[str, Any]:
    """Figures of every question for one group of rows."""
    own = [row for row in rows if row.view == view and row.sequence == sequence]
    if not own:
        return {}
    patients = np.array([row.patient for row in own])
    labels = np.array([row.labels for row in own])
    levels = np.array([row.from_bottom for row in own])
    folds = np.array([-1 if row.fold is None else row.fold for row in own])
    body: dict[str, Any] = {"discs": len(own), "patients": len(set(patients.tolist()))}
    grade_scores: NDArray[np.float64] | None = None
    for number, question in enumerate(QUESTIONS):
        probabilities = np.array(
            [
                calibrated(
                    np.mean(list(row.logits.values()), axis=0)[None],
                    question,
                    settings_of(engine, row)["calibration"],
                    [row.number],
                )[0]
                for row in own
            ]
        )
        sets = np.array([_served_set(p, question, settings_of(engine, row)) for p, row in zip(probabilities, own, strict=True)])
        truth = labels[:, number]
        if question == GRADE:
            grade_scores = probabilities @ np.arange(GRADES)
            said = np.array([decide(p, question, settings_of(engine, row)) for p, row in zip(probabilities, own, strict=True)])
            body[question] = _graded(truth, said, probabilities, sets, patients)
            body[question]["baseline_level_only_kappa"] = _level_kappa(labels, levels, folds)
        else:
            assert grade_scores is not None
            body[question] = _yes_no(truth, probabilities[:, 1], sets, patients)
            body[question]["auroc_level_only"] = auroc(truth, _level_rates(truth, levels, folds))
            body[question]["auroc_predicted_pfirrmann_only"] = auroc(truth, grade_scores)
            body[question]["auroc_read_pfirrmann_only"] = auroc(truth, labels[:, 0])
            body[question]["gain_over_level_only"] = _pair_interval(
                truth, probabilities[:, 1], _level_rates(truth, levels, folds), patients
            )
    return body


def _served_set(probabilities: NDArray[np.float64], question: str, settings: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Which keys are in the set that serving would print."""
    words = term(question)
    inside = {str(value) for value in answer(probabilities, question, settings).set}
    return np.array([key in inside for key in words.keys])


def _graded(
    truth: NDArray[np.int64],
    said: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    sets: NDArray[np.bool_],
    patients: NDArray[Any],
) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    coverage = coverage_by_class(sets, truth, patients)
    return {
        "quadratic_kappa": _interval(bootstrap_interval(lambda t, s: kappa(t, s, GRADES), patients, truth, said, rng=rng, draws=DRAWS)),
        "balanced_accuracy": _interval(
            bootstrap_interval(lambda t, s: balanced_accuracy(t, s, GRADES), patients, truth, said, rng=rng, draws=DRAWS)
        ),
        "within_one_grade": _interval(bootstrap_interval(within, patients, truth, said, rng=rng, draws=DRAWS)),
        "confusion": confusion_matrix(truth, said, GRADES).tolist(),
        **_calibration(truth, probabilities),
        "set_coverage": _interval(coverage[0]),
        "set_coverage_by_grade": {str(k + 1): _interval(interval) for k, interval in enumerate(coverage[1:])},
        "set_size": float(sets.sum(1).mean()),
    }


def _yes_no(truth: NDArray[np.int64], present: NDArray[np.float64], sets: NDArray[np.bool_], patients: NDArray[Any]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    coverage = coverage_by_class(sets, truth, patients)
    again = recalibration(truth, present)
    return {
        "positives": int(truth.sum()),
        "positive_patients": len(set(patients[truth == 1].tolist())),
        "auroc": _interval(bootstrap_interval(auroc, patients, truth, present, rng=rng, draws=DRAWS)),
        **_calibration(truth, present),
        "calibration_slope": _number(again.slope),
        "calibration_intercept": _number(again.intercept),
        "set_coverage": _interval(coverage[0]),
        "set_coverage_absent": _interval(coverage[1]),
        "set_coverage_present": _interval(coverage[2]),
        "set_size": float(sets.sum(1).mean()),
    }


def _calibration(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, Any]:
    floor = ece_floor(probabilities, np.random.default_rng(0))
    value = ece(truth, probabilities)
    return {"ece": value, "ece_floor": floor.mean, "ece_above_floor": value - floor.mean, "brier": brier(truth, probabilities)}


def _level_rates(truth: NDArray[np.int64], levels: NDArray[np.int64], folds: NDArray[np.int64]) -> NDArray[np.float64]:
    """The baseline that knows the disc's number and nothing else: its rate in the other folds."""
    scores = np.zeros(len(truth))
    for fold in np.unique(folds):
        rest = folds != fold if (folds != fold).any() else np.ones(len(folds), bool)
        for level in np.unique(levels):
            known = truth[rest & (levels == level)]
            scores[(folds == fold) & (levels == level)] = (known.sum() + truth[rest].mean()) / (len(known) + 1)
    return scores


def _level_kappa(labels: NDArray[np.int64], levels: NDArray[np.int64], folds: NDArray[np.int64]) -> float:
    """Quadratic kappa of the grade that is the rounded mean of its level in the other folds."""
    return kappa(labels[:, 0], np.round(_level_rates(labels[:, 0], levels, folds)).astype(int), GRADES)


def _pair_interval(
    truth: NDArray[np.int64], first: NDArray[np.float64], second: NDArray[np.float64], patients: NDArray[Any]
) -> list[float | None]:
    """AUROC of the first less that of the second, [estimate, low, high]."""
    return _interval(
        bootstrap_interval(
            lambda t, a, b: auroc(t, a) - auroc(t, b), patients, truth, first, second, rng=np.random.default_rng(0), draws=DRAWS
        )
    )


def _share(happened: Sequence[bool], units: Sequence[str]) -> list[float | None]:
    return _interval(share_interval(np.array(happened, bool), np.array(units)))


def _interval(interval: Interval) -> list[float | None]:
    """[estimate, low, high], 95 %; None where it cannot be said."""
    return [_number(interval.estimate), _number(interval.low), _number(interval.high)]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
