"""Train, evaluate, export: what the command line calls. One entry a task that can be trained."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spondyl.core import InputError, NotFoundError
from spondyl.core.errors import describe_unknown
from spondyl.inference import Bundle, open_engine, read_bundle
from spondyl.inference.shelf import Shelf
from spondyl.lab.alignment import card as alignment_card
from spondyl.lab.alignment.measure import measure as measure_alignment
from spondyl.lab.alignment.recipe import AlignmentRecipe
from spondyl.lab.alignment.run import train as train_alignment
from spondyl.lab.dxa import card as density_card
from spondyl.lab.dxa.measure import measure as measure_density
from spondyl.lab.dxa.recipe import DensityRecipe
from spondyl.lab.dxa.run import train as train_density
from spondyl.lab.figures_on_card import with_figures
from spondyl.lab.films import verbs as film_verbs
from spondyl.lab.films.card import tables as film_tables
from spondyl.lab.films.reading import read_figures
from spondyl.lab.films.recipe import LAYOUTS, FilmRecipe
from spondyl.lab.films.run import train as train_films
from spondyl.lab.films.trust import measure_trust as film_trust
from spondyl.lab.mri_discs import card, drawn, insilico, pretraining, realism
from spondyl.lab.mri_discs.data import read_cohort
from spondyl.lab.mri_discs.measure import measure
from spondyl.lab.mri_discs.pack import pack
from spondyl.lab.mri_discs.recipe import Recipe
from spondyl.lab.mri_discs.run import train as train_mri_discs
from spondyl.lab.mri_stenosis import card as stenosis_card
from spondyl.lab.mri_stenosis.measure import measure as measure_stenosis
from spondyl.lab.mri_stenosis.recipe import StenosisRecipe
from spondyl.lab.mri_stenosis.run import train as train_stenosis
from spondyl.lab.recipe import read_recipe

OnStep = Callable[[str, int, int], None]
FILM_TASKS = tuple(LAYOUTS)
STENOSIS, DENSITY, ALIGNMENT = "mri-stenosis", "dxa-osteoporosis", "xray-alignment"
TRAINABLE = ("mri-discs", STENOSIS, *FILM_TASKS, DENSITY, ALIGNMENT)
CARDS = {STENOSIS: stenosis_card, DENSITY: density_card, ALIGNMENT: alignment_card}
PHANTOMS, DRAWINGS = 60, 25
"""Digital spines for heights and names, and pictures of each kind to refuse, that `evaluate` draws."""


def train(recipe_file: Path, data: Path, overrides: Sequence[str], runs: Path, resume: Path | None, on_step: OnStep) -> Path:
    """Train what a recipe says and pack the bundle; returns the run's folder, whose `bundle/` is ready to use.

    Raises:
        InputError: Recipe or data cannot be used.
    """
    task = task_of(recipe_file)
    run = resume or new_run(recipe_file, runs)
    if task in FILM_TASKS:
        train_films(read_recipe(FilmRecipe, recipe_file, overrides), data, run, on_step)
    elif task == STENOSIS:
        train_stenosis(read_recipe(StenosisRecipe, recipe_file, overrides), data, run, on_step)
    elif task == DENSITY:
        train_density(read_recipe(DensityRecipe, recipe_file, overrides), data, run, on_step)
    elif task == ALIGNMENT:
        train_alignment(read_recipe(AlignmentRecipe, recipe_file, overrides), data, run, on_step)
    else:
        _train_mri_discs(read_recipe(Recipe, recipe_file, overrides), data, run, on_step)
    return run


def new_run(recipe_file: Path, runs: Path) -> Path:
    """A folder for a run that begins now."""
    return runs / recipe_file.stem / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")


def _train_mri_discs(recipe: Recipe, data: Path, run: Path, on_step: OnStep) -> None:
    train_mri_discs(recipe, data, run, on_step)
    if not (run / "bundle").exists():
        half_done = run / "bundle.part"
        shutil.rmtree(half_done, ignore_errors=True)
        pack(run, data, half_done, on_step)
        half_done.replace(run / "bundle")


def evaluate(
    bundle: str, data: Path, layout: str, films: Path | None, backend: str, precision: str, on_step: OnStep, split: str = "test",
    workers: int = 1, submission: Path | None = None,
) -> dict[str, Any]:
    """Figures of a bundle (a folder, or the name of a task whose bundle ships) on a data set.

    Args:
        layout: "" takes the task's own.
        films: Pictures that mri-discs must refuse.
        split, workers: Of a data set of films or of stenosis studies; processes that read and ask.
        submission: File for the challenge that mri-stenosis is measured by.

    Raises:
        InputError: The data cannot be used.
        NotFoundError: No such bundle.
    """
    known = find_bundle(bundle)
    if known.task == STENOSIS:
        return measure_stenosis(known, data, layout or "rsna2024", split, backend, precision, workers, on_step, submission)
    if submission is not None:
        raise InputError(
            "submission-not-of-stenosis", f"{known.task} has no challenge to submit to", f"Leave --submission out, or name {STENOSIS}"
        )
    if known.task == DENSITY:
        return measure_density(known, data, layout or "dxa", split, backend, precision, on_step)
    if known.task == ALIGNMENT:
        return measure_alignment(known, data, layout or "aasce_pack", split, backend, precision, on_step)
    if known.task in FILM_TASKS:
        return film_verbs.evaluate(known, data, layout, split, backend, precision, on_step, workers)
    return _evaluate_mri_discs(known, data, layout or "spider_pack", films, backend, precision, on_step)


def _evaluate_mri_discs(
    known: Bundle, data: Path, layout: str, films: Path | None, backend: str, precision: str, on_step: OnStep
) -> dict[str, Any]:
    """Slices the bundle was trained on are recognised by their content and judged by the networks that never saw them."""
    engine = open_engine(known, backend, precision)
    cohort = read_cohort(layout, data, folds=1, seed=0)
    metrics = {
        **measure(engine, cohort, on_step),
        "bundle": {"name": known.note.name, "version": known.note.version, "sha256": known.sha256},
    }
    metrics["parity"] = known.metrics.get("parity", {})
    metrics["insilico"] = {
        "wrong_acceptances": insilico.wrong_acceptances(engine, cohort, films, DRAWINGS, on_step),
        "heights": insilico.height_errors(engine, PHANTOMS),
        "levels": insilico.level_names_on_phantoms(engine, PHANTOMS),
    }
    return metrics


def warning(metrics: dict[str, Any]) -> str:
    """What must be said of figures before they are read: that training images were met; else ""."""
    if "slices" in metrics:
        met, all_, how = metrics["training_images_met"], f"{metrics['slices']} slices", "judged only by networks that never saw the patient"
    else:
        test = metrics["test"]
        kind = next(name for name in ("films", "studies", "cases") if name in test)
        met, all_, how = test["training_images_met"], f"{test[kind]} {kind}", f"these figures say little about {kind} that it has not seen"
    return f"{met} of {all_} were in the training: {how}" if met else ""


def measure_trust(
    bundle: str, pairs: int, seed: int, run: Path | None, workers: int, backend: str, precision: str, on_step: OnStep
) -> dict[str, Any]:
    """What digital patients say about a bundle of radiographs (`lab.films.trust`).

    Raises:
        InputError: The bundle is not one of radiographs.
        NotFoundError: No such bundle.
    """
    known = find_bundle(bundle)
    if known.task not in FILM_TASKS:
        raise InputError("trust-not-of-films", f"{known.task} reads no radiographs", f"Name a bundle of {' or '.join(FILM_TASKS)}")
    figures = film_trust(known, pairs=pairs, seed=seed, run=run, workers=workers, backend=backend, precision=precision, on_step=on_step)
    return {**figures, "bundle_sha256": known.sha256}


def learning_curve(recipe_file: Path, data: Path, overrides: Sequence[str], subjects: Sequence[int], keep: Path, on_step: OnStep
                   ) -> list[dict[str, Any]]:  # fmt: skip
    """What a recipe's first member reaches when it learns from so many subjects.

    Raises:
        InputError: Recipe or data cannot be used, or the recipe is not one of films.
    """
    if task_of(recipe_file) not in FILM_TASKS:
        raise InputError("curve-not-of-films", "learning curves are drawn of film systems", f"Name a recipe of {' or '.join(FILM_TASKS)}")
    return film_verbs.curve(read_recipe(FilmRecipe, recipe_file, overrides), data, subjects, keep, on_step)


def compare_detectors(recipe_file: Path, data: Path, overrides: Sequence[str], names: Sequence[str], keep: Path, on_step: OnStep) -> str:
    """Detectors of a recipe side by side, as a Markdown table.

    Raises:
        InputError: Recipe or data cannot be used, or the recipe has no detector.
        NotFoundError: `unknown-detector`.
    """
    recipe = read_recipe(FilmRecipe, recipe_file, overrides) if task_of(recipe_file) in FILM_TASKS else None
    if recipe is None or not recipe.detector:
        raise InputError("detectors-not-of-lesions", "only recipes of lesions have a detector", "Name one like recipes/xray-lesions.toml")
    return film_verbs.compare_detectors(recipe, data, names, keep, on_step)


def measure_realism(
    bundle: str, cohort: str, folds: Sequence[int], backend: str, precision: str, on_step: OnStep, *, source: str = "volume",
    subjects: int | None = None, workers: int = 1,
) -> dict[str, Any]:  # fmt: skip
    """Discs of a judging cohort found, numbered and graded by a bundle's networks that are blind to some folds only.

    Args:
        bundle: A folder, or the name of a task whose bundle ships.
        cohort: Its name.
        folds: Networks whose unseen folds are all among these judge; disjoint folds share none.
        source: Who paints the slices.
        subjects: Only the first so many.

    Raises:
        InputError: No network is left.
        NotFoundError: No such bundle, cohort or source of slices.
    """
    known = find_bundle(bundle)
    engine = open_engine(realism.of_folds(known, folds), backend, precision)
    slices = drawn.of_cohort(cohort, subjects, source).slices(workers, on_step)
    return {
        "cohort": cohort,
        "source": source,
        "folds": list(folds),
        **realism.measure_realism(engine, slices, len(slices), on_step),
        "bundle": {"name": known.note.name, "version": known.note.version, "sha256": known.sha256},
    }


def measure_on_patients(bundle: str, data: Path, layout: str, backend: str, precision: str, on_step: OnStep) -> dict[str, Any]:
    """Figures of a bundle on patients, as `evaluate` gives them, as served and with its gate left open.

    Raises:
        InputError: The data cannot be used.
        NotFoundError: No such bundle.
    """
    known = find_bundle(bundle)
    cohort = read_cohort(layout, data, folds=1, seed=0)
    served, open_ = (
        measure(open_engine(part, backend, precision), cohort, on_step) for part in (known, realism.open_gate(known))
    )
    kept = ("slices", "patients", "training_images_met", "locating", "gate", "grading")
    return {
        **{key: served[key] for key in kept},
        "gate_left_open": {key: open_[key] for key in ("locating", "grading")},
        "trained_on": known.note.trained_on,
        "bundle": {"name": known.note.name, "version": known.note.version, "sha256": known.sha256},
    }


def compare_pretraining(run: Path, start: Path, data: Path, keep: Path, epochs: int | None, on_step: OnStep) -> dict[str, Any]:
    """Whether graders that the digital spine taught first agree better with patients' readings.

    Raises:
        InputError: A run is not finished, or the two do not fit.
    """
    return pretraining.compare(run, start, data, keep, epochs, on_step)


def keep_figures(file: Path, name: str, figures: Any) -> None:
    """Put figures under a name into a JSON file that may hold others.

    Raises:
        InputError: The file is there and no JSON object.
    """
    try:
        table = json.loads(file.read_text("utf-8")) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise InputError("figures-unreadable", f"the file of figures cannot be read: {type(error).__name__}", "Name another file") from None
    if not isinstance(table, dict):
        raise InputError("figures-unreadable", "the file of figures is no JSON object", "Name another file")
    file.write_text(json.dumps({**table, name: figures}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def tables(metrics: dict[str, Any]) -> str:
    """The figures as Markdown."""
    if metrics.get("task") in CARDS:
        return str(CARDS[str(metrics["task"])].tables(metrics))
    return film_tables(metrics) if metrics.get("task") in FILM_TASKS else card.tables(metrics)


def find_bundle(name: str) -> Bundle:
    """A bundle by folder or by the task whose bundle ships."""
    if Path(name).is_dir():
        return read_bundle(Path(name))
    if name not in TRAINABLE:
        raise NotFoundError(
            "unknown-bundle", describe_unknown("bundle", name, TRAINABLE), "Name a folder with a bundle.json, or a task"
        )
    return Shelf().bundle(name)


def export(run: Path, out: Path, figures: Path | None = None) -> Bundle:
    """Copy the bundle of a finished run to a new folder and check it there.

    Args:
        figures: A file of `evaluate` on this very bundle: they go onto its card.

    Raises:
        InputError: The run has no bundle yet, `out` is not empty, or the figures are of another bundle.
    """
    if not (run / "bundle").is_dir():
        raise InputError(
            "run-not-finished", "the run has no finished bundle", "Go on with: spondyl train RECIPE --data DIR --resume RUN"
        )
    if out.exists() and any(out.iterdir()):
        raise InputError("bundle-folder-not-empty", "the folder for the bundle is not empty", "Name a new folder, or empty it")
    if figures is not None:
        known = read_bundle(run / "bundle")
        if known.task in CARDS:
            return with_figures(known, read_figures(figures), out, CARDS[known.task].card)
        return film_verbs.with_figures(known, read_figures(figures), out)
    shutil.copytree(run / "bundle", out, dirs_exist_ok=True)
    return read_bundle(out)


def task_of(recipe_file: Path) -> str:
    """The task a recipe is for.

    Raises:
        InputError: If the recipe cannot be read.
        NotFoundError: If nothing trains that task.
    """
    try:
        name = str(tomllib.loads(recipe_file.read_text("utf-8")).get("task", ""))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            "recipe-unreadable", f"the recipe cannot be read: {type(error).__name__}", "Name a TOML file in recipes/"
        ) from None
    if name not in TRAINABLE:
        raise NotFoundError("unknown-task", describe_unknown("trainable task", name, TRAINABLE), "Correct `task` in the recipe")
    return name
