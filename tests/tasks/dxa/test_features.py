"""Measured features: numbers for whatever is looked at, each where its name says, and none of them from writing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spondyl.imaging import Letterbox
from spondyl.metrics.bone_density import REGION
from spondyl.tasks.dxa_osteoporosis.features import DENSITIES, FEATURES, GROUPS, UNKNOWN, features_of
from spondyl.tasks.dxa_osteoporosis.looking import cut, find_spine
from spondyl.tasks.dxa_osteoporosis.space import NAMES, Vertebra, spine_frame
from tasks.dxa.density_scans import FRAMES, WORDS, boxes, captioned, grey, maps_of, scan, shifted, told_engine, true_vertebrae

FEW = settings(max_examples=20, deadline=None)
Picture = NDArray[np.float32]
FOUND = boxes(top=(60.0, 30.0), step=(0.0, 30.0), size=(36.0, 22.0))


def drawn(bone: Sequence[float] = (0.7,) * 4, soft: float = 0.2, noise: float = 0.0) -> Picture:
    """Bodies of these greys on soft tissue, 160 x 120."""
    pixels = np.full((160, 120), soft, np.float32)
    for value, one in zip(bone, FOUND, strict=True):
        (x0, y0), (x1, y1) = np.rint(one.corners[0]).astype(int), np.rint(one.corners[2]).astype(int)
        pixels[y0:y1, x0:x1] = value
    return (pixels + noise * np.random.default_rng(0).standard_normal(pixels.shape)).astype(np.float32)


def measured(pixels: Picture, found: Sequence[Vertebra] = FOUND, densities: dict[str, float] | None = None) -> dict[str, float]:
    frame = spine_frame(found, FRAMES.spine)
    values = features_of(frame.sample(pixels), frame, found, densities)
    assert values.dtype == np.float32
    assert values.shape == (len(FEATURES),)
    return dict(zip(FEATURES, values.tolist(), strict=True))


def test_every_feature_belongs_to_one_group():
    assert sorted(FEATURES) == sorted(set(FEATURES))
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(FEATURES)


@pytest.mark.parametrize("patient", range(2))
@pytest.mark.parametrize("style", ["train", "eval"])
def test_a_scan_of_the_digital_spine_has_finite_numbers(patient: int, style: str):
    own = scan(patient, 0, style)
    known = true_vertebrae(patient, own)
    table = measured(grey(own.picture), known)
    assert np.isfinite(list(table.values())).all()
    assert table["contrast"] > 0.1
    assert 0.3 < table["height_ratio"] < 1.1
    assert 0 < table["gap_ratio"] < 0.6
    assert all(table[name] == UNKNOWN for name in GROUPS["areal density"])


@given(st.integers(0, 2**31), st.sampled_from(["noise", "black", "white", "steps"]), st.floats(-60, 60), st.floats(-40, 40))
@FEW
def test_whatever_the_picture_and_wherever_its_vertebrae_the_numbers_are_finite(seed: int, kind: str, dx: float, dy: float):
    rng = np.random.default_rng(seed)
    pixels = {"noise": rng.random(FRAMES.spine), "black": np.zeros(FRAMES.spine), "white": np.ones(FRAMES.spine),
              "steps": np.round(rng.random(FRAMES.spine))}[kind].astype(np.float32)
    names = NAMES[int(rng.integers(0, 5)):][:int(rng.integers(2, 5))]
    found = boxes(names, top=(40 + dx, 15 + dy), step=(rng.uniform(-5, 5), rng.uniform(10, 35)), size=tuple(rng.uniform(8, 40, 2)))
    plain = Letterbox(np.array([[1.0, 0, 0], [0, 1.0, 0]]), FRAMES.spine)
    assert np.isfinite(features_of(pixels, plain, found)).all()


@pytest.mark.parametrize("patient", range(2))
def test_no_number_comes_from_what_is_written_around_the_scan(patient: int, tmp_path: Path):
    own = scan(patient)
    known = true_vertebrae(patient, own)

    def through(shown: NDArray[np.uint8], name: str) -> Picture:
        seen = cut(grey(shown), FRAMES)
        engine = told_engine(tmp_path / name, {"locator": ("scan", "maps", maps_of(known, seen.frame))})
        spine = find_spine(seen, engine, {"frames": FRAMES.as_dict()})
        return features_of(spine.framed, spine.frame, spine.found.vertebrae)

    plain = through(own.picture, "plain")
    for name, words in (("said", WORDS), ("opposite", ("L1 1.312", "BMD 1.329", "T 2.50"))):
        assert through(captioned(own, words), name) == pytest.approx(plain, abs=2e-3)


@given(st.dictionaries(st.sampled_from(REGION), st.floats(0.2, 2.0), min_size=1))
@FEW
def test_densities_land_in_their_columns_and_change_no_other(densities: dict[str, float]):
    pixels = drawn(noise=0.01)
    plain, told = measured(pixels), measured(pixels, densities=densities)
    for name, column in zip(REGION, DENSITIES, strict=True):
        assert told[column] == pytest.approx(densities.get(name, UNKNOWN))
    assert told["areal_density"] == pytest.approx(np.mean(list(densities.values())), rel=1e-5)
    rest = [name for name in FEATURES if name not in GROUPS["areal density"]]
    assert [told[name] for name in rest] == [plain[name] for name in rest]


@given(st.floats(0.45, 0.95), st.floats(0.05, 0.35))
@FEW
def test_greys_of_bone_and_of_soft_tissue_are_those_that_were_drawn(bone: float, soft: float):
    table = measured(drawn((bone,) * 4, soft))
    assert table["bone_grey"] == pytest.approx(bone, abs=0.01)
    assert table["soft_grey"] == pytest.approx(soft, abs=0.01)
    assert table["contrast"] == pytest.approx(bone - soft, abs=0.01)
    assert table["soft_share"] == pytest.approx(soft / bone, abs=0.02)
    assert table["gap_grey"] == pytest.approx(1, abs=0.01)
    assert table["level_slope"] == pytest.approx(0, abs=0.005)


@given(st.floats(-0.08, 0.08))
@FEW
def test_a_slope_from_level_to_level_is_found(step: float):
    greys = tuple(0.6 + step * (k - 1.5) for k in range(4))
    table = measured(drawn(greys))
    assert table["level_slope"] == pytest.approx(step, abs=0.005)
    assert table["level_spread"] == pytest.approx(np.std(greys), abs=0.005)
    assert table["gap_grey"] == pytest.approx(min(greys) / max(greys), abs=0.02)


def test_noise_is_told_in_shares_of_the_contrast_and_moves_no_grey():
    quiet, loud = (measured(drawn(noise=sd)) for sd in (0.005, 0.02))
    assert loud["noise_soft"] / quiet["noise_soft"] == pytest.approx(4, rel=0.15)
    assert loud["noise_bone"] / quiet["noise_bone"] == pytest.approx(4, rel=0.15)
    assert loud["texture_1"] > quiet["texture_1"]
    assert loud["bone_grey"] == pytest.approx(quiet["bone_grey"], abs=0.005)


def test_a_bright_rim_is_an_edge_and_a_dark_middle_a_dip():
    plain, rimmed, hollow = drawn(), drawn(), drawn()
    for one in FOUND:
        (x0, y0), (x1, y1) = np.rint(one.corners[0]).astype(int), np.rint(one.corners[2]).astype(int)
        rimmed[y0:y0 + 2, x0:x1] = rimmed[y1 - 2:y1, x0:x1] = 1.0
        hollow[y0 + 7:y1 - 7, x0 + 12:x1 - 12] = 0.4
    assert measured(rimmed)["plate_edge"] > measured(plain)["plate_edge"] + 0.1
    assert measured(hollow)["centre_dip"] > measured(plain)["centre_dip"] + 0.1


def test_shapes_are_ratios_and_the_same_at_any_size():
    found, flat = list(FOUND), FOUND[2].corners.copy()
    flat[:2, 1] += 8
    found[2] = Vertebra("L3", flat)
    table = measured(drawn(), found)
    assert table["lowest_height_ratio"] == pytest.approx(14 / 20, abs=1e-4)
    assert table["height_ratio"] == pytest.approx((3 * 22 + 14) / 4 / 36, abs=1e-4)
    assert table["gap_ratio"] == pytest.approx((8 + 16 + 8) / 3 / 20, abs=1e-4)
    assert table["taper"] == pytest.approx(1, abs=1e-4)
    large = [Vertebra(one.name, 2 * one.corners) for one in found]
    again = measured(np.kron(drawn(), np.ones((2, 2), np.float32)), large)
    for name in GROUPS["shape"]:
        assert again[name] == pytest.approx(table[name], abs=1e-4)


def test_black_and_white_shares_tell_how_the_console_scaled():
    pixels = drawn(noise=0.02)
    plain, table = measured(pixels), measured(np.clip((pixels - 0.2) / 0.45, 0, 1).astype(np.float32))
    assert plain["black_share"] == plain["white_share"] == 0
    assert table["black_share"] > 0.05
    assert table["white_share"] > 0.05
    assert table["grey_5"] <= table["grey_25"] <= table["grey_50"] <= table["grey_75"] <= table["grey_95"]


def test_what_could_not_be_taken_is_unknown_and_not_a_guess():
    outside = [shifted(one, 500, 0) for one in FOUND]
    plain = Letterbox(np.array([[1.0, 0, 0], [0, 1.0, 0]]), FRAMES.spine)
    table = dict(zip(FEATURES, features_of(np.full(FRAMES.spine, 0.4, np.float32), plain, outside).tolist(), strict=True))
    assert {table[name] for name in (*GROUPS["bone against soft tissue"], *GROUPS["noise"], *GROUPS["texture"])} == {UNKNOWN}
