"""A run folder with made-up figures, for pages and cards: no network stands behind them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.core import HeatMap, Image
from spondyl.lab.films.card import card
from spondyl.lab.films.cases import CaseFilm, best_and_worst
from spondyl.reports.case_picture import CaseBox

LESIONS = ("osteophytes", "disc_space_narrowing", "surgical_implant", "foraminal_stenosis", "spondylolisthesis", "vertebral_collapse",
           "other_lesion")


def score(estimate: float, half: float = 0.02) -> dict[str, float]:
    """A figure with an interval."""
    return {"estimate": round(estimate, 4), "low": round(estimate - half, 4), "high": round(estimate + half, 4)}


def lesion_metrics() -> dict[str, Any]:
    """metrics.json of `xray-lesions`, everything in it."""
    at = np.linspace(0, 1, 41)
    roc = at**0.15
    bins = [{"low": k / 10, "high": k / 10 + 0.1, "mean": k / 10 + 0.05, "rate": min(0.11 * k + 0.03, 1), "count": 20 + 30 * abs(k - 5)}
            for k in range(10)]
    return {
        "task": "xray-lesions", "name": "xray-lesions", "version": "1.0.0", "evidence": "in-silico", "scale": "cpu",
        "networks": {"a": "mobilenetv4_conv_small_050", "b": "regnetx_002", "student": "mobilenetv3_small_100",
                     "detector": "spondyl_small"},
        "data": _data({"normal": 510, "abnormal": 490}),
        "history": {"a": _history(14, "auroc"), "student": _history(9, "auroc")},
        "validation": {
            "weights": {"a": 0.62, "b": 0.38}, "weights_from": "fit", "threshold": 0.449, "ask_from": 0.08, "fusion": {"ensemble": 0.9},
            "members": {"a": {"auroc": score(0.94)}, "b": {"auroc": score(0.93)}}, "scores": {"auroc": score(0.95)},
        },
        "test": {
            "films": 1000, "studies": 520, "groups": 520, "refused": 4,
            "scores": {"auroc": score(0.957, 0.01), "f1": score(0.88), "sensitivity": score(0.86), "specificity": score(0.91),
                       "ece": score(0.03), "ece_floor": 0.015, "ece_above_floor": score(0.015), "map50": score(0.48),
                       "set_coverage": score(0.903)},
            "baselines": {"prior only": {"auroc": score(0.5)}, "view only": {"auroc": score(0.56)}},
            "members": {"a": {"auroc": score(0.95)}, "b": {"auroc": score(0.94)}, "student": {"auroc": score(0.95)}},
            "paired": {"ensemble_minus_best_member": {"score": "auroc", "member": "a", **score(0.007, 0.004)},
                       "student_minus_ensemble": {"score": "auroc", **score(-0.007, 0.005)}},
            "roc": {"fpr": at.tolist(), "tpr": roc.tolist(), "low": (roc * 0.96).tolist(), "high": np.minimum(roc * 1.02, 1).tolist()},
            "pr": {"recall": at.tolist(), "precision": (1 - 0.5 * at**4).tolist(), "prevalence": 0.49},
            "reliability": bins, "targets": ["normal", "abnormal"], "confusion": [[464, 46], [69, 421]],
            "classes": {name: {**score(0.6 - 0.05 * place, 0.05), "boxes": 900 // (place + 1)} for place, name in enumerate(LESIONS)},
            "coverage": {"absent": score(0.91), "present": score(0.89)},
        },
        "gate": {"false_refusals": score(0.01, 0.005), "let_in": {"upside_down": score(0.02)}, "views": score(0.99, 0.01),
                 "wrong_acceptances": {"all": score(0.03), "kinds": {"chest": {"shown": 40, "accepted": 1}}}},
        "trust": {"pointing": score(0.83), "pointing_strict": score(0.7), "pointing_one_box": score(0.85),
                  "pointing_one_box_strict": score(0.72), "pointing_centre": score(0.31), "pointing_area": score(0.04),
                  "twins_fall": score(0.93), "placebo": score(0.05), "reverse_rise": score(0.92), "pairs": 200, "pointing_films": 410,
                  "twins_fall_kinds": {"only one": {"pairs": 120, "fall": score(0.95), "fall_any": None}, "one of several": {"fall": None}},
                  "placebo_change": {"median": 0.003, "q95": 0.02}, "randomised": {"head": score(0.2), "all": score(0.05)}},
        "curve": [{"subjects": size, "films": 2 * size, "auroc": score(0.8 + 0.05 * place)} for place, size in enumerate((100, 300, 1000))],
    }  # fmt: skip


def grade_metrics() -> dict[str, Any]:
    """metrics.json of `xray-grade`."""
    confusion = (np.eye(5) * 80 + np.eye(5, k=1) * 20 + np.eye(5, k=-1) * 18).astype(int)
    return {
        "task": "xray-grade", "evidence": "in-silico", "scale": "cpu", "data": _data({str(grade): 200 for grade in range(5)}),
        "test": {
            "films": 1000, "studies": 500, "confusion": confusion.tolist(), "targets": [str(grade) for grade in range(5)],
            "scores": {"balanced_accuracy": score(0.71), "quadratic_kappa": score(0.86), "quadratic_kappa_film": score(0.84)},
            "baselines": {"majority": {"balanced_accuracy": 0.2, "quadratic_kappa": 0.0}},
            "class_accuracy": {str(grade): score(0.7) for grade in range(5)},
        },
    }


def check() -> dict[str, Any]:
    """data_check.json."""
    films = {split: {"normal": 3, "abnormal": 1} for split in ("train", "val", "test")}
    pair = {"first": "film-1", "second": "film-2", "splits": ["train", "test"], "labels": ["normal", "normal"], "kind": "mirrored",
            "likeness": 0.99}
    return {
        "schema": "spondyl.data-check/1", "task": "xray-lesions", "grouped_by": "patient", "groups": {"train": 2, "val": 2, "test": 2},
        "studies": {"train": 2, "val": 2, "test": 2}, "films": films,
        "share": {split: {"normal": 0.75, "abnormal": 0.25} for split in films},
        "views": {split: {"frontal": 2, "lateral": 2, "unknown": 0} for split in films},
        "boxes": {split: {"osteophytes": {"films": 1, "boxes": 4}} for split in films}, "shapes": [[900, 700], [2500, 2048]],
        "skipped": [{"name": "film-7", "code": "image-unreadable", "message": "it ends <&> early"}], "near": [pair] * 30, "near_count": 230,
        "repeated": [], "blank": [], "written": ["film-3"], "written_count": {"train": {"normal": 1, "abnormal": 0}},
        "notices": ["val was carved from train"], "something_new": {"a": 1},
    }  # fmt: skip


def write_run(run: Path, metrics: dict[str, Any], films: int = 6) -> Path:
    """A finished run: metrics with cases and their pictures, a data check, histories and a card."""
    probabilities = np.linspace(0.02, 0.98, films)
    targets = [place % 2 for place in range(films)]
    cases = best_and_worst(run / "cases", probabilities, targets, _film, names=[f"film-{place}" for place in range(films)],
                           labels=("normal", "abnormal"))
    metrics["test"]["cases"] = cases
    _write(run / "metrics.json", metrics)
    _write(run / "config.json", {"task": metrics["task"], "seed": 4, "members": ["mobilenetv4_conv_small_050", "regnetx_002"]})
    _write(run / "check" / "data_check.json", check())
    _write(run / "members" / "b" / "history.json", _history(11, "auroc"))
    (run / "bundle").mkdir(parents=True)
    (run / "bundle" / "card.md").write_text(card({"task": metrics["task"], "name": metrics["task"], "evidence": "in-silico"}, metrics))
    return run


def _write(path: Path, body: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body), "utf-8")


def _data(targets: dict[str, int]) -> dict[str, Any]:
    one = {"films": 1000, "groups": 500, "targets": targets, "views": {"frontal": 500, "lateral": 500}, "boxes": {"osteophytes": 700}}
    return {"grouped_by": "patient", "splits": {"train": one, "val": one, "test": one}, "notices": ["val was carved from train"],
            "cohort": {"profile": "symptomatic", "style": "eval", "labels": "truth", "seed": 9}}


def _history(epochs: int, figure: str) -> list[dict[str, float]]:
    return [{"epoch": k, "train_loss": 1 / k, "val_loss": 1 / k + 0.1, figure: 1 - 0.4 / k, "seconds": 30.0} for k in range(1, epochs + 1)]


def _film(place: int) -> CaseFilm:
    rows, columns = np.mgrid[0:500, 0:300]
    pixels = (0.5 + 0.4 * np.sin(rows / 30 + place) * np.cos(columns / 40)).astype(np.float32)
    values = np.zeros((12, 8), np.float32)
    values[4 + place % 5, 3] = 0.9
    image = Image(f"film-{place}", pixels)
    heat = HeatMap("abnormal", image.id, values, np.array([[37.5, 0, 0], [0, 41.7, 0]]))
    return CaseFilm(image, (heat,), (CaseBox("Osteophytes", (100, 150, 160, 200)), CaseBox("Osteophytes", (105, 155, 170, 205), 0.81)))
