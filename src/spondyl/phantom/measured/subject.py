"""Everything that is true of a subject, measured on its built volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spondyl.core.level import disc_name
from spondyl.phantom.measured.alignment import aasce_of, find_curves
from spondyl.phantom.measured.bodies import intact, measure_vertebra
from spondyl.phantom.measured.canal import RECESS_DEEP_MM, Level, cut, level_of, measure_canal, measure_recess
from spondyl.phantom.measured.density import spine_density, with_density
from spondyl.phantom.measured.discs import measure_disc
from spondyl.phantom.measured.foramen import ForamenCut, cut_foramen, measure_foramen
from spondyl.phantom.measured.objects import find_objects
from spondyl.phantom.measured.records import SIDES, StenosisTruth, SubjectTruth
from spondyl.phantom.measured.sampling import covers
from spondyl.phantom.volume import Volume

STENOSIS_LEVELS = 5


def measure_subject(volume: Volume) -> SubjectTruth:
    """The truth of that volume. Levels that its fine block does not hold have no stenosis readings and no density."""
    spec = volume.spec
    names = tuple(disc_name(k + 1, spec.lumbar) for k in range(len(spec.discs)))
    before = intact(spec)
    bare = tuple(measure_vertebra(volume, k, before, names[k].split("/")[0]) for k in range(len(spec.vertebrae)))
    vertebrae = tuple(with_density(volume, bare, k) for k in range(len(bare)))
    return SubjectTruth(
        spec.sex, spec.age_years, spec.lumbar, names, tuple(measure_disc(volume, k) for k in range(len(spec.discs))), vertebrae,
        measure_stenosis(volume, names), find_curves(vertebrae), aasce_of(vertebrae), spine_density(vertebrae, spec.age_years),
        find_objects(volume),
    )


def measure_stenosis(volume: Volume, names: tuple[str, ...]) -> tuple[StenosisTruth, ...]:
    """The readings of the five lowest discs, from the highest of them down: canal, then foramen and recess of the right and of the left."""
    levels = [level_of(volume, k, names[k]) for k in range(min(STENOSIS_LEVELS, len(names)))]
    levels = [level for level in levels if _held(level)]
    foramina = {(level.name, side): cut_foramen(level, side) for level in levels for side in SIDES}
    whole = max((one.area_mm2 for cuts in foramina.values() for one in cuts), default=0.0)
    return _beside_highest(tuple(reading for level in reversed(levels) for reading in _readings(level, foramina, whole)))


def _beside_highest(readings: tuple[StenosisTruth, ...]) -> tuple[StenosisTruth, ...]:
    """Each sac's area also as a share of the fifth disc's (L1/2 with five lumbar vertebrae): small people have small sacs."""
    canals = {one.from_bottom: one.numbers["sac_area_mm2"] for one in readings if one.condition == "spinal_canal_stenosis"}
    own = canals.get(STENOSIS_LEVELS, 0.0)
    if own <= 0:
        return readings
    return tuple(replace(one, numbers=one.numbers | {"area_over_fifth": canals[one.from_bottom] / own}) if one.side is None else one
                 for one in readings)


def _held(level: Level) -> bool:
    """Whether the fine block holds the planes that the level is measured in."""
    deep = level.back_mm
    corners = np.array([[u, v, w] for u in (-20.0, 20.0) for v in (deep - 8, deep + 20) for w in (-level.height_mm / 2 - 8, 20.0)])
    return covers(level.volume.fine, level.pose.to_patient(corners))


def _readings(level: Level, foramina: dict[tuple[str, str], tuple[ForamenCut, ...]], whole_mm2: float) -> list[StenosisTruth]:
    low = -level.height_mm / 2
    here, plate, free = cut(level, 0.0), cut(level, low - 1.0, behind_mm=RECESS_DEEP_MM), cut(level, low - 6.0, behind_mm=RECESS_DEEP_MM)
    rows = [measure_canal(level, here)]
    for side in SIDES:
        rows.append(measure_foramen(level, side, foramina[level.name, side], whole_mm2))
        rows.append(measure_recess(level, side, (here, plate), free))
    return rows
