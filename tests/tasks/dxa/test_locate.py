"""Maps that were drawn from known vertebrae give these vertebrae back, named in their order, and doubts where there are any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.imaging import Letterbox
from spondyl.tasks.dxa_osteoporosis.locate import find_vertebrae
from spondyl.tasks.dxa_osteoporosis.panel import Panel
from spondyl.tasks.dxa_osteoporosis.space import NAMES, Vertebra, scan_frame
from tasks.dxa.density_scans import FRAMES, boxes, maps_of, scan, true_vertebrae

FEW = settings(max_examples=40, deadline=None)
FRAME = scan_frame(Panel((0, 0, 160, 260), 1.0), FRAMES.scan)
UNSURE = 0.6
"""Below which the numbering is called unsure."""


def spread(first: int, count: int, lean: float = 0.0, apart: float = 27.0) -> tuple[Vertebra, ...]:
    """So many vertebrae from that name on, inside the picture."""
    return boxes(NAMES[first:first + count], top=(80 - lean * (count - 1) / 2, 25.0), step=(lean, apart), size=(38.0, 20.0))


def names(found: tuple[Vertebra, ...]) -> list[str]:
    return [one.name for one in found]


@given(st.integers(0, 4), st.integers(2, 8), st.floats(-6, 6), st.floats(24, 30))
@FEW
def test_known_vertebrae_come_back_with_their_corners_and_their_names(first: int, count: int, lean: float, apart: float):
    known = spread(first, min(count, len(NAMES) - first), lean, apart)
    found = find_vertebrae(maps_of(known, FRAME), FRAME)
    assert names(found.vertebrae) == names(known)
    for one, wanted in zip(found.vertebrae, known, strict=True):
        assert one.corners == pytest.approx(wanted.corners, abs=1e-3)
        assert one.score > 0.5
    assert found.confidence > 0.95
    assert found.other_confidence == pytest.approx(1 - found.confidence, abs=0.05)


@pytest.mark.parametrize("patient", range(2))
def test_the_digital_spine_s_vertebrae_come_back_in_pixels_of_its_picture(patient: int):
    own = scan(patient)
    known = true_vertebrae(patient, own)
    frame = scan_frame(Panel((0, 0, own.projection.columns, own.projection.rows), 1.0), FRAMES.scan)
    found = find_vertebrae(maps_of(known, frame), frame).vertebrae
    assert names(found) == names(known)
    assert np.stack([one.corners for one in found]) == pytest.approx(np.stack([one.corners for one in known]), abs=0.05)


@given(st.integers(0, 2**31), st.integers(0, 12))
@FEW
def test_whatever_the_maps_say_names_go_down_the_spine_and_no_name_is_given_twice(seed: int, count: int):
    rng = np.random.default_rng(seed)
    maps = rng.normal(0, 0.5, (len(NAMES) + 8, 48, 40)).astype(np.float32)
    maps[:len(NAMES)] = 0
    for row, column, name in zip(rng.integers(0, 48, count), rng.integers(0, 40, count), rng.integers(0, len(NAMES), count), strict=True):
        maps[name, row, column] = rng.uniform(0.2, 1)
    found = find_vertebrae(maps, FRAME)
    places = [NAMES.index(name) for name in names(found.vertebrae)]
    assert places == sorted(set(places))
    assert 0 <= found.confidence + found.other_confidence <= 1 + 1e-9
    assert min(found.confidence, found.other_confidence) >= 0
    assert len(found.other) in (0, len(places))
    assert all(np.isfinite(one.corners).all() for one in found.vertebrae)


@given(st.integers(0, 4), st.integers(2, 8), st.integers(0, 2**31))
@FEW
def test_evenly_spaced_vertebrae_have_names_that_follow_each_other_whatever_each_looks_like(first: int, count: int, seed: int):
    rng = np.random.default_rng(seed)
    known = spread(first, min(count, len(NAMES) - first))
    sure = {one.name: {NAMES[int(rng.integers(len(NAMES)))]: 1.0} for one in known}
    found = find_vertebrae(maps_of(known, FRAME, sure), FRAME)
    places = [NAMES.index(name) for name in names(found.vertebrae)]
    assert places == list(range(places[0], places[0] + len(known)))


def test_an_empty_map_holds_no_vertebra():
    found = find_vertebrae(np.zeros((len(NAMES) + 8, 48, 40), np.float32), FRAME)
    assert (found.vertebrae, found.confidence, found.other) == ((), 0.0, ())


def test_where_every_vertebra_could_as_well_be_the_next_one_the_names_are_in_doubt_and_the_others_are_told():
    known = spread(2, 4)
    sure = {name: {name: 0.5, NAMES[NAMES.index(name) + 1]: 0.5} for name in names(known)}
    found = find_vertebrae(maps_of(known, FRAME, sure), FRAME)
    assert found.confidence < UNSURE
    assert found.confidence == pytest.approx(found.other_confidence, abs=0.05)
    both = {tuple(names(found.vertebrae)), found.other}
    assert both == {("L1", "L2", "L3", "L4"), ("L2", "L3", "L4", "L5")}


@given(st.floats(0.1, 0.45))
@FEW
def test_the_likelier_numbering_is_chosen_and_the_surer_the_more_it_is_likelier(share: float):
    known = spread(2, 4)

    def confidence(other: float) -> float:
        sure = {name: {name: 1 - other, NAMES[NAMES.index(name) + 1]: other} for name in names(known)}
        found = find_vertebrae(maps_of(known, FRAME, sure), FRAME)
        assert names(found.vertebrae) == names(known)
        return found.confidence

    assert confidence(share - 0.05) > confidence(share)


def test_one_vertebra_that_looks_like_another_does_not_change_the_numbering():
    known = spread(1, 6)
    found = find_vertebrae(maps_of(known, FRAME, {"L2": {"L2": 0.2, "L3": 0.8}}), FRAME)
    assert names(found.vertebrae) == names(known)


@pytest.mark.parametrize("apart", [24.0, 30.0])
@pytest.mark.parametrize("missing", ["T12", "L1", "L2", "L3", "L4", "L5"])
def test_a_vertebra_that_was_missed_never_gives_others_wrong_names_for_sure(missing: str, apart: float):
    known = spread(1, 6, apart=apart)
    found = find_vertebrae(maps_of([one for one in known if one.name != missing], FRAME), FRAME)
    true = {tuple(one.centre.round(0)): one.name for one in known}
    right = [true[tuple(one.centre.round(0))] == one.name for one in found.vertebrae]
    assert len(right) == 5
    assert all(right) or found.confidence < UNSURE


@pytest.mark.parametrize("missing", [("L2", "L3"), ("L1", "L3")])
def test_two_that_were_missed_do_not_either(missing: tuple[str, str]):
    known = spread(1, 6)
    found = find_vertebrae(maps_of([one for one in known if one.name not in missing], FRAME), FRAME)
    true = {tuple(one.centre.round(0)): one.name for one in known}
    assert all(true[tuple(one.centre.round(0))] == one.name for one in found.vertebrae) or found.confidence < UNSURE


@pytest.mark.parametrize("names_there", [6, 7])
def test_a_name_that_has_no_neighbour_has_no_other_name(names_there: int):
    known = spread(0, names_there)
    sure = {name: {name: 0.8, NAMES[NAMES.index(name) + 1]: 0.2} for name in names(known)}
    found = find_vertebrae(maps_of(known, FRAME, sure), FRAME)
    assert names(found.vertebrae) == list(NAMES[:names_there])
    assert found.other == NAMES[1:names_there + 1]


def test_faint_vertebrae_are_not_vertebrae():
    known = spread(2, 4)
    maps = maps_of(known, FRAME, {"L4": {"L4": 0.2}})
    assert names(find_vertebrae(maps, FRAME).vertebrae) == ["L1", "L2", "L3"]


def test_a_vertebra_at_the_edge_of_the_picture_is_told_by_the_cells_there_are():
    plain = Letterbox(np.array([[1.0, 0, 0], [0, 1.0, 0]]), FRAMES.scan)
    known = boxes(("L1", "L2", "L3"), top=(2.0, 2.0), step=(0.0, 60.0))
    found = find_vertebrae(maps_of(known, plain), plain).vertebrae
    assert np.stack([one.corners for one in found]) == pytest.approx(np.stack([one.corners for one in known]), abs=1e-3)
