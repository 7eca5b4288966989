"""How scores, networks and splits are called, and how numbers are written, on the card, on the run page and in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from spondyl.metrics.intervals import Interval

SCORES = {
    "auroc": "AUROC",
    "f1": "F1 at the frozen threshold",
    "sensitivity": "sensitivity at the frozen threshold",
    "specificity": "specificity at the frozen threshold",
    "f1_youden": "F1 at Youden's point of the test split",
    "sensitivity_youden": "sensitivity at Youden's point of the test split",
    "specificity_youden": "specificity at Youden's point of the test split",
    "map50": "mAP@0.5",
    "map50_95": "mAP@[.5:.95]",
    "map50_shown": "mAP@0.5 of the boxes that are shown, hardly likely ones left out",
    "balanced_accuracy": "balanced accuracy",
    "quadratic_kappa": "quadratic kappa",
    "mean_absolute_error": "mean absolute error, grades",
    "accuracy": "accuracy",
    "brier": "Brier score",
    "log_loss": "log loss",
    "ece": "ECE",
    "ece_floor": "ECE of a perfect model on as many films (floor)",
    "ece_above_floor": "ECE above its floor",
    "calibration_slope": "calibration slope (1 is right)",
    "calibration_intercept": "calibration intercept (0 is right)",
    "set_coverage": "90 % sets hold the truth",
    "set_size": "values in a 90 % set, mean",
    "refused": "refused by the gate",
    "train_loss": "training loss",
    "val_loss": "validation loss",
    "lesions_auroc": "AUROC, mean of lesions",
}
"""Score name -> words. A name that is not listed is shown as it is, with spaces."""
PERCENT = ("set_coverage", "refused", "pointing", "pointing_centre", "pointing_area", "twins_fall", "placebo", "reverse_rise")
SUFFIXES = {"_film": ", film by film", "_study": ", study by study"}
SPLITS = {"train": "training", "val": "validation", "test": "test"}
EVIDENCE = {
    "in-silico": "In-silico: trained and measured on the digital spine. These figures say nothing about patients.",
    "real": "Trained and measured on films of patients.",
}
ABSENT = "not measured"


def score_words(name: str) -> str:
    """A score's name for a reader.

    Example:
        >>> score_words("quadratic_kappa_film")
        'quadratic kappa, film by film'
        >>> score_words("froc_at_one")
        'froc at one'
    """
    for ending, words in SUFFIXES.items():
        if name not in SCORES and name.endswith(ending):
            return score_words(name.removesuffix(ending)) + words
    return SCORES.get(name, name.replace("_", " "))


def interval_of(value: Any) -> Interval | None:
    """A figure as it stands in a JSON file: {estimate, low, high}, [estimate, low, high] or a number; None where nothing was measured.

    Example:
        >>> interval_of({"estimate": 0.9, "low": None, "high": 0.95})
        Interval(estimate=0.9, low=nan, high=0.95)
        >>> interval_of(None) is interval_of({"estimate": None}) is None
        True
    """
    if isinstance(value, Mapping):
        value = [value.get("estimate", value.get("ap")), value.get("low"), value.get("high")]
    if isinstance(value, (str, bool)) or (isinstance(value, Sequence) and len(value) != 3):
        return None
    numbers = [number(part) for part in (value if isinstance(value, Sequence) else (value, None, None))]
    return Interval(*numbers) if math.isfinite(numbers[0]) else None


def number(value: Any) -> float:
    """The value as a float; NaN where it is not a number.

    Example:
        >>> number(3), number(None), number("x")
        (3.0, nan, nan)
    """
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else float("nan")


def figure_text(value: Any, percent: bool = False, signed: bool = False) -> str:
    """A figure with its 95 % interval, for a table.

    Example:
        >>> figure_text({"estimate": 0.9, "low": 0.85, "high": 0.95})
        '0.900 (0.850 to 0.950)'
        >>> figure_text([0.9, None, None], percent=True)
        '90.0 %'
        >>> figure_text(None), figure_text(1200)
        ('not measured', '1,200')
    """
    if isinstance(value, int) and not isinstance(value, bool) and not percent:
        return f"{value:,}"
    known = interval_of(value)
    if known is None:
        return ABSENT
    scale, sign = (100.0 if percent else 1.0), ("+" if signed else "")
    digits = 1 if percent else 3
    said = f"{scale * known.estimate:{sign}.{digits}f}" + (" %" if percent else "")
    if not (math.isfinite(known.low) and math.isfinite(known.high)):
        return said
    return f"{said} ({scale * known.low:{sign}.{digits}f} to {scale * known.high:{sign}.{digits}f})"


def score_text(name: str, value: Any) -> str:
    """A named score with its interval, in per cent where the score is a share of films or pairs.

    Example:
        >>> score_text("set_coverage", 0.905), score_text("auroc", 0.905)
        ('90.5 %', '0.905')
    """
    base = next((name.removesuffix(ending) for ending in SUFFIXES if name.endswith(ending)), name)
    return figure_text(value, percent=base in PERCENT)


def many(word: str) -> str:
    """The plural of what is counted.

    Example:
        >>> many("patient"), many("study")
        ('patients', 'studies')
    """
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


def part(body: Any, *keys: str) -> Mapping[str, Any]:
    """The mapping that lies at these keys, or an empty one: files of unfinished runs hold what there is.

    Example:
        >>> part({"test": {"scores": {"auroc": 0.9}}}, "test", "scores")
        {'auroc': 0.9}
        >>> part({"test": None}, "test", "scores")
        {}
    """
    for key in keys:
        body = body.get(key) if isinstance(body, Mapping) else None
    return body if isinstance(body, Mapping) else {}


def rows_of(value: Any) -> list[Mapping[str, Any]]:
    """The mappings in a list of a JSON file, or none."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, (list, tuple)) else []
