"""The task `dxa-osteoporosis`: bone density of a spine on a density picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Finding, HeatMap, Image, ImageNote, Measurement, Notice, Refusal, Study, StudyResult, TaskOutput
from spondyl.imaging import compose
from spondyl.inference import Engine
from spondyl.metrics.bone_density import DEFAULT_REFERENCE, LEAST_VERTEBRAE, NEIGHBOUR_T, Counted, counted, reference_named, t_score
from spondyl.tasks.dxa_osteoporosis import trust
from spondyl.tasks.dxa_osteoporosis.answers import CLASS, UNRELIABLE, answer, class_finding
from spondyl.tasks.dxa_osteoporosis.density import pair_images
from spondyl.tasks.dxa_osteoporosis.gate import check_image, check_series
from spondyl.tasks.dxa_osteoporosis.locate import from_bottom
from spondyl.tasks.dxa_osteoporosis.looking import Spine, find_spine
from spondyl.tasks.dxa_osteoporosis.panel import is_dark
from spondyl.tasks.dxa_osteoporosis.reading import (
    Admitted,
    Votes,
    ask_members,
    choose,
    densities,
    explain_trees,
    trusted,
    with_artefacts,
)
from spondyl.tasks.dxa_osteoporosis.space import curvature_deg
from spondyl.tasks.port import LeftOut, OnStage, Selection, Stages, bundle_note, left_out, study_note

MOST_PICTURES = 8
"""Pictures of one study that are looked at: one examination has a spine and two hips."""
Chances = Mapping[str, NDArray[np.float64]]
METAL = Notice("metal-in-view", "metal in view, or a display that leaves nearly all of the scan dark, changes the scale of the greys: "
                                "the class cannot be told from this picture")
METAL_LIKELY = 0.5


@dataclass(frozen=True, slots=True)
class DxaOsteoporosis:
    """Says normal, osteopenia or osteoporosis of a spine, or that it cannot tell.

    Attributes:
        reference: Young adults that T-scores are compared with, where the density is measured here (`metrics.bone_density.REFERENCES`).
    """

    reference: str = DEFAULT_REFERENCE

    def __post_init__(self) -> None:
        reference_named(self.reference)

    @property
    def name(self) -> str:
        """As in the table of tasks."""
        return "dxa-osteoporosis"

    def select(self, study: Study) -> Selection:
        """Pictures and calibrated pairs that may be density scans."""
        usable: dict[str, Image] = {}
        refused: list[LeftOut] = []
        pair = next((images for series in study.series if (images := pair_images(series.images))), ())
        for series in study.series:
            for image in series.images:
                try:
                    check_series(series)
                    if image.beam is not None and image not in pair:
                        raise Refusal("pair-incomplete", "a frame of a dual-energy pair stands alone, or the pair has no spacing",
                                      "Send both frames of one scan, with PixelSpacing")
                    if image.beam is None:
                        check_image(image)
                except Refusal as reason:
                    refused.append(LeftOut(reason, (image.id,)))
                else:
                    usable.setdefault(image.id, image)
        if not usable:
            raise refused[0].reason if refused else Refusal("no-images", "the study has no images", "Send the picture of a spine scan")
        names = sorted(usable, key=lambda name: (usable[name].beam is None, name))
        rest = tuple(names[MOST_PICTURES:])
        beyond = (Notice("image-left-out", f"at most {MOST_PICTURES} pictures of a study are read", images=rest),) if rest else ()
        return Selection(tuple(usable[name] for name in names[:MOST_PICTURES]), (*left_out(refused), *beyond))

    def run(self, study: Study, selection: Selection, engine: Engine, on_stage: OnStage) -> TaskOutput:
        """Gate, locate, grade, explain."""
        stages, settings = Stages(on_stage), engine.bundle.settings
        stages.begin("gate")
        admitted = choose(selection.images, engine)
        stages.begin("locate")
        spine = find_spine(admitted.scan, engine, settings)
        stages.begin("grade")
        chances = trusted(spine, engine)
        measured = densities(admitted, spine, settings)
        chances = with_artefacts(chances, measured)
        left = {name: row for name, row in chances.items() if trust.unreliable(row) >= settings["trust"]["threshold"]}
        scores = {name: t_score(one.bmd, self.reference) for name, one in measured.items()}
        kept = counted(scores or dict.fromkeys(chances, 0.0), dict.fromkeys(left, "structural change"))
        votes = ask_members(admitted, spine, measured, engine)
        said = answer(study, measured, kept, votes.odds, settings, self.reference)
        stages.begin("explain")
        told = explain_trees(votes, engine) if said.probabilities is not None else {}
        blinded = not said.certain and metal_in_view(admitted, chances)
        own = class_finding(said, votes.each, settings, admitted.image.id, contributions=told,
                            doubtful=admitted.passed.doubtful or not kept.vertebrae or blinded)
        curve = curvature_deg(spine.found.vertebrae)
        result = StudyResult(
            task=self.name, status="done", study=study_note(study), bundle=bundle_note(engine), software=engine.software,
            images=(_note(admitted.image),), findings=(own, *_vertebrae(spine, chances, left, admitted, settings)),
            measurements=(*_placed(said.measurements, spine, settings), _curve(curve, settings, admitted)),
            warnings=(*selection.notices, *admitted.notices, *said.notices, *_trust_notices(left, kept, measured, settings),
                      *_place_notices(spine, curve, admitted, settings), *([METAL] if blinded else [])),
            timings_ms=stages.timings_ms(),
        )
        return TaskOutput(result, (_heat_map(votes, spine, admitted, settings),) if said.probabilities is not None else ())


def metal_in_view(admitted: Admitted, chances: Chances) -> bool:
    """Whether metal has a share in how the console scaled the picture: seen over a vertebra, or told by all else being dark."""
    x0, y0, x1, y1 = admitted.scan.panel.box
    place = trust.REASONS.index("implant")
    return is_dark(admitted.scan.pixels[y0:y1, x0:x1]) or any(row[place] >= METAL_LIKELY for row in chances.values())


def _vertebrae(spine: Spine, chances: Chances, left: Chances, admitted: Admitted, settings: Mapping[str, Any]) -> list[Finding]:
    """Whether each of L1 to L4 is to be trusted."""
    found = spine.found
    sure = found.confidence >= settings["naming"]["least"]
    order = [one.name for one in found.vertebrae]
    rows = []
    for name, box in spine.regions.items():
        place = order.index(name)
        other = found.other[place] if place < len(found.other) else ""
        p = float(trust.unreliable(chances[name]))
        low, high = box.min(axis=0), box.max(axis=0)
        rows.append(Finding(
            UNRELIABLE, "present" if name in left else "absent", {"absent": 1 - p, "present": p}, level=name if sure else None,
            level_from_bottom=from_bottom(found, name), level_confidence=found.confidence,
            level_alternatives={other: found.other_confidence} if other else {},
            members={reason: {"absent": 1 - float(q), "present": float(q)} for reason, q in zip(trust.REASONS, chances[name], strict=True)},
            image=admitted.image.id, box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
            points=tuple((float(x), float(y)) for x, y in box)))
    return rows


def _placed(measurements: Sequence[Measurement], spine: Spine, settings: Mapping[str, Any]) -> list[Measurement]:
    """Measurements with their numbers from the bottom; without names where the numbering is in doubt."""
    sure = spine.found.confidence >= settings["naming"]["least"]
    return [one if one.level is None else
            replace(one, level=one.level if sure else None, level_from_bottom=from_bottom(spine.found, one.level))
            for one in measurements]


def _curve(curve: float, settings: Mapping[str, Any], admitted: Admitted) -> Measurement:
    return Measurement("coronal_curvature", curve, "deg", "largest angle between plates of the vertebrae in view",
                       error=settings["curve_error"], image=admitted.image.id)


def _trust_notices(left: Chances, kept: Counted, measured: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Notice]:
    """Which vertebrae do not count, and why."""
    notices = []
    for name, row in left.items():
        named = trust.reasons(row.tolist(), settings["trust"]["named"])
        words = " and ".join(f"{trust.WORDS[one]} ({row[trust.REASONS.index(one)]:.2f})" for one in named)
        notices.append(Notice("vertebra-unreliable", f"{name} {words}: its density says little about the spine"
                                                     + (", and was left out" if measured else "")))
    if not kept.vertebrae:
        notices.append(Notice("too-few-vertebrae", f"fewer than {LEAST_VERTEBRAE} vertebrae of L1 to L4 can be trusted: "
                                                   "have the hip or the forearm measured"))
    for first, second in kept.apart if measured else ():
        said = f"{first} and {second} differ by more than {NEIGHBOUR_T} T-score: a reader may leave one out"
        notices.append(Notice("neighbours-apart", said))
    return notices


def _place_notices(spine: Spine, curve: float, admitted: Admitted, settings: Mapping[str, Any]) -> list[Notice]:
    """What else makes a spine scan unreliable, and what was seen of it."""
    notices = []
    if curve - settings["curve_error"] / 2 >= trust.CURVED_DEG:
        notices.append(Notice("spine-curved", f"the spine is curved by about {curve:.0f} degrees in view: "
                                              "scoliosis makes its density less reliable"))
    missing = [name for name in ("L1", "L2", "L3", "L4") if name not in spine.regions]
    if missing:
        notices.append(Notice("vertebra-not-found", f"not found: {', '.join(missing)}"))
    if spine.found.confidence < settings["naming"]["least"]:
        notices.append(Notice("levels-unsure", "the numbering of the vertebrae is in doubt: levels are given as alternatives"))
    if admitted.scan.panel.masked:
        notices.append(Notice("report-text-masked", "writing around the scan was masked and not read"))
    return notices


def _heat_map(votes: Votes, spine: Spine, admitted: Admitted, settings: Mapping[str, Any]) -> HeatMap:
    """Where the networks saw osteoporosis: their maps averaged, on the bundle's one scale."""
    shape = max((cam.shape for cam in votes.cams.values()), key=lambda shape: shape[0] * shape[1])
    total = np.mean([_repeated(cam, shape) for cam in votes.cams.values()], axis=0)
    rows, columns = spine.frame.shape
    to_frame = np.array([[columns / shape[1], 0.0, 0.0], [0.0, rows / shape[0], 0.0]])
    values = np.clip(total / settings["cam_scale"], 0, 1).astype(np.float32)
    return HeatMap(CLASS, admitted.image.id, values, compose(spine.frame.to_source, to_frame))


def _repeated(cam: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    """A map on a grid of a multiple of its cells."""
    return np.repeat(np.repeat(cam, shape[0] // cam.shape[0], axis=0), shape[1] // cam.shape[1], axis=1)


def _note(image: Image) -> ImageNote:
    return ImageNote(image.id, *image.shape, image.spacing_mm, "ap", "unknown")
