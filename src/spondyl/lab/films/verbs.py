"""Train, evaluate, compare and export film systems: what `lab.verbs` calls for `xray-lesions` and `xray-grade`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spondyl.core import InputError
from spondyl.inference import Bundle, write_bundle
from spondyl.lab.films import stages
from spondyl.lab.films.card import card
from spondyl.lab.films.counts import split_counts
from spondyl.lab.films.curve import learning_curve
from spondyl.lab.films.detect_compare import as_table, compare
from spondyl.lab.films.measure import measure
from spondyl.lab.films.pack import cohort_of, evidence_of, for_bundle
from spondyl.lab.films.predict import OnStep
from spondyl.lab.films.recipe import LAYOUTS, FilmRecipe
from spondyl.lab.films.records import SPLITS, FilmSet
from spondyl.lab.films.run import begun, open_caches
from spondyl.lab.films.sets import film_set

ALL, TEST = "all", "test"
FIGURES = ("task", "evidence", "scale", "recipe", "start", "networks", "data", "validation", "parity", "gate", "test", "trust", "curve")
"""Parts of a file of figures that a bundle takes over."""


def evaluate(bundle: Bundle, data: Path, layout: str, split: str, backend: str, precision: str, on_step: OnStep, workers: int = 1
             ) -> dict[str, Any]:  # fmt: skip
    """metrics.json of a bundle with `test` measured on a split of a data set.

    Args:
        layout: "" takes the task's own.
        split: "test", "val", "train", or "all".

    Raises:
        InputError: `split-unknown`, `split-empty`, and where the data cannot be used.
    """
    if split not in (*SPLITS, ALL):
        raise InputError("split-unknown", f"there is no split {split!r}", f"Name one of {', '.join((*SPLITS, ALL))}")
    films = film_set(bundle.task, data, layout or LAYOUTS[bundle.task][0], 0.0, 0)
    chosen = [film for film in films.films if split in (ALL, film.split)]
    if not chosen:
        there = ", ".join(name for name in SPLITS if films.of(name))
        raise InputError("split-empty", f"the data set has no film in {split!r}", f"Name one that it has with --split: {there}")
    known = bundle.metrics
    counted = split_counts(FilmSet(films.task, tuple(chosen), films.targets, films.classes, films.grouped_by), chosen)
    held: Mapping[str, Any] = known.get("data", {})
    return {
        "task": bundle.task, "evidence": bundle.note.evidence, **{key: known[key] for key in FIGURES if key in known},
        "data": {**held, "splits": {**held.get("splits", {}), "test": counted}},
        "test": {**measure(bundle, chosen, None, on_step, backend=backend, precision=precision, workers=workers), "cohort": cohort_of(data),
                 "evidence": evidence_of(data), "split": split},
        "bundle": {"name": bundle.note.name, "version": bundle.note.version, "sha256": bundle.sha256},
    }  # fmt: skip


def with_figures(bundle: Bundle, figures: Mapping[str, Any], out: Path) -> Bundle:
    """The same weights in a new folder, with figures that were measured elsewhere on its card.

    Raises:
        InputError: `figures-of-another-bundle` if they are not this bundle's, `figures-of-another-split` if they are not of "test".
    """
    of = [figures.get("bundle", {}).get("sha256"), figures.get("trust", {}).get("bundle_sha256", bundle.sha256)]
    if set(of) != {bundle.sha256}:
        raise InputError("figures-of-another-bundle", "the figures were measured with other weights or settings",
                         "Measure this bundle: spondyl evaluate RUN/bundle --data DIR --out FILE")
    split = figures.get("test", {}).get("split", TEST)
    if split != TEST:
        raise InputError("figures-of-another-split", f"the figures are of the split {split!r}: a card tells those of the test split",
                         "Measure that: spondyl evaluate RUN/bundle --data DIR --split test --out FILE")
    metrics = for_bundle({**bundle.metrics, **{key: figures[key] for key in FIGURES if key in figures}})
    manifest = replace(bundle.manifest, metrics=metrics)
    contents = {name: bundle.read(name) for name in bundle.manifest.files}
    contents["card.md"] = card(manifest.as_dict(), metrics).encode()
    return write_bundle(out, manifest, contents)


def compare_detectors(recipe: FilmRecipe, data: Path, names: Sequence[str], keep: Path, on_step: OnStep) -> str:
    """Each detector trained as the recipe's own is on pieces, from random weights; kept and resumed in `keep`. A Markdown table.

    Args:
        names: "NAME", or "NAME:key=value,key=value" with settings of the detector's own.

    Raises:
        InputError: `setting-invalid` where a setting is not of that form; where `keep` was begun with another recipe or other films.
    """
    plans = [replace(stages.detect_plan(replace(recipe, detector_start=""), keep), detector=name, settings=settings)
             for name, settings in map(_named, names)]  # fmt: skip
    films = begun(recipe, data, keep)
    cache = open_caches(recipe, films, keep, on_step)[stages.DETECTOR]
    return as_table(compare(plans, cache, keep / "detectors", on_step), films.classes)


def _named(text: str) -> tuple[str, dict[str, str | int]]:
    name, _, rest = text.partition(":")
    pairs = [pair.partition("=") for pair in rest.split(",") if pair]
    if not all(key and sep and value for key, sep, value in pairs):
        raise InputError("setting-invalid", f"{text!r} is not of the form NAME:key=value", "Write for example yolo11:size=n")
    return name, {key: int(value) if value.isdecimal() else value for key, _, value in pairs}


def curve(recipe: FilmRecipe, data: Path, subjects: Sequence[int], keep: Path, on_step: OnStep) -> list[dict[str, Any]]:
    """What the first member of a recipe reaches on validation when it learns from so many groups; kept and resumed in `keep`.

    Where the recipe teaches on pieces first, that is all that is done here: it is where most is learned, and rows say so (`taught_on`).
    The network begins from scratch and learns from this data set alone, whatever `start` and `also` say.

    Raises:
        InputError: Where `keep` was begun with another recipe or other films, as of a run, and what `learning_curve` raises.
    """
    recipe = replace(recipe, start="", also="")
    films = begun(recipe, data, keep)
    cache = open_caches(replace(recipe, detector=""), films, keep, on_step)["film"]
    plan = stages.member_plan(recipe, next(iter(recipe.networks)))
    plan = stages.piece_plan(recipe, plan) if stages.learns_on_pieces(recipe, cache) else plan
    return [dict(row) for row in learning_curve(plan, cache, sorted(subjects), keep / "curve", on_step)]
