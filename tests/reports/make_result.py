"""Results for the tests of the reports: every kind of thing that can be said, on pictures of any size."""

from __future__ import annotations

import numpy as np

from spondyl.core import BundleNote, Finding, Image, ImageNote, Measurement, Notice, StudyResult, disc_name

BUNDLE = BundleNote("mri-discs", "1.2.3", "0" * 64, "real", "training patients", "CC BY 4.0")
SOFTWARE = {"spondyl": "0"}


def picture(rows: int = 200, columns: int = 160, name: str = "image-a") -> Image:
    """A grey ramp with a texture."""
    y, x = np.mgrid[:rows, :columns]
    return Image(name, (0.3 + 0.2 * np.sin(x / columns * 9) * np.cos(y / rows * 20)).astype(np.float32))


def discs(image: Image, count: int = 5) -> tuple[Finding, ...]:
    """A grade and two yes/no findings on `count` discs; the sixth from the bottom has no sure name."""
    rows, columns = image.shape
    found = []
    for number in range(1, count + 1):
        box = (columns * 0.35, rows * (0.99 - 0.13 * number - 0.1), columns * 0.6, rows * (0.99 - 0.13 * number - 0.03))
        place = {
            "level": disc_name(number) if number < 6 else None,
            "level_from_bottom": number,
            "level_alternatives": {} if number < 6 else {"T12/L1": 0.6, "L1/L2": 0.4},
            "image": image.id,
            "box": box,
        }
        grades = {str(grade): 0.6 if grade == number % 5 + 1 else 0.1 for grade in range(1, 6)}
        found.append(Finding("pfirrmann_grade", number % 5 + 1, grades, set=(3, 4), refer=number == 2, **place))
        found.append(Finding("disc_narrowing", "present", {"absent": 0.1, "present": 0.9}, **place))
        doubt = number == 1
        inside = ("absent", "present") if doubt else ("absent",)
        found.append(Finding("disc_bulging", "absent", {"absent": 0.55, "present": 0.45}, set=inside, refer=doubt, **place))
    return tuple(found)


def done(image: Image, count: int = 5) -> StudyResult:
    """A result with findings, a measurement and a warning."""
    height = Measurement("disc_height", 7.94, "mm", "profile", level="L5/S1", level_from_bottom=1, error=0.8, image=image.id)
    note = ImageNote(image.id, *image.shape, None, "sagittal", "t2")
    return StudyResult(
        "mri-discs", "done", {"key": "k" * 20, "modality": "MR"}, BUNDLE, SOFTWARE, images=(note,), findings=discs(image, count),
        measurements=(height,), warnings=(Notice("spacing-unknown", "the spacing is unknown, so nothing is said in mm"),),
    )


def refused() -> StudyResult:
    """A result that says why there is none."""
    refusal = {"code": "not-sagittal", "message": 'the image is axial, "sagittal" is wanted', "hint": "Choose the sagittal series"}
    return StudyResult("mri-discs", "refused", {"key": "k" * 20, "modality": "MR"}, BUNDLE, SOFTWARE, refusal=refusal)
