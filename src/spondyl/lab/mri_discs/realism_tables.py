"""The figures of `spondyl realism` as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Body = Mapping[str, Any]
Row = tuple[str, ...]
ASKED = {"tuning": "tuning cohort", "test": "test cohort, asked once"}
GATES = {"": "", "gate_left_open": ", with the gate left open"}
METRICS = ("quadratic_kappa", "balanced_accuracy", "within_one_grade")


def tables(file: Body) -> str:
    """What the file holds of: patients' networks on phantoms, phantoms' networks on patients, pre-training."""
    parts = []
    if asked := [row for name, words in ASKED.items() if name in file for row in _asked(file[name], words)]:
        head = ("networks of patients, asked about the digital spine (in-silico)", "discs", "figure (95 %, by subject)")
        parts.append(_table(head, asked))
    if "phantom_only" in file:
        parts.append(_table(("networks taught by the digital spine alone, asked about patients", "on", "figure (95 %, by patient)"),
                            [row for key, words in GATES.items() for row in _taught(file["phantom_only"], key, words)]))
    if "pretraining" in file:
        parts.append(_pretraining(file["pretraining"]))
    return "\n".join(parts)


def _table(head: Row, rows: Sequence[Row]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ("---",) * len(head), *rows))


def _asked(body: Body, words: str) -> list[Row]:
    every = body["locating"]["all"]
    who = f"{words}, {body['subjects']} subjects, {body['source']} slices, networks blind to folds {', '.join(map(str, body['folds']))}"
    rows: list[Row] = [(f"{who}: {name.replace('_', ' ')}", str(every["discs"]), _three(every[name], 100))
                       for name in ("found", "found_and_numbered")]
    if grades := body["grading"].get("t2, wet"):
        rows.append((f"{who}: Pfirrmann on T2, quadratic kappa", str(grades["discs"]), _three(grades["quadratic_kappa"])))
    return rows


def _taught(whole: Body, key: str, gate: str) -> list[Row]:
    if key and key not in whole:
        return []
    body = whole[key] if key else whole
    every = body["locating"]["all"]
    numbered, counted = (_three(every[name], 100) for name in ("boxed_discs_found_and_numbered", "number_of_discs_right"))
    rows: list[Row] = [(f"boxed discs found and numbered right{gate}", f"{every['boxed_series']} series", numbered),
                       (f"number of discs right{gate}", f"{every['counted_series']} series", counted)]
    for view, words in (("t2, wet", "T2 alone"), ("t2, both", "T2 and T1"), ("t2_space, wet", "SPACE alone")):
        if view in body["grading"]:
            said = body["grading"][view]
            agreed = _three(said["pfirrmann_grade"]["quadratic_kappa"])
            rows.append((f"Pfirrmann, {words}{gate}: quadratic kappa", f"{said['discs']} discs", agreed))
    return rows


def _pretraining(body: Body) -> str:
    arms = [arm for arm in body[METRICS[0]] if arm != "difference"]
    rows: list[Row] = [(name.replace("_", " "), *(_three(body[name][arm]) for arm in (*arms, "difference"))) for name in METRICS]
    said = (f"{body['discs']} discs of {body['patients']} patients on T2, out of fold, {body['epochs']} epochs, "
            f"{body['networks_an_arm']} networks an arm (95 %, by patient, paired):")
    return f"{said}\n\n" + _table(("Pfirrmann", *arms, "difference"), rows)


def _three(values: Sequence[float | None], scale: float = 1.0) -> str:
    """[estimate, low, high] as words."""
    estimate, low, high = (value * scale if value is not None else float("nan") for value in values)
    return f"{estimate:.1f} % ({low:.1f}-{high:.1f})" if scale > 1 else f"{estimate:.2f} ({low:.2f} to {high:.2f})"
