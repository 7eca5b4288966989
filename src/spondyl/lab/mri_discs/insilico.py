"""What only pictures with a known answer can show: refusals, disc heights, level names. In-silico, apart from flipped slices and films."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Refusal
from spondyl.datasets.pictures import read_picture
from spondyl.inference import Engine
from spondyl.lab.mri_discs.card import DRAWN
from spondyl.lab.mri_discs.data import Cohort
from spondyl.lab.mri_discs.predict import as_image, folds_of, members_for
from spondyl.metrics.intervals import wilson_interval
from spondyl.phantom import SagittalSlice, draw_acquisition, draw_subject, render_sagittal
from spondyl.phantom.others import KINDS, draw_other
from spondyl.tasks.mri_discs.gate import check_chain, check_pose
from spondyl.tasks.mri_discs.heights import disc_heights
from spondyl.tasks.mri_discs.naming import level_names
from spondyl.tasks.mri_discs.reading import Located, locate, look_at
from spondyl.tasks.mri_discs.slices import check_content, upright

OnStep = Callable[[str, int, int], None]
SEED = 20_261
"""Apart from every training seed; the role (first key) tells the tests apart."""


def refused(engine: Engine, pixels: NDArray[np.float32], fold: int | None = None) -> str:
    """Code with which a picture is refused, or "" where it is accepted."""
    members = members_for(engine, fold)
    settings = engine.bundle.settings
    part = upright(as_image(pixels))
    try:
        check_content(part.image)
        check_pose(look_at(engine, part, members.gate), settings["gate"]["least_upright"])
        check_chain(locate(engine, part, members.locator).discs, settings["locator"]["plausible"])
    except Refusal as reason:
        return reason.code
    return ""


def wrong_acceptances(engine: Engine, cohort: Cohort, films: Path | None, each: int, on_step: OnStep) -> dict[str, Any]:
    """Share accepted of pictures that must be refused, by group: [share, low, high, n]."""
    body: dict[str, Any] = {}
    for kind in sorted(KINDS):
        accepted = [refused(engine, np.asarray(draw_other(_rng(0, kind, i), kind), np.float32)) == "" for i in range(each)]
        body[f"{DRAWN}{kind}"] = _rate(accepted)
        on_step("Pictures to refuse", len(body), len(KINDS))
    flips: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
        "upside down": lambda p: p[::-1],
        "mirrored": lambda p: p[:, ::-1],
        "turned by 180 degrees": lambda p: p[::-1, ::-1],
        "turned by 90 degrees": lambda p: p.T[::-1],
    }
    folds = folds_of(engine, cohort.slices)
    stored_upright = [s for s in cohort.slices if s.stem not in engine.bundle.settings.get("left_out", ())]
    for done, (name, flip) in enumerate(flips.items(), start=1):
        rows = [refused(engine, np.ascontiguousarray(flip(s.pixels)), folds.get(s.patient)) == "" for s in stored_upright]
        body[f"patients' slices, {name}"] = _rate(rows)
        on_step("Flipped slices", done, len(flips))
    if films is not None:
        files = sorted(p for p in films.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg", ".tif", ".tiff"))
        body["films of the given folder"] = _rate([refused(engine, read_picture(file, "a film")) == "" for file in files])
    return body


def phantom_slices(role: int, count: int, profile: str, **changes: Any) -> Iterator[SagittalSlice]:
    """Fresh slices of the digital spine, T1 and T2 in turn."""
    for index in range(count):
        rng = np.random.default_rng(np.random.SeedSequence(entropy=SEED, spawn_key=(role, index)))
        scan = draw_acquisition(rng, ("t2", "t1")[index % 2], changes.get("crop"))
        if "rotation_deg" in changes:
            scan = replace(scan, rotation_deg=float(rng.uniform(*changes["rotation_deg"])))
        yield render_sagittal(draw_subject(rng, profile), scan)


def height_errors(engine: Engine, count: int) -> dict[str, Any]:
    """Disc heights against the built ones, on spines turned so that discs tilt by 0 to 45 degrees and more."""
    errors, tilts, halves = [], [], []
    missed = 0
    for slice_ in phantom_slices(1, count, "symptomatic", rotation_deg=(-25.0, 25.0), crop="none"):
        part = _located(engine, slice_)
        spacing = slice_.spacing_mm
        heights = disc_heights(part.slice.pixels, part.places, spacing)
        for truth in slice_.truth.discs:
            near = [
                i
                for i, d in enumerate(part.discs)
                if np.hypot(d.x - truth.centre[0] - 0.5, d.y - truth.centre[1] - 0.5) * spacing[0] < 8
            ]
            height = heights[near[0]] if near else None
            if height is None:
                missed += 1
                continue
            errors.append(height.value_mm - truth.height_mm)
            halves.append(height.error_mm)
            tilts.append(abs(truth.tilt_deg))
    e, t = np.array(errors), np.array(tilts)
    bands = {f"{low}-{high} degrees": (t >= low) & (t < high) for low, high in ((0, 15), (15, 30), (30, 45))}
    return {
        "discs": len(e),
        "not_measured": missed,
        "mean_error_mm": float(e.mean()) if len(e) else None,
        "mean_absolute_error_mm": float(np.abs(e).mean()) if len(e) else None,
        "within_1_mm": _rate(list(np.abs(e) <= 1)),
        "within_1_mm_by_tilt": {name: _rate(list(np.abs(e[rows]) <= 1)) for name, rows in bands.items()},
        "error_bar_covers": _rate(list(np.abs(e) <= np.array(halves))),
    }


def level_names_on_phantoms(engine: Engine, count: int) -> dict[str, Any]:
    """Whether the true name of the lowest disc is said, is among the alternatives, or a wrong one is said."""
    body = {}
    for name, role, profile, crop in (
        ("ordinary anatomy", 2, "symptomatic", "none"),
        ("cut above the sacrum", 3, "symptomatic", "above_sacrum"),
        ("transitional anatomy", 4, "transitional", "none"),
    ):
        said, wrong, held = [], [], []
        for slice_ in phantom_slices(role, count, profile, crop=crop):
            part = _located(engine, slice_)
            if len(part.discs) < 3 or not slice_.truth.discs:
                continue
            level = level_names(part, engine.bundle.settings)[0]
            x, y = part.discs[0].x, part.discs[0].y
            truth = min(slice_.truth.discs, key=lambda d: np.hypot(d.centre[0] - x, d.centre[1] - y)).level
            said.append(level.name == truth)
            wrong.append(level.name is not None and level.name != truth)
            held.append(level.name == truth or truth in level.alternatives)
        body[name] = {"right_name_said": _rate(said), "wrong_name_said": _rate(wrong), "right_name_said_or_listed": _rate(held)}
    return body


def _located(engine: Engine, slice_: SagittalSlice) -> Located:
    return locate(engine, upright(as_image(slice_.pixels, slice_.spacing_mm)), members_for(engine, None).locator)


def _rng(role: int, kind: str, index: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(entropy=SEED, spawn_key=(role, sorted(KINDS).index(kind), index)))


def _rate(happened: Sequence[bool]) -> list[float | int]:
    """[share, low, high, n], 95 % (Wilson)."""
    count = len(happened)
    if not count:
        return [0.0, 0.0, 1.0, 0]
    interval = wilson_interval(float(np.mean(happened)), count)
    return [interval.estimate, interval.low, interval.high, count]
