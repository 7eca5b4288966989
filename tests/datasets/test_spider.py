"""SPIDER's own layout: MetaImage volumes in any orientation, masks, gradings with spaces in the header."""

from __future__ import annotations

import shutil
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from datasets.cohorts import Cohorts, cohorts, rebuilt
from spondyl.core import InputError
from spondyl.datasets import sources
from spondyl.datasets.making.masks import BONE, claimed
from spondyl.datasets.metaimage import SAGITTAL, Volume, oriented, read_mha, write_mha
from spondyl.datasets.spider import disc_boxes, window

__all__ = ["cohorts"]


def volume(dtype: str = "i2") -> Volume:
    voxels = np.random.default_rng(0).integers(0, 100, (3, 4, 5)).astype(dtype)
    return Volume(voxels, (0.5, 0.75, 4.0), SAGITTAL, (-8.0, 12.5, 100.0))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_a_volume_survives_its_file(dtype: str, tmp_path: Path):
    first = volume(dtype)
    write_mha(tmp_path / "v.mha", first)
    again = read_mha(tmp_path / "v.mha", "a volume")
    assert np.array_equal(again.voxels, first.voxels)
    assert again.voxels.dtype == first.voxels.dtype
    assert (again.spacing_mm, again.origin_mm) == (first.spacing_mm, first.origin_mm)
    assert np.array_equal(again.directions, first.directions)


def test_volumes_agree_with_a_second_library(tmp_path: Path):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not here")
    ours = volume()
    write_mha(tmp_path / "ours.mha", ours)
    image = sitk.ReadImage(str(tmp_path / "ours.mha"))
    assert np.array_equal(sitk.GetArrayFromImage(image), ours.voxels)
    assert image.GetSpacing() == pytest.approx(ours.spacing_mm)
    assert image.GetOrigin() == pytest.approx(ours.origin_mm)
    assert pytest.approx(ours.directions) == np.array(image.GetDirection()).reshape(3, 3).T
    sitk.WriteImage(image, str(tmp_path / "theirs.mha"), True)
    theirs = read_mha(tmp_path / "theirs.mha", "a volume")
    assert np.array_equal(theirs.voxels, ours.voxels)
    assert theirs.directions == pytest.approx(ours.directions)


def test_however_a_volume_is_stored_it_stands_upright_again():
    first = volume()
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        target = np.diag(signs) @ np.eye(3)[list(order)]
        again = oriented(oriented(first, target), SAGITTAL)
        assert np.array_equal(again.voxels, first.voxels)
        assert again.spacing_mm == first.spacing_mm
        assert again.origin_mm == pytest.approx(first.origin_mm)
        assert np.array_equal(again.directions, first.directions)


def test_a_slightly_oblique_volume_is_permuted_and_a_diagonal_one_refused():
    angle = np.radians(12)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    tilted = Volume(volume().voxels, (1.0, 1.0, 1.0), SAGITTAL @ turn, (0.0, 0.0, 0.0))
    assert np.array_equal(oriented(tilted, SAGITTAL).voxels, tilted.voxels)
    with pytest.raises(ValueError, match="oblique"):
        oriented(Volume(volume().voxels, (1.0, 1.0, 1.0), np.full((3, 3), 0.577), (0.0, 0.0, 0.0)), SAGITTAL)


def test_boxes_are_the_masks_with_ten_pixels_around_them():
    mask = np.zeros((60, 70), np.uint8)
    mask[20:25, 30:45] = 201
    mask[2:5, 40:69] = 203
    mask[30:40, 30:40] = 5
    assert disc_boxes(mask) == {1: (20.0, 10.0, 55.0, 35.0), 3: (30.0, 0.0, 70.0, 15.0)}


def test_a_flat_slice_is_black_and_any_other_spans_the_range():
    assert not window(np.full((4, 4), 7)).any()
    wide = window(np.arange(10000).reshape(100, 100))
    assert (wide.min(), wide.max()) == (0, 1)


@pytest.fixture
def copy(cohorts: Cohorts, tmp_path: Path) -> Path:
    return Path(shutil.copytree(cohorts["spider"], tmp_path / "spider"))


def test_void_rows_of_disc_0_are_left_out(copy: Path):
    text = (copy / "radiological_gradings.csv").read_text()
    assert "1,0,0" in text
    assert all(min(one.grades) >= 1 for one in sources.open_source("spider", copy))


def test_without_an_overview_discs_are_counted_in_the_mask(copy: Path):
    before = {one.stem: one.num_discs for one in sources.open_source("spider", copy)}
    (copy / "overview.csv").unlink()
    assert {one.stem: one.num_discs for one in sources.open_source("spider", copy)} == before


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


@pytest.mark.parametrize(("damage", "code"), [
    (lambda root: (root / "radiological_gradings.csv").unlink(), "dataset-file-missing"),
    (lambda root: shutil.rmtree(root / "images"), "dataset-file-missing"),
    (lambda root: (root / "masks" / "1_t1.mha").unlink(), "dataset-file-missing"),
    (lambda root: (root / "images" / "1_t1.mha").write_bytes(b"NDims = 3\n"), "dataset-image-unreadable"),
    (lambda root: shorten(root / "images" / "1_t1.mha"), "dataset-image-unreadable"),
    (lambda root: (root / "images" / "1_t1.mha").rename(root / "images" / "1_t9.mha"), "dataset-cell-invalid"),
    (lambda root: write_mha(root / "masks" / "1_t1.mha", volume("u1")), "dataset-mask-mismatch"),
])
def test_what_is_wrong_with_a_spider_folder_is_said_with_a_hint(copy: Path, damage, code: str):
    damage(copy)
    with pytest.raises(InputError) as caught:
        list(sources.open_source("spider", copy))
    assert caught.value.code == code
    assert caught.value.hint
    assert str(copy) not in caught.value.message


def test_a_header_that_claims_gigabytes_is_not_believed(tmp_path: Path):
    write_mha(tmp_path / "v.mha", volume())
    text = (tmp_path / "v.mha").read_bytes().replace(b"DimSize = 5 4 3", b"DimSize = 50000 40000 30000")
    (tmp_path / "v.mha").write_bytes(text)
    with pytest.raises(InputError, match="its size is"):
        read_mha(tmp_path / "v.mha", "a volume")


def test_masks_say_what_lies_at_each_pixel_of_the_picture(cohorts: Cohorts):
    """Against the definition: the material at the voxel, one pixel at a time."""
    volume, truth = rebuilt("spider", 0)
    stored = oriented(read_mha(cohorts["spider"] / "masks" / "1_t2.mha", "a mask"), SAGITTAL)
    numbers = set(np.unique(stored.voxels).tolist())
    assert 100 in numbers
    assert {1, 2, 3, 201, 202, 203} <= numbers
    rng = np.random.default_rng(1)
    agree = []
    for _ in range(4000):
        k, j, i = (int(rng.integers(n)) for n in stored.voxels.shape)
        label = int(stored.voxels[k, j, i])
        if label == 0:
            continue
        x, y, z = np.array(stored.origin_mm) + np.array([i, j, k]) * stored.spacing_mm @ stored.directions
        start = reversed(volume.fine.grid.origin_mm)
        at = tuple(round((v - o) / volume.fine.grid.spacing_mm) for v, o in zip((z, y, x), start, strict=True))
        name = volume.materials[volume.fine.label[at] if volume.fine.share[at] >= 128 else volume.fine.under[at]].name
        wanted = f"marrow {label - 1} " if label < 100 else f" {label - 201}"
        agree.append(wanted in f"{name} " or (label == 100 and name in ("csf", "root", "cord", "dura"))
                     or name in ("cortex", "cortex_thin", "endplate", "spur", "herniation", "haemangioma", "lesion"))
    assert len(agree) > 100
    assert np.mean(agree) > 0.99
    assert len(truth.discs) >= 6


def test_a_shell_is_given_to_the_marrow_beside_it():
    mask = np.zeros((1, 12), np.uint8)
    mask[0, 2:4], mask[0, 4:6], mask[0, 6:8], mask[0, 9] = 3, BONE, 4, BONE
    assert claimed(mask, BONE, np.array([3, 4], np.uint8)).tolist() == [[0, 0, 3, 3, 3, 4, 4, 4, 0, BONE, 0, 0]]
