"""Whether digital spines among the films help the detector: one fold taught with and without them, judged on that fold's own films.

    python -m spondyl.lab.alignment.digital --run RUN --data DIR --drawn DIR [--fold 0] [--epochs 30]     a Markdown table

RUN is a finished run of `spondyl train`, whose second look, settings and folds are used for both.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from spondyl.inference import Bundle, open_engine, read_bundle, write_bundle
from spondyl.lab.alignment.asking import Read, ask, read
from spondyl.lab.alignment.cases import Case, folds_of, read_cases
from spondyl.lab.alignment.fit import fit_detector
from spondyl.lab.alignment.pieces import DRAWN_LAYOUT, teaching
from spondyl.lab.alignment.recipe import AlignmentRecipe
from spondyl.lab.onnx_export import to_onnx
from spondyl.lab.recipe import kept_recipe
from spondyl.lab.spread import spread
from spondyl.metrics import bootstrap_interval
from spondyl.metrics.spine_curves import aasce_angles
from spondyl.tasks.xray_alignment.reading import DETECTOR

DRAWS = 2000
NAMES = ("vertebrae found, %", "false ones a film", "largest mid-line angle, absolute error in degrees")


def teach(run: Path, data: Path, drawn: Path | None, fold: int, epochs: int, file: Path) -> None:
    """A detector that has not seen a fold, as ONNX in a file."""
    recipe = replace(kept_recipe(AlignmentRecipe, run), detector_epochs=epochs, detector_again=0)
    taught, _ = _split(recipe, data, fold)
    if drawn is not None:
        taught = [*taught, *(case for case in read_cases(DRAWN_LAYOUT, drawn, _quiet, drawn=True) if case.split == "train")]
    net = fit_detector(taught, recipe, recipe.seed + 10 * fold, _quiet)
    file.write_bytes(to_onnx(net, torch.rand(1, 1, *recipe.film), "film", ["maps"]))


def judged(bundle: Bundle, detector: bytes, held: Sequence[Case], fold: int, folder: Path) -> list[Read]:
    """The fold's films by that detector and the bundle's own second look."""
    contents = {name: bundle.read(name) for name in bundle.manifest.files}
    one = write_bundle(folder, bundle.manifest, {**contents, f"{DETECTOR}{fold}.onnx": detector})
    return [read(film, one.settings) for film in ask(held, [fold] * len(held), open_engine(one, precision="f32"), _quiet)]


def compare(run: Path, data: Path, drawn: Path, fold: int, epochs: int) -> str:
    """The table: without, with, and the paired difference with its 95 % interval by group."""
    bundle, recipe = read_bundle(run / "bundle"), kept_recipe(AlignmentRecipe, run)
    _, held = _split(recipe, data, fold)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arms = {"without": None, "with": drawn}
        calls = [(run, data, own, fold, epochs, folder / f"{arm}.onnx") for arm, own in arms.items()]
        for _ in spread(recipe.jobs, teach, calls):
            pass
        rows = {arm: np.array([_row(one) for one in judged(bundle, (folder / f"{arm}.onnx").read_bytes(), held, fold, folder / arm)])
                for arm in arms}
    return markdown(rows["without"], rows["with"], [case.group for case in held])


def markdown(without: NDArray[np.float64], with_: NDArray[np.float64], groups: Sequence[str]) -> str:
    """The table of what two detectors reach on the same films, (films, len(NAMES)) each."""
    lines = [f"| {len(without)} films | without | with digital spines | difference, paired |", "|---|---|---|---|"]
    for k, name in enumerate(NAMES):
        gap = bootstrap_interval(lambda a: float(a.mean()), groups, with_[:, k] - without[:, k], rng=np.random.default_rng(0), draws=DRAWS)
        said = f"{gap.estimate:+.2f} ({gap.low:+.2f} to {gap.high:+.2f})"
        lines.append(f"| {name} | {without[:, k].mean():.2f} | {with_[:, k].mean():.2f} | {said} |")
    return "\n".join(lines)


def _row(one: Read) -> tuple[float, ...]:
    own = one.angled.mid_lines[0] if one.angled.mid_lines else 0.0
    share = 100 * sum(place >= 0 for place in one.match) / len(one.match)
    return share, float(one.false), abs(own - aasce_angles(one.asked.truth, one.asked.rows)[0])


def _split(recipe: AlignmentRecipe, data: Path, fold: int) -> tuple[list[Case], list[Case]]:
    cases = teaching(recipe, data, _quiet)
    folds = folds_of(cases, recipe.folds, recipe.seed)
    parts: tuple[list[Case], list[Case]] = ([], [])
    for case, own in zip(cases, folds, strict=True):
        parts[int(own == fold)].append(case)
    return parts


def _quiet(*_: object) -> None:
    """Nobody listens."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m spondyl.lab.alignment.digital", description=__doc__)
    for name in ("run", "data", "drawn"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    print(compare(options.run, options.data, options.drawn, options.fold, options.epochs))


if __name__ == "__main__":
    main()
