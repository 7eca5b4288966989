"""Files sorted by study before they are read: what is together here is what one read would put together."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from dicom.dicom_files import NAME, PNG, UID, dataset, plasma, written
from spondyl.dicom import Reader, Source
from spondyl.dicom.by_study import by_study


def put(folder: Path, **files: bytes) -> Path:
    """Files by name, "__" between folders and "_" before the suffix."""
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def labels(*paths: Path) -> list[tuple[str, ...]]:
    return [tuple(file.label for file in group) for group in by_study(Source(path, path.name) for path in paths)]


def image(study: int, seed: int = 0, syntax: str | None = None, **tags: object) -> bytes:
    made = dataset(plasma(seed=seed), StudyInstanceUID=f"{UID}.{study}", **tags)
    if syntax is None:
        return written(made)
    made.file_meta.TransferSyntaxUID = syntax
    return written(made, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian)


def test_files_of_one_study_are_together_in_the_order_of_the_first(tmp_path: Path):
    put(tmp_path / "in", a_dcm=image(1), b_dcm=image(2), c__d_dcm=image(1, 3), e_png=PNG(plasma(seed=4)), f_txt=b"a letter")
    assert labels(tmp_path / "in") == [("in/a.dcm", "in/c/d.dcm"), ("in/b.dcm",), ("in/e.png",), ("in/f.txt",)]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_the_study_is_found_in_every_transfer_syntax(tmp_path: Path, syntax: str):
    put(tmp_path / "in", a_dcm=image(1), b_dcm=image(1, 2, syntax), c_dcm=image(2, 3, syntax))
    assert labels(tmp_path / "in") == [("in/a.dcm", "in/b.dcm"), ("in/c.dcm",)]


def test_a_file_without_preamble_or_with_an_odd_value_is_of_its_study_and_nothing_is_quoted(tmp_path: Path):
    odd = image(1, 3, SpecificCharacterSet="ISO_IR 100").replace(b"ISO_IR 100", NAME[:10].encode())
    put(tmp_path / "in", a_dcm=image(1), b_dcm=image(1, 2)[128:], c_dcm=odd)
    with warnings.catch_warnings(record=True) as said:
        assert labels(tmp_path / "in") == [("in/a.dcm", "in/b.dcm", "in/c.dcm")]
    assert said == []


def test_the_study_is_found_behind_a_long_element(tmp_path: Path):
    long = {"RetrieveURL": "x" * 300_000}
    put(tmp_path / "in", a_dcm=image(1, **long), b_dcm=image(1, 2, **long), c_dcm=image(2, 3, **long))
    assert labels(tmp_path / "in") == [("in/a.dcm", "in/b.dcm"), ("in/c.dcm",)]


def test_an_archive_is_one_file_and_brings_its_studies_together(tmp_path: Path):
    put(tmp_path / "in", a_dcm=image(1), b_dcm=image(2), d_dcm=image(3))
    with zipfile.ZipFile(tmp_path / "in" / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.dcm", image(1, 5))
        archive.writestr("y.dcm", image(2, 6))
    (tmp_path / "in" / "e.zip").write_bytes(b"PK\x03\x04 no archive")
    assert labels(tmp_path / "in") == [("in/a.dcm", "in/b.dcm", "in/c.zip"), ("in/d.dcm",), ("in/e.zip",)]


def test_copies_of_a_picture_are_together_and_pictures_that_differ_are_not(tmp_path: Path):
    nameless = written(dataset(plasma(), StudyInstanceUID=None))
    put(tmp_path / "in", a_png=PNG(plasma(seed=1)), b_dcm=nameless, c_png=PNG(plasma(seed=1)), d_dcm=nameless, e_png=PNG(plasma(seed=2)))
    assert labels(tmp_path / "in") == [("in/a.png", "in/c.png"), ("in/b.dcm", "in/d.dcm"), ("in/e.png",)]


def test_what_is_no_file_stands_by_itself(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    assert labels(tmp_path / "gone.dcm", tmp_path / "empty") == [("gone.dcm",), ("empty",)]


def test_a_dicomdir_stands_for_the_files_beside_it(tmp_path: Path):
    put(tmp_path / "disk", DICOMDIR=image(9), a__b_dcm=image(1))
    assert labels(tmp_path / "disk") == [("disk/a/b.dcm",)]
    ((file,),) = by_study([Source(tmp_path / "disk" / "DICOMDIR", "disk/DICOMDIR")])
    assert file == Source(tmp_path / "disk" / "a" / "b.dcm", "disk/a/b.dcm")


def test_group_by_group_the_reader_finds_the_studies_it_finds_at_once(reader: Reader, tmp_path: Path):
    files = {f"f{number}_dcm": image(number % 3, number) for number in range(7)}
    sources = [Source(put(tmp_path / "in", **files, g_png=PNG(plasma(seed=9)), h_txt=b"a letter"), "in")]
    whole = reader.read(sources)
    parts = [reader.read(group) for group in by_study(sources)]
    assert [study.key for part in parts for study in part.studies] == [study.key for study in whole.studies]
    assert {key: names for part in parts for key, names in part.sources.items()} == dict(whole.sources)
    assert [row for part in parts for row in part.skipped] == list(whole.skipped)
