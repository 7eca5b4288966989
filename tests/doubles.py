"""A task with no weights, for tests of the doors: it answers from the brightness of the picture."""

from __future__ import annotations

import numpy as np

from spondyl.core import BundleNote, Finding, HeatMap, ImageNote, Refusal, Study, StudyResult, TaskOutput
from spondyl.tasks.port import OnStage, Selection, study_note


class BrightnessTask:
    """Finds two 'discs' in any picture that is not black; the brighter, the lower the grade."""

    name = "brightness"

    def select(self, study: Study) -> Selection:
        if study.images[0].pixels.max() <= 0:
            raise Refusal("all-black", "every pixel of the image is black", "Export it again with a display window")
        return Selection(images=study.images[:1])

    def run(self, study: Study, selection: Selection, engine: object, on_stage: OnStage) -> TaskOutput:
        image = selection.images[0]
        rows, columns = image.shape
        findings, maps = [], []
        on_stage("grade")
        for level, name in ((1, "L5/S1"), (2, "L4/L5")):
            box = (columns * 0.3, rows * (0.8 - 0.3 * level), columns * 0.6, rows * (0.95 - 0.3 * level))
            grade = 5 - int(np.clip(image.pixels.mean() * 5, 0, 4))
            probabilities = {str(k): 1.0 if k == grade else 0.0 for k in range(1, 6)}
            findings.append(Finding("pfirrmann_grade", grade, probabilities, level=name, level_from_bottom=level, level_confidence=0.9,
                                    set=(grade,), image=image.id, box=box, explanation="cam"))
            to_image = np.array([[columns * 0.3 / 8, 0, box[0]], [0, rows * 0.15 / 8, box[1]]])
            maps.append(HeatMap("pfirrmann_grade", image.id, np.full((8, 8), 0.5, np.float32), to_image, level_from_bottom=level))
        note = ImageNote(image.id, rows, columns, image.spacing_mm, image.view, image.sequence)
        bundle = BundleNote("brightness", "0", "0" * 64, "in-silico", "nothing", "MIT")
        return TaskOutput(StudyResult(self.name, "done", study_note(study), bundle, {"spondyl": "test"}, images=(note,),
                                      findings=tuple(findings)), tuple(maps))
