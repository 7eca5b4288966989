"""Bone density as it may leave a worker: a region of a closed list, numbers within bounds, the kind of object that said them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from spondyl.core import DensitySaid

VERTEBRAE = ("L1", "L2", "L3", "L4", "L5")
GENERAL = ("Spine", "Lumbar spine", "AP Spine")
"""Regions that name no vertebra, from the widest to the narrowest."""

BOUNDS: Mapping[str, tuple[float, float]] = {"bmd_g_cm2": (0.2, 2.5), "t_score": (-8.0, 8.0), "z_score": (-8.0, 8.0)}
"""Fields of a row, and what is plausible of each; other values are left out."""
ROUNDING = {"bmd_g_cm2": 0.005, "t_score": 0.05, "z_score": 0.05}
"""By how much two statements of one number may differ: reports are printed with two decimals of a BMD, and with one of a score."""

IMAGE_HEADER, OTHER_SR = "image header", "SR"
REPORTS = {
    "1.2.840.10008.5.1.4.1.1.88.22": "Enhanced SR",
    "1.2.840.10008.5.1.4.1.1.88.33": "Comprehensive SR",
    "1.2.840.10008.5.1.4.1.1.88.34": "Comprehensive 3D SR",
    "1.2.840.10008.5.1.4.1.1.88.11": "Basic Text SR",
}
SOURCES = (*REPORTS.values(), OTHER_SR, IMAGE_HEADER)
"""What can say a density; where several agree, the first of this list is named."""


def region_of(vertebrae: Iterable[str]) -> str:
    """ "L2" of one, "L1-L4" where none is left out in between, else every one: "L1+L3+L4"."""
    places = sorted(VERTEBRAE.index(name) for name in set(vertebrae))
    names = [VERTEBRAE[k] for k in places]
    whole = len(names) > 1 and places[-1] - places[0] == len(places) - 1
    return f"{names[0]}-{names[-1]}" if whole else "+".join(names)


REGIONS: Mapping[str, frozenset[str]] = {
    **{region_of(names): frozenset(names) for n in range(len(VERTEBRAE), 0, -1) for names in combinations(VERTEBRAE, n)},
    **{name: frozenset() for name in reversed(GENERAL)},
}
"""Every region that there can be, with its vertebrae; in the order of a study's rows."""
_ORDER = {region: place for place, region in enumerate(REGIONS)}


def is_plausible(field: str, value: float) -> bool:
    """Whether a number can be that field of a person."""
    low, high = BOUNDS[field]
    return low <= value <= high


def merged(rows: Iterable[DensitySaid]) -> tuple[tuple[DensitySaid, ...], bool]:
    """One row a region, whatever the order of the statements, and whether some contradict each other. What they differ in is left out."""
    said: dict[str, list[DensitySaid]] = {}
    for row in rows:
        said.setdefault(row.region, []).append(row)
    found, differ = [], False
    for region in sorted(said, key=_ORDER.__getitem__):
        agreed: dict[str, float | None] = {}
        for field in BOUNDS:
            values = [value for row in said[region] if (value := getattr(row, field)) is not None]
            apart = bool(values) and max(values) - min(values) > ROUNDING[field] + 1e-9
            differ = differ or apart
            agreed[field] = None if apart or not values else max(values, key=lambda value: (_decimals(value), -value))
        if any(value is not None for value in agreed.values()):
            source = min((row.source for row in said[region]), key=SOURCES.index)
            found.append(DensitySaid(region, agreed["bmd_g_cm2"], agreed["t_score"], agreed["z_score"], source))
    return tuple(found), differ


def _decimals(value: float) -> int:
    return len(f"{value:.4f}".rstrip("0").partition(".")[2])


def from_json(rows: Any) -> tuple[DensitySaid, ...]:
    """Rows as a worker sent them, each value looked up or within its bounds.

    Raises:
        ValueError, KeyError, TypeError: If one is not.
    """
    if not isinstance(rows, Sequence) or len(rows) > len(REGIONS):
        raise ValueError("no list of densities")
    return tuple(map(_row, rows))


def _row(row: Any) -> DensitySaid:
    region, source = row["region"], row["source"]
    if region not in REGIONS or source not in SOURCES:
        raise ValueError("a region or source of no list")
    numbers = {field: None if row[field] is None else float(row[field]) for field in BOUNDS}
    if not all(is_plausible(field, value) for field, value in numbers.items() if value is not None):
        raise ValueError("a density out of bounds")
    return DensitySaid(region, numbers["bmd_g_cm2"], numbers["t_score"], numbers["z_score"], source)
