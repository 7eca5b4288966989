"""The task `dxa-osteoporosis` with no weights, for tests of its doors: it answers from the brightness of the picture, sex and age."""

from __future__ import annotations

import numpy as np

from spondyl.core import BundleNote, Finding, HeatMap, Image, ImageNote, Measurement, Notice, Refusal, Study, StudyResult, TaskOutput
from spondyl.tasks.port import OnStage, Selection, study_note

CLASSES = ("osteoporosis", "osteopenia", "normal")
CONTRIBUTIONS = {"shape": -0.1213, "noise": 0.0041, "bone against soft tissue": 0.8312}


class FakeBones:
    """Bright is dense. A picture in the middle of the greys is sent to a person; a black one is refused; the young get no class."""

    name = "dxa-osteoporosis"

    def select(self, study: Study) -> Selection:
        if study.images[0].pixels.max() <= 0:
            raise Refusal("photo-of-print", "this is a camera photo of a print", "Send the picture that the scanner saved")
        return Selection(study.images[:1])

    def run(self, study: Study, selection: Selection, engine: object, on_stage: OnStage) -> TaskOutput:
        image = selection.images[0]
        level = float(image.pixels.mean())
        young = study.age_years is not None and study.age_years < 50
        findings = (_class(image, level, young), *_doubtful(image))
        note = ImageNote(image.id, *image.shape, image.spacing_mm, image.view, image.sequence)
        result = StudyResult(self.name, "done", study_note(study), BundleNote(self.name, "0", "0" * 64, "in-silico", "nothing", "MIT"),
                             {"spondyl": "test"}, images=(note,), findings=findings, measurements=_measured(study),
                             warnings=_warnings(study, young))
        rows, columns = image.shape
        y, x = np.mgrid[0:24, 0:12]
        heat = np.exp(-((x - 6) ** 2 / 6 + (y - 14) ** 2 / 30)).astype(np.float32)
        to_image = np.array([[columns / 12, 0, 0], [0, rows / 24, 0]])
        return TaskOutput(result, () if young else (HeatMap("osteoporosis_class", image.id, heat, to_image),))


def _class(image: Image, level: float, young: bool) -> Finding:
    value = CLASSES[int(np.clip(level * 3, 0, 2))]
    chances = {key: 0.82 if key == value else 0.09 for key in reversed(CLASSES)}
    names = ("small_cnn", "vgg16", "resnet50_forest", "trees")
    members = {name: {key: (0.7 if key == value else 0.15) for key in chances} for name in names}
    if young:
        return Finding("osteoporosis_class", None, None, refer=True, members=members, image=image.id)
    refer = 0.45 < level < 0.55
    return Finding("osteoporosis_class", value, chances, set=("normal", "osteopenia") if refer else (value,), refer=refer, members=members,
                   image=image.id, explanation="cam", contributions=CONTRIBUTIONS)


def _doubtful(image: Image) -> tuple[Finding, ...]:
    rows, columns = image.shape
    found = []
    for number, name in enumerate(("L1", "L2", "L3", "L4")):
        chance = 0.91 if name == "L2" else 0.04
        members = {reason: {"absent": 1 - part, "present": part} for reason, part in
                   (("fracture", chance - 0.02), ("implant", 0.01), ("osteophytes", chance / 3))}
        box = (columns * 0.35, rows * (0.15 + 0.18 * number), columns * 0.65, rows * (0.31 + 0.18 * number))
        found.append(Finding("unreliable_vertebra", "present" if chance > 0.5 else "absent", {"absent": 1 - chance, "present": chance},
                             level=name, level_from_bottom=4 - number, members=members, image=image.id, box=box))
    return tuple(found)


def _measured(study: Study) -> tuple[Measurement, ...]:
    if study.age_years is None or study.sex is None:
        return ()
    return (Measurement("areal_bone_density", 0.8123, "g/cm2", "mean of L1, L3, L4", error=0.021),
            Measurement("z_score", -1.2, "SD", f"people like {study.sex} of {study.age_years:g}"))


def _warnings(study: Study, young: bool) -> tuple[Notice, ...]:
    said = [Notice("vertebra-unreliable", "L2 looks broken and was left out of the mean")]
    if study.age_years is None:
        said.append(Notice("age-unknown", "the age is not known: the classes hold for women after the menopause and men from 50"))
    if young:
        said.append(Notice("who-classes-do-not-apply", "the classes of WHO do not apply below 50, so none is given"))
    return tuple(said)
