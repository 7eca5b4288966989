"""Contact sheets and twins, as `spondyl phantom show` and `twin` write them."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from spondyl.core.errors import InputError
from spondyl.datasets.cohort import subject_rng
from spondyl.lab import phantoms
from spondyl.phantom import draw_subject
from spondyl.phantom.twin import disc_names, things_of, without


def _with_herniation() -> tuple[int, str]:
    """The first subject of seed 5 that has a herniation, and where."""
    for index in range(60):
        spec = draw_subject(subject_rng(5, "train", index), "symptomatic")
        for thing in things_of(spec):
            if thing.endswith(":herniation") and disc_names(spec).index(thing.split(":")[0]) < 5:
                return index, thing
    raise AssertionError("no herniation in sixty subjects")


def test_a_sheet_shows_the_subject_that_it_describes(tmp_path):
    truth = phantoms.show(3, 1, "train", "symptomatic", tmp_path / "sheet.png", quick=True)
    spec = draw_subject(subject_rng(3, "train", 1), "symptomatic")
    assert (truth.lumbar, truth.age_years) == (spec.lumbar, spec.age_years)
    picture = np.asarray(Image.open(BytesIO((tmp_path / "sheet.png").read_bytes())).convert("L"))
    assert picture.shape[1] > 2000
    assert picture.std() > 20


def test_a_twin_without_its_herniation_differs_only_there(tmp_path):
    index, change = _with_herniation()
    rows = phantoms.twin(5, index, "train", "symptomatic", change, tmp_path / "twin.png", quick=True)
    level = change.split(":")[0]
    assert {"label": f"{level} herniation", "with": "1", "without": "0"} in rows
    assert {row["label"].split()[0] for row in rows} == {level}
    with Image.open(tmp_path / "twin.png") as picture:
        assert picture.size[1] > 2000


def test_nothing_is_drawn_where_there_is_nothing_to_take_away(tmp_path):
    spec = draw_subject(subject_rng(5, "train", 0), "symptomatic")
    absent = next(f"{name}:fracture" for name in ("L1", "L2", "L3") if f"{name}:fracture" not in things_of(spec))
    with pytest.raises(InputError):
        without(spec, absent)
    with pytest.raises(InputError):
        phantoms.twin(5, 0, "train", "symptomatic", absent, tmp_path / "twin.png", quick=True)
    assert not (tmp_path / "twin.png").exists()


@pytest.mark.parametrize(("place", "code"), [("sheet.jpg", "output-not-png"), ("nowhere/sheet.png", "output-folder-missing")])
def test_a_place_that_cannot_take_the_picture_is_refused_before_the_work(tmp_path, place: str, code: str):
    with pytest.raises(InputError) as refused:
        phantoms.show(3, 1, "train", "symptomatic", tmp_path / place)
    assert refused.value.code == code
