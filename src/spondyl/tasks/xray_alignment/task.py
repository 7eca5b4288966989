"""The task `xray-alignment`: corners of vertebrae and Cobb angles on a frontal film of the whole spine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spondyl.core import Image, ImageNote, Notice, Refusal, Study, StudyResult, TaskOutput
from spondyl.inference import Engine
from spondyl.tasks.films.selecting import films_of
from spondyl.tasks.port import LeftOut, OnStage, Selection, Stages, bundle_note, left_out, study_note
from spondyl.tasks.xray_alignment.angles import Angled, measure_angles
from spondyl.tasks.xray_alignment.answers import (
    CALIBRATED,
    curve_rows,
    measurements_of,
    missing_slots,
    scoliosis_finding,
    vertebra_findings,
)
from spondyl.tasks.xray_alignment.corners import Corners
from spondyl.tasks.xray_alignment.frames import Frames, Pixels, reduced, scaled
from spondyl.tasks.xray_alignment.gate import HINT, Pass, admit, check_film
from spondyl.tasks.xray_alignment.naming import NAMES, Naming
from spondyl.tasks.xray_alignment.reading import Column, named, networks_of, read_column

FEWEST = 6
"""Vertebrae without which nothing is said: fewer are no curve of a spine."""
SECOND_SPINE, SECOND_SCORE = 4, 0.5
"""Vertebrae beside the column, each at least so likely, that make the film doubtful: a double exposure, or two films in one."""
WIDE_ERROR_DEG = 10.0
"""Half-width of the 90 % interval above which a person should look [O]."""


@dataclass(frozen=True, slots=True, eq=False)
class Admitted:
    """The film that is answered, what is looked at of it, pixels of the film to a side of one of that, what the gate says, and notices."""

    image: Image
    pixels: Pixels
    factor: int
    passed: Pass
    notices: tuple[Notice, ...]


class XrayAlignment:
    """Finds vertebrae and measures how the spine is curved."""

    @property
    def name(self) -> str:
        """As in the table of tasks."""
        return "xray-alignment"

    def select(self, study: Study) -> Selection:
        """Radiographs that may be frontal films of a spine."""
        films = films_of(study, HINT)
        usable: list[Image] = []
        refused: list[LeftOut] = []
        for image in films.images:
            try:
                check_film(image)
                usable.append(image)
            except Refusal as reason:
                refused.append(LeftOut(reason, (image.id,)))
        if not usable:
            raise refused[0].reason
        return Selection(tuple(usable), (*films.notices, *left_out(refused)))

    def run(self, study: Study, selection: Selection, engine: Engine, on_stage: OnStage) -> TaskOutput:
        """Gate, locate, measure."""
        stages, settings = Stages(on_stage), engine.bundle.settings
        frames = Frames.of(settings["frames"])
        stages.begin("gate")
        admitted = choose(selection.images, engine, frames)
        stages.begin("locate")
        column, naming = named(read_column(admitted.pixels, engine, networks_of(engine), frames), settings)
        if len(column) < FEWEST:
            said = f"{len(column)} vertebrae were found in a column, at least {FEWEST} are needed"
            raise Refusal("spine-not-found", said, HINT)
        stages.begin("measure")
        column = in_film(column, admitted.factor)
        image = admitted.image
        angled = measure_angles(column.corners, image.shape[0], settings["angles"])
        sure = naming.confidence >= settings["naming"]["least"]
        notices = _notices(admitted, column, naming, angled, settings)
        doubtful = any(notice.code in DOUBTS for notice in notices)
        scoliosis = scoliosis_finding(angled, image, doubtful)
        notices += [BELOW] if scoliosis.value == "absent" else []
        result = StudyResult(
            task=self.name, status="done", study=study_note(study), bundle=bundle_note(engine), software=engine.software,
            images=(ImageNote(image.id, *image.shape, image.spacing_mm, "ap", "unknown"),),
            findings=(scoliosis, *vertebra_findings(column, naming, image, settings, doubtful)),
            measurements=tuple(measurements_of(column, naming, image, settings["measures"], sure)),
            curves=tuple(curve_rows(angled, column, naming, image, sure)),
            warnings=(*selection.notices, *admitted.notices, *notices), timings_ms=stages.timings_ms(),
        )
        return TaskOutput(result)


BELOW = Notice("below-ten-degrees", "below 10 degrees on this film: the upper end of the largest angle's 90 % interval is too")
DOUBTS = ("film-doubtful", "second-spine", "angle-uncertain", "spine-cut", "vertebra-not-found")
"""Notices of this task that make a person look."""


def choose(images: Sequence[Image], engine: Engine, frames: Frames) -> Admitted:
    """The film that is answered: the likeliest frontal whole spine.

    Raises:
        Refusal: If none is one, with the reason for the first.
    """
    passed: list[Admitted] = []
    refused: list[LeftOut] = []
    for image in images:
        pixels, factor = reduced(image.pixels)
        pixels = scaled(pixels)
        try:
            passed.append(Admitted(image, pixels, factor, admit(pixels, engine, engine.bundle.settings["gate"], frames.gate), ()))
        except Refusal as reason:
            refused.append(LeftOut(reason, (image.id,)))
    if not passed:
        raise refused[0].reason
    passed.sort(key=lambda one: (-one.passed.probability, one.image.id))
    rest = tuple(one.image.id for one in passed[1:])
    said = "the study has several frontal films of a spine; the clearest was read"
    return replace(passed[0], notices=(*left_out(refused), *([Notice("image-left-out", said, images=rest)] if rest else [])))


def in_film(column: Column, factor: int) -> Column:
    """The column in pixels of the film, of which one that was looked at is `factor` a side."""
    corners = column.corners
    seen = tuple(replace(one, corners=one.corners * factor) for one in column.seen)
    return replace(column, seen=seen, corners=Corners(corners.points * factor, corners.spread * factor**2))


def _notices(admitted: Admitted, column: Column, naming: Naming, angled: Angled, settings: Mapping[str, Any]) -> list[Notice]:
    return [*_film_notices(admitted, column), *_place_notices(column, naming, settings), *_angle_notices(angled, admitted.image)]


def _film_notices(admitted: Admitted, column: Column) -> list[Notice]:
    notices = []
    if admitted.passed.doubtful:
        looks = admitted.passed.kind.replace("_", " ")
        notices.append(Notice("film-doubtful", f"the film is unlike those that were measured (it looks somewhat like: {looks})"))
    if sum(score >= SECOND_SCORE for score in column.beside) >= SECOND_SPINE:
        notices.append(Notice("second-spine", "vertebrae were found beside the column too: a double exposure, or several films in one?"))
    if admitted.image.decoded_scale > 1:
        notices.append(Notice("film-decoded-coarse", "the film was decoded at a half or a quarter of the stored resolution"))
    return notices


def _place_notices(column: Column, naming: Naming, settings: Mapping[str, Any]) -> list[Notice]:
    notices = []
    sure = naming.confidence >= settings["naming"]["least"]
    lowest = column.slots[-1]
    missed = [naming.name(slot) if sure else f"number {lowest - slot + 1} from the bottom" for slot in missing_slots(column.slots)]
    if missed:
        said = f"not seen, though there is room for it in the column: {', '.join(missed)}"
        notices.append(Notice("vertebra-not-found", said))
    ends = [end for end, slot in ((NAMES[0], 0), (NAMES[-1], lowest)) if naming.name(slot) != end]
    if ends:
        said = f"{' and '.join(ends)} cannot be told on this film: what is said holds for the part of the spine that was found"
        notices.append(Notice("spine-cut", said))
    if not sure:
        notices.append(Notice("levels-unsure", "the numbering of the vertebrae is in doubt: levels are given as alternatives"))
    return notices


def _angle_notices(angled: Angled, image: Image) -> list[Notice]:
    notices = []
    _, error = angled.widest
    if error > WIDE_ERROR_DEG:
        notices.append(Notice("angle-uncertain", f"the largest angle may be off by {error:.0f} degrees: measure it by hand"))
    if image.left_at is None:
        said = "the file does not say which side of the picture is the patient's left: sides are the picture's"
        notices.append(Notice("side-unknown", said))
    if image.spacing_source != CALIBRATED:
        notices.append(Notice("magnification-unknown", "lengths are in widths of a vertebra: the magnification is not known"))
    return notices
