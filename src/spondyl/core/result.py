"""What is answered: `spondyl.result/1`, one StudyResult for one study and one task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core.vocabulary import term

SCHEMA = "spondyl.result/1"
DISCLAIMER = "Research software. Not a diagnosis."
STATUSES = ("done", "refused", "failed")
DECIMALS = 4
"""Of every number in result.json."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer at one place.

    Attributes:
        finding: Name in the vocabulary.
        value: The answer (one of the keys, as a number where the vocabulary says so), or None when it is not said. A yes/no
            finding is "present" from the bundle's threshold on, which was frozen on other patients and may lie below 0.5; one with a
            `box` found by a detector is "present" wherever the box is shown.
        probabilities: Calibrated, by key, or None when it is not said.
        level: Disc or vertebra, or None when the numbering is unsure (see the alternatives).
        level_from_bottom: 1 is the lowest disc in the image; known even where the name is not.
        level_confidence: Probability that `level` (or, without one, the best alternative) is the right name.
        level_alternatives: Other names with their probabilities.
        side: "left", "right" or None.
        probabilities_weighted: A second posterior where an official score asks for one.
        set: The 90 % prediction set, as values.
        refer: Whether a person should look: the set spans the cut of the vocabulary, the gate was unsure, or networks disagree.
        members: Each ensemble member's own probabilities.
        image: Id of the image it was read on, or None where it rests on several of the result's images together.
        box: [x0, y0, x1, y1), pixels of the original image.
        points: (x, y) pixels of the original image.
        explanation: How the heat map was made ("cam"), or None.
        contributions: How much each group of measured features moved a measured member's log odds of the vocabulary's cut (Shapley
            values against the bundle's background); they sum to its log odds minus the background's mean. Empty where there is none.
    """

    finding: str
    value: int | str | None
    probabilities: Mapping[str, float] | None
    level: str | None = None
    level_from_bottom: int | None = None
    level_confidence: float | None = None
    level_alternatives: Mapping[str, float] = field(default_factory=dict)
    side: str | None = None
    probabilities_weighted: Mapping[str, float] | None = None
    set: tuple[int | str, ...] = ()
    refer: bool = False
    members: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    image: str | None = None
    box: tuple[float, float, float, float] | None = None
    points: tuple[tuple[float, float], ...] | None = None
    explanation: str | None = None
    contributions: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keys = term(self.finding).keys
        for probabilities in (self.probabilities, self.probabilities_weighted):
            if probabilities is not None and tuple(probabilities) != keys:
                raise ValueError(f"{self.finding} has keys {keys}, got {tuple(probabilities)}")
        if self.value is not None and str(self.value) not in keys:
            raise ValueError(f"{self.finding} cannot be {self.value!r}: {keys}")


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number with a unit.

    Attributes:
        name: What was measured, e.g. "disc_height".
        value: The number, in `unit`.
        unit: "mm", "mm2", "deg", "ratio", "g/cm2" or "SD".
        method: How it was measured, in words.
        level, level_from_bottom: Where, as in findings.
        error: Half-width of its 90 % interval, or None when unknown.
        image: Id of the image it was measured on.
        points: (x, y) pixels of the original image that it was measured between.
    """

    name: str
    value: float
    unit: str
    method: str
    level: str | None = None
    level_from_bottom: int | None = None
    error: float | None = None
    image: str | None = None
    points: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class ImageNote:
    """One image the answer rests on.

    Attributes:
        id: Content hash of the pixels.
        rows, columns: Size in pixels.
        spacing_mm: [row, column] distance of pixel centres, or None when unknown.
        view: "sagittal", "coronal", "axial", "ap", "lateral" or "unknown".
        sequence: "t1", "t2", "t2_space", "stir", "axial_t2", "other" or "unknown".
    """

    id: str
    rows: int
    columns: int
    spacing_mm: tuple[float, float] | None
    view: str
    sequence: str


@dataclass(frozen=True, slots=True)
class BundleNote:
    """Which weights answered, and what they were measured on.

    Attributes:
        name, version: Of the bundle.
        sha256: Of its bundle.json, which holds the checksums of its files.
        evidence: What its published figures were measured on: "real" patients or "in-silico".
        trained_on: The training data, in words.
        licence: Of the weights.
    """

    name: str
    version: str
    sha256: str
    evidence: str
    trained_on: str
    licence: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader must know; shown on every face.

    Attributes:
        code: Stable, lower case, hyphenated; listed in docs/reference/errors.md.
        message: One sentence.
        reason: Where images were left out: the code of the refusal that each of them alone would get.
        images: Ids of the images it is about, where it is not about the whole study.
    """

    code: str
    message: str
    reason: str | None = None
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StudyResult:
    """result.json.

    Attributes:
        task: Name of the task.
        status: "done", "refused" or "failed".
        study: {key, modality}: the keyed pseudonym, and the DICOM modality or "" for a picture.
        bundle: Which weights answered; None where none was opened.
        software: {spondyl, backend, precision, cpu}.
        refusal: {code, message, hint} where status is not "done", else None.
        images: The images the answer rests on.
        findings: The answers, level by level.
        measurements: Numbers with units.
        curves: Curvature, where a task measures it.
        warnings: What the reader must know.
        timings_ms: Milliseconds of each stage and in total; the only part that differs between two runs.
    """

    task: str
    status: str
    study: Mapping[str, str]
    bundle: BundleNote | None
    software: Mapping[str, str]
    refusal: Mapping[str, str] | None = None
    images: tuple[ImageNote, ...] = ()
    findings: tuple[Finding, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    curves: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[Notice, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status is one of {STATUSES}, got {self.status!r}")
        if (self.refusal is None) != (self.status == "done"):
            raise ValueError(f"a result that is {self.status!r} has {'no ' if self.status == 'done' else 'a '}refusal")

    def as_dict(self) -> dict[str, Any]:
        """Plain values in the documented order; numbers rounded so that equal answers are equal bytes."""
        body = {"schema": SCHEMA, "disclaimer": DISCLAIMER, **_plain(self)}
        order = ("schema", "disclaimer", "task", "status", "refusal", "study", "bundle", "software", "images")
        return {key: body[key] for key in (*order, *(key for key in body if key not in order))}

    def to_json(self) -> str:
        """UTF-8 text, a line for each part and each finding. The same answer is the same text, `timings_ms` apart."""
        lines = []
        for key, value in self.as_dict().items():
            if isinstance(value, list) and value:
                lines.append(f'"{key}": [\n  ' + ",\n  ".join(map(_text, value)) + "]")
            else:
                lines.append(f'"{key}": {_text(value)}')
        return "{" + ",\n ".join(lines) + "}\n"

    def without_timings(self) -> StudyResult:
        """The same result with no timings, for comparing."""
        return replace(self, timings_ms={})


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """Where a finding was seen: class activation on a scale that is the same for every image.

    Attributes:
        finding, level_from_bottom, side: Which finding it explains.
        image: Id of the image.
        values: float32 (h, w), 0 none .. 1 the bundle's `cam_scale`, clipped.
        to_image: (2, 3) affine map from (x, y, 1) in map pixels to (x, y) in pixels of the original image.
    """

    finding: str
    image: str
    values: NDArray[np.float32]
    to_image: NDArray[np.float64]
    level_from_bottom: int | None = None
    side: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TaskOutput:
    """A result and the pictures that explain it. Maps stay out of the JSON."""

    result: StudyResult
    maps: tuple[HeatMap, ...] = ()


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """Dataclasses, mappings, sequences and numbers as JSON has them, floats rounded to DECIMALS."""
    if value is None or isinstance(value, str):
        return value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        return round(float(value), DECIMALS) + 0.0
    if isinstance(value, int | np.integer):
        return int(value)
    return value
