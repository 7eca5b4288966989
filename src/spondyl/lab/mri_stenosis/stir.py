"""A locator for STIR, which that of `mri-discs` never saw: taught by the discs that it finds on the T1 or T2 slice of the same place."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spondyl.imaging import content_box, letterbox
from spondyl.imaging.affine import apply_affine, invert
from spondyl.lab.mri_discs.calibrate import fit_on_sacrum
from spondyl.lab.mri_discs.locator import Target, fit_locator
from spondyl.lab.mri_stenosis.recipe import StenosisRecipe
from spondyl.lab.mri_stenosis.sacrum import LEAST_DISCS, LEAST_ROWS
from spondyl.lab.mri_stenosis.splitting import kept, split
from spondyl.lab.spread import keep
from spondyl.models.locator import Locator
from spondyl.tasks.mri_discs.chain import find_chain
from spondyl.tasks.mri_discs.slices import UprightSlice, upright
from spondyl.tasks.mri_stenosis.assembly import Assembly
from spondyl.tasks.mri_stenosis.locate import Levels
from spondyl.tasks.mri_stenosis.space import to_patient, to_pixels

NAME = "locator-stir"
HIDDEN, CUT_EVERY = 3, 10
"""Of the slices, one in CUT_EVERY is also shown with one to HIDDEN of its lowest discs cut away, as `sacrum` does."""
FEWEST = 40
"""Slices from which on a locator of their own is taught."""


def keep_stir(assembly: Assembly, levels: Levels, file: Path) -> None:
    """The middle STIR slice of a study with the boxes that were found on another series; nothing where it has none."""
    stacks = [stack for stack in assembly.stacks if stack.sequence == "stir" and stack.plane == "sagittal"]
    if not stacks or levels.image.sequence == "stir":
        return
    part = upright(stacks[0].middle)
    boxes = carried_boxes(levels, part)
    rows, columns = part.pixels.shape
    inside = [x0 >= 0 and x1 <= columns and y0 >= 0 and y1 <= rows for x0, y0, x1, y1 in boxes]
    if not all(inside[:3]):
        return
    buffer = io.BytesIO()
    np.savez(buffer, pixels=part.pixels.astype(np.float16), boxes=boxes[np.array(inside)])
    file.parent.mkdir(parents=True, exist_ok=True)
    keep(file, buffer.getvalue())


def carried_boxes(levels: Levels, part: UprightSlice) -> NDArray[np.float64]:
    """Boxes (n, 4) of the discs that were found, from the bottom up, in pixels of another upright slice of the same place."""
    own = levels.found.slice
    corners = np.array([[disc.box[:2], disc.box[2:]] for disc in levels.found.discs])
    there = to_pixels(part.image, to_patient(own.image, apply_affine(own.to_image, corners)))
    here = apply_affine(invert(part.to_image), there)
    return np.concatenate([here.min(axis=1), here.max(axis=1)], axis=1)


def fit_stir(recipe: StenosisRecipe, run: Path, size: int) -> None:
    """Teach it from the slices that a run keeps under stir/, those of validation studies left out; leaves locator-stir.pt, or nothing
    where there are too few."""
    files = split(kept(run / "stir"), recipe.val_share, recipe.seed)[0]
    if len(files) < FEWEST:
        return
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    targets = []
    for file in files:
        with np.load(file) as stored:
            targets.append(Target(stored["pixels"].astype(np.float32), stored["boxes"]))
    net = Locator()
    fit_locator(net, targets, size=size, epochs=recipe.stir_epochs, lr=recipe.stir_lr, rng=np.random.default_rng(recipe.seed))
    torch.save(net.state_dict(), run / "locator-stir.part")
    (run / "locator-stir.part").replace(run / f"{NAME}.pt")


def load_stir(run: Path) -> Locator | None:
    """The fitted locator, or None where there were too few slices."""
    file = run / f"{NAME}.pt"
    if not file.exists():
        return None
    net = Locator()
    net.load_state_dict(torch.load(file, weights_only=True))
    return net.eval()


def stir_on_sacrum(recipe: StenosisRecipe, run: Path, net: Locator, settings: Mapping[str, Any]) -> dict[str, float]:
    """Platt scaling of its score of the lowest disc, on the STIR slices of validation studies, whole and cut above the sacrum: how often it
    is the lowest one that T1 or T2 shows."""
    scores, right = [], []
    for file in split(kept(run / "stir"), recipe.val_share, recipe.seed)[1]:
        with np.load(file) as stored:
            pixels, boxes = stored["pixels"].astype(np.float32), stored["boxes"]
        score, place = _lowest(net, pixels, settings)
        if place is not None:
            scores.append(score)
            right.append(bool((boxes[0, :2] <= place).all() and (place <= boxes[0, 2:]).all()))
        hidden = len(scores) % HIDDEN + 1
        rows = int(boxes[hidden - 1 : hidden + 1, [1, 3]].mean()) if len(boxes) > hidden + LEAST_DISCS else 0
        if len(scores) % CUT_EVERY == 0 and rows >= LEAST_ROWS:
            scores.append(_lowest(net, np.ascontiguousarray(pixels[:rows]), settings)[0])
            right.append(False)
    return fit_on_sacrum(scores, right) if scores else {"slope": 1.0, "offset": 0.0}


def _lowest(net: Locator, pixels: NDArray[np.float32], settings: Mapping[str, Any]) -> tuple[float, NDArray[np.float64] | None]:
    """The score of the lowest disc found, and its middle; 0 and None where none is."""
    frame = letterbox(content_box(pixels), (settings["size"], settings["size"]))
    with torch.no_grad():
        maps = net(torch.from_numpy(frame.sample(pixels))[None, None])[0].numpy()
    discs, _ = find_chain(maps, frame, settings["chain"])
    return (discs[0].lowest, np.array([discs[0].x, discs[0].y])) if discs else (0.0, None)
