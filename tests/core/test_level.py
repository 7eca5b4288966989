"""Names of discs, counted from the bottom."""

from __future__ import annotations

from itertools import pairwise

import pytest

from spondyl.core import InputError, disc_name
from spondyl.core.level import VERTEBRAE_UP


@pytest.mark.parametrize(
    ("lumbar", "names"),
    [
        (4, ["L4/S1", "L3/L4", "L2/L3", "L1/L2", "T12/L1", "T11/T12"]),
        (5, ["L5/S1", "L4/L5", "L3/L4", "L2/L3", "L1/L2", "T12/L1", "T11/T12"]),
        (6, ["L6/S1", "L5/L6", "L4/L5", "L3/L4", "L2/L3", "L1/L2", "T12/L1", "T11/T12"]),
    ],
)
def test_discs_are_named_from_the_sacrum_up(lumbar: int, names: list[str]):
    assert [disc_name(number, lumbar) for number in range(1, len(names) + 1)] == names


@pytest.mark.parametrize("lumbar", [4, 5, 6])
def test_neighbouring_discs_share_a_vertebra_up_to_the_first_thoracic_one(lumbar: int):
    names = [disc_name(number, lumbar) for number in range(1, lumbar + 13)]
    assert len(set(names)) == len(names)
    assert all(lower.split("/")[0] == upper.split("/")[1] for lower, upper in pairwise(names))
    assert names[-1] == "T1/T2"


def test_ordinary_anatomy_is_the_table_of_vertebrae():
    assert [disc_name(i) for i in range(1, len(VERTEBRAE_UP))] == [f"{above}/{below}" for below, above in pairwise(VERTEBRAE_UP)]


@pytest.mark.parametrize(("number", "lumbar"), [(0, 5), (-1, 5), (18, 5), (1, 3), (1, 7)])
def test_a_disc_that_nobody_has_is_refused(number: int, lumbar: int):
    with pytest.raises(InputError) as caught:
        disc_name(number, lumbar)
    assert caught.value.code == "level-out-of-range"
