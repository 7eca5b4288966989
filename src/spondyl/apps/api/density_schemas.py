"""The shapes POST /predict/ speaks, for OpenAPI."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from spondyl.apps.api.schemas import NoticeBody, SkippedFile

CANNOT_TELL = "cannot tell"
ANSWERS = {
    "normal": "Normal", "osteopenia": "Osteopenia", "osteoporosis": "Osteoporosis", CANNOT_TELL: "Cannot tell: have it read by a person",
}
"""By prediction, the answer in words."""


class DoubtfulVertebra(BaseModel):
    """A vertebra whose density should not be counted."""

    level: str | None = Field(description="L1 to L4, null where the numbering is unsure")
    probability: float = Field(description="Calibrated, 0 to 1")
    reasons: dict[str, float] = Field(description="How likely each reason is: fracture, implant, osteophytes")
    bbox: tuple[float, float, float, float] | None = Field(description="[x0, y0, x1, y1), pixels of the picture that was sent")


class MeasurementBody(BaseModel):
    """A number with a unit: only where the picture is calibrated, or the scanner's report says it."""

    name: str = Field(description="areal_bone_density, t_score, z_score, coronal_curvature")
    level: str | None = Field(description="L1 to L4, or null for all counted vertebrae together")
    value: float
    unit: str
    error: float | None = Field(description="Half-width of the 90 % interval, null when unknown")
    method: str = Field(description="How it was measured, or who says it")


class PictureBody(BaseModel):
    """The picture that the answer is about, for drawing it."""

    id: str = Field(description="A hash of the pixels")
    rows: int
    columns: int
    address: str = Field(description="Of the picture itself")
    heat_map: str | None = Field(description="Of a transparent overlay to stretch over it, null where there is none")


class DensityBody(BaseModel):
    """The answer about one DXA picture. `result` leads to everything that is known of it."""

    prediction: Literal["normal", "osteopenia", "osteoporosis", "cannot tell"]
    answer: str = Field(description="The same in words")
    probabilities: dict[str, float] = Field(description="Calibrated, of each class; empty where no class is given")
    members: dict[str, dict[str, float]] = Field(description="Each member's vote: its own probabilities")
    contributions: dict[str, float] = Field(
        description="How far each group of measured features moved the log odds of osteoporosis of the member that measures (Shapley "
                    "values); empty where no class is given")
    set: list[str] = Field(description="The classes that are plausible at 90 %")
    refer: bool = Field(description="Whether a person should read it")
    unreliable_vertebrae: list[DoubtfulVertebra]
    measurements: list[MeasurementBody]
    warnings: list[NoticeBody]
    heat_map: str = Field(description="The picture with the heat map and what was said: data:image/png;base64,...")
    picture: PictureBody
    study: str = Field(description="Key of the study, which is kept")
    result: str = Field(description="Address of result.json")
    evidence: str = Field(description="What the figures of these weights were measured on: real or in-silico")
    disclaimer: str
    skipped: list[SkippedFile]
