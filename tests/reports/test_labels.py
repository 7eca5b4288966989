from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.reports import Rectangle, place_labels

FRAME = (400.0, 500.0)
corners = st.tuples(st.floats(0, 380), st.floats(0, 480), st.floats(1, 200), st.floats(1, 200))
boxes_of = corners.map(lambda c: (c[0], c[1], min(c[0] + c[2], FRAME[0]), min(c[1] + c[3], FRAME[1])))
wide = st.tuples(st.floats(10, 90), st.floats(8, 20))


def overlap(one: Rectangle, other: Rectangle) -> bool:
    return max(one[0], other[0]) < min(one[2], other[2]) and max(one[1], other[1]) < min(one[3], other[3])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(boxes_of, wide, st.booleans()), min_size=1, max_size=18))
def test_labels_stay_in_the_picture_keep_their_size_and_cover_no_other(asked: list):
    boxes, sizes, beside = zip(*asked, strict=True)
    places = place_labels(boxes, sizes, FRAME, gap=4.0, beside=beside)
    for place, size in zip(places, sizes, strict=True):
        assert (place[2] - place[0], place[3] - place[1]) == pytest.approx(size)
        assert min(place) >= 0
        assert place[2] <= FRAME[0] + 1e-9
        assert place[3] <= FRAME[1] + 1e-9
    assert not any(overlap(one, other) for one, other in itertools.combinations(places, 2))


def test_a_label_stands_at_its_box_where_there_is_room():
    above, right = place_labels([(100, 100, 150, 200), (200, 300, 250, 400)], [(40, 10)] * 2, FRAME, gap=5, beside=[False, True])
    assert above == (100, 85, 140, 95)
    assert right == (255, 345, 295, 355)


def test_at_an_edge_the_other_side_is_taken():
    assert place_labels([(10, 0, 50, 60)], [(30, 10)], FRAME, gap=5, beside=[False])[0][1] in (0, 65)
    (left,) = place_labels([(350, 100, 398, 140)], [(40, 10)], FRAME, gap=5, beside=[True])
    assert left[2] <= FRAME[0]


def test_a_label_larger_than_the_picture_is_put_in_its_corner():
    assert place_labels([(0, 0, 5, 5)], [(500, 600)], FRAME, gap=2, beside=[True]) == ((0, 0, 500, 600),)


def test_a_full_picture_still_places_every_label():
    places = place_labels([(0, 0, 5, 5)] * 9, [(30, 30)] * 9, (50, 50), gap=2, beside=[False] * 9)
    assert len(places) == 9
