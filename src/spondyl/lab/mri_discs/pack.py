"""A finished run becomes a bundle: graphs, parity, calibration, card."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spondyl.inference import Bundle, Engine, Manifest, NetworkFile, open_engine, write_bundle
from spondyl.lab.mri_discs import calibrate
from spondyl.lab.mri_discs.card import write_card
from spondyl.lab.mri_discs.data import Cohort, read_cohort
from spondyl.lab.mri_discs.measure import measure
from spondyl.lab.mri_discs.predict import DiscRow, SliceRow, cut_above_sacrum, disc_rows, slice_rows
from spondyl.lab.mri_discs.recipe import Recipe
from spondyl.lab.mri_discs.run import load_gate, load_grader, load_locator
from spondyl.lab.onnx_export import to_onnx
from spondyl.lab.recipe import kept_recipe
from spondyl.tasks.mri_discs.answers import QUESTIONS, VIEWS, calibrated

OnStep = Callable[[str, int, int], None]
PARITY_PATIENTS = 36
PARITY_LARGEST, PARITY_MEAN = 0.05, 0.005
"""bf16 is allowed where no calibrated probability moves by more than the first, nor on average by more than the second."""
GATE = {"least_upright": 0.5, "sure_upright": 0.8, "least_sequence": 0.8}
PLAUSIBLE = {"least_discs": 3, "least_mean_score": 0.4}
LUMBAR = {"4": 0.06, "5": 0.91, "6": 0.03}
"""Prior of 4, 5, 6 lumbar vertebrae [our convention]: transitional anatomy is reported in 8-19 %, but changes the count in a part of it."""
LEAST_LEVEL = 0.7


def pack(run: Path, data: Path, out: Path, on_step: OnStep = lambda *_: None) -> Bundle:
    """The bundle of a finished run.

    Graphs are exported, run by the serving engine over the cohort out of fold, calibrated on what it said, and measured. The
    parity check decides whether bf16 is allowed.

    Raises:
        InputError: If the run is not finished, or `out` is not empty.
    """
    recipe = kept_recipe(Recipe, run)
    cohort = read_cohort(recipe.layout, data, recipe.folds, recipe.seed)
    graphs = _graphs(run, recipe, on_step)
    settings: dict[str, Any] = {**recipe.preprocessing, **_first_settings()}
    settings["gate"] |= GATE
    settings["locator"]["plausible"] = PLAUSIBLE
    settings["left_out"] = list(recipe.leave_out)
    manifest = _manifest(recipe, cohort, settings, ("f32",))
    with tempfile.TemporaryDirectory() as folder:
        draft = write_bundle(Path(folder) / "draft", manifest, {**graphs, "card.md": b"draft"})
        slices, discs = read_out_of_fold(open_engine(draft, precision="f32"), cohort, on_step)
        settings |= _calibration(open_engine(draft, precision="f32"), recipe, slices, discs)
        draft = write_bundle(
            Path(folder) / "calibrated", _manifest(recipe, cohort, settings, ("f32", "bf16")), {**graphs, "card.md": b"draft"}
        )
        parity = check_parity(draft, cohort, on_step)
    precisions = ("f32", "bf16") if parity["passed"] else ("f32",)
    manifest = _manifest(recipe, cohort, settings, precisions)
    with tempfile.TemporaryDirectory() as folder:
        draft = write_bundle(Path(folder) / "bundle", manifest, {**graphs, "card.md": b"draft"})
        metrics = {**measure(open_engine(draft), cohort, on_step), "parity": parity}
    manifest = _manifest(recipe, cohort, settings, precisions, metrics)
    return write_bundle(out, manifest, {**graphs, "card.md": write_card(recipe, metrics).encode()})


def read_out_of_fold(engine: Engine, cohort: Cohort, on_step: OnStep = lambda *_: None) -> tuple[list[SliceRow], list[DiscRow]]:
    """Gate, locator and graders over the cohort, each patient by the networks that never saw them."""
    slices = slice_rows(engine, cohort.slices, lambda done, total: on_step("Reading slices out of fold", done, total))
    return slices, disc_rows(engine, slices, lambda done, total: on_step("Grading discs out of fold", done, total))


def _graphs(run: Path, recipe: Recipe, on_step: OnStep) -> dict[str, bytes]:
    """ONNX bytes by file name."""
    whole, part = (recipe.gate_size, recipe.gate_size), (recipe.locator_size, recipe.locator_size)
    crop = (recipe.crop_rows, recipe.crop_columns)
    nets: list[tuple[str, torch.nn.Module, tuple[int, ...], str, list[str]]] = []
    for k in range(recipe.folds):
        nets.append((f"gate-{k}.onnx", load_gate(run, k), (1, 1, *whole), "slice", ["logits"]))
        nets.append((f"locator-{k}.onnx", load_locator(run, k), (1, 1, *part), "slice", ["maps"]))
    for a, b in recipe.pairs:
        nets.append((f"grader-{a}{b}.onnx", load_grader(run, recipe, (a, b)), (1, 2, *crop), "crops", ["logits", "cam"]))
    graphs = {}
    for done, (name, net, shape, given, made) in enumerate(nets, start=1):
        graphs[name] = to_onnx(net, torch.rand(*shape), given, made)
        on_step("Exporting networks", done, len(nets))
    return graphs


def _manifest(
    recipe: Recipe, cohort: Cohort, settings: Mapping[str, Any], precisions: tuple[str, ...], metrics: Mapping[str, Any] | None = None
) -> Manifest:
    networks = {
        f"{kind}-{k}": NetworkFile(f"{kind}-{k}.onnx", precisions, (k,)) for kind in ("gate", "locator") for k in range(recipe.folds)
    }
    networks |= {f"grader-{a}{b}": NetworkFile(f"grader-{a}{b}.onnx", precisions, (a, b)) for a, b in recipe.pairs}
    return Manifest(
        task=recipe.task,
        name=recipe.task,
        version=recipe.version,
        evidence=recipe.evidence,
        trained_on=recipe.trained_on,
        licence=recipe.licence,
        attribution=recipe.attribution,
        networks=networks,
        settings=settings,
        training_images={s.image_id: cohort.folds[s.patient] for s in cohort.slices},
        metrics=metrics or {},
    )


def _first_settings() -> dict[str, Any]:
    """What a bundle says before it is calibrated: everything as the networks put it."""
    plain: dict[str, Any] = {q: {"slope": 1.0, "offset": 0.0} for q in QUESTIONS[1:]} | {QUESTIONS[0]: {"temperature": 1.0}}
    view = {
        "calibration": plain,
        "thresholds": {q: 0.5 for q in QUESTIONS[1:]},
        "sets": {q: [1.0] * (5 if q == QUESTIONS[0] else 2) for q in QUESTIONS},
        "not_said": [],
    }
    return {
        "views": {name: view for name in VIEWS},
        "out_of_fold": {},
        "levels": {"on_sacrum": {"slope": 1.0, "offset": 0.0}, "lumbar": LUMBAR, "least": LEAST_LEVEL},
        "cam_scale": {q: 1.0 for q in QUESTIONS},
    }


def _calibration(engine: Engine, recipe: Recipe, slices: Sequence[SliceRow], discs: Sequence[DiscRow]) -> dict[str, Any]:
    rng = np.random.default_rng(np.random.SeedSequence(entropy=recipe.seed, spawn_key=(5,)))
    whole = [row for row in slices if not row.refusal and row.located and len(row.located.discs) == len(row.slice.grades)]
    cut = [row for row in (cut_above_sacrum(engine, row, int(rng.integers(1, 4))) for row in whole) if row]

    def on_sacrum(left_out: int | None) -> dict[str, float]:
        rows = [(row, row in whole) for row in (*whole, *cut) if row.fold != left_out]
        return calibrate.fit_on_sacrum([row.on_sacrum for row, _ in rows], [standing for _, standing in rows])

    return {
        "views": {
            **{view: {**own, "not_said": list(QUESTIONS)} for view, own in _first_settings()["views"].items()},
            **calibrate.final(discs),
        },
        "out_of_fold": calibrate.nested(discs, recipe.folds),
        "levels": {
            "on_sacrum": on_sacrum(None),
            "on_sacrum_out_of_fold": {str(k): on_sacrum(k) for k in range(recipe.folds)},
            "lumbar": LUMBAR,
            "least": LEAST_LEVEL,
        },
        "cam_scale": calibrate.cam_scales(discs),
    }


def check_parity(bundle: Bundle, cohort: Cohort, on_step: OnStep = lambda *_: None) -> dict[str, Any]:
    """bf16 against f32 on slices of the cohort: calibrated probabilities of all questions, number of discs, values said."""
    patients = sorted({s.patient for s in cohort.slices})
    kept = set(patients[:: max(1, len(patients) // PARITY_PATIENTS)])
    chosen = [s for s in cohort.slices if s.patient in kept]
    exact, coarse = open_engine(bundle, precision="f32"), open_engine(bundle, precision="bf16")
    gaps: list[float] = []
    flips = 0
    read = [
        slice_rows(engine, chosen, lambda done, total: on_step("Checking bf16 against f32", done, total)) for engine in (exact, coarse)
    ]
    counts = sum(_discs(a) != _discs(b) for a, b in zip(*read, strict=True))
    gates = sum(a.refusal != b.refusal for a, b in zip(*read, strict=True))
    tables = [disc_rows(engine, rows) for engine, rows in zip((exact, coarse), read, strict=True)]
    for first, second in zip(*tables, strict=counts == gates == 0):
        view = bundle.settings["views"][first.view]["calibration"]
        for question in QUESTIONS:
            a, b = (calibrated(np.mean(list(row.logits.values()), axis=0)[None], question, view)[0] for row in (first, second))
            gaps.append(float(np.abs(a - b).max()))
            flips += int(a.argmax() != b.argmax())
    same = str(exact.software["precision"]) == str(coarse.software["precision"])
    largest, mean = (float(np.max(gaps)), float(np.mean(gaps))) if gaps else (1.0, 1.0)
    return {
        "passed": not same and largest <= PARITY_LARGEST and mean <= PARITY_MEAN and counts == gates == 0,
        "slices": len(chosen),
        "answers": len(gaps),
        "largest_difference": largest,
        "mean_difference": mean,
        "likeliest_answer_changed": flips,
        "number_of_discs_changed": counts,
        "refusals_changed": gates,
        "note": "this CPU has no bf16" if same else "",
    }


def _discs(row: SliceRow) -> int:
    return len(row.located.discs) if row.located else 0
