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
from spondyl.tasks.mri_discs.answers import GRADE, QUESTIONS, answer, columns_of
from spondyl.tasks.mri_discs.calibrated import Calibrated
from spondyl.tasks.mri_discs.chain import first_gap
from spondyl.tasks.mri_discs.choosing import choose
from spondyl.tasks.mri_discs.heights import disc_heights
from spondyl.tasks.mri_discs.levels import LevelName
from spondyl.tasks.mri_discs.naming import level_names
from spondyl.tasks.mri_discs.reading import Graded, Located, all_members, grade, paired
from spondyl.tasks.mri_discs.slices import UprightSlice, candidates, check_content
from spondyl.tasks.port import OnStage, Selection, bundle_note, study_note

HEIGHT_METHOD = "mean distance of the end plates over the middle of the disc, normal to its mid-line, less both dark plates"


class MriDiscs:
    """Finds, counts and grades the discs of a sagittal lumbar T1, T2 or SPACE slice; of T1 and T2 together if both are there."""

    name = "mri-discs"

    def select(self, study: Study) -> Selection:
        """The middle sagittal slice of each series that may be T1, T2 or SPACE."""
        images, notices = candidates(study)
        usable: list[Image] = []
        refusals: list[Refusal] = []
        for image in images:
            try:
                check_content(image)
            except Refusal as reason:
                refusals.append(reason)
            else:
                usable.append(image)
        if not usable:
            raise refusals[0]
        left_out = [Notice("image-left-out", f"an image of the study was not read: {reason.message}") for reason in refusals]
        return Selection(tuple(usable), (*notices, *left_out))

    def run(self, study: Study, selection: Selection, engine: Engine, on_stage: OnStage) -> TaskOutput:
        """Gate, locate, grade, explain."""
        timings: dict[str, float] = {}
        members = all_members(engine.bundle.settings)

        def stage(name: str) -> None:
            timings[name] = time.perf_counter()
            on_stage(name)

        stage("gate")
        chosen = choose(selection.images, engine, members.gate, members.locator, lambda: stage("locate"))
        stage("grade")
        wet, dry = chosen.parts.get("wet"), chosen.parts.get("dry")
        main = wet or dry
        assert main is not None  # `choose` raises where nothing is left
        partner: list[int | None] = paired(main, dry) if wet and dry else [None] * len(main.discs)
        graded = grade(engine, *_stacks(wet, dry, partner), members.grader)
        stage("explain")
        findings, maps = self._findings(main, bool(wet), partner, graded, engine, chosen.doubtful)
        measurements, heights = self._heights(main, engine)
        stage("end")
        result = StudyResult(
            task=self.name,
            status="done",
            study=study_note(study),
            bundle=bundle_note(engine),
            software=engine.software,
            images=tuple(
                _note(chosen.parts[kind].slice, slice_.sequence) for kind, slice_ in sorted(chosen.passed.items(), reverse=True)
            ),
            findings=tuple(findings),
            measurements=tuple(measurements),
            warnings=(
                *selection.notices,
                *chosen.notices,
                *heights,
                *_pairing_notices(wet, dry, partner),
                *_chain_notices(main),
                *_finding_notices(findings),
            ),
            timings_ms={a: round((timings[b] - timings[a]) * 1000, 1) for a, b in pairwise(timings)},
        )
        return TaskOutput(result, tuple(maps))

    def _findings(
        self, main: Located, has_wet: bool, partner: list[int | None], graded: Graded, engine: Engine, unsure: bool
    ) -> tuple[list[Finding], list[HeatMap]]:
        settings = engine.bundle.settings
        cams = np.mean([np.asarray(cam, np.float64) for cam in graded.cams.values()], axis=0)
        findings: list[Finding] = []
        maps: list[HeatMap] = []
        gap = first_gap(main.discs)
        names = level_names(main, settings)
        views = ["both" if other is not None else "wet" if has_wet else "dry" for other in partner]
        numbers = [index + 1 if level.name is not None else 0 for index, level in enumerate(names)]
        said = {view: Calibrated(graded, settings["views"][view], numbers) for view in sorted(set(views))}
        for index, level in enumerate(names):
            doubt = unsure or (gap is not None and index >= gap)
            for question in QUESTIONS:
                finding = self._finding(question, index, level, main, said[views[index]], doubt)
                findings.append(finding)
                if finding.value is not None:
                    maps.append(_heat_map(finding, cams[index], main, index, settings))
        return findings, maps

    def _finding(self, question: str, index: int, level: LevelName, main: Located, view: Calibrated, unsure: bool) -> Finding:
        """One row of result.json."""
        said = question in view.together
        result = answer(view.together[question][index], question, view.settings) if said else None
        keys = _keys(question)
        members = {
            name: dict(zip(keys, table[question][index].tolist(), strict=True)) for name, table in view.members.items() if question in table
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


def _note(part: UprightSlice, sequence: str) -> ImageNote:
    image = part.image
    return ImageNote(image.id, *image.shape, image.spacing_mm, "sagittal", sequence)


def _pairing_notices(wet: Located | None, dry: Located | None, partner: list[int | None]) -> list[Notice]:
    """Said where T1 is there but a disc was judged on T2 alone."""
    alone = [index + 1 for index, other in enumerate(partner) if other is None]
    if wet is None or dry is None or not alone:
        return []
    said = f"T1 could not be matched with T2 at disc {', '.join(map(str, alone))} from the bottom: judged on T2 alone"
    return [Notice("t1-not-matched", said)]


def _chain_notices(main: Located) -> list[Notice]:
    """Said where a disc may have been passed over."""
    gap = first_gap(main.discs)
    notices = []
    if gap is not None:
        said = f"a disc may be missing between disc {gap} and disc {gap + 1} from the bottom: the numbers above are in doubt"
        notices.append(Notice("disc-missed", said))
    if main.passed_by:
        said = f"{main.passed_by} place(s) that look like a disc do not fit into the row and were left out"
        notices.append(Notice("discs-left-out", said))
    return notices


def _finding_notices(findings: list[Finding]) -> list[Notice]:
    """What the reader must know of the names and of what was left unsaid."""
    notices = []
    if findings and findings[0].level is None:
        notices.append(
            Notice("levels-unsure", "the sacrum is not clearly in view or the numbering is in doubt: levels are given as alternatives")
        )
    unsaid = sorted({finding.finding for finding in findings if finding.value is None})
    if unsaid:
        notices.append(Notice("not-said-on-t1", f"not said on T1 alone, for want of measured evidence: {', '.join(unsaid)}"))
    return notices
