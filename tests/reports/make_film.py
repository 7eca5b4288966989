"""Results about films, for the tests of the reports and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reports.make_result import picture
from spondyl.core import BundleNote, Finding, HeatMap, Image, ImageNote, Notice, Series, Study, StudyResult

ABNORMAL = "abnormal"
BUNDLE = BundleNote("xray-lesions", "1.0.0", "1" * 64, "in-silico", "the digital spine", "MIT")
BOXES = (("osteophytes", 0.91), ("osteophytes", 0.44), ("disc_space_narrowing", 0.6), ("spondylolisthesis", 0.3))
MEMBERS = {"densenet121": 0.9, "resnet50": 0.7}


def yes(chance: float) -> dict[str, float]:
    return {"absent": round(1 - chance, 4), "present": chance}


def films(
    views: Sequence[str], shape: tuple[int, int] = (300, 200), level: float | None = None
) -> tuple[tuple[Image, ...], tuple[ImageNote, ...]]:
    """A picture for each view, and its note."""
    images = []
    for number, _ in enumerate(views):
        name = f"film-{number}"
        images.append(picture(*shape, name=name) if level is None else Image(name, np.full(shape, level, np.float32)))
    return tuple(images), tuple(ImageNote(image.id, *image.shape, None, view, "unknown") for image, view in zip(images, views, strict=True))


def film_result(
    *views: str, boxes: Sequence[tuple[str, float]] = BOXES, modality: str = "DX", shape: tuple[int, int] = (300, 200),
    level: float | None = None,
) -> tuple[Study, StudyResult, tuple[HeatMap, ...]]:
    """Each film abnormal, with these boxes down its middle, and a heat map."""
    images, notes = films(views, shape, level)
    findings, maps = [], []
    for image in images:
        rows, columns = image.shape
        findings.append(Finding(ABNORMAL, "present", yes(0.93), set=("present",), image=image.id, explanation="cam",
                                members={name: yes(chance) for name, chance in MEMBERS.items()}))
        for number, (name, chance) in enumerate(boxes):
            top = rows * (0.2 + 0.6 * number / max(len(boxes), 1))
            box = (columns * 0.4, top, columns * 0.7, top + rows * 0.08)
            findings.append(Finding(name, "present", yes(chance), set=("present",), image=image.id, box=box))
        maps.append(HeatMap(ABNORMAL, image.id, np.linspace(0, 1, 12, dtype=np.float32).reshape(4, 3),
                            np.array([[columns / 3, 0, 0], [0, rows / 4, 0]])))
    notice = Notice("in-silico-evidence", "the figures of this bundle come from the digital spine, not from patients")
    study = Study("k" * 20, tuple(Series(image.id, modality, (image,)) for image in images))
    return study, StudyResult("xray-lesions", "done", {"key": "k" * 20, "modality": modality}, BUNDLE, {"spondyl": "0"}, images=notes,
                              findings=tuple(findings), warnings=(notice,)), tuple(maps)


GRADES = {"0": 0.0, "1": 0.1, "2": 0.2, "3": 0.6, "4": 0.1}


def grade_result(*views: str, grades: Mapping[str, float] = GRADES, value: int = 3) -> StudyResult:
    """A grade of all films, where there are several, and of each."""
    _, notes = films(views)
    wanted = [None, *(note.id for note in notes)] if len(notes) > 1 else [notes[0].id]
    findings = tuple(Finding("degeneration_grade", value, grades, set=(2, 3), image=image, members={"densenet121": grades})
                     for image in wanted)
    return StudyResult("xray-grade", "done", {"key": "g" * 20, "modality": "CR"}, BUNDLE, {"spondyl": "0"}, images=notes, findings=findings)
