"""From a folder of films to a finished bundle: pieces in order, independent ones in parallel, every finished piece kept.

    config.json splits.json check/ cache/ members/<name>/ student/ detector/ gate/ teacher.npy predictions/ bundle/ metrics.json index.html
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from spondyl.core import InputError
from spondyl.core.identity import content_hash
from spondyl.lab.films import stages
from spondyl.lab.films.cache import FilmCache, open_cache
from spondyl.lab.films.check import FILE, check_data
from spondyl.lab.films.counts import data_counts
from spondyl.lab.films.measure import measure
from spondyl.lab.films.pack import Draft, cohorts_of, draft, evidence_of, for_bundle
from spondyl.lab.films.reading import read_figures
from spondyl.lab.films.recipe import MAY_CHANGE, FilmRecipe
from spondyl.lab.films.records import FilmRecord, FilmSet
from spondyl.lab.films.run_page import write_run_page
from spondyl.lab.films.sets import film_set, load_splits, save_splits, with_more
from spondyl.lab.films.trust import measure_trust
from spondyl.lab.spread import keep, spread
from spondyl.tasks.films.framing import FilmFrame
from spondyl.tasks.films.votes import STUDENT

OnStep = Callable[[str, int, int], None]
CHECKED = "checked.sha256"
"""File, beside a check, that says of which films it is."""


def train(recipe: FilmRecipe, data: Path, run: Path, on_step: OnStep = lambda *_: None) -> None:
    """Train, pack and measure what the run folder does not hold yet. Stopped runs go on where they stopped.

    Args:
        recipe: What to train.
        data: Root of the data set.
        run: Folder of the run.
        on_step: Progress.

    Raises:
        InputError: `run-recipe-differs`, and what the data, its check and the networks say.
    """
    films = begun(recipe, data, run)
    stages.check_start(recipe)
    caches = open_caches(recipe, films, run, on_step)
    _check_data(films, caches["film"], run / "check")
    _fit_all(recipe, caches, run, on_step)
    if not (run / "bundle").exists():
        _finish(recipe, data, films, caches, run, on_step)
    write_run_page(run)


def begun(recipe: FilmRecipe, data: Path, folder: Path) -> FilmSet:
    """The films in the splits that are kept in a folder, which is one of this recipe and these films, or becomes it.

    Raises:
        InputError: `run-recipe-differs`, `splits-differ`, `split-empty`, and where the data set cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_config(recipe, folder / "config.json")
    return _films(recipe, data, folder)


def open_caches(recipe: FilmRecipe, films: FilmSet, run: Path, on_step: OnStep) -> dict[str, FilmCache]:
    """The films in each frame that a network of the recipe sees: "film", "gate" and, with a detector, "detector"."""
    frames = {"film": recipe.frame, stages.GATE: FilmFrame(recipe.gate_size, recipe.gate_size, recipe.low, recipe.high)}
    if recipe.detector:
        frames[stages.DETECTOR] = recipe.detector_frame
    return {kind: open_cache(films.films, frame, run / "cache", on_step, recipe.jobs) for kind, frame in frames.items()}


def _check_config(recipe: FilmRecipe, file: Path) -> None:
    """Keep the recipe with the run, and let the run go on only with the one that it began with, but for MAY_CHANGE.

    Raises:
        InputError: If any other key differs.
    """
    now = json.loads(json.dumps(asdict(recipe)))
    if file.exists():
        before = json.loads(file.read_text("utf-8"))
        changed = sorted(key for key in now if key not in MAY_CHANGE and before.get(key, _default(key)) != now[key])
        if changed:
            said = f"the run was begun with another {', '.join(changed)}"
            raise InputError("run-recipe-differs", said, "Go on with the recipe in its config.json, or begin a new run without --resume")
    keep(file, (json.dumps({**now, "torch": torch.__version__}, indent=1) + "\n").encode())


def _default(key: str) -> Any:
    """What a recipe says that does not name the key: a run that began before there was such a key went by it."""
    return next((field.default for field in fields(FilmRecipe) if field.name == key), None)


def _check_data(films: FilmSet, cache: FilmCache, folder: Path) -> None:
    """Check what there is to learn from, unless these very files in these splits with these labels were checked before."""
    told = [[film.name, film.split, film.target, [[box.label, *box.box] for box in film.boxes]] for film in cache.films]
    now = content_hash(json.dumps([told, cache.files]).encode())
    before = folder / CHECKED
    if not (folder / FILE).exists() or not before.exists() or before.read_text("utf-8").strip() != now:
        check_data(films, cache, folder)
        keep(before, f"{now}\n".encode())


def _films(recipe: FilmRecipe, data: Path, run: Path) -> FilmSet:
    """The films in the run's own splits.

    Raises:
        InputError: `split-empty` where nothing is left to learn from, to choose on or to measure with.
    """
    films = film_set(recipe.task, data, recipe.layout, recipe.val_share, recipe.seed)
    if recipe.also:
        films = with_more(films, film_set(recipe.task, Path(recipe.also), recipe.layout, 0.0, recipe.seed))
    if (run / "splits.json").exists():
        films = load_splits(films, run / "splits.json")
    else:
        save_splits(films, run / "splits.json")
    for split, what in (("train", "learn from"), ("val", "choose on")):
        if not films.of(split):
            raise InputError("split-empty", f"there is no film to {what}: the split {split!r} is empty", "Add films, or raise val_share")
    return films


def _fit_all(recipe: FilmRecipe, caches: Mapping[str, FilmCache], run: Path, on_step: OnStep) -> None:
    """Members side by side, and the detector; then what needs the members: a detector that begins with one's body, the student.

    The gate needs nobody: it is taught beside whatever there is less of.
    """
    detector = [stages.DETECTOR] if recipe.detector else []
    first = [*([] if recipe.detector_start else detector), *recipe.networks]
    then = [*(detector if recipe.detector_start else []), *([STUDENT] if recipe.student else [])]
    (then if len(then) > 1 else first).append(stages.GATE)
    _fit_side_by_side(recipe, caches, run, first, on_step)
    _fit_side_by_side(recipe, caches, run, then, on_step)


def _fit_side_by_side(recipe: FilmRecipe, caches: Mapping[str, FilmCache], run: Path, names: Sequence[str], on_step: OnStep) -> None:
    """Train networks of which none needs another."""
    if recipe.jobs == 1 or recipe.devices > 1 or len(names) < 2:
        for name in names:
            stages.fit_network(recipe, caches, run, name, on_step)
        return
    epochs = _epochs(recipe, run, stages.learns_on_pieces(recipe, caches["film"]), on_step)
    epochs()
    on_step("Training networks", 0, len(names))
    for done in spread(recipe.jobs, stages.fit_network, [(recipe, caches, run, name) for name in names], epochs):
        on_step("Training networks", done, len(names))


def _epochs(recipe: FilmRecipe, run: Path, on_pieces: bool, on_step: OnStep) -> Callable[[], None]:
    """A call that tells how many epochs the networks that train in other processes have behind them."""
    pieces = recipe.piece_epochs if on_pieces else 0
    whole = recipe.epochs + (recipe.piece_epochs if recipe.piece_rows and not on_pieces else 0)
    wanted = {stages.folder_of(run, name): whole for name in recipe.networks}
    wanted |= {stages.folder_of(run, name) / stages.PIECES: pieces for name in recipe.networks if pieces}
    wanted |= _detector_epochs(recipe, stages.folder_of(run, stages.DETECTOR)) if recipe.detector else {}

    def tell() -> None:
        done = sum(most if (folder / "weights.pt").exists() else min(_rows(folder), most) for folder, most in wanted.items())
        on_step("Epochs of all networks", done, sum(wanted.values()))

    return tell


def _detector_epochs(recipe: FilmRecipe, folder: Path) -> dict[Path, int]:
    if not (recipe.piece_rows and recipe.detector_whole_epochs):
        return {folder: recipe.detector_epochs}
    return {folder / stages.PIECES: recipe.detector_epochs, folder: recipe.detector_whole_epochs}


def _rows(folder: Path) -> int:
    """Epochs in a network's history; none while it is being written."""
    try:
        return len(json.loads((folder / "history.json").read_text("utf-8")))
    except (OSError, ValueError):
        return 0


def _finish(recipe: FilmRecipe, data: Path, films: FilmSet, caches: Mapping[str, FilmCache], run: Path, on_step: OnStep) -> None:
    """Pack, measure once, and pack again with the figures."""
    made = draft(run, data, recipe, caches, on_step)
    metrics: dict[str, Any] = {
        "task": recipe.task, "evidence": evidence_of(data), "scale": recipe.scale, "version": recipe.version,
        "networks": _architectures(recipe), "history": _histories(recipe, run),
        "data": data_counts(films, caches["film"], *cohorts_of(recipe, data)),
        "validation": made.validation, "parity": made.parity, "gate": read_figures(stages.folder_of(run, stages.GATE) / "figures.json"),
    }  # fmt: skip
    test = [film for film in caches["film"].films if film.split == "test"]
    if start := stages.began_with(recipe, run):
        metrics["start"] = start
    metrics |= _measured(recipe, made, metrics, test, run, on_step)
    keep(run / "metrics.json", (json.dumps(metrics, indent=1, allow_nan=False) + "\n").encode())
    half_done = run / "bundle.part"
    shutil.rmtree(half_done, ignore_errors=True)
    made.write(half_done, for_bundle(metrics))
    half_done.replace(run / "bundle")


def _measured(
    recipe: FilmRecipe, made: Draft, metrics: Mapping[str, Any], test: list[FilmRecord], run: Path, on_step: OnStep
) -> dict[str, Any]:
    """`test` where there is a test split, and `trust` where the recipe asks for it and the data are in-silico."""
    folder = run / "draft.part"
    shutil.rmtree(folder, ignore_errors=True)
    bundle = made.write(folder, for_bundle(metrics))
    figures: dict[str, Any] = {"test": measure(bundle, test, run, on_step, workers=recipe.jobs)} if test else {}
    if recipe.trust_pairs and bundle.note.evidence == "in-silico":
        figures["trust"] = measure_trust(bundle, pairs=recipe.trust_pairs, seed=recipe.seed, run=run, workers=recipe.jobs, on_step=on_step)
    shutil.rmtree(folder)
    return figures


def _architectures(recipe: FilmRecipe) -> dict[str, str]:
    extra = {STUDENT: recipe.student, stages.DETECTOR: recipe.detector}
    return {**recipe.networks, **{name: network for name, network in extra.items() if network}, stages.GATE: "gate"}


def _histories(recipe: FilmRecipe, run: Path) -> dict[str, Any]:
    """Rows of each network's epochs."""
    table = {}
    for name in _architectures(recipe):
        file = stages.folder_of(run, name) / "history.json"
        if file.exists():
            table[name] = json.loads(file.read_text("utf-8"))
    return table
