"""Promises of the magnetic-resonance renderer, on small made-up volumes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.core.errors import InputError, NotFoundError
from spondyl.phantom.anatomy import stack
from spondyl.phantom.draw import draw_subject
from spondyl.phantom.materials import material, table
from spondyl.phantom.posture import pose_spine
from spondyl.phantom.resonance import (
    MrAcquisition,
    MrSeries,
    axial_stack,
    draw_sagittal,
    draw_study,
    mr_acquisition_from_json,
    render_mr,
    sagittal_stack,
)
from spondyl.phantom.resonance.series import place
from spondyl.phantom.solid import Detail, build
from spondyl.phantom.tissue import FAT_T1_MS, TISSUES, signal
from spondyl.phantom.volume import Block, Volume, grid_of

SPEC = draw_subject(np.random.default_rng(11))
SMALL = 56.0
"""Edge of the made-up volumes' fine block, around the patient's origin, mm."""


def made(*, grain: bool = False, trunk: str = "air") -> Volume:
    """A volume with an empty fine block in a trunk of one material."""
    materials = table(SPEC)
    rows = materials if grain else tuple(replace(row, grain=0.0) for row in materials)
    fine = Block(grid_of((-SMALL / 2,) * 3, (SMALL / 2,) * 3, 0.7))
    around = Block(grid_of((-70.0,) * 3, (70.0,) * 3, 2.1))
    around.label[:] = material(trunk)
    spine = stack(SPEC)
    return Volume(SPEC, spine, pose_spine(SPEC, spine), rows, fine, around)


def scan(sequence: str = "t2", field: float = 1.5, **changes: object) -> MrAcquisition:
    """A clean sagittal slice of 70 mm through the origin; changes as given."""
    times = {"t1": (600.0, 10.0), "t2": (3500.0, 100.0), "stir": (4000.0, 50.0)}[sequence]
    plain = MrAcquisition(sequence, field, *times, 100, 100, (0.7, 0.7), 4.0, 0.4, (sagittal_stack((0.0, 0.0, 0.0), 1),), gain=3.0)
    return replace(plain, **changes)


def paint_ball(volume: Volume, centre: np.ndarray, radius: float, name: str) -> None:
    x, y, z = volume.fine.grid.open((slice(None),) * 3)
    distance = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2) - radius
    volume.fine.paint_inside((slice(None),) * 3, distance, material(name))


@pytest.mark.parametrize("field", [1.5, 3.0])
@pytest.mark.parametrize("sequence", ["t1", "t2", "stir"])
def test_tissue_ratios_follow_the_two_pool_equation(sequence: str, field: float) -> None:
    names = ("csf", "muscle", "root", "organ", "interspinous")
    volume = made()
    bands = np.array_split(np.arange(volume.fine.grid.shape[0]), len(names))
    for name, band in zip(names, bands, strict=True):
        volume.fine.label[band[0]:band[-1] + 1] = material(name)
    asked = scan(sequence, field, gain=4.0)
    picture = render_mr(volume, asked).pixels[0].astype(float)
    middles = [volume.fine.grid.axis("z")[band].mean() for band in bands]
    rows = [round(49.5 - z / 0.7) for z in middles]
    seen = np.array([picture[row - 2:row + 3, 40:60].mean() for row in rows])
    wanted = np.array([signal(TISSUES[name], asked) for name in names])
    assert np.allclose(seen / seen[0], wanted / wanted[0], rtol=0.01)


def test_fluid_outshines_fat_in_space_as_in_turbo_spin_echo_and_not_in_t1() -> None:
    volume = made(trunk="fat")
    paint_ball(volume, np.zeros(3), 12, "csf")
    space = replace(scan("t2"), sequence="t2_space", tr_ms=1000.0, te_ms=124.0)
    for asked, brighter in ((space, True), (scan("t2"), True), (scan("t1"), False)):
        picture = render_mr(volume, asked).pixels[0]
        assert (picture[45:55, 45:55].mean() > 1.05 * picture[10:25].mean()) == brighter


@pytest.mark.parametrize("field", [1.5, 3.0])
def test_fat_is_nulled_in_stir_by_an_inversion_time_from_its_own_t1(field: float) -> None:
    volume = made(trunk="fat")
    paint_ball(volume, np.zeros(3), 12, "csf")
    series = render_mr(volume, scan("stir", field))
    picture = series.pixels[0]
    assert series.inversion_ms == pytest.approx(FAT_T1_MS[field] * np.log(2), rel=0.02)
    assert picture[10:25].mean() < 0.02 * picture[45:55, 45:55].mean()
    assert render_mr(volume, scan("t2", field)).inversion_ms is None


def test_a_point_carried_from_sagittal_to_axial_lands_on_the_same_tissue() -> None:
    ball = np.array([5.3, -8.1, 11.4])
    volume = made(trunk="muscle")
    paint_ball(volume, ball, 3.5, "csf")
    sagittal = render_mr(volume, scan("t2", stacks=(sagittal_stack((1.0, 2.0, 3.0), 15, (2.0, -3.0, 4.0)),), thickness_mm=3.0))
    tilt = np.radians(25)
    block = axial_stack((0.0, -5.0, 10.0), 7, np.array([1, 0.05, 0.1]), np.array([0, np.cos(tilt), np.sin(tilt)]))
    axial = render_mr(volume, scan("t2", stacks=(axial_stack((0, 0, -20.0), 2), block), thickness_mm=3.0))
    found = [bright_point(series) for series in (sagittal, axial)]
    carried = axial.to_image(sagittal.to_patient(found[0][None]))[0]
    steps = np.array([axial.spacing_mm[1], axial.spacing_mm[0], axial.step_mm])
    assert np.linalg.norm((carried - found[1]) * steps) < 1.0
    assert np.linalg.norm(sagittal.to_patient(found[0][None])[0] - ball) < 1.0
    assert np.linalg.norm(axial.to_patient(found[1][None])[0] - ball) < 1.0


def bright_point(series: MrSeries) -> np.ndarray:
    """Centre of mass (x, y, slice) of what outshines muscle."""
    weight = np.clip(series.pixels.astype(float) - 600, 0, None)
    at = [np.average(grid, weights=weight) for grid in np.indices(weight.shape)]
    return np.array(at[::-1])


turns = st.tuples(*[st.floats(-12, 12)] * 3)
points = st.lists(st.tuples(*[st.floats(-60, 60)] * 3), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(turns, points, st.booleans())
def test_points_survive_the_way_to_the_image_and_back(turn: tuple[float, float, float], where: list[tuple[float, float, float]],
                                                      axial: bool) -> None:
    straight = axial_stack((3.0, 4.0, 5.0), 9, np.array([1, 0.1, turn[0] / 50]), np.array([0, 1, turn[1] / 20]))
    asked = scan(stacks=(straight if axial else sagittal_stack((1.0, 2.0, 3.0), 9, turn),), spacing_mm=(0.5, 0.8))
    series = MrSeries(asked, np.zeros((9, 100, 100), np.uint16), *place(asked))
    patient = np.array(where)
    assert np.allclose(series.to_patient(series.to_image(patient)), patient, atol=1e-9)
    image = np.array([[0, 0, 0], [99, 0, 8], [12.3, 45.6, 3.25]])
    assert np.allclose(series.to_image(series.to_patient(image)), image, atol=1e-9)
    assert np.allclose(series.to_patient(image[:1]), series.positions_mm[0])


def test_a_point_between_two_stacks_lies_in_no_slice_and_one_beyond_the_end_outside() -> None:
    asked = scan(stacks=(axial_stack((0, 0, -20.0), 3), axial_stack((0, 0, 20.0), 3)))
    series = MrSeries(asked, np.zeros((6, 100, 100), np.uint16), *place(asked))
    at = series.to_image(np.array([[0, 0, 0.0], [0, 0, -20.0], [0, 0, 20.0], [0, 0, 40.0], [0, 0, -50.0]]))[:, 2]
    assert np.isnan(at[0])
    assert at[1] == pytest.approx(1)
    assert at[2] == pytest.approx(4)
    assert at[3] > 5.5
    assert at[4] < -0.5


def test_partial_volume_of_a_tilted_plane_is_linear() -> None:
    volume = made()
    x, _, z = volume.fine.grid.open((slice(None),) * 3)
    tilt = np.radians(12)
    volume.fine.label[:] = material("muscle")
    volume.fine.paint_inside((slice(None),) * 3, (np.cos(tilt) * x + np.sin(tilt) * z) * np.ones((1, volume.fine.grid.shape[1], 1)),
                             material("csf"))
    picture = render_mr(volume, scan("t2", thickness_mm=5.0)).pixels[0].astype(float)
    z_of = (49.5 - np.arange(100)) * 0.7
    share = np.clip(0.5 - np.tan(tilt) * z_of / 5.0, 0, 1)
    bright, dark = picture[75:80, 45:55].mean(), picture[20:25, 45:55].mean()
    seen = (picture[25:75, 45:55].mean(axis=1) - dark) / (bright - dark)
    assert np.abs(seen - share[25:75]).max() < 0.04
    assert share[25:75].min() == 0
    assert share[25:75].max() == 1


def test_the_same_acquisition_gives_the_same_bytes_and_another_seed_other_noise() -> None:
    volume = made(grain=True, trunk="muscle")
    asked = scan(noise=0.02, acquired_mm=(0.9, 1.0), ghost=0.1, coil_mm=90.0)
    first, again, other = (render_mr(volume, a).pixels for a in (asked, asked, replace(asked, noise_seed=5)))
    assert first.dtype == np.uint16
    assert first.tobytes() == again.tobytes()
    assert (first != other).mean() > 0.5


def test_without_noise_the_background_is_black_and_with_it_has_the_mean_of_rice() -> None:
    volume = made()
    volume.fine.label[30:50, 30:50, :] = material("csf")
    assert render_mr(volume, scan()).pixels[0, :15].max() <= 2
    sigma = 0.03
    for acquired in ((0.0, 0.0), (1.1, 0.9)):
        air = render_mr(volume, scan(noise=sigma, acquired_mm=acquired, gain=4.0, noise_seed=3)).pixels[0, :25].astype(float)
        assert air.mean() == pytest.approx(4000 * sigma * np.sqrt(np.pi / 2), rel=0.03)
        assert air.std() == pytest.approx(4000 * sigma * np.sqrt(2 - np.pi / 2), rel=0.06)


def test_ghosts_and_folding_appear_only_where_asked_and_along_phase() -> None:
    volume = made()
    volume.trunk.label[26:40, 3:12, :] = material("fat")  # 44 to 64 mm ahead of S1: belly, which breathes
    half = scan("t1", rows=80, columns=80, stacks=(sagittal_stack((0.0, -25.0, 14.0), 1),))
    clean = render_mr(volume, half).pixels[0].astype(float)
    quiet = clean < 5
    assert quiet[:15].all()
    ghosts = render_mr(volume, replace(half, ghost=0.2, ghost_mm=20.0)).pixels[0].astype(float)
    assert ghosts[quiet].max() > 60
    assert ghosts[:, clean.max(axis=0) < 5].max() < 10  # phase runs down: columns without signal stay without
    narrow = replace(half, stacks=(sagittal_stack((0.0, -25.0, 34.0), 1),))
    for wrap in (0.0, 0.5):
        folded = render_mr(volume, replace(narrow, wrap=wrap)).pixels[0].astype(float)
        assert (folded[:12].max() > 500) == (wrap > 0)


def test_fat_shifts_along_read_by_its_3_4_ppm_and_water_does_not() -> None:
    volume = made()
    volume.fine.label[30:50, 30:50, :] = material("fat")
    water = made()
    water.fine.label[30:50, 30:50, :] = material("csf")
    for phase, axis in (("down", 1), ("across", 0)):
        plain = scan("t1", phase=phase)
        shifted = replace(plain, bandwidth_hz=72.4)  # 217 Hz at 1.5 T: three pixels of 0.7 mm
        moved = [centre_of(render_mr(v, shifted)) - centre_of(render_mr(v, plain)) for v in (volume, water)]
        wanted = np.zeros(2)
        wanted[axis] = 3.0
        assert np.allclose(moved[0], wanted * 0.95, atol=0.16)  # a twentieth of fatty tissue is water
        assert np.allclose(moved[1], 0, atol=1e-6)


def centre_of(series: MrSeries) -> np.ndarray:
    picture = series.pixels[0].astype(float)
    return np.array([np.average(grid, weights=picture) for grid in np.indices(picture.shape)])


def test_mottling_is_fixed_to_the_body_and_shared_by_all_sequences() -> None:
    volume = made(grain=True)
    volume.fine.label[:] = material("muscle")
    first, second = (render_mr(volume, scan(s, thickness_mm=1.0)).pixels[0, 20:80, 20:80].ravel().astype(float) for s in ("t1", "t2"))
    assert np.corrcoef(first, second)[0, 1] > 0.95
    grain = table(SPEC)[material("muscle")].grain
    assert 0.4 * grain < first.std() / first.mean() < 1.2 * grain


def test_a_sharp_edge_rings_with_a_hard_window_and_not_with_a_soft_one() -> None:
    volume = made()
    volume.fine.label[:, :, :] = material("root")
    volume.fine.label[40:, :, :] = material("csf")
    hard, soft = (render_mr(volume, scan(window=w, acquired_mm=(1.4, 1.4))).pixels[0, 15:50, 50].astype(float) for w in (1.0, 0.1))
    assert np.std(np.diff(hard[:25])) > 3 * np.std(np.diff(soft[:25]))


def test_studies_and_acquisitions_survive_json() -> None:
    study = draw_study(np.random.default_rng(5), SPEC, "train")
    assert list(study) in (["t1", "t2", "axial_t2"], ["t1", "stir", "axial_t2"])
    for asked in study.values():
        assert mr_acquisition_from_json(asked.to_json()) == asked


@pytest.mark.parametrize("style", ["train", "eval", "easy"])
def test_a_study_covers_the_canal_at_every_lumbar_disc_and_at_the_five_lowest(style: str) -> None:
    for seed in range(12):
        spec = draw_subject(np.random.default_rng(seed), "transitional" if seed % 2 else "symptomatic")
        posture = pose_spine(spec, stack(spec))
        study = draw_study(np.random.default_rng(seed), spec, style)
        assert study["t1"].plane == "sagittal"
        assert study["axial_t2"].plane == "axial"
        canals = np.array([pose.centre + 18 * pose.axes[1] for pose in posture.discs[:max(spec.lumbar, 5)]])
        for asked in study.values():
            series = MrSeries(asked, np.zeros((asked.slices, 1, 1), np.uint16), *place(asked))
            x, y, at = series.to_image(canals).T
            assert ((x > 0) & (x < asked.columns) & (y > 0) & (y < asked.rows)).all()
            assert ((at > -0.5) & (at < asked.slices - 0.5)).all()


def test_a_slab_of_a_volume_shows_the_same_mid_line_as_the_whole() -> None:
    spec = replace(SPEC, vertebrae=tuple(replace(v, coronal_deg=0.0, axial_deg=0.0) for v in SPEC.vertebrae))
    whole, part = (build(spec, Detail(1.4, 4.2, half_width_mm=half, levels=(0, 1))) for half in (30.8, 9.8))
    drawn = draw_sagittal(np.random.default_rng(1), spec, "t2", "easy", "none")
    one = replace(drawn, stacks=(sagittal_stack((0.0, 10.0, 30.0), 1),), rows=128, columns=128, spacing_mm=(1.0, 1.0))
    first, second = (render_mr(volume, one).pixels.astype(float) for volume in (whole, part))
    assert np.abs(first - second).mean() < 0.02 * first.mean()


def test_a_part_of_a_series_is_the_same_slices_of_the_whole() -> None:
    volume = made(grain=True, trunk="muscle")
    paint_ball(volume, np.array([2.0, 3.0, 4.0]), 9, "csf")
    turned = sagittal_stack((0.0, 0.0, 0.0), 7, (1.0, 2.0, 3.0))
    whole = scan(stacks=(turned,), noise=0.02, coil_mm=80.0, coil_end=0.3, band=(-9.0, 3.0, 5.0))
    series, some = render_mr(volume, whole), render_mr(volume, whole.part(2, 3))
    assert np.allclose(some.positions_mm, series.positions_mm[2:5])
    assert np.abs(some.pixels.astype(int) - series.pixels[2:5].astype(int)).max() <= 1
    with pytest.raises(InputError, match="no slices 5 to 7"):
        whole.part(5, 3)


def test_impossible_acquisitions_are_refused_with_the_rule() -> None:
    with pytest.raises(InputError, match="sequence"):
        replace(scan(), sequence="flair")
    with pytest.raises(InputError, match="thickness"):
        scan(thickness_mm=0.0)
    with pytest.raises(InputError, match="rows along"):
        replace(scan().stacks[0], across=(1.0, 1.0, 0.0))
    with pytest.raises(NotFoundError, match="train"):
        draw_study(np.random.default_rng(1), SPEC, "trian")
