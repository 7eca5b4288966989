"""From a picture to what the networks see: captions change nothing of it, and what holds no spine is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spondyl.core import Refusal
from spondyl.phantom.dxa_pages import write
from spondyl.tasks.dxa_osteoporosis.looking import Scan, Spine, cut, find_spine
from spondyl.tasks.dxa_osteoporosis.space import Vertebra, regions
from tasks.dxa.density_scans import FRAMES, WORDS, boxes, captioned, grey, maps_of, scan, shifted, told_engine, true_vertebrae

OPPOSITE = ("L1 1.312", "L2 1.345", "BMD 1.329", "T 2.50")
SETTINGS = {"frames": FRAMES.as_dict()}


def spine_on(shown: NDArray[np.uint8], known: Sequence[Vertebra], folder: Path) -> tuple[Scan, Spine]:
    """What is looked at where the locator finds these vertebrae."""
    own = cut(grey(shown), FRAMES)
    engine = told_engine(folder, {"locator": ("scan", "maps", maps_of(known, own.frame))})
    return own, find_spine(own, engine, SETTINGS)


@pytest.mark.parametrize("patient", range(2))
def test_captions_change_nothing_of_what_networks_see_whatever_they_say(patient: int, tmp_path: Path):
    own = scan(patient)
    known = true_vertebrae(patient, own)
    plain, plain_spine = spine_on(own.picture, known, tmp_path / "plain")
    for name, words in (("said", WORDS), ("opposite", OPPOSITE), ("more", [*OPPOSITE, *WORDS])):
        other, spine = spine_on(captioned(own, words), known, tmp_path / name)
        assert np.array_equal(other.framed, plain.framed)
        assert np.abs(spine.framed - plain_spine.framed).max() <= 1e-3, "a thousandth of the last row is left beyond the edge of a picture"
        assert np.abs(spine.vertebrae - plain_spine.vertebrae).max() <= 1e-3
        assert spine.frame.to_source == pytest.approx(plain_spine.frame.to_source)


@pytest.mark.parametrize("patient", range(2))
def test_what_stands_above_a_scan_moves_its_places_and_nothing_else(patient: int, tmp_path: Path):
    own = scan(patient)
    text = captioned(own)[len(own.picture):]
    known = true_vertebrae(patient, own)
    lower = [shifted(one, 0, len(text)) for one in known]
    _, plain = spine_on(own.picture, known, tmp_path / "plain")
    _, below = spine_on(np.concatenate([text, own.picture]), lower, tmp_path / "below")
    assert below.framed == pytest.approx(plain.framed, abs=2e-3)
    assert below.vertebrae == pytest.approx(plain.vertebrae, abs=2e-3)
    for name, box in plain.regions.items():
        assert below.regions[name] == pytest.approx(box + np.array([0, len(text)]), abs=1e-2)


def test_a_spine_is_told_in_pixels_of_the_picture_and_its_vertebrae_in_their_order(tmp_path: Path):
    own = scan(0)
    known = true_vertebrae(0, own)
    _, spine = spine_on(own.picture, known, tmp_path / "bundle")
    assert [one.name for one in spine.found.vertebrae] == [one.name for one in known]
    assert list(spine.regions) == ["L1", "L2", "L3", "L4"]
    for name, box in regions(known).items():
        assert spine.regions[name] == pytest.approx(box, abs=0.1)
    assert spine.framed.shape == FRAMES.spine
    assert spine.vertebrae.shape == (4, *FRAMES.vertebra)
    assert spine.framed.dtype == spine.vertebrae.dtype == np.float32
    assert spine.frame.forward(spine.found.vertebrae[0].centre)[1] < spine.frame.forward(spine.found.vertebrae[-1].centre)[1]


@pytest.mark.parametrize("names", [(), ("L3",), ("T11", "T12", "L1"), ("L4", "L5", "L6")])
def test_with_fewer_than_two_vertebrae_of_the_region_the_picture_is_refused(names: tuple[str, ...], tmp_path: Path):
    with pytest.raises(Refusal) as refused:
        spine_on(scan(0).picture, boxes(names, top=(50.0, 40.0), step=(0.0, 25.0)), tmp_path / "bundle")
    assert refused.value.code == "vertebrae-not-found"
    assert all(name in refused.value.message for name in names or ("none",))
    assert refused.value.hint


def test_a_page_of_writing_is_refused_as_one():
    page = np.ones((200, 260), np.float32)
    for row in range(10, 190, 12):
        write(page, (row, 6), "BMD 0.812 T -1.90 REGION L1 AREA", 0.05)
    with pytest.raises(Refusal) as refused:
        cut(page, FRAMES)
    assert refused.value.code == "text-only"
    assert refused.value.hint


@pytest.mark.parametrize("metal", ["titanium", "steel"])
@pytest.mark.parametrize("view", range(3))
def test_a_scan_that_metal_makes_dark_is_looked_at_whole_or_refused_by_name(view: int, metal: str):
    own = scan(1, view, "train", metal)
    try:
        assert cut(grey(own.picture), FRAMES).panel.box == (0, 0, own.picture.shape[1], own.picture.shape[0])
    except Refusal as refused:
        assert refused.code == "no-contrast"  # noqa: PT017  # either answer is right


def test_all_around_a_scan_is_black_and_the_scan_is_as_it_was():
    own = scan(0)
    shown = grey(captioned(own))
    seen = cut(shown, FRAMES)
    rows = len(own.picture)
    assert np.array_equal(seen.pixels[:rows], shown[:rows])
    assert not seen.pixels[rows:].any()
    assert seen.framed.shape == FRAMES.scan
