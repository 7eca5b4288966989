"""What is true of one film or of one MR series, in its pixels. Pixel centres are whole numbers; boxes are (x0, y0, x1, y1), half-open."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

Pixel = tuple[float, float]
Box = tuple[float, float, float, float]
LESIONS = ("Osteophytes", "Disc space narrowing", "Surgical implant", "Foraminal stenosis", "Spondylolysthesis", "Vertebral collapse",
           "Other lesions")
"""The seven classes of VinDr-SpineXR, spelt as released."""


@dataclass(frozen=True, slots=True)
class FilmBox:
    """One finding: its class (one of LESIONS), its box in pixels, where it is (a level, a vertebra or a device), and the rule."""

    lesion_type: str
    box: Box
    where: str
    rule_id: str


@dataclass(frozen=True, slots=True)
class FilmVertebra:
    """Four corners of one vertebra in the picture.

    Attributes:
        name, index: The vertebra.
        corners: (x, y). On a frontal film top-left, top-right, bottom-left, bottom-right of the picture; on a lateral one upper anterior,
            upper posterior, lower posterior, lower anterior.
        inside: Whether all four lie on the film.
    """

    name: str
    index: int
    corners: tuple[Pixel, ...]
    inside: bool


@dataclass(frozen=True, slots=True)
class FilmDisc:
    """One disc space on the film: its box, the radiograph grade 0 to 4 of the disc, and whether both its end plates lie on the film."""

    level: str
    from_bottom: int
    box: Box
    grade: int
    inside: bool


@dataclass(frozen=True, slots=True)
class FilmTruth:
    """What is true of one film.

    Attributes:
        view: "frontal" or "lateral", as the projection shows it.
        shape: (rows, columns).
        boxes: Findings that project onto the film, clipped to it.
        vertebrae, discs: Those that project onto it, from the lowest up.
        grade: Grade of the worst disc whose end plates both lie on the film; None where there is none.
        abnormal: Whether there is any finding.
    """

    view: str
    shape: tuple[int, int]
    boxes: tuple[FilmBox, ...]
    vertebrae: tuple[FilmVertebra, ...]
    discs: tuple[FilmDisc, ...]
    grade: int | None
    abnormal: bool

    def to_json(self) -> str:
        """JSON text that `film_from_json` turns back into an equal truth."""
        return json.dumps(asdict(self)) + "\n"


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """Where one reading is marked in a series.

    Attributes:
        condition, side, level, from_bottom: Of the reading.
        series: Name of the series, e.g. "Sagittal T1".
        slice_index: Number of the nearest slice, from 0.
        x, y: Pixel of that slice.
        off_mm: Distance of the point from that slice.
    """

    condition: str
    side: str | None
    level: str
    from_bottom: int
    series: str
    slice_index: int
    x: float
    y: float
    off_mm: float


def film_from_json(text: str) -> FilmTruth:
    """The truth that `FilmTruth.to_json` wrote."""
    body: dict[str, Any] = json.loads(text)
    return FilmTruth(
        body["view"], (body["shape"][0], body["shape"][1]),
        tuple(FilmBox(row["lesion_type"], tuple(row["box"]), row["where"], row["rule_id"]) for row in body["boxes"]),
        tuple(FilmVertebra(row["name"], row["index"], tuple((x, y) for x, y in row["corners"]), row["inside"])
              for row in body["vertebrae"]),
        tuple(FilmDisc(row["level"], row["from_bottom"], tuple(row["box"]), row["grade"], row["inside"]) for row in body["discs"]),
        body["grade"], body["abnormal"],
    )
