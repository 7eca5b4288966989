"""The task `mri-stenosis`: which series it takes, and how numbers become findings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Finding, HeatMap, Image, ImageNote, Measurement, Notice, Study, StudyResult, TaskOutput, term
from spondyl.inference import Engine
from spondyl.tasks.mri_discs.levels import LevelName
from spondyl.tasks.mri_stenosis.answers import (
    CANAL,
    FORAMEN,
    MEASURES,
    RECESS,
    SEVERITIES,
    TARGETS,
    UNITS,
    calibrated,
    pattern_of,
    prediction_set,
    weighted,
)
from spondyl.tasks.mri_stenosis.assembly import AXIAL, FLUID, T1, WORDS, assemble, plane_of
from spondyl.tasks.mri_stenosis.locate import Levels, find_levels
from spondyl.tasks.mri_stenosis.reading import Reading, Rest, is_shown, read_levels, rest_of
from spondyl.tasks.port import OnStage, Selection, bundle_note, study_note

MEASURE_METHODS = {
    "thecal_sac_area": "of the thecal sac in the plane of the disc, estimated by the network that was taught on built volumes",
    "thecal_sac_ap_diameter": "longest front-to-back chord of the thecal sac in the plane of the disc, estimated by the same network",
}
AROUND_MM = 12.0
"""Half of the side of the square that is shown around a point."""
MISSING = {
    T1: (FORAMEN, "no sagittal T1 series", "foramina judged on T2 or STIR and axial slices, wider sets"),
    FLUID: (CANAL, "no sagittal T2 or STIR series", "canal judged on T1 and axial slices, wider sets"),
    AXIAL: (RECESS, "no axial T2 series", "subarticular recesses judged from the sagittal images only, wider sets"),
}
"""By role: the condition that suffers most without it, what is missing, and what that means where the condition is still said."""


class MriStenosis:
    """Grades canal, foramina and recesses at the five lowest discs of a lumbar MR study, on whichever of the three series there are."""

    name = "mri-stenosis"

    def select(self, study: Study) -> Selection:
        """Every slice of the series that may be sagittal T1, sagittal T2 or STIR, or axial T2."""
        assembly = assemble(study)
        return Selection(assembly.images, assembly.notices)

    def run(self, study: Study, selection: Selection, engine: Engine, on_stage: OnStage) -> TaskOutput:
        """Gate, locate, grade, explain."""
        timings: dict[str, float] = {}

        def stage(name: str) -> None:
            timings[name] = time.perf_counter()
            on_stage(name)

        stage("gate")
        found = find_levels(assemble(study), engine, lambda: stage("locate"))
        stage("grade")
        levels, reading = read_levels(found, engine)
        stage("explain")
        findings, maps, images = _findings(levels, reading, engine.bundle.settings)
        measurements = _measurements(levels, reading, engine.bundle.settings)
        stage("end")
        result = StudyResult(
            task=self.name,
            status="done",
            study=study_note(study),
            bundle=bundle_note(engine),
            software=engine.software,
            images=tuple(_note(image) for image in (levels.image, *images)),
            findings=tuple(findings),
            measurements=tuple(measurements),
            warnings=(*selection.notices, *levels.notices, *_series_notices(levels, reading), *_name_notices(levels)),
            timings_ms={a: round((timings[b] - timings[a]) * 1000, 1) for a, b in pairwise(timings)},
        )
        return TaskOutput(result, tuple(maps))


def level_probabilities(reading: Reading, index: int, target: int,
                        settings: Mapping[str, Any]) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Calibrated probabilities (3,) of one answer: of all members together (mean of their logits), and of each."""
    condition = TARGETS[target][0]
    own = settings["answers"][pattern_of(reading.crops[index].seen)]
    each = {name: calibrated(logits[index, target][None], condition, own)[0] for name, logits in reading.logits.items()}
    together = np.mean([np.asarray(logits[index, target], np.float64) for logits in reading.logits.values()], axis=0)
    return calibrated(together[None], condition, own)[0], each


def _findings(levels: Levels, reading: Reading, settings: Mapping[str, Any]) -> tuple[list[Finding], list[HeatMap], list[Image]]:
    """In the order of a report: from the highest level down, canal first."""
    findings: list[Finding] = []
    maps: list[HeatMap] = []
    images: dict[str, Image] = {}
    for index in reversed(range(len(levels.frames))):
        for target in range(len(TARGETS)):
            rest = rest_of(reading, index, target) if is_shown(reading.crops[index], target) else None
            if rest is None:
                findings.append(_not_said(levels.names[index], index, target))
                continue
            finding = _finding(levels.names[index], index, target, reading, rest, settings, levels.doubtful)
            findings.append(finding)
            maps.append(_heat_map(finding, rest, settings))
            if rest.image.id != levels.image.id:
                images[rest.image.id] = rest.image
    return findings, maps, list(images.values())


def _finding(name: LevelName, index: int, target: int, reading: Reading, rest: Rest, settings: Mapping[str, Any],
             doubtful: bool) -> Finding:
    condition, side = TARGETS[target]
    probabilities, members = level_probabilities(reading, index, target, settings)
    said = prediction_set(probabilities, condition, settings["answers"][pattern_of(reading.crops[index].seen)])
    return Finding(
        finding=condition,
        value=SEVERITIES[int(np.argmax(probabilities))],
        probabilities=_by_key(probabilities),
        level=name.name,
        level_from_bottom=index + 1,
        level_confidence=name.confidence,
        level_alternatives=name.alternatives,
        side=side,
        probabilities_weighted=_by_key(weighted(probabilities, settings["weights"][condition])),
        set=said,
        refer=doubtful or not reading.crops[index].seen[:2].any() or term(condition).spans_cut(said),
        members={member: _by_key(table) for member, table in members.items()} if len(members) > 1 else {},
        image=rest.image.id,
        box=_around(rest),
        points=(rest.point,),
        explanation="attention",
    )


def _not_said(name: LevelName, index: int, target: int) -> Finding:
    """A finding for which no slice was seen: no value, and no guess."""
    condition, side = TARGETS[target]
    return Finding(condition, None, None, name.name, index + 1, name.confidence, name.alternatives, side)


def _by_key(probabilities: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(SEVERITIES, probabilities.tolist(), strict=True))


def _around(rest: Rest) -> tuple[float, float, float, float]:
    """The square that is shown around a point, inside its slice."""
    assert rest.image.spacing_mm is not None
    (x, y), (rows, columns) = rest.point, rest.image.shape
    dy, dx = (AROUND_MM / spacing for spacing in rest.image.spacing_mm)
    return max(x - dx, 0.0), max(y - dy, 0.0), min(x + dx, float(columns)), min(y + dy, float(rows))


def _heat_map(finding: Finding, rest: Rest, settings: Mapping[str, Any]) -> HeatMap:
    """Share of the attention of each place, over the bundle's fixed scale."""
    values = np.clip(rest.attention / settings["attention_scale"], 0, 1).astype(np.float32)
    return HeatMap(finding.finding, rest.image.id, values, rest.to_image, finding.level_from_bottom, finding.side)


def _measurements(levels: Levels, reading: Reading, settings: Mapping[str, Any]) -> list[Measurement]:
    """Area and AP diameter of the sac, where the bundle was taught them."""
    own = settings.get("measures") or {}
    rows = []
    for index in reversed(range(len(levels.frames))):
        rest = rest_of(reading, index, 0) if is_shown(reading.crops[index], 0) else None
        for column, name in enumerate(MEASURES if own and rest else ()):
            part = own[name][pattern_of(reading.crops[index].seen)]
            value = float(np.exp(reading.sizes[index, column] + part["offset"]))
            assert rest is not None
            rows.append(Measurement(name, value, UNITS[name], MEASURE_METHODS[name], levels.names[index].name, index + 1,
                                    value * part["relative_error"], rest.image.id, (rest.point,)))
    return rows


def _series_notices(levels: Levels, reading: Reading) -> list[Notice]:
    """What is missing of the study, or at some of its levels."""
    said = {TARGETS[target][0] for crops in reading.crops for target in range(len(TARGETS)) if is_shown(crops, target)}
    notices = [Notice("series-missing", f"{missing}: {meaning}" if condition in said else missing)
               for role, (condition, missing, meaning) in MISSING.items() if not levels.stacks.get(role)]
    for k, role in enumerate((T1, FLUID, AXIAL)):
        blind = [frame.number for frame, crops in zip(levels.frames, reading.crops, strict=True) if not crops.seen[k]]
        if blind and levels.stacks.get(role):
            numbers = ", ".join(map(str, blind))
            notices.append(Notice("level-not-covered", f"the {WORDS[role]} series does not show disc {numbers} from the bottom: "
                                                       "judged on what else shows it"))
    places = [(crops, target) for crops in reading.crops for target in range(len(TARGETS))]
    unseen = sum(not is_shown(crops, target) for crops, target in places)
    if unseen:
        notices.append(Notice("not-shown", f"{unseen} of {len(places)} answers are not given: no slice passes near enough to their places"))
    return notices


def _name_notices(levels: Levels) -> list[Notice]:
    names: Sequence[LevelName] = levels.names
    if names and names[0].name is None:
        return [Notice("levels-unsure", "the sacrum is not clearly in view or the numbering is in doubt: levels are given as alternatives")]
    return []


def _note(image: Image) -> ImageNote:
    sequence = "axial_t2" if plane_of(image) == "axial" else image.sequence
    return ImageNote(image.id, *image.shape, image.spacing_mm, plane_of(image), sequence)
