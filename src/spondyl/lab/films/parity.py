"""Whether 16-bit arithmetic says the same as 32-bit: decisions, probabilities, boxes, refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.inference import Bundle, open_engine
from spondyl.lab.films.cache import FilmCache
from spondyl.lab.films.predict import Found, OnStep, ask_classifiers, ask_detector, ask_gate
from spondyl.metrics import box_iou
from spondyl.tasks.films.gate import POSES
from spondyl.tasks.films.votes import STUDENT, Votes, asked, lesion_probability, threshold_of, together

BAND = 0.01
"""A decision may flip only where the probability lies this near to its threshold."""
MEAN, LARGEST = 0.005, 0.05
"""No more than this may probabilities move, on average and at all."""
BOXES_KEPT, SAME_BOX, SURE_BOX = 0.98, 0.7, 0.1
"""This share of boxes scoring SURE_BOX or more must be there again, overlapping by SAME_BOX or more."""
FILMS = 300

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]


def check_parity(bundle: Bundle, caches: Mapping[str, FilmCache], on_step: OnStep) -> dict[str, Any]:
    """bf16 against f32 on validation films, kind of network by kind.

    Args:
        bundle: With all settings, and both precisions allowed for every network.
        caches: "film", "gate" and, with a detector, "detector".

    Returns:
        `passed` and `allowed` (kinds of network: "film" for the members, "student", "gate", "detector"), and the figures.
    """
    exact, coarse = open_engine(bundle, precision="f32"), open_engine(bundle, precision="bf16")
    if exact.software["precision"] == coarse.software["precision"]:
        return {"passed": False, "allowed": [], "note": "this CPU has no bf16"}
    settings, places = bundle.settings, {kind: cache.places("val")[:FILMS] for kind, cache in caches.items()}
    names = [*settings["members"], *([STUDENT] if STUDENT in settings else [])]
    said = [ask_classifiers(engine, names, caches["film"], places["film"], on_step).logits for engine in (exact, coarse)]
    poses = [ask_gate(engine, settings["gate"], caches["gate"], places["gate"]) for engine in (exact, coarse)]
    body = {"gate": _refusals(poses, settings["gate"])}
    found = None
    if "detector" in caches:
        own = settings["detector"]
        found = [ask_detector(engine, own["network"], caches["detector"], places["film"], own, on_step) for engine in (exact, coarse)]
    body |= _served(said, found, settings)
    allowed = [kind for kind, (passed, _) in body.items() if passed]
    figures = {key: value for _, own in body.values() for key, value in own.items()}
    return {"passed": len(allowed) == len(body), "allowed": allowed, "films": len(places["film"]), **figures}


def compare(first: Floats, second: Floats, cut: float) -> dict[str, float]:
    """Differences of probabilities, and decisions at `cut` that flip: those within BAND of it and those beyond.

    Example:
        >>> compare(np.array([0.2, 0.505, 0.9]), np.array([0.2, 0.495, 0.9]), 0.5)["flips_outside"]
        0
    """
    gaps = np.abs(first - second)
    flips = (first >= cut) != (second >= cut)
    near = np.abs(first - cut) <= BAND
    return {"largest_difference": float(gaps.max(initial=0)), "mean_difference": float(gaps.mean()) if gaps.size else 0.0,
            "flips_inside": int((flips & near).sum()), "flips_outside": int((flips & ~near).sum())}


def _served(said: Sequence[Votes], found: Sequence[Found] | None, settings: Mapping[str, Any]) -> dict[str, tuple[bool, dict[str, float]]]:
    """By kind of network: the detector with exact members, then members and student with the detector that would be served."""
    body: dict[str, tuple[bool, dict[str, float]]] = {}
    best: Pair | None = None
    if found is not None:
        kept, figures = _boxes(found)
        passed = kept and all(_answers((said[0], said[0]), (found[0].best, found[1].best), how)[0] for how in _readers(settings))
        body["detector"] = passed, figures
        best = found[0].best, found[int(passed)].best
    for how in _readers(settings):
        passed, own = _answers((said[0], said[1]), best, how)
        alone = how["reader"] == STUDENT
        body[STUDENT if alone else "film"] = passed, {f"{STUDENT}_{key}": value for key, value in own.items()} if alone else own
    return body


def _readers(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The settings with the ensemble, and with the student if there is one, as who answers."""
    return [{**settings, "reader": reader} for reader in ("ensemble", STUDENT) if reader == "ensemble" or reader in settings]


def _answers(said: tuple[Votes, Votes], best: Pair | None, settings: Mapping[str, Any]) -> tuple[bool, dict[str, float]]:
    """Whether what is served stays the same: p(abnormal) joined with the detector at the frozen threshold, or "grade is k or more".

    Args:
        said, best: Logits by network, and the detector's best scores of each film, at either precision.
    """
    if "threshold" not in settings:
        own = compare(together(said[0], settings), together(said[1], settings), 0.5)
    else:
        first, second = (served(votes, scores, settings) for votes, scores in zip(said, best or (None, None), strict=True))
        own = compare(first, second, threshold_of(settings))
    return not own["flips_outside"] and own["mean_difference"] <= MEAN and own["largest_difference"] <= LARGEST, own


def served(votes: Votes, best: Floats | None, settings: Mapping[str, Any]) -> Floats:
    """p(abnormal) as the task says it, (n,): joined with the detector's best score where the detector is asked."""
    seen = None if best is None else np.where(asked(together(votes, settings)[:, 0], settings), best, np.nan)
    return lesion_probability(votes, seen, settings)


def _refusals(logits: Sequence[NDArray[np.float32]], settings: Mapping[str, Any]) -> tuple[bool, dict[str, float]]:
    powers = [np.exp(part - part.max(axis=1, keepdims=True)) for part in (rows[:, : len(POSES)].astype(np.float64) for rows in logits)]
    passed = [part[:, 0] / part.sum(axis=1) >= settings["least"] for part in powers]
    changed = int((passed[0] != passed[1]).sum())
    return changed == 0, {"refusals_changed": changed}


def _boxes(found: Sequence[Found]) -> tuple[bool, dict[str, float]]:
    kept = total = 0
    for first, second in zip(found[0].boxes, found[1].boxes, strict=True):
        for one in first:
            if one.score >= SURE_BOX:
                own = [other.box for other in second if other.label == one.label]
                total += 1
                kept += bool(own) and float(box_iou([one.box], own).max()) >= SAME_BOX
    share = kept / total if total else 1.0
    return share >= BOXES_KEPT, {"boxes_kept": share, "boxes": total}
