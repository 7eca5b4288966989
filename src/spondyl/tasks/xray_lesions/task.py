"""The task `xray-lesions`: each radiograph of a study is normal or abnormal, and its lesions are boxed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Finding, HeatMap, Image, Study, StudyResult, TaskOutput
from spondyl.inference import Engine
from spondyl.tasks.films.answering import cam_scale_of
from spondyl.tasks.films.boxes import FoundBox, read_boxes
from spondyl.tasks.films.framing import FilmFrame
from spondyl.tasks.films.gate import Admitted, admit
from spondyl.tasks.films.maps import heat_map, joint_map
from spondyl.tasks.films.members import Asked, Frames, ask_all
from spondyl.tasks.films.selecting import films_of
from spondyl.tasks.films.votes import asked, best_score, is_abnormal, lesion_probability, together
from spondyl.tasks.port import OnStage, Selection, Stages, bundle_note, study_note
from spondyl.tasks.xray_lesions.answers import ABNORMAL, OUTPUT, box_findings, by_member, film_finding, kept_boxes, unasked


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """What the detector said of n films: boxes by film, the best raw score (NaN where it was not asked), and where it was asked."""

    boxes: tuple[tuple[FoundBox, ...], ...]
    best: NDArray[np.float64]
    asked: NDArray[np.bool_]


class XrayLesions:
    """Says of each film how likely it is abnormal, and boxes osteophytes, narrowing, implants and four more lesions."""

    name = "xray-lesions"

    def select(self, study: Study) -> Selection:
        """Every radiograph of the study."""
        return films_of(study)

    def run(self, study: Study, selection: Selection, engine: Engine, on_stage: OnStage) -> TaskOutput:
        """Gate, classify, detect, explain."""
        settings, stages, frames = engine.bundle.settings, Stages(on_stage), Frames()
        stages.begin("gate")
        admitted = admit(selection.images, engine, frames)
        stages.begin("classify")
        said = ask_all(engine, frames.stack(admitted.images, FilmFrame.of(settings["frame"])), settings)
        stages.begin("detect")
        detected = detect(admitted.images, together(said.logits, settings)[:, 0], engine, frames)
        probabilities = lesion_probability(said.logits, detected.best, settings)
        stages.begin("explain")
        findings, maps = self._answers(admitted, said, detected, probabilities, engine, frames)
        result = StudyResult(
            task=self.name,
            status="done",
            study=study_note(study),
            bundle=bundle_note(engine),
            software=engine.software,
            images=tuple(film.note for film in admitted.films),
            findings=tuple(findings),
            warnings=(*selection.notices, *admitted.notices, *unasked(admitted.images, detected.asked, settings)),
            timings_ms=stages.timings_ms(),
        )
        return TaskOutput(result, tuple(maps))

    def _answers(
        self, admitted: Admitted, said: Asked, detected: Detected, probabilities: NDArray[np.float64], engine: Engine, frames: Frames
    ) -> tuple[list[Finding], list[HeatMap]]:
        settings = engine.bundle.settings
        frame, scale = FilmFrame.of(settings["frame"]), cam_scale_of(settings)
        alone = together(said.logits, settings)[:, 0]
        findings: list[Finding] = []
        maps: list[HeatMap] = []
        for index, film in enumerate(admitted.films):
            abnormal = is_abnormal(float(probabilities[index]), settings)
            boxes = kept_boxes(detected.boxes[index], abnormal, settings["detector"]) if "detector" in settings else []
            members = by_member(said.logits, index, settings)
            turned = is_abnormal(float(alone[index]), settings) != abnormal
            against = turned or (bool(boxes) and not abnormal)
            findings.append(film_finding(film, float(probabilities[index]), members, settings, contradicted=against))
            findings += box_findings(film, boxes, settings)
            cam = joint_map({name: cams[index, OUTPUT] for name, cams in said.cams.items()}, settings)
            maps.append(heat_map(ABNORMAL, film.image.id, cam, frames.of(film.image, frame).box, scale))
        return findings, maps


def detect(images: Sequence[Image], probabilities: NDArray[np.float64], engine: Engine, frames: Frames) -> Detected:
    """The detector's boxes on the films that the reader is not sure to be normal.

    Args:
        probabilities: Of the reader alone, (n,).
    """
    settings = engine.bundle.settings
    wanted = asked(probabilities, settings)
    boxes: list[tuple[FoundBox, ...]] = [()] * len(images)
    best = np.full(len(images), np.nan)
    places = [place for place, is_wanted in enumerate(wanted) if is_wanted]
    if places:
        own = settings["detector"]
        frame = FilmFrame.of(own["frame"])
        stack = frames.stack([images[place] for place in places], frame)
        outputs = engine.run(own["network"], {"film": stack[:, None]})
        for place, corners, scores in zip(places, outputs["boxes"], outputs["scores"], strict=True):
            image = images[place]
            boxes[place] = read_boxes(corners, scores, frames.of(image, frame).box, own, image.shape)
            best[place] = best_score(scores)
    return Detected(tuple(boxes), best, wanted)

