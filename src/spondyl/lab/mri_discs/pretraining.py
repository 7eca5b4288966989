"""Does it help to teach a grader with the digital spine first? The same training with and without, on the same folds and seeds.

Only graders are compared, on T2 alone, one network a fold instead of the shipped ensemble, by the likeliest grade without any
calibration: nothing is chosen on the patients that are judged.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spondyl.core.errors import InputError
from spondyl.lab.mri_discs import stages
from spondyl.lab.mri_discs.data import Cohort, read_cohort
from spondyl.lab.mri_discs.realism import interval
from spondyl.lab.mri_discs.recipe import Recipe
from spondyl.lab.mri_discs.run import load_grader
from spondyl.lab.recipe import kept_recipe
from spondyl.lab.spread import spread
from spondyl.metrics.agreement import balanced_accuracy, kappa, within
from spondyl.metrics.intervals import bootstrap_interval
from spondyl.models.grader import Grader
from spondyl.tasks.mri_discs.answers import GRADES
from spondyl.tasks.mri_discs.chain import Disc
from spondyl.tasks.mri_discs.crops import crops, poses

OnStep = Callable[[str, int, int], None]
ARMS = ("patients alone", "digital spine first")
DRAWS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What a comparison stands on.

    Attributes:
        recipe, cohort: Of the run on patients.
        found: Discs of each slice, by the locator that never saw its patient.
        starts: Weights of graders that were taught by the digital spine; fold k begins with the (k mod n)-th.
    """

    recipe: Recipe
    cohort: Cohort
    found: list[list[Disc]]
    starts: Sequence[Mapping[str, Tensor]]


def compare(
    run: Path, start: Path, data: Path, keep: Path, epochs: int | None = None, on_step: OnStep = lambda *_: None
) -> dict[str, Any]:
    """Out-of-fold agreement of Pfirrmann grades of both arms, and their paired difference with its interval by patient.

    Args:
        run: A finished run on patients: its recipe, folds and found discs are used.
        start: A finished run on the digital spine, whose graders have the same shape.
        data: Patients.
        keep: Folder for what each network said; finished ones are not trained again.
        epochs: Of every grader; None takes the run's.

    Raises:
        InputError: A run is not finished, or the shapes of the graders differ.
    """
    trained = _read(run, start, data, epochs)
    keep.mkdir(parents=True, exist_ok=True)
    keys = [(fold, arm) for fold in range(trained.recipe.folds) for arm in range(len(ARMS))]
    missing = [key for key in keys if not _file(keep, *key).exists()]
    what = "Training graders with and without the digital spine"
    on_step(what, len(keys) - len(missing), len(keys))
    for done in spread(trained.recipe.jobs, _one, [(run, start, data, keep, epochs, *key) for key in missing]):
        on_step(what, len(keys) - len(missing) + done, len(keys))
    said = [[row for fold in range(trained.recipe.folds) for row in json.loads(_file(keep, fold, arm).read_text())]
            for arm in range(len(ARMS))]  # fmt: skip
    return {**figures(*said), "epochs": trained.recipe.grader_epochs, "networks_an_arm": trained.recipe.folds}


def _file(keep: Path, fold: int, arm: int) -> Path:
    return keep / f"{fold}-{('alone', 'taught')[arm]}.json"


def _one(run: Path, start: Path, data: Path, keep: Path, epochs: int | None, fold: int, arm: int) -> None:
    """One grader: trained, asked, and what it said kept."""
    rows = say(_read(run, start, data, epochs), fold, arm)
    file = _file(keep, fold, arm)
    half_done = file.with_suffix(f".{os.getpid()}.part")
    half_done.write_text(json.dumps(rows))
    half_done.replace(file)


@cache
def _read(run: Path, start: Path, data: Path, epochs: int | None) -> Trained:
    recipe, first = kept_recipe(Recipe, run), kept_recipe(Recipe, start)
    recipe = replace(recipe, grader_epochs=epochs or recipe.grader_epochs)
    if (recipe.grader_width, recipe.crop_rows, recipe.crop_columns) != (first.grader_width, first.crop_rows, first.crop_columns):
        raise InputError("graders-differ", "the graders of the two runs have different shapes", "Train both with the same keys for them")
    if not (run / "found.json").exists():
        raise InputError("run-not-finished", "the run on patients has no found.json", "Go on with: spondyl train RECIPE --resume RUN")
    found = [[Disc(**disc) for disc in discs] for discs in json.loads((run / "found.json").read_text())]
    starts = [load_grader(start, first, pair).state_dict() for pair in first.pairs]
    return Trained(recipe, read_cohort(recipe.layout, data, recipe.folds, recipe.seed), found, starts)


def say(trained: Trained, fold: int, arm: int) -> list[dict[str, Any]]:
    """Train one arm's grader without one fold, and grade that fold: patient, disc, truth and said (0..4) of every disc."""
    recipe, cohort = trained.recipe, trained.cohort
    start = trained.starts[fold % len(trained.starts)] if arm else None
    net = stages.train_grader(recipe, cohort, stages.examples(recipe, cohort, trained.found), (fold, fold), start)
    rows = []
    for index, slice_ in enumerate(cohort.slices):
        discs = trained.found[index]
        usable = slice_.sequence == "t2" and cohort.fold(index) == fold and slice_.stem not in recipe.leave_out
        if usable and len(discs) == len(slice_.grades):
            grades = likeliest(net, recipe, cohort.pixels[index], discs)
            for disc, said in zip(sorted(slice_.grades), grades, strict=True):
                truth = slice_.grades[disc].pfirrmann - 1
                rows.append({"patient": slice_.patient, "disc": disc, "truth": truth, "said": int(said)})
    return rows


def likeliest(net: Grader, recipe: Recipe, pixels: NDArray[np.float32], discs: Sequence[Disc]) -> NDArray[np.int64]:
    """Likeliest Pfirrmann grade (0..4) of each disc of a T2 slice, by one grader."""
    cut = crops(pixels, poses(discs), (recipe.crop_rows, recipe.crop_columns), recipe.crop_height_units, recipe.crop_back_shift)
    with torch.no_grad():
        logits, _ = net.eval()(torch.from_numpy(np.stack([cut, np.zeros_like(cut)], axis=1)))
    return np.asarray(logits[:, :GRADES].argmax(1).numpy())


def figures(alone: Sequence[Mapping[str, Any]], first: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Both arms and the second less the first, on the same discs; 95 % intervals by patient."""
    if [(row["patient"], row["disc"]) for row in alone] != [(row["patient"], row["disc"]) for row in first]:
        raise ValueError("both arms must have graded the same discs in the same order")
    patients = np.array([row["patient"] for row in alone])
    truth, plain, taught = (np.array([row[key] for row in rows]) for rows, key in ((alone, "truth"), (alone, "said"), (first, "said")))
    metrics: dict[str, Callable[[NDArray[Any], NDArray[Any]], float]] = {
        "quadratic_kappa": lambda t, s: kappa(t, s, GRADES),
        "balanced_accuracy": lambda t, s: balanced_accuracy(t, s, GRADES),
        "within_one_grade": within,
    }

    def drawn(metric: Callable[..., float], *arrays: NDArray[Any]) -> list[float | None]:
        return interval(bootstrap_interval(metric, patients, *arrays, rng=np.random.default_rng(0), draws=DRAWS))

    body: dict[str, Any] = {"discs": len(truth), "patients": len(set(patients.tolist()))}
    for name, metric in metrics.items():
        body[name] = {
            ARMS[0]: drawn(metric, truth, plain),
            ARMS[1]: drawn(metric, truth, taught),
            "difference": drawn(lambda t, a, b, m=metric: m(t, b) - m(t, a), truth, plain, taught),
        }
    return body
