"""AASCE's layout and the frontal pack: corners in pixels, sorted again, and angles that follow from them."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from conftest import require_data
from datasets.cohorts import SUBJECTS, Cohorts, cohorts, order_of, plan_of, rebuilt
from spondyl.core import InputError
from spondyl.datasets import miniatures, sources
from spondyl.datasets.aasce_pack import COLUMNS
from spondyl.datasets.corners import sorted_corners
from spondyl.datasets.film_records import CornerFilm
from spondyl.datasets.making.order import make_order
from spondyl.datasets.making.truths import film_truth
from spondyl.datasets.making.views import sketch
from spondyl.metrics.spine_curves import aasce_angles
from spondyl.phantom.posture import plate_corners
from spondyl.phantom.rays import projection_of, render_xray
from spondyl.phantom.volume import Volume

__all__ = ["cohorts"]

LAYOUTS = ("aasce", "aasce_pack")


def films_of(layout: str, root: Path) -> list[CornerFilm]:
    return list(sources.open_as(CornerFilm, layout, root))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_corners_angles_and_films_come_back(layout: str, cohorts: Cohorts):
    films = films_of(layout, cohorts[layout])
    assert len(films) == len({film.group for film in films}) == SUBJECTS
    for index, film in enumerate(films):
        volume, truth = rebuilt(layout, index)
        scan = plan_of(layout, index).scans["ap"]
        drawn = render_xray(volume, scan)
        marked = {one.index: one.corners for one in film_truth(truth, drawn, order_of(layout), index).vertebrae}
        wanted = np.array([marked[k] for k in reversed(range(17))])
        assert film.corners == pytest.approx(sorted_corners(wanted), abs=1e-6)
        assert film.shape == (scan.rows, scan.columns)
        assert film.angles_deg == pytest.approx(aasce_angles(wanted, scan.rows))
        with Picture.open(film.path) as picture:
            shown = np.asarray(picture)
        assert shown.shape == film.shape
        assert np.abs(shown.astype(float) - (drawn.shown >> 4)).mean() < 3
    assert [film.split for film in films] == (["train", "train"] if layout == "aasce" else [None, None])


def corners_of(volume: Volume) -> np.ndarray:
    """(n, 3) mm: the ends of the middle line across every plate of every vertebra."""
    found = []
    for own, body, pose in zip(volume.spec.vertebrae, volume.spine.bodies, volume.posture.bodies, strict=True):
        for upper in (True, False):
            front_v, front_w, rear_v, rear_w = plate_corners(body, pose, upper)
            half = own.width_mm[1 if upper else 0] / 2
            found.append(pose.to_patient(np.array([[side * half, (front_v + rear_v) / 2, (front_w + rear_w) / 2] for side in (-1, 1)])))
    return np.concatenate(found)


@pytest.mark.parametrize("style", ["train", "eval"])
def test_every_corner_lies_on_the_film_and_free_of_the_collimator(style: str):
    collimated = 0
    order = make_order("aasce", 3, miniatures.LAYOUTS, profile="scoliosis", style=style)
    for index in range(100):
        plan = miniatures.layout_named("aasce").draw(order, index)
        scan = plan.scans["ap"]
        top, right, bottom, left = scan.collimation
        x, y = projection_of(scan).to_pixels(corners_of(sketch(plan.spec))).T
        assert left * scan.columns + 10 < x.min() <= x.max() < (1 - right) * scan.columns - 10
        assert top * scan.rows + 10 < y.min() <= y.max() < (1 - bottom) * scan.rows - 10
        collimated += any(scan.collimation)
    assert collimated > 20


def test_landmarks_are_68_x_then_68_y_over_width_and_height_without_a_header(cohorts: Cohorts):
    folder = cohorts["aasce"] / "boostnet_labeldata" / "labels" / "training"
    with (folder / "landmarks.csv").open(newline="") as stream:
        rows = [[float(cell) for cell in row] for row in csv.reader(stream)]
    assert [len(row) for row in rows] == [136] * SUBJECTS
    film = films_of("aasce", cohorts["aasce"])[0]
    assert np.array(rows[0][:68]) * film.shape[1] == pytest.approx(film.corners.reshape(-1, 2)[:, 0])
    assert np.array(rows[0][68:]) * film.shape[0] == pytest.approx(film.corners.reshape(-1, 2)[:, 1])
    assert (folder / "filenames.csv").read_text().splitlines() == [one.image for one in films_of("aasce", cohorts["aasce"])]


def box(tilt_deg: float) -> np.ndarray:
    """A vertebra of 50 x 25 pixels, turned; top-left, top-right, bottom-left, bottom-right."""
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    corners = np.array([[-25.0, -12.5], [25.0, -12.5], [-25.0, 12.5], [25.0, 12.5]])
    return np.array([200.0, 300.0]) + corners @ np.array([[c, s], [-s, c]])


@pytest.mark.parametrize("tilt", [-60, -40, -10, 0, 25, 45, 60])
def test_corners_in_any_order_are_sorted_up_to_sixty_degrees(tilt: float):
    rng = np.random.default_rng(3)
    wanted = np.stack([box(tilt)] * 6)
    shuffled = np.stack([rng.permutation(one) for one in wanted])
    assert np.array_equal(sorted_corners(shuffled), wanted)


def rewrite(path: Path, change: tuple[int, int, str], header: bool) -> None:
    with path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    row, column, value = change
    rows[row + header][column] = value
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


def labels(root: Path, name: str) -> Path:
    return root / "boostnet_labeldata" / "labels" / "training" / name


@pytest.mark.parametrize(("damage", "code", "seen"), [
    (lambda root: labels(root, "angles.csv").unlink(), "dataset-file-missing", "angles.csv"),
    (lambda root: rewrite(labels(root, "landmarks.csv"), (1, 5, "x"), False), "dataset-cell-invalid", "line 2 of labels/training/land"),
    (lambda root: rewrite(labels(root, "landmarks.csv"), (0, 5, "1.5"), False), "dataset-point-astray", "line 1"),
    (lambda root: rewrite(labels(root, "filenames.csv"), (0, 0, "none.jpg"), False), "dataset-file-missing", "line 1"),
    (lambda root: labels(root, "angles.csv").write_text("1,2,3\n"), "dataset-row-short", "1 of angles"),
    (lambda root: labels(root, "angles.csv").write_text("1,2\n1,2\n"), "dataset-row-short", "2 cells, 3 are wanted"),
    (lambda root: shutil.rmtree(root / "boostnet_labeldata"), "dataset-file-missing", "labels/training"),
])
def test_what_is_wrong_with_the_release_is_said(damage, code: str, seen: str, cohorts: Cohorts, tmp_path: Path):
    root = Path(shutil.copytree(cohorts["aasce"], tmp_path / "aasce"))
    damage(root)
    with pytest.raises(InputError) as caught:
        films_of("aasce", root)
    assert caught.value.code == code
    assert seen in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(("damage", "code", "seen"), [
    (lambda root: (root / "landmarks.csv").unlink(), "dataset-file-missing", "landmarks.csv"),
    (lambda root: (root / "images" / "spine_00001.jpg").unlink(), "dataset-file-missing", "line 2"),
    (lambda root: rewrite(root / "landmarks.csv", (0, COLUMNS.index("v03_br_y"), "deep"), True), "dataset-cell-invalid", "v03_br_y"),
    (lambda root: rewrite(root / "landmarks.csv", (0, COLUMNS.index("v03_br_y"), "-900"), True), "dataset-point-astray", "line 2"),
    (lambda root: rewrite(root / "landmarks.csv", (1, 0, "spine_00001.jpg"), True), "dataset-row-twice", "twice"),
])
def test_what_is_wrong_with_the_pack_is_said(damage, code: str, seen: str, cohorts: Cohorts, tmp_path: Path):
    root = Path(shutil.copytree(cohorts["aasce_pack"], tmp_path / "pack"))
    damage(root)
    with pytest.raises(InputError) as caught:
        films_of("aasce-pack", root)
    assert caught.value.code == code
    assert seen in caught.value.message


def test_a_profile_without_whole_spines_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="17 vertebrae") as caught:
        miniatures.make("aasce", tmp_path / "out", 1, 1, profile="symptomatic")
    assert caught.value.code == "setting-invalid"


def test_the_frontal_pack_reads_as_its_readme_counts_it():
    films = films_of("aasce-pack", require_data("aasce"))
    assert (len(films), len({film.group for film in films})) == (481, 237)
    corners = np.stack([film.corners for film in films])
    assert corners.shape == (481, 17, 4, 2)
    assert (corners[:, :, 1, 0] > corners[:, :, 0, 0]).all()
    assert (corners[:, :, 2, 1] > corners[:, :, 0, 1]).all()
    with Picture.open(films[0].path) as picture:
        assert (picture.height, picture.width) == films[0].shape
    away = np.array([abs(aasce_angles(film.corners, film.shape[0])[0] - film.angles_deg[0]) for film in films])
    # In one film two corners of a vertebra lie in one place, in the other three lie on one side, which gives an angle of 156.
    assert {film.image for film, error in zip(films, away, strict=True) if error > 2} == {"aasce_266.jpg", "aasce_481.jpg"}
    assert np.median(away) < 0.03
