"""A folder of any size is answered whole, a few studies at a time."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from apps.house import House, house
from apps.serving import dicom
from spondyl.apps import batches
from spondyl.apps.batches import Batch, in_batches
from spondyl.core import Image
from spondyl.dicom import Limits, Reader, Source
from spondyl.reports import slice_png

__all__ = ["house"]
ROWS, COLUMNS = 256, 256
PIXELS = ROWS * COLUMNS * 4


def film(seed: int) -> bytes:
    """A picture that takes a quarter of a MB, decoded."""
    return slice_png(Image("x", np.random.default_rng(seed).uniform(0.2, 0.6, (ROWS, COLUMNS)).astype(np.float32)))


def slice_of(study: int, number: int) -> bytes:
    return dicom(0.3, study=f"1.2.{study}", series=f"1.2.{study}.1", instance=f"1.2.{study}.1.{number}", shape=(ROWS, COLUMNS))


def put(folder: Path, files: dict[str, bytes]) -> list[Source]:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return [Source(folder, "in")]


def small(images: float) -> Reader:
    """A reader that holds so many of these images at once."""
    return Reader(bytes(32), Limits(max_read_bytes=int(images * PIXELS)))


def found(reader: Reader, sources: list[Source]) -> Iterator[Batch]:
    with reader:
        yield from in_batches(reader, sources, lambda what, done, total: None)


def names(batch: Batch) -> list[tuple[str, ...]]:
    return list(batch.report.sources.values())


def test_more_films_than_one_read_holds_are_answered_whole(house: House):
    put(house.folder, {f"{number}.png": film(number) for number in range(11)})
    house.patch.setenv("SPONDYL_MAX_READ_MB", "1")
    out = house.folder.parent / "out"
    said = house.say("analyze", house.folder, "--out", out, "--json")
    body = json.loads(said.out)
    assert (said.code, body["skipped"]) == (0, [])
    assert [result["status"] for result in body["studies"]] == ["done"] * 11
    assert sorted(name for names in body["sources"].values() for name in names) == sorted(map(str, house.folder.iterdir()))
    assert len((out / "index.csv").read_text().splitlines()) == 12
    house.patch.delenv("SPONDYL_MAX_READ_MB")
    again = json.loads(house.say("analyze", house.folder, "--json").out)
    for one, other in zip(body["studies"], again["studies"], strict=True):
        assert {**one, "timings_ms": {}} == {**other, "timings_ms": {}}, "as if all had been read at once"


def test_no_study_is_in_two_batches_wherever_its_files_lie(tmp_path: Path):
    files = {f"{at}-{study}.dcm": slice_of(study, at) for at in range(3) for study in range(4)}
    parts = list(found(small(7), put(tmp_path / "in", files)))
    assert len(parts) > 1
    wanted = [[f"in/{at}-{study}.dcm" for at in range(3)] for study in range(4)]
    assert [sorted(labels) for part in parts for labels in names(part)] == wanted
    assert [row for part in parts for row in part.report.skipped] == []


def test_what_fits_into_one_batch_is_one_read(tmp_path: Path):
    sources = put(tmp_path / "in", {"b.png": film(1), "a/c.dcm": slice_of(1, 1), "notes.txt": b"a letter", "d.dcm": slice_of(1, 2)})
    (only,) = found(small(9), sources)
    with small(9) as reader:
        assert names(only) == list(reader.read(sources).sources.values())
        assert only.report.skipped == reader.read(sources).skipped


def test_a_batch_ends_with_the_study_that_fills_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batches, "BATCH_FILES", 3)
    files = {"a1.dcm": slice_of(1, 1), "a2.dcm": slice_of(1, 2), "b1.dcm": slice_of(2, 1), "b2.dcm": slice_of(2, 2), "c.png": film(1)}
    parts = list(found(small(99), put(tmp_path / "in", files)))
    assert [(len(part.report.studies), part.left) for part in parts] == [(2, 1), (1, 0)]


@pytest.mark.parametrize("first", ["a", "z"])
def test_a_study_too_large_alone_says_how_to_raise_the_limit_and_the_others_are_whole(tmp_path: Path, first: str):
    files = {f"{first}{number}.dcm": slice_of(1, number) for number in range(4)}
    files |= {f"m{number}.png": film(number) for number in range(3)}
    parts = list(found(small(2.5), put(tmp_path / "in", files)))
    skipped = [row for part in parts for row in part.report.skipped]
    assert {row.source for row in skipped} == {f"in/{first}2.dcm", f"in/{first}3.dcm"}
    assert {(row.code, "SPONDYL_MAX_READ_MB" in row.hint) for row in skipped} == {("read-too-large", True)}
    assert sorted(len(labels) for part in parts for labels in names(part)) == [1, 1, 1, 2]


def test_pixels_of_one_batch_are_gone_when_the_next_is_read(tmp_path: Path):
    held: list[weakref.ref[NDArray[np.float32]]] = []
    for batch in found(small(2), put(tmp_path / "in", {f"{number}.png": film(number) for number in range(6)})):
        gc.collect()
        assert not [one for one in held if one() is not None]
        held = [weakref.ref(image.pixels) for study in batch.report.studies for image in study.images]
        del batch


def test_the_last_word_of_progress_is_that_all_files_are_read(tmp_path: Path):
    told: list[tuple[int, int]] = []
    with small(2) as reader:
        for _ in in_batches(reader, put(tmp_path / "in", {f"{number}.png": film(number) for number in range(5)}),
                            lambda what, done, total: told.append((done, total))):
            pass
    assert told[-1] == (5, 5)


def test_paired_pictures_are_one_read(house: House):
    put(house.folder, {f"{number}.png": film(number) for number in range(6)})
    house.patch.setenv("SPONDYL_MAX_READ_MB", "1")
    body = json.loads(house.say("analyze", house.folder, "--pair", "--json").out)
    assert len(body["studies"]) == 1
    assert {row["code"] for row in body["skipped"]} == {"read-too-large"}
    assert all("SPONDYL_MAX_READ_MB" in row["hint"] for row in body["skipped"])
