"""Results of dxa-osteoporosis with densities, as the task writes them, for the tests that follow them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spondyl.core import BundleNote, Finding, ImageNote, Measurement, Notice, StudyResult
from spondyl.metrics.bone_density import REGION
from spondyl.reports.bone_series import TASK

FIRST = {"L1": 0.90, "L2": 0.95, "L3": 1.00, "L4": 1.03}
NOTE = BundleNote(TASK, "1.0.0", "a" * 64, "in-silico", "the digital spine", "MIT")


def result(
    key: str, share: float = 1.0, *, out: Sequence[str] = (), method: str = "", mean: float | None = None, unit: str = "g/cm2",
    code: str = "density-measured", note: BundleNote = NOTE,
) -> StudyResult:
    """An examination with this share of the density of FIRST; the vertebrae of `out` are unreliable and not in the mean."""
    density = {name: round(value * share, 4) for name, value in FIRST.items()}
    counted = [name for name in REGION if name not in out]
    rows = [Measurement("areal_bone_density", value, unit, "dual energy", level=name) for name, value in density.items()]
    own = float(np.mean([density[name] for name in counted])) if mean is None else mean
    rows.append(Measurement("areal_bone_density", own, unit, method or f"mean of {', '.join(counted)}"))
    rows.append(Measurement("t_score", -1.0, "SD", "a reference"))
    findings = [Finding("unreliable_vertebra", "present" if name in out else "absent", {"absent": 0.2, "present": 0.8}, level=name)
                for name in REGION]
    image = ImageNote(key * 32, 8, 6, None, "ap", "unknown")
    return StudyResult(TASK, "done", {"key": key * 20, "modality": "OT"}, note, {"spondyl": "0"}, images=(image,), findings=tuple(findings),
                       measurements=tuple(rows), warnings=(Notice(code, "said"),))


def other_task() -> StudyResult:
    """A result that has nothing of bone density."""
    return StudyResult("xray-grade", "done", {"key": "b" * 20, "modality": "DX"}, None, {})


def refused() -> StudyResult:
    """A result that is none."""
    refusal = {"code": "not-dxa", "message": "a lateral film", "hint": "Give a DXA"}
    return StudyResult(TASK, "refused", {"key": "b" * 20, "modality": "DX"}, None, {}, refusal=refusal)
