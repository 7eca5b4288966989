"""What can be no density picture of a spine is refused in words, before a network is asked and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spondyl.core import Image, Refusal, Series
from spondyl.tasks.dxa_osteoporosis.gate import KINDS, LEAST_SCAN, OTHERS, REFUSALS, SMALLEST, admit, check_image, check_series
from spondyl.tasks.dxa_osteoporosis.looking import cut
from tasks.dxa.density_scans import FRAMES, captioned, grey, image, scan, told_engine

GATE = {"least": 0.3, "sure": 0.8}
SPINE = grey(scan(0).picture)


def plain(pixels: NDArray[np.floating], **changes: object) -> Image:
    return image(np.ascontiguousarray(pixels, np.float32), **changes)


def says(kind: str, share: float = 0.99) -> NDArray[np.float32]:
    """Logits of a gate that gives that kind this probability, and the rest to a spine (or to "other")."""
    rest = "other" if kind == "spine" else "spine"
    chances = np.full(len(KINDS), 1e-6)
    chances[KINDS.index(kind)], chances[KINDS.index(rest)] = share, 1 - share
    return np.log(chances).astype(np.float32)


@pytest.mark.parametrize("patient", range(3))
def test_every_scan_of_the_digital_spine_may_be_looked_at(patient: int):
    for style in ("train", "eval"):
        own = scan(patient, 0, style)
        check_image(plain(grey(own.picture)))
        check_image(plain(grey(captioned(own))))


@pytest.mark.parametrize(("pixels", "changes", "code", "seen"), [
    (SPINE, {"colour": True}, "colour-picture", "colour"),
    (SPINE[:, :SMALLEST - 1], {}, "picture-too-small", f"x {SMALLEST - 1} pixels"),
    (SPINE[:40, :40], {}, "picture-too-small", "40 x 40"),
    (np.zeros((200, 100)), {}, "no-contrast", "contrast"),
    (np.full((200, 100), 0.7), {}, "no-contrast", "contrast"),
    (0.5 + 0.02 * SPINE, {}, "no-contrast", "contrast"),
    (np.full((200, 100), np.nan), {}, "no-contrast", "contrast"),
])
def test_what_can_be_no_scan_is_refused_by_name(pixels: NDArray[np.floating], changes: dict[str, bool], code: str, seen: str):
    with pytest.raises(Refusal) as refused:
        check_image(plain(pixels, **changes))
    assert refused.value.code == code
    assert seen in refused.value.message
    assert refused.value.hint


def test_the_smallest_picture_that_is_looked_at_is_looked_at():
    check_image(plain(np.random.default_rng(0).random((SMALLEST, SMALLEST))))


@pytest.mark.parametrize("modality", ["BMD", "OT", "SC", ""])
def test_what_may_hold_density_pictures_passes(modality: str):
    check_series(Series("s", modality, (plain(SPINE),)))


@pytest.mark.parametrize("modality", [*OTHERS, "SEG", "XC"])
def test_other_modalities_are_refused_by_name(modality: str):
    with pytest.raises(Refusal, match=f"modality {modality}") as refused:
        check_series(Series("s", modality, (plain(SPINE),)))
    assert refused.value.code == "not-a-density-picture"
    assert OTHERS.get(modality, "something else") in refused.value.message


def test_a_spine_passes_and_a_doubtful_one_is_called_so(tmp_path: Path):
    seen = cut(SPINE, FRAMES)
    for share, doubtful in ((0.9, False), (0.81, False), (0.7, True), (0.31, True)):
        engine = told_engine(tmp_path / str(share), {"gate": ("scan", "logits", says("spine", share))})
        passed = admit(seen, engine, GATE)
        assert passed.probability == pytest.approx(share, abs=1e-4)
        assert passed.doubtful is doubtful


@pytest.mark.parametrize("kind", KINDS[1:])
def test_every_other_kind_is_refused_in_its_own_words(kind: str, tmp_path: Path):
    engine = told_engine(tmp_path / "bundle", {"gate": ("scan", "logits", says(kind))})
    with pytest.raises(Refusal) as refused:
        admit(cut(SPINE, FRAMES), engine, GATE)
    assert (refused.value.code, refused.value.message, refused.value.hint) == REFUSALS[kind]
    assert refused.value.hint


def test_refusals_have_a_code_each():
    assert set(REFUSALS) == set(KINDS[1:])
    assert len({code for code, _, _ in REFUSALS.values()}) == len(REFUSALS)


def test_a_likely_kind_is_not_refused_where_a_spine_is_likely_enough(tmp_path: Path):
    engine = told_engine(tmp_path / "bundle", {"gate": ("scan", "logits", says("hip", 0.65))})
    assert admit(cut(SPINE, FRAMES), engine, GATE).doubtful


def test_a_small_scan_on_a_large_page_is_a_page(tmp_path: Path):
    rows, columns = SPINE.shape
    page = np.ones((rows * 3, round(columns * 1.6)), np.float32)
    page[30:30 + rows, 20:20 + columns] = SPINE
    seen = cut(page, FRAMES)
    assert seen.panel.share < LEAST_SCAN
    with pytest.raises(Refusal) as refused:
        admit(seen, told_engine(tmp_path / "bundle", {"gate": ("scan", "logits", says("spine"))}), GATE)
    assert refused.value.code == "report-page"
