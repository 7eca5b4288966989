"""Studies and answers for the tests of the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spondyl.core import BundleNote, Finding, HeatMap, Image, ImageNote, Measurement, Notice, Series, Study, StudyResult, TaskOutput
from spondyl.core.identity import content_hash, pixel_hash, pseudonym
from spondyl.store import Job, Store


def make_image(level: float = 0.5, shape: tuple[int, int] = (20, 12)) -> Image:
    """A gradient of 8-bit greys, so that keeping it loses nothing."""
    grey = (np.arange(shape[0] * shape[1]).reshape(shape) + round(level * 255)) % 256
    pixels = (grey.astype(np.uint8) / np.float32(255)).astype(np.float32)
    return Image(pixel_hash(pixels), pixels, (0.6, 0.7), "PixelSpacing", "sagittal", "t2")


def make_study(name: str = "one", *images: Image, sources: tuple[str, ...] = ()) -> Study:
    """A study of one series."""
    key = pseudonym(b"k" * 32, name)
    pictures = images or (make_image(),)
    return Study(key, (Series(key, "MR", pictures),), sources=sources or (content_hash(name.encode()),))


def make_output(study: Study, *, bundle: str = "a" * 64, status: str = "done", total_ms: float = 4.2) -> TaskOutput:
    """A finding, a measurement and a heat map on the first image."""
    image = study.images[0]
    finding = Finding(
        "pfirrmann_grade", 4, {"1": 0.0, "2": 0.02, "3": 0.2, "4": 0.7, "5": 0.08}, level="L4/L5", level_from_bottom=2,
        level_confidence=0.97, level_alternatives={"L5/L6": 0.03}, set=(3, 4), refer=True, members={"a": {"4": 0.68}},
        image=image.id, box=(1.0, 2.0, 7.5, 9.0),
        points=((1.0, 2.0), (3.5, 4.0)), explanation="cam",
    )
    result = StudyResult(
        "mri-discs", status, {"key": study.key, "modality": "MR"}, BundleNote("b", "1", bundle, "real", "people", "MIT"), {"spondyl": "0"},
        refusal=None if status == "done" else {"code": "c", "message": "m", "hint": "h"},
        images=(ImageNote(image.id, *image.shape, image.spacing_mm, image.view, image.sequence),), findings=(finding,),
        measurements=(Measurement("disc_height", 7.9, "mm", "profile", "L4/L5", 2, 0.8, image.id, ((1.0, 1.0), (2.0, 2.0))),),
        curves=({"name": "cobb", "angle_deg": 12.5},), warnings=(Notice("w", "a word: ü"),), timings_ms={"total": total_ms},
    )
    heat = HeatMap("pfirrmann_grade", image.id, np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4), np.eye(2, 3) * 2, 2)
    return TaskOutput(result, (heat,))


def open_store(folder: Path) -> Store:
    """A store with everything in one folder."""
    return Store(f"sqlite:///{folder / 'spondyl.sqlite'}", folder)


def take_in(store: Store, data: bytes, name: str = "one", pair: bool = False) -> Job:
    """Receive one file and accept it as one study; the job."""
    file = store.incoming()
    file.write(data)
    (kept,) = store.keep([file])
    return store.accept([kept], [store.draft(make_study(name), (kept.name,))], tasks=["mri-discs"], pair=pair)
