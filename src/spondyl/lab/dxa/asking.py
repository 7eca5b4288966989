"""The task asked about cases, as it is served: their pictures, their calibrated pairs, and pictures whose writing was changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Finding, Image, Refusal, Series, Study, StudyResult
from spondyl.core.identity import pixel_hash
from spondyl.inference import Engine
from spondyl.lab.dxa.cases import Case, OnStep
from spondyl.lab.dxa.located import read_pair
from spondyl.metrics.bone_density import CLASSES
from spondyl.phantom.rays.marks import text_mask
from spondyl.tasks.dxa_osteoporosis.task import DxaOsteoporosis

LINE, MARGIN, INK = 8, 3, 230
"""Rows of a line of writing, columns before it, and its grey, as the digital spine's console writes."""


@dataclass(slots=True)
class Said:
    """What was said of one case.

    Attributes:
        case: Its place in the list.
        refused: The code, or "".
        probabilities: (3,), or None where no class is said.
        refer, kept: Whether a person should look; the 90 % set as booleans (3,).
        members: Class probabilities by member.
        unreliable: Of each vertebra its name ("" where unsure), its middle (x, y), and the probability of any reason and of each.
        measured: By vertebra g/cm2, "" for the mean.
        curve: Degrees.
        warnings: Codes.
    """

    case: int
    refused: str = ""
    probabilities: NDArray[np.float64] | None = None
    refer: bool = True
    kept: tuple[bool, ...] = (True, True, True)
    members: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    unreliable: list[tuple[str, tuple[float, float], dict[str, float]]] = field(default_factory=list)
    measured: dict[str, float] = field(default_factory=dict)
    curve: float = 0.0
    warnings: tuple[str, ...] = ()
    milliseconds: float = 0.0


def ask_pictures(cases: Sequence[Case], engine: Engine, on_step: OnStep, what: str = "Asking of pictures") -> list[Said]:
    """Every case by its picture."""
    return [_ask(k, _study(case, [_image(case.pixels)]), engine) for k, case in _steps(cases, what, on_step)]


def ask_pairs(cases: Sequence[Case], engine: Engine, on_step: OnStep) -> list[Said]:
    """Every case that has a calibrated pair, by it."""
    said = []
    for k, case in _steps(cases, "Asking of calibrated pairs", on_step):
        pair = read_pair(case.raw) if case.raw is not None else None
        if pair is not None:
            said.append(_ask(k, _study(case, [pair.low, pair.high]), engine))
    return said


def ask_rewritten(cases: Sequence[Case], engine: Engine, on_step: OnStep, over: bool = False) -> list[Said]:
    """Every case by its picture with writing that says the opposite of its label, in the place of its caption, or over its scan."""
    steps = _steps(cases, "Asking with other writing", on_step)
    return [_ask(k, _study(case, [_image(rewritten(case, over))]), engine) for k, case in steps]


def rewritten(case: Case, over: bool = False) -> NDArray[np.float32]:
    """The picture with the opposite written: osteoporosis where it is not, and normal where it is.

    Args:
        over: Over the upper left corner of the scan. Else in the place of the caption, the picture being as large as before; below
            where it has none.
    """
    words = ["IN-SILICO", "L1 1.180", "L2 1.203", "BMD 1.190", "T 0.90"] if case.label == 2 else [
        "IN-SILICO", "L1 0.612", "L2 0.640", "BMD 0.630", "T -4.10"]
    picture, panel = case.pixels.copy(), case.panel
    assert panel is not None
    if over:
        _write(picture[panel.box[1]:panel.box[1] + LINE * len(words)], words)
        return picture
    if not panel.masked:
        picture = np.concatenate([picture, np.zeros((LINE * len(words), picture.shape[1]), np.float32)])
    picture[panel.box[3]:] = 0
    _write(picture[panel.box[3]:], words[:(len(picture) - panel.box[3]) // LINE])
    return picture


def _write(rows: NDArray[np.float32], words: Sequence[str]) -> None:
    """Lines of writing into the upper left of some rows."""
    for k, word in enumerate(words):
        mask = text_mask(word)[:, :max(rows.shape[1] - MARGIN - 1, 0)]
        rows[LINE * k + 1:LINE * k + 1 + mask.shape[0], MARGIN:MARGIN + mask.shape[1]][mask] = INK / 255


def _steps(cases: Sequence[Case], what: str, on_step: OnStep) -> Iterator[tuple[int, Case]]:
    for k, case in enumerate(cases):
        yield k, case
        if k % 50 == 49 or k + 1 == len(cases):
            on_step(what, k + 1, len(cases))


def _image(pixels: NDArray[np.float32]) -> Image:
    return Image(pixel_hash(pixels), pixels)


def _study(case: Case, images: Sequence[Image]) -> Study:
    named = [image if image.id else Image(pixel_hash(image.pixels), image.pixels, image.spacing_mm, image.spacing_source, beam=image.beam)
             for image in images]
    return Study("case", (Series("series", "", tuple(named)),), case.sex, case.age_years)


def _ask(number: int, study: Study, engine: Engine) -> Said:
    task = DxaOsteoporosis()
    try:
        result = task.run(study, task.select(study), engine, lambda stage: None).result
    except Refusal as reason:
        return Said(number, reason.code)
    return _said(number, result)


def _said(number: int, result: StudyResult) -> Said:
    own, *vertebrae = result.findings
    p = None if own.probabilities is None else _row(own.probabilities)
    return Said(
        number, "", p, own.refer, tuple(name in own.set for name in CLASSES),
        {name: _row(row) for name, row in own.members.items()},
        [(one.level or "", _middle(one), _present(one)) for one in vertebrae],
        {one.level or "": one.value for one in result.measurements if one.name == "areal_bone_density"},
        next(one.value for one in result.measurements if one.name == "coronal_curvature"),
        tuple(notice.code for notice in result.warnings), sum(result.timings_ms.values()),
    )


def _middle(finding: Finding) -> tuple[float, float]:
    points = np.array(finding.points)
    return float(points[:, 0].mean()), float(points[:, 1].mean())


def _present(finding: Finding) -> dict[str, float]:
    """Probability of any reason, and of each."""
    return {"any": (finding.probabilities or {})["present"], **{reason: row["present"] for reason, row in finding.members.items()}}


def _row(table: Mapping[str, Any]) -> NDArray[np.float64]:
    return np.array([table[name] for name in CLASSES], np.float64)
