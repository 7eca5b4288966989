"""From maps to a column: what was drawn is found, whatever else lies on the film."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.tasks.xray_alignment.detect import column_of, pitches, unmirrored
from spondyl.tasks.xray_alignment.frames import film_frame
from spondyl.tasks.xray_alignment.reading import slots_of

from .columns import FILM, maps_of, spine

WHOLE = film_frame(FILM, FILM)


@pytest.mark.parametrize("tilt", [0.0, 15.0, 35.0])
@pytest.mark.parametrize("count", [7, 10, 17])
def test_a_column_is_found_where_it_was_drawn(tilt: float, count: int):
    wanted = spine(count, tilt)
    found = column_of(maps_of(wanted), WHOLE).column
    assert len(found) == count
    assert np.abs(np.stack([one.corners for one in found]) - wanted).max() < 0.5
    assert found[0].highest == max(one.highest for one in found) > 0.5
    assert found[-1].lowest == max(one.lowest for one in found) > 0.5


def test_what_lies_beside_the_column_is_not_of_it_and_is_told():
    maps, other = maps_of(spine()), maps_of(spine(3, 0.0, top=200.0) + np.array([90.0, 0.0]))
    strongest = np.maximum(maps[0], 0.8 * other[0])
    maps = np.where(other[:1] > maps[:1], other, maps)
    maps[0] = strongest
    found = column_of(maps, WHOLE)
    assert len(found.column) == 17
    assert len(found.beside) == 3


def test_a_vertebra_drawn_between_two_is_no_vertebra():
    wanted = spine(12, 8.0)
    maps = maps_of(wanted)
    between = (wanted[5].mean(axis=0) + wanted[6].mean(axis=0)) / 2 / 4
    maps[0, int(between[1]), int(between[0])] = 0.6
    assert len(column_of(maps, WHOLE).column) == 12


def test_a_missing_vertebra_leaves_its_place():
    wanted = spine()
    kept = np.delete(wanted, 6, axis=0)
    assert slots_of(column_of(maps_of(kept), WHOLE).column) == (*range(6), *range(7, 17))


def test_nothing_is_found_where_nothing_is():
    found = column_of(np.zeros((11, 128, 64), np.float32), WHOLE)
    assert (found.column, found.beside) == ((), ())


def test_a_mirrored_film_turned_back_says_the_same():
    wanted = spine(10, 20.0)
    mirrored = ((wanted * [-1, 1]) + [FILM[1], 0])[:, [1, 0, 3, 2]]
    turned = unmirrored(maps_of(mirrored))
    assert np.abs(turned - maps_of(wanted)).max() < 1e-4


def test_distances_grow_down_a_spine_as_they_were_drawn():
    y = np.cumsum(np.linspace(20, 36, 16))
    told = pitches([np.array([50.0, value]) for value in y], y.tolist())
    assert told[0] == pytest.approx(20, abs=2)
    assert told[-1] == pytest.approx(36, abs=2)
