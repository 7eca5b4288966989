"""How much mineral a film or a densitometer will see of a spec, without building it.

Fitted on built volumes (16 drawn subjects without deformity x 3 shells x 3 densities, 0.7 mm; region: between the planes of the discs,
as wide as the plates and 2 mm more, where the map exceeds 0.2 g/cm2): areal density of L1-L4 from the front, g/cm2,

    0.13 + 1.30 cortex_mm + 7.1e-5 trabecular_mg_cm3 * depth_mm

with a residual standard deviation of 0.03 g/cm2 (bodies differ in width, arch and posture). 150 mg/cm3 in a shell of 0.4 mm gives 1.01;
the arch holds 45 to 57 % of the mineral, more where the spongy bone is thin (40 to 50 % is expected, as given in the project's
physics sheet, unverified). What a rendered scan of the built volume says stays the truth.
"""

from __future__ import annotations

import numpy as np

from spondyl.phantom.spec import SubjectSpec

BASE_G_CM2, PER_CORTEX_MM, PER_SPONGY = 0.13, 1.30, 7.1e-5


def areal_density(spec: SubjectSpec) -> float:
    """Areal density of that subject's four upper lumbar vertebrae to expect, g/cm2; no lesion, fracture, spur or implant counted."""
    rows = spec.vertebrae[max(spec.lumbar - 4, 0):spec.lumbar]
    return float(np.mean([BASE_G_CM2 + PER_CORTEX_MM * v.cortex_mm
                          + PER_SPONGY * v.trabecular_mg_cm3 * (v.lower_depth_mm + v.upper_depth_mm) / 2 for v in rows]))


def trabecular_for(bmd_g_cm2: float, cortex_mm: float, depth_mm: float) -> float:
    """Mineral of the spongy bone, mg/cm3, that gives a vertebra that areal density; never below 10, where the shell alone is too much."""
    return max((bmd_g_cm2 - BASE_G_CM2 - PER_CORTEX_MM * cortex_mm) / (PER_SPONGY * depth_mm), 10.0)
