"""From the graders' logits to calibrated probabilities, values and sets: the same arithmetic for serving and for measuring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import term
from spondyl.inference.calibration import Platt, softmax
from spondyl.inference.conformal import ordinal_set

GRADE = "pfirrmann_grade"
QUESTIONS = (
    GRADE,
    "disc_narrowing",
    "disc_bulging",
    "disc_herniation",
    "spondylolisthesis",
    "modic_change",
    "upper_endplate_change",
    "lower_endplate_change",
)
GRADES = 5
OUTPUTS = GRADES + len(QUESTIONS) - 1
"""Five logits for the Pfirrmann grade, then one for each yes/no question."""
VIEWS = ("wet", "dry", "both")
"""Which sequences a disc was judged on: T2-weighted (T2, SPACE), T1, or both. Each is calibrated by itself."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question about one disc.

    Attributes:
        value: A key of the vocabulary as result.json writes it, or None where this view cannot tell.
        probabilities: By key, or None likewise.
        set: The 90 % set, as values.
        refer: Whether the set spans the vocabulary's cut.
    """

    value: int | str | None
    probabilities: Mapping[str, float] | None
    set: tuple[int | str, ...]
    refer: bool


def columns_of(question: str) -> slice:
    """Where a question's logits stand among the OUTPUTS."""
    index = QUESTIONS.index(question)
    return slice(0, GRADES) if index == 0 else slice(GRADES + index - 1, GRADES + index)


def calibrated(
    logits: NDArray[np.floating[Any]], question: str, calibration: Mapping[str, Any], levels: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """Probabilities (n, keys) from logits (n, OUTPUTS).

    The grade has offsets and a temperature. A yes/no question has Platt scaling and a term for the level: how often it was so
    at this disc among the training patients, as far as that adds to what the picture says.

    Args:
        logits: Of the ensemble.
        question: One of QUESTIONS.
        calibration: By question, from the bundle.
        levels: Number of each disc from the bottom, (n,); 0 where it is not known. None: not known for any.
    """
    part = np.asarray(logits, np.float64)[:, columns_of(question)]
    own = calibration[question]
    if question == GRADE:
        return softmax(part + np.asarray(own.get("offsets", [0.0] * GRADES)), own["temperature"])
    logit = own["slope"] * part[:, 0] + own["offset"] + level_terms(own, levels, len(part))
    present = Platt().probabilities(logit)
    return np.column_stack([1 - present, present])


def level_terms(own: Mapping[str, Any], levels: Sequence[int] | None, count: int) -> NDArray[np.float64]:
    """What each disc's number adds to the calibrated logit of a yes/no question, (n,); 0 where the number is not known."""
    table = own.get("level_terms", [])
    if levels is None or not table:
        return np.zeros(count)
    return np.array([table[min(level, len(table)) - 1] if level > 0 else 0.0 for level in levels])


def decide(probabilities: NDArray[np.float64], question: str, settings: Mapping[str, Any]) -> int:
    """Index of the value said: the likeliest grade, or `present` from the frozen threshold on."""
    if question == GRADE:
        return int(np.argmax(probabilities))
    return int(probabilities[1] >= settings["thresholds"][question])


def answer(probabilities: NDArray[np.float64], question: str, settings: Mapping[str, Any]) -> Answer:
    """Value, set and mark for one disc and question, from its calibrated probabilities (keys,)."""
    words = term(question)
    value = decide(probabilities, question, settings)
    inside = set(ordinal_set(probabilities, settings["sets"][question])) | {value}
    members = [words.keys[k] for k in range(min(inside), max(inside) + 1)]
    return Answer(
        value=words.value_of(words.keys[value]),
        probabilities=dict(zip(words.keys, probabilities.tolist(), strict=True)),
        set=tuple(words.value_of(key) for key in members),
        refer=words.spans_cut(members),
    )


def mean_logits(members: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """The ensemble: mean of the members' logits (n, OUTPUTS)."""
    return np.asarray(np.mean([np.asarray(member, np.float64) for member in members], axis=0))
