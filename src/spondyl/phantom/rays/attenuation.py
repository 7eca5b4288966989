"""How much X-rays are weakened: five basis materials, a small spectrum table, Hounsfield units.

Mass attenuation coefficients: ICRU-44 compositions, Elam tables as packaged in xraydb, computed for the project's physics sheet; between
the energies of the table they are interpolated on logarithmic axes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError

Vector = NDArray[np.float64]
BASIS = ("soft", "fat", "mineral", "titanium", "steel")
"""Columns of `Material` that hold grams per cm3, in the order used everywhere here: soft tissue, adipose, hydroxyapatite, metals."""
ENERGY_KEV = (40.0, 47.0, 50.0, 60.0, 70.0, 80.0, 100.0)
MASS_ATTENUATION = (
    (0.2688, 0.2359, 0.2264, 0.2048, 0.1916, 0.1823, 0.1693),
    (0.2396, 0.2186, 0.2123, 0.1974, 0.1875, 0.1800, 0.1688),
    (0.9876, 0.6729, 0.5867, 0.4067, 0.3131, 0.2589, 0.2019),
    (2.213, 1.429, 1.214, 0.7660, 0.5361, 0.4053, 0.2721),
    (3.629, 2.318, 1.957, 1.205, 0.8164, 0.5952, 0.3717),
)
"""cm2/g, one row for each of BASIS; the last row is iron."""
WATER = (0.2683, 0.2355, 0.2269, 0.2059, 0.1929, 0.1837, 0.1707)
"""cm2/g of water at the same energies (NIST XCOM, recalled, unverified)."""
BIN_KEV = (42.0, 50.0, 60.0, 73.0)
SPECTRUM_KVP = (75.0, 85.0, 95.0)
SPECTRUM = ((0.40, 0.33, 0.22, 0.05), (0.33, 0.29, 0.26, 0.12), (0.28, 0.26, 0.26, 0.20))
"""Share of the detector's signal in open beam by energy bin, for each of SPECTRUM_KVP [O]; mean 50 to 54 keV."""


def attenuation(energies_kev: Vector) -> Vector:
    """Mass attenuation in cm2/g of the basis materials, (energies, 5).

    Raises:
        InputError: `energy-outside` if an energy lies outside 40 to 100 keV.
    """
    energies = np.asarray(energies_kev, np.float64)
    if energies.min() < ENERGY_KEV[0] or energies.max() > ENERGY_KEV[-1]:
        raise InputError("energy-outside", f"attenuation is known from 40 to 100 keV, got {energies.min():g} to {energies.max():g}",
                         "Choose energies within the table.")
    rows = [np.exp(np.interp(np.log(energies), np.log(ENERGY_KEV), np.log(row))) for row in MASS_ATTENUATION]
    return np.stack(rows, axis=-1)


def water(energy_kev: float) -> float:
    """Mass attenuation of water in cm2/g."""
    return float(np.exp(np.interp(np.log(energy_kev), np.log(ENERGY_KEV), np.log(WATER))))


def spectrum(kvp: float) -> tuple[Vector, Vector]:
    """(energies in keV, share of the open beam's signal) of the bins at a tube voltage; voltages beyond the table take its ends."""
    shares = np.array([np.interp(kvp, SPECTRUM_KVP, column) for column in np.array(SPECTRUM).T])
    return np.array(BIN_KEV), shares / shares.sum()
