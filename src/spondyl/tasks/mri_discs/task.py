"""The task `mri-discs`: which slices it takes, and how numbers become findings."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Finding, HeatMap, Image, ImageNote, Measurement, Notice, Refusal, Study, StudyResult, TaskOutput
from spondyl.imaging import compose
from spondyl.inference import Engine
from spondyl.tasks.mri_discs.answers import GRADE, QUESTIONS, answer, calibrated, columns_of, mean_logits
from spondyl.tasks.mri_discs.gate import Look, check_chain, check_pose
from spondyl.tasks.mri_discs.heights import disc_heights
from spondyl.tasks.mri_discs.levels import LevelName, lowest_probability, name_disc
from spondyl.tasks.mri_discs.reading import Graded, Located, all_members, grade, locate, look_at, paired
from spondyl.tasks.mri_discs.slices import UprightSlice, candidates, check_content, upright
from spondyl.tasks.port import OnStage, Selection, bundle_note, study_note

WET = ("t2", "t2_space")
HEIGHT_METHOD = "mean distance of the end plates over the middle of the disc, normal to its mid-line, less both dark plates"


class MriDiscs:
    """Finds, counts and grades the discs of a sagittal lumbar T1, T2 or SPACE slice; of T1 and T2 together if both are there."""

    name = "mri-discs"

    def select(self, study: Study) -> Selection:
        """The middle sagittal slice of each series that may be T1, T2 or SPACE."""
        images, notices = candidates(study)
        usable: list[Image] = []
        refusal: Refusal | None = None
        for image in images:
            try:
                check_content(image)
            except Refusal as reason:
                refusal = reason
            else:
                usable.append(image)
        if not usable and refusal is not None:
            raise refusal
        return Selection(tuple(usable), tuple(notices))

    def run(self, study: Study, selection: Selection, engine: Engine, on_stage: OnStage) -> TaskOutput:
        """Gate, locate, grade, explain."""
        timings: dict[str, float] = {}
        members = all_members(engine.bundle.settings)

        def stage(name: str) -> None:
            timings[name] = time.perf_counter()
            on_stage(name)

        stage("gate")
        passed, notices = self._through_gate(selection, engine, members.gate)
        stage("locate")
        parts, unsure = self._located(passed, engine, members.locator)
        stage("grade")
        wet, dry = parts.get("wet"), parts.get("dry")
        main = wet or dry
        assert main is not None  # one of the two passed the gate
        partner: list[int | None] = paired(main, dry) if wet and dry else [None] * len(main.discs)
        graded = grade(engine, *_stacks(wet, dry, partner), members.grader)
        stage("explain")
        findings, maps = self._findings(main, bool(dry), bool(wet), partner, graded, engine, unsure)
        measurements, more = self._heights(main, engine)
        stage("end")
        names = list(timings)
        spent = {a: round((timings[b] - timings[a]) * 1000, 1) for a, b in pairwise(names)}
        result = StudyResult(
            task=self.name,
            status="done",
            study=study_note(study),
            bundle=bundle_note(engine),
            software=engine.software,
            images=tuple(_note(part.slice, seen) for part, seen in _seen(parts, passed)),
            findings=tuple(findings),
            measurements=tuple(measurements),
            warnings=(*selection.notices, *notices, *more, *_level_notices(findings)),
            timings_ms=spent,
        )
        return TaskOutput(result, tuple(maps))

    def _through_gate(
        self, selection: Selection, engine: Engine, members: tuple[str, ...]
    ) -> tuple[dict[str, tuple[UprightSlice, Look, str]], list[Notice]]:
        """The best T2-weighted ("wet") and the best T1 ("dry") slice that pass the gate."""
        settings = engine.bundle.settings["gate"]
        passed: dict[str, tuple[UprightSlice, Look, str]] = {}
        notices: list[Notice] = []
        refusal: Refusal | None = None
        for image in selection.images:
            part = upright(image)
            seen = look_at(engine, part, members)
            try:
                check_pose(seen, settings["least_upright"])
            except Refusal as reason:
                refusal = reason
                continue
            sequence = image.sequence if image.sequence != "unknown" else seen.sequence
            if image.sequence == "unknown" and max(seen.sequences.values()) < settings["least_sequence"]:
                notices.append(Notice("sequence-unsure", f"the sequence was guessed from the picture ({sequence}) and is not sure"))
            kind = "wet" if sequence in WET else "dry"
            if kind not in passed or (sequence == "t2" and passed[kind][2] != "t2"):
                passed[kind] = (part, seen, sequence)
        if not passed:
            assert refusal is not None  # a selection has at least one image
            raise refusal
        if refusal is not None:
            notices.append(Notice("image-left-out", f"one image of the study was not used: {refusal.message}"))
        return passed, notices

    def _located(
        self, passed: Mapping[str, tuple[UprightSlice, Look, str]], engine: Engine, members: tuple[str, ...]
    ) -> tuple[dict[str, Located], bool]:
        """Discs of each slice; a slice without a plausible row of discs is dropped if there is another. Also: is the gate unsure?"""
        settings = engine.bundle.settings
        parts: dict[str, Located] = {}
        refusal: Refusal | None = None
        for kind, (part, _, _) in passed.items():
            found = locate(engine, part, members)
            try:
                check_chain(found.discs, settings["locator"]["plausible"])
            except Refusal as reason:
                refusal = reason
            else:
                parts[kind] = found
        if not parts:
            assert refusal is not None  # something passed the gate
            raise refusal
        unsure = any(passed[kind][1].poses["upright"] < settings["gate"]["sure_upright"] for kind in parts)
        return parts, unsure

    def _findings(
        self, main: Located, has_dry: bool, has_wet: bool, partner: list[int | None], graded: Graded, engine: Engine, unsure: bool
    ) -> tuple[list[Finding], list[HeatMap]]:
        settings = engine.bundle.settings
        logits = mean_logits(list(graded.logits.values()))
        cams = np.mean([np.asarray(cam, np.float64) for cam in graded.cams.values()], axis=0)
        findings: list[Finding] = []
        maps: list[HeatMap] = []
        for index, level in enumerate(level_names(main, settings)):
            view = "both" if has_wet and has_dry and partner[index] is not None else "wet" if has_wet else "dry"
            own = settings["views"][view]
            for question in QUESTIONS:
                finding = self._finding(question, index, level, main, logits, graded, own, unsure)
                findings.append(finding)
                if finding.value is not None:
                    maps.append(_heat_map(finding, cams[index], main, index, settings))
        return findings, maps

    def _finding(
        self, question: str, index: int, level: LevelName, main: Located, logits: NDArray[np.float64], graded: Graded,
        own: Mapping[str, Any], unsure: bool,
    ) -> Finding:  # fmt: skip
        """One row of result.json."""
        said = question not in own.get("not_said", ())
        result = answer(calibrated(logits[index : index + 1], question, own["calibration"])[0], question, own) if said else None
        members = {
            name: dict(zip(_keys(question), calibrated(part[index : index + 1], question, own["calibration"])[0].tolist(), strict=True))
            for name, part in (graded.logits.items() if said else ())
        }
        return Finding(
            finding=question,
            value=result.value if result else None,
            probabilities=result.probabilities if result else None,
            level=level.name,
            level_from_bottom=index + 1,
            level_confidence=level.confidence,
            level_alternatives=level.alternatives,
            set=result.set if result else (),
            refer=(result.refer if result else False) or (unsure and said),
            members=members,
            image=main.slice.image.id,
            box=original_box(main, index),
            explanation="cam" if said else None,
        )

    def _heights(self, main: Located, engine: Engine) -> tuple[list[Measurement], list[Notice]]:
        if main.slice.spacing_mm is None:
            return [], [Notice("spacing-unknown", "the file does not say how far apart pixels are, so nothing is given in millimetres")]
        notices = []
        if main.slice.image.spacing_source == "ImagerPixelSpacing":
            notices.append(
                Notice("spacing-at-detector", "pixel spacing holds at the detector, so millimetres are not corrected for magnification")
            )
        measured = disc_heights(main.slice.pixels, main.places, main.slice.spacing_mm)
        rows = []
        for index, (height, level) in enumerate(zip(measured, level_names(main, engine.bundle.settings), strict=True)):
            if height is None:
                continue
            ends = np.array([[*point, 1.0] for point in height.points]) @ main.slice.to_image.T
            points = tuple((float(x), float(y)) for x, y in ends)
            rows.append(
                Measurement("disc_height", height.value_mm, "mm", HEIGHT_METHOD, level.name, index + 1, height.error_mm,
                            main.slice.image.id, points)
            )  # fmt: skip
        return rows, notices


def level_names(part: Located, settings: Mapping[str, Any]) -> list[LevelName]:
    """Names of the discs of a slice, from the bottom up."""
    own = settings["levels"]
    on_sacrum = lowest_probability(part.discs[0].lowest, own["on_sacrum"])
    return [name_disc(index + 1, on_sacrum, own["lumbar"], own["least"]) for index in range(len(part.discs))]


def original_box(part: Located, index: int) -> tuple[float, float, float, float]:
    """Box of a disc in the image as it was read, inside it, half-open."""
    x0, y0, x1, y1 = part.discs[index].box
    corners = np.array([[x0, y0, 1.0], [x1, y1, 1.0]]) @ part.slice.to_image.T
    rows, columns = part.slice.image.shape
    low, high = corners.min(0), corners.max(0)
    return (
        float(np.clip(low[0], 0, columns)), float(np.clip(low[1], 0, rows)),
        float(np.clip(high[0], 0, columns)), float(np.clip(high[1], 0, rows)),
    )  # fmt: skip


def _stacks(
    wet: Located | None, dry: Located | None, partner: list[int | None]
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Crops for the graders' two channels, both numbered like the main slice; a disc without a partner has a black crop."""
    if wet is None:
        return None, dry.crops if dry else None
    if dry is None:
        return wet.crops, None
    matched = np.zeros_like(wet.crops)
    for index, other in enumerate(partner):
        if other is not None:
            matched[index] = dry.crops[other]
    return wet.crops, matched


def _heat_map(finding: Finding, cam: NDArray[np.float64], main: Located, index: int, settings: Mapping[str, Any]) -> HeatMap:
    """Where the answer was seen: activation of the said grade, or of `present`, over the bundle's fixed scale."""
    columns = columns_of(finding.finding)
    channel = columns.start + (_keys(finding.finding).index(str(finding.value)) if finding.finding == GRADE else 0)
    scale = settings["cam_scale"][finding.finding]
    values = np.clip(cam[channel] / scale, 0, 1).astype(np.float32)
    rows, crop_columns = settings["crop"]["shape"]
    to_crop = np.array([[crop_columns / values.shape[1], 0.0, 0.0], [0.0, rows / values.shape[0], 0.0]])
    to_image = compose(main.crop_to_image(index, settings), to_crop)
    return HeatMap(finding.finding, main.slice.image.id, values, to_image, level_from_bottom=index + 1)


def _keys(question: str) -> tuple[str, ...]:
    return tuple(str(k) for k in range(1, 6)) if question == GRADE else ("absent", "present")


def _seen(parts: Mapping[str, Located], passed: Mapping[str, tuple[UprightSlice, Look, str]]) -> list[tuple[Located, str]]:
    """The slices that were read, T2-weighted first, with their sequences."""
    return [(parts[kind], passed[kind][2]) for kind in ("wet", "dry") if kind in parts]


def _note(part: UprightSlice, sequence: str) -> ImageNote:
    image = part.image
    return ImageNote(image.id, *image.shape, image.spacing_mm, "sagittal", sequence)


def _level_notices(findings: list[Finding]) -> tuple[Notice, ...]:
    """What the reader must know of the names and of what was left unsaid."""
    notices = []
    if findings and findings[0].level is None:
        notices.append(
            Notice("levels-unsure", "the sacrum is not clearly in view or the numbering is in doubt: levels are given as alternatives")
        )
    unsaid = sorted({finding.finding for finding in findings if finding.value is None})
    if unsaid:
        notices.append(Notice("not-said-on-t1", f"not said on T1 alone, for want of measured evidence: {', '.join(unsaid)}"))
    return tuple(notices)
