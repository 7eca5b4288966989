"""The chance of what stands behind the bodies: pedicles, the bony canal, processes, laminae."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spondyl.phantom.draw_bone import row_of
from spondyl.phantom.draw_person import Person
from spondyl.phantom.spec import SubjectSpec, VertebraSpec
from spondyl.phantom.spec_parts import ArchSpec

PEDICLE_WIDTH_MM = (17.0, 12.9, 10.3, 8.9, 8.7, 7.7, 7.8, 6.8, 6.1, 5.3, 4.9, 4.5, 4.4, 4.6, 5.6, 7.0, 8.5)
PEDICLE_HEIGHT_MM = (13.5, 14.8, 14.9, 15.0, 15.4, 15.8, 16.8, 15.0, 13.9, 12.5, 12.1, 11.9, 11.8, 11.7, 11.6, 11.3, 9.8)
"""From L5 up to T1 (Zindrick 1987, as given in the project's physics sheet, unverified; L5 between it and the CT of Cook & Baker 2021;
thoracic rows recalled, unverified)."""
CANAL_WIDTH_MM = (27.6, 25.4, 24.3, 23.8, 23.7, 22.2, 19.4, 18.2, 17.8, 17.6, 17.3, 17.2, 17.1, 17.2, 18.1, 19.5, 21.8)
"""Between the pedicles, from L5 up (Panjabi 1992, L5 Cook & Baker 2021, as given in the sheet; thoracic rows recalled, unverified)."""
TRANSVERSE_MM = (46.0, 43.0, 47.0, 44.0, 38.0, 24.0, 27.0, 30.0, 31.0, 32.0, 32.5, 33.0, 33.0, 33.5, 34.0, 35.0, 37.0)
"""From the mid-line to the tip, from L5 up; L3 reaches furthest [O]."""
FACET_DEG = (52.0, 46.0, 38.0, 31.0, 26.0, 20.0, 70.0, 74.0, 75.0, 75.0, 75.0, 75.0, 75.0, 75.0, 75.0, 75.0, 75.0)
"""Of the joints against the sagittal plane, from L5 up: lumbar ones turn toward the coronal plane downward, thoracic ones lie in it [O]."""
LAMINA_MM = (16.0, 20.0, 22.5, 23.0, 22.5, 21.0, 20.5, 20.0, 20.0, 19.5, 19.0, 18.5, 18.0, 17.5, 17.0, 16.5, 16.0)
"""Height of the laminae, from L5 up [O]."""
BESIDE_SAC_MM = 3.4
"""What the canal is deeper than the sac at the pedicles: ligament in front, thin fat behind [O]; gives 19, 18 and 16 mm at L1, L3, L5
(published: 19.0 to 19.7 in cadavers, 15.6 on CT)."""


def shape_arches(rng: np.random.Generator, spec: SubjectSpec, person: Person, bodies: tuple[VertebraSpec, ...]) -> tuple[VertebraSpec, ...]:
    """The vertebrae with their arches. Sizes go with the body, the canal goes with the person's canal over all levels."""
    grown, wide = person.size * rng.normal(1, 0.03), rng.normal(1, 0.04)
    canal = person.size**0.5 * (1 + 0.5 * (person.canal - 1)) * rng.normal(1, 0.05)
    turn = rng.normal(0, 5)
    return tuple(replace(body, arch=_arch(rng, spec, i, len(bodies), (grown, wide, canal, turn))) for i, body in enumerate(bodies))


def _arch(rng: np.random.Generator, spec: SubjectSpec, index: int, count: int, factors: tuple[float, float, float, float]) -> ArchSpec:
    row = row_of(index, spec.lumbar, count)
    grown, wide, canal, turn = factors
    depth = float(np.interp(row, (0, 2, 4, 6), (*reversed(spec.soft.canal_mm), spec.soft.canal_mm[0]))) + BESIDE_SAC_MM
    noise = rng.normal(0, 1, 7)
    return ArchSpec(
        pedicle_mm=(float(max(PEDICLE_WIDTH_MM[row] * grown * wide * (1 + 0.08 * noise[0]), 2.5)),
                    float(PEDICLE_HEIGHT_MM[row] * grown * (1 + 0.05 * noise[1]))),
        canal_mm=(float(max(CANAL_WIDTH_MM[row] * canal * (1 + 0.04 * noise[2]), 12)), float(max(depth * (1 + 0.03 * noise[3]), 9))),
        transverse_mm=float(TRANSVERSE_MM[row] * grown * (1 + 0.05 * noise[4])),
        facet_tilt_deg=float(np.clip(FACET_DEG[row] + turn + 4 * noise[5], 5, 80)),
        lamina_mm=(float(LAMINA_MM[row] * grown * (1 + 0.05 * noise[6])), float(6.0 * grown if row < 6 else 5.5 * grown)),
    )
