"""Tissues and how bright they are: the two-pool signal equation.

S = f_fat S_fat + (1 - f_fat) S_water, S = PD (1 - exp(-TR/T1)) exp(-TE/T2); an inversion-recovery sequence has
1 - 2 exp(-TI/T1) + exp(-TR/T1), as a magnitude, in place of the first bracket. Times from SyMRI (AJNR 2020,
PMC7410772), de Bazelaire 2004 and the values named in the project's physics sheet. T2-weighted images are turbo
spin echo, so fat keeps a long T2 (Henkelman 1992). A SPACE series is repeated soon, and its restore pulse turns what is left at the
end of the echo train (twice TE here [O]) back along the field: (1 - E) / (1 - E exp(-2 TE/T2)) with E = exp(-TR/T1), the steady
state, in place of 1 - E; without it fluid would be dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Timing(Protocol):
    """What of an acquisition decides the contrast; both the mid-line's and the voxels' acquisitions have it."""

    @property
    def sequence(self) -> str:
        """One of "t1", "t2", "t2_space", "stir"."""

    @property
    def field_tesla(self) -> float:
        """1.5 or 3."""

    @property
    def tr_ms(self) -> float:
        """Repetition time."""

    @property
    def te_ms(self) -> float:
        """Echo time."""


@dataclass(frozen=True, slots=True)
class Tissue:
    """Water pool of a tissue (T1 at 1.5 T, its factor at 3 T, T2, proton density) and its fat fraction.

    `echo` is the T2 that shows in a picture as a share of `t2_ms`, which is the one of a T2 map.
    """

    t1_ms: float
    t1_factor_3t: float
    t2_ms: float
    density: float
    fat: float = 0.0
    echo: float = 1.0


FAT_T1_MS = {1.5: 343.0, 3.0: 382.0}
FAT_T2_MS = 135.0
DISC_ECHO = (50.0, 80.0), (1.0, 0.75)
"""`Tissue.echo` of disc tissue over its mapped T2, ms: wet tissue as mapped outshines patients' on T2-weighted pictures [O].
0.75 was chosen from 0.75, 0.85 and 1 by the agreement of grades on subjects of `mri_realism_tuning`."""
TISSUES = {
    "air": Tissue(1000, 1.0, 10, 0.0),
    "csf": Tissue(4270, 1.01, 1580, 1.0),
    "fat": Tissue(900, 1.0, 40, 1.0, 0.95),
    "muscle": Tissue(900, 1.1, 37, 0.8, 0.06),
    "cord": Tissue(780, 1.27, 88, 0.66),
    "root": Tissue(780, 1.27, 75, 0.7),
    "cortex": Tissue(600, 1.0, 1.5, 0.1),
    "ligament": Tissue(700, 1.0, 12, 0.25),
    "flavum": Tissue(700, 1.0, 25, 0.5),
    "vessel": Tissue(1600, 1.0, 4, 0.3),
    "blood": Tissue(1600, 1.1, 180, 0.9),
    "urine": Tissue(3000, 1.0, 900, 1.0),
    "bowel": Tissue(950, 1.1, 55, 0.85, 0.05),
    "organ": Tissue(600, 1.2, 48, 0.8, 0.08),
    "interspinous": Tissue(900, 1.1, 38, 0.6, 0.45),
    "skin": Tissue(700, 1.1, 22, 0.6),
}
MARROW_WATER = Tissue(1050, 1.1, 40, 0.91)
"""Water of the marrow; the fat fraction is the subject's own."""


def signal(tissue: Tissue, scan: Timing) -> float:
    """Signal of a tissue in a sequence, relative to fully relaxed water."""
    return sum(pools(tissue, scan))


def pools(tissue: Tissue, scan: Timing) -> tuple[float, float]:
    """The shares of the (water, fat) pool in that signal."""
    t1 = tissue.t1_ms * (tissue.t1_factor_3t if scan.field_tesla > 2 else 1.0)
    water = float(pool(tissue.density, t1, tissue.t2_ms * tissue.echo, scan))
    return (1 - tissue.fat) * water, tissue.fat * fat_signal(scan)


def fat_signal(scan: Timing) -> float:
    """Signal of pure fat."""
    return float(pool(1.0, _fat_t1_ms(scan), FAT_T2_MS, scan))


def inversion_ms(scan: Timing) -> float:
    """The inversion time that nulls the simulated fat at that field and repetition time."""
    fat = _fat_t1_ms(scan)
    return float(fat * (np.log(2) - np.log1p(np.exp(-scan.tr_ms / fat))))


def _fat_t1_ms(scan: Timing) -> float:
    return FAT_T1_MS[3.0 if scan.field_tesla > 2 else 1.5]


def pool(density: float | NDArray[np.floating], t1_ms: float | NDArray[np.floating], t2_ms: float | NDArray[np.floating],
         scan: Timing) -> NDArray[np.floating]:
    """Signal of one pool; arrays give arrays."""
    relaxed = np.exp(-scan.tr_ms / np.asarray(t1_ms))
    recovery = 1 - relaxed
    if scan.sequence == "stir":
        recovery = np.abs(1 - 2 * np.exp(-inversion_ms(scan) / np.asarray(t1_ms)) + relaxed)
    elif scan.sequence == "t2_space":
        recovery = recovery / (1 - relaxed * np.exp(-2 * scan.te_ms / np.asarray(t2_ms)))
    return np.asarray(density * recovery * np.exp(-scan.te_ms / np.asarray(t2_ms)))


def marrow_signal(fat: float, modic: int, scan: Timing) -> float:
    """Signal of marrow of that fat fraction, healthy (0) or changed as Modic 1, 2 or 3.

    Modic 1: water +60 %, T2 x 2.6 (with less it would not outshine the fat it replaces on turbo spin echo).
    Modic 2: fat fraction 0.85. Modic 3: proton density x 0.25 [O].
    """
    water = MARROW_WATER
    share = fat
    density, t2 = water.density, water.t2_ms
    if modic == 1:
        share, density, t2 = 1 - min((1 - fat) * 1.6, 0.95), 1.0, water.t2_ms * 2.6
    elif modic == 2:
        share = max(0.85, fat)
    factor = 0.25 if modic == 3 else 1.0
    t1 = water.t1_ms * (water.t1_factor_3t if scan.field_tesla > 2 else 1.0)
    return float(factor * ((1 - share) * pool(density, t1, t2, scan) + share * fat_signal(scan)))


def disc_signal(t2_ms: NDArray[np.floating], scan: Timing) -> NDArray[np.floating]:
    """Signal of disc tissue from its T2 map; T1 and density follow its hydration (SyMRI: normal, medium, dry)."""
    t1 = np.interp(t2_ms, (20, 56, 67, 102, 210), (520, 554, 723, 1165, 1350)) * (1.1 if scan.field_tesla > 2 else 1.0)
    density = np.interp(t2_ms, (5, 30, 56, 67, 102, 210), (0.12, 0.38, 0.48, 0.61, 0.79, 0.9)) / 1.08
    return pool(density, t1, np.asarray(t2_ms) * np.interp(t2_ms, *DISC_ECHO), scan)
