"""A result of dxa-osteoporosis as its task writes it: a class with what moved it, four vertebrae, densities, a T-score."""

from __future__ import annotations

from reports.make_density import FIRST, NOTE
from reports.make_result import picture
from spondyl.core import Finding, Image, ImageNote, Measurement, Series, Study, StudyResult
from spondyl.metrics.bone_density import CLASSES
from spondyl.reports.bone_series import TASK

CONTRIBUTIONS = {"texture": 0.3127, "display scaling": -0.9213, "noise": 0.0099, "shape": 0.0112, "areal density": 0.0}
"""In no order; two of them too small for a line."""
MEMBERS = ("cnn", "vgg16", "forest", "trees")


def chances(*values: float) -> dict[str, float]:
    return dict(zip(CLASSES, values, strict=True))


def scan_result(
    *, value: str | None = "osteoporosis", contributions: dict[str, float] | None = None, shape: tuple[int, int] = (300, 200),
) -> tuple[Study, StudyResult]:
    """A study of one picture, and what was said of it: L2 is unreliable. Without a value no class is said, and nothing moved it."""
    image = picture(*shape, name="scan")
    study = Study("k" * 20, (Series("s", "OT", (image,)),))
    moved = CONTRIBUTIONS if contributions is None else contributions
    own = Finding("osteoporosis_class", None, None, refer=True, image=image.id) if value is None else Finding(
        "osteoporosis_class", value, chances(0.06, 0.38, 0.56), set=CLASSES[1:], refer=True, image=image.id, contributions=moved,
        members=dict.fromkeys(MEMBERS, chances(0.1, 0.5, 0.4)))
    note = ImageNote(image.id, *image.shape, None, "ap", "unknown")
    result = StudyResult(TASK, "done", {"key": study.key, "modality": "OT"}, NOTE, {"spondyl": "0"}, images=(note,),
                         findings=(own, *(_vertebra(image, number, name) for number, name in enumerate(FIRST))),
                         measurements=_measured(image))
    return study, result


def _vertebra(image: Image, number: int, name: str) -> Finding:
    rows, columns = image.shape
    x0, y0, x1, y1 = columns * 0.35, rows * (0.1 + 0.2 * number), columns * 0.65, rows * (0.25 + 0.2 * number)
    chance = 0.93 if name == "L2" else 0.05
    return Finding("unreliable_vertebra", "present" if name == "L2" else "absent", {"absent": 1 - chance, "present": chance}, level=name,
                   level_from_bottom=5 - number, image=image.id, box=(x0, y0, x1, y1),
                   points=((x0, y0 + 1), (x1, y0), (x1, y1 - 1), (x0, y1)))


def _measured(image: Image) -> tuple[Measurement, ...]:
    each = [Measurement("areal_bone_density", value, "g/cm2", "dual energy", name, 5 - number, 0.0214)
            for number, (name, value) in enumerate(FIRST.items())]
    return (*each, Measurement("areal_bone_density", 0.7463, "g/cm2", "mean of L1, L3, L4", error=0.0123),
            Measurement("t_score", -2.463, "SD", "a reference", error=0.113),
            Measurement("coronal_curvature", 11.24, "deg", "largest angle", error=4.0, image=image.id))
