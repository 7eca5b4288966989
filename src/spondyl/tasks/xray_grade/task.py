"""The task `xray-grade`: the grade of a study, from its frontal and lateral films together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Finding, HeatMap, Study, StudyResult, TaskOutput
from spondyl.inference import Engine
from spondyl.tasks.films.answering import Quantile, by_key, cam_scale_of, finding_of, quantile_of
from spondyl.tasks.films.framing import FilmFrame
from spondyl.tasks.films.gate import Admitted, admit
from spondyl.tasks.films.maps import heat_map, joint_map
from spondyl.tasks.films.members import Asked, Frames, ask_all
from spondyl.tasks.films.selecting import films_of
from spondyl.tasks.films.votes import calibrated, grades_of, joined_views, median_grade, together, views_of, voters
from spondyl.tasks.port import OnStage, Selection, Stages, bundle_note, study_note

GRADE = "degeneration_grade"


class XrayGrade:
    """Grades the degeneration of a lumbar spine from 0 to 4.

    The first finding is the study's. Where the study has one film it is that film's, with its image. Where it has several, the
    study's finding names no image, since it rests on all of them, and each film's own grade follows, with its image and without a set:
    the bundle's promise of 90 % is one about studies as they come, and not about each of their films.
    """

    name = "xray-grade"

    def select(self, study: Study) -> Selection:
        """Every radiograph of the study."""
        return films_of(study)

    def run(self, study: Study, selection: Selection, engine: Engine, on_stage: OnStage) -> TaskOutput:
        """Gate, grade, explain."""
        settings, stages, frames = engine.bundle.settings, Stages(on_stage), Frames()
        stages.begin("gate")
        admitted = admit(selection.images, engine, frames)
        stages.begin("grade")
        said = ask_all(engine, frames.stack(admitted.images, FilmFrame.of(settings["frame"])), settings)
        own = [self._film_finding(admitted, said, index, engine) for index in range(len(admitted.films))]
        joined = [_study_finding(admitted, said, engine)] if len(own) > 1 else []
        stages.begin("explain")
        maps = _maps(admitted, said, own, engine, frames)
        result = StudyResult(
            task=self.name,
            status="done",
            study=study_note(study),
            bundle=bundle_note(engine),
            software=engine.software,
            images=tuple(film.note for film in admitted.films),
            findings=(*joined, *own),
            warnings=(*selection.notices, *admitted.notices),
            timings_ms=stages.timings_ms(),
        )
        return TaskOutput(result, maps)

    def _film_finding(self, admitted: Admitted, said: Asked, index: int, engine: Engine) -> Finding:
        settings, film = engine.bundle.settings, admitted.films[index]
        mine = {name: logits[index : index + 1] for name, logits in said.logits.items()}
        members = {name: grades_of(calibrated(mine[name], row))[0] for name, row in voters(settings).items()}
        quantile = quantile_of(settings, GRADE) if len(admitted.films) == 1 else None
        return _finding(grades_of(together(mine, settings))[0], members, quantile, film.doubtful, engine, film.image.id)


def _study_finding(admitted: Admitted, said: Asked, engine: Engine) -> Finding:
    """The grade of all films together; each member's vote is joined over the views in the same way."""
    settings = engine.bundle.settings
    views, weights = [film.view for film in admitted.films], views_of(settings)
    members = {name: _joined(calibrated(said.logits[name], row), views, weights) for name, row in voters(settings).items()}
    doubtful = any(film.doubtful for film in admitted.films)
    chances = _joined(together(said.logits, settings), views, weights)
    return _finding(chances, members, quantile_of(settings, GRADE), doubtful, engine, None)


def _joined(cumulative: NDArray[np.float64], views: Sequence[str], weights: Mapping[str, float]) -> NDArray[np.float64]:
    return grades_of(joined_views(cumulative, views, weights))


def _finding(
    probabilities: NDArray[np.float64], members: Mapping[str, NDArray[np.float64]], quantile: Quantile | None, doubtful: bool,
    engine: Engine, image: str | None,
) -> Finding:  # fmt: skip
    settings = engine.bundle.settings
    return finding_of(
        GRADE, probabilities, int(median_grade(probabilities)), quantile, unsure=doubtful,
        members={name: by_key(GRADE, row) for name, row in members.items()}, image=image,
        explanation=settings.get("explanation", "cam") if image else None,
    )  # fmt: skip


def _maps(admitted: Admitted, said: Asked, own: Sequence[Finding], engine: Engine, frames: Frames) -> tuple[HeatMap, ...]:
    """For each film, where it was seen that its grade is what was said or more; of grade 0, that it is 1 or more."""
    settings = engine.bundle.settings
    frame, scale = FilmFrame.of(settings["frame"]), cam_scale_of(settings)
    maps = []
    for index, (film, finding) in enumerate(zip(admitted.films, own, strict=True)):
        output = max(int(finding.value or 0), 1) - 1
        cam = joint_map({name: cams[index, output] for name, cams in said.cams.items()}, settings)
        maps.append(heat_map(GRADE, film.image.id, cam, frames.of(film.image, frame).box, scale))
    return tuple(maps)
