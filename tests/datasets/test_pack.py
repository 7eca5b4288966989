"""The lumbar pack's layout: exact pixels, and a clear error for everything that can be wrong with it."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from datasets.cohorts import Cohorts, Damage, cohorts
from spondyl.core import InputError
from spondyl.datasets import sources
from spondyl.datasets.pictures import read_picture, write_picture
from spondyl.dicom import Reader, Source

__all__ = ["cohorts"]


@pytest.fixture
def pack(cohorts: Cohorts, tmp_path: Path) -> Path:
    return Path(shutil.copytree(cohorts["spider_pack"], tmp_path / "pack"))


def test_every_grey_level_is_itself_over_255(tmp_path: Path):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Picture.fromarray(levels).save(tmp_path / "grey.png")
    assert np.array_equal(read_picture(tmp_path / "grey.png", "a picture"), (levels / 255).astype(np.float32))


def test_a_written_picture_reads_back_to_half_a_level(tmp_path: Path):
    pixels = np.random.default_rng(0).random((20, 30), dtype=np.float32)
    write_picture(tmp_path / "p.png", pixels)
    assert np.abs(read_picture(tmp_path / "p.png", "a picture") - pixels).max() <= 0.5 / 255 + 1e-6


def test_the_serving_reader_sees_the_same_pixels_and_the_same_image_id(cohorts: Cohorts):
    wanted = {one.image_id: one for layout in ("spider_pack", "dicom") for one in sources.open_source(layout, cohorts[layout])}
    truth = json.loads((cohorts["dicom"] / "truth.json").read_text())
    named = [cohorts["dicom"] / row["file"] for subject in truth["subjects"] for row in subject["slices"]]
    with Reader(b"k" * 32, workers=1) as reader:
        files = [*sorted((cohorts["spider_pack"] / "images").glob("*.png")), *named]
        report = reader.read([Source(path, f"file {k}") for k, path in enumerate(files)])
    images = [image for study in report.studies for image in study.images]
    assert not report.skipped
    assert {image.id for image in images} == set(wanted)
    for image in images:
        assert np.array_equal(image.pixels, wanted[image.id].pixels)
        if image.spacing_mm is not None:
            assert (image.view, image.sequence) == ("sagittal", wanted[image.id].sequence)
            assert image.spacing_mm == pytest.approx(wanted[image.id].spacing_mm)


def edit(table: str, change: Callable[[list[list[str]]], None]) -> Damage:
    """Change the rows of a table in place."""

    def damage(root: Path) -> None:
        with (root / table).open(newline="") as stream:
            rows = list(csv.reader(stream))
        change(rows)
        with (root / table).open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)

    return damage


def set_cell(table: str, column: str, value: str) -> Damage:
    """Change the first row's cell."""
    return edit(table, lambda rows: rows[1].__setitem__(rows[0].index(column), value))


def break_picture(root: Path) -> None:
    next((root / "images").glob("*.png")).write_bytes(b"not a picture")


WRONG: list[tuple[str, Damage, str, str]] = [
    ("no gradings", lambda root: (root / "gradings.csv").unlink(), "dataset-file-missing", "gradings.csv"),
    ("no picture", lambda root: next((root / "images").glob("1_t1.png")).unlink(), "dataset-file-missing", "line 2 of series.csv"),
    ("a broken picture", break_picture, "dataset-image-unreadable", "of series.csv"),
    ("a box outside", set_cell("disc_boxes.csv", "x1", "99999"), "dataset-box-outside", "line 2 of disc_boxes.csv"),
    ("an inverted box", set_cell("disc_boxes.csv", "x1", "0"), "dataset-box-outside", "is empty or leaves"),
    ("a word for a number", set_cell("disc_boxes.csv", "y0", "high"), "dataset-cell-invalid", "'high'"),
    ("a grade out of range", set_cell("gradings.csv", "pfirrmann", "7"), "dataset-cell-invalid", "pfirrmann is 1 to 5"),
    ("an unknown sequence", set_cell("series.csv", "sequence", "t2_spac"), "dataset-cell-invalid", "Did you mean"),
    ("a misspelt column", edit("gradings.csv", lambda rows: rows[0].__setitem__(2, "pfirman")), "dataset-column-missing", "'pfirrmann'"),
    ("a new column", edit("gradings.csv", lambda rows: [row.append("herniatoin") for row in rows]), "dataset-column-unknown", "'herniat"),
    ("a short row", edit("gradings.csv", lambda rows: rows[1].pop()), "dataset-row-short", "line 2"),
    ("a disc graded twice", edit("gradings.csv", lambda rows: rows.insert(1, rows[1])), "dataset-row-twice", "line 3"),
]


@pytest.mark.parametrize(("damage", "code", "seen"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_with_a_pack_is_said_with_its_place_and_a_hint(pack: Path, damage: Damage, code: str, seen: str):
    damage(pack)
    with pytest.raises(InputError) as caught:
        list(sources.open_source("spider_pack", pack))
    assert caught.value.code == code
    assert seen in caught.value.message
    assert caught.value.hint
    assert str(pack) not in caught.value.message + caught.value.hint
