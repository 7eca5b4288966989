"""Names of a column: by its ends where they are seen, with alternatives where they are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spondyl.tasks.xray_alignment.naming import NAMES, chances_of, name_column
from spondyl.tasks.xray_alignment.reading import named

from .columns import column, seen_as, spine

SETTINGS = {"naming": {"sharpness": 0.5, "least": 0.6}, "score": {"slope": 1.0, "shift": 0.0}}


def test_a_whole_column_is_t1_to_l5():
    naming = name_column(seen_as(spine()), range(17), SETTINGS)
    assert [naming.name(slot) for slot in range(17)] == list(NAMES)
    assert naming.confidence > 0.9


@pytest.mark.parametrize(("first", "count"), [(7, 10), (0, 8), (3, 14)])
def test_a_part_is_named_by_the_end_that_is_seen(first: int, count: int):
    naming = name_column(seen_as(spine(count), first), range(count), SETTINGS)
    assert naming.name(0) == NAMES[first]


def test_a_part_without_ends_is_in_doubt_and_says_what_it_may_be():
    naming = name_column(seen_as(spine(8), 4), range(8), SETTINGS)
    assert naming.confidence < 0.6
    assert sum(naming.others(0).values()) + naming.confidence == pytest.approx(1, abs=0.1)
    assert len(naming.others(0)) >= 3


def test_a_place_that_was_missed_counts():
    seen = seen_as(spine())
    naming = name_column((*seen[:5], *seen[6:]), [*range(5), *range(6, 17)], SETTINGS)
    assert naming.name(16) == "L5"


def test_what_lies_beyond_the_ends_is_left_away():
    whole = column(spine(19, top=10.0, pitch=25.0))
    seen = tuple(replace(one, score=0.3 if k in (0, 18) else 0.9, highest=0.9 if k == 1 else 0.05, lowest=0.9 if k == 17 else 0.05)
                 for k, one in enumerate(whole.seen))
    part, naming = named(replace(whole, seen=seen), SETTINGS)
    assert len(part) == 17
    assert (naming.name(0), naming.name(16)) == ("T1", "L5")
    assert (part.corners.points == whole.corners.points[1:18]).all()


def test_a_higher_score_is_a_higher_chance():
    low, high = chances_of([0.3, 0.8], {"slope": 1.2, "shift": 0.4})
    assert 0 < low < high < 1
