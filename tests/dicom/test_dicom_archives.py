"""Zip archives and DICOMDIRs: what is in them, and what must not come out of them."""

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from dicom.dicom_files import KEY, PNG, code_of, dataset, plasma, read, written
from spondyl.dicom import Limits, Reader, Source

FILES = {f"PA000001/ST000001/IM{index}": written(dataset(plasma(seed=index))) for index in range(3)}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_is_read_under_any_name(reader: Reader, tmp_path: Path, method: int) -> None:
    report = read(reader, tmp_path, zipped({**FILES, "README": b"hello"}, method), name="upload")
    (study,) = report.studies
    assert len(study.images) == 3
    assert report.sources[study.key] == tuple(f"case 0/{name}" for name in FILES)
    assert [(row.source, row.code) for row in report.skipped] == [("case 0/README", "not-an-image")]


@pytest.mark.parametrize("name", ["../evil.dcm", "/etc/evil.dcm", "a/../../evil.dcm", "..\\evil.dcm", "C:\\evil.dcm"])
def test_a_name_that_leads_outside_is_skipped_and_nothing_is_written(reader: Reader, tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    report = read(reader, inner, zipped({name: FILES["PA000001/ST000001/IM0"], "good": FILES["PA000001/ST000001/IM1"]}))
    assert [row.code for row in report.skipped] == ["unsafe-path"]
    assert len(report.studies[0].images) == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["0000.image", "inner"]


def test_links_are_skipped(reader: Reader, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.dcm")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert code_of(read(reader, tmp_path, buffer.getvalue())) == "unsafe-path"


def test_encrypted_entries_are_skipped(reader: Reader, tmp_path: Path) -> None:
    data = bytearray(zipped({"a.dcm": FILES["PA000001/ST000001/IM0"]}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert code_of(read(reader, tmp_path, bytes(data))) == "encrypted"


def test_an_archive_in_an_archive_is_skipped(reader: Reader, tmp_path: Path) -> None:
    assert code_of(read(reader, tmp_path, zipped({"inner.zip": zipped(FILES)}))) == "nested-archive"


def test_methods_that_allocate_by_their_own_header_are_skipped(reader: Reader, tmp_path: Path) -> None:
    assert code_of(read(reader, tmp_path, zipped({"a.dcm": FILES["PA000001/ST000001/IM0"]}, zipfile.ZIP_LZMA))) == "archive-unsupported"


def test_a_bomb_stops_at_the_limit_and_keeps_what_came_before(tmp_path: Path) -> None:
    bomb = PNG(plasma()) + bytes(5_000_000)
    archive = zipped({"a.dcm": FILES["PA000001/ST000001/IM0"], **{f"b{index}.png": bomb for index in range(20)}})
    assert len(archive) < 500_000
    with Reader(KEY, Limits(max_archive_bytes=4_000_000), workers=2) as small:
        report = read(small, tmp_path, archive)
    assert len(report.studies[0].images) == 1
    assert {(row.source, row.code) for row in report.skipped} == {("case 0", "archive-too-large")}
    assert len(report.skipped) == 1


def test_one_entry_over_the_file_limit_is_skipped(tmp_path: Path) -> None:
    good = FILES["PA000001/ST000001/IM0"]
    with Reader(KEY, Limits(max_file_bytes=100_000), workers=2) as small:
        report = read(small, tmp_path, zipped({"a.dcm": good, "b.dcm": good + bytes(10**6)}))
    assert [(row.source, row.code) for row in report.skipped] == [("case 0/b.dcm", "file-too-large")]


def test_too_many_entries_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    archive = zipped({f"{index}.txt": b"" for index in range(60)})
    lying = bytearray(archive)
    at = lying.rindex(b"PK\x05\x06")
    struct.pack_into("<HH", lying, at + 8, 1, 1)
    with Reader(KEY, Limits(max_archive_files=50), workers=1) as small:
        for data in (archive, bytes(lying)):
            assert code_of(read(small, tmp_path, data)) == "archive-too-many-files"


@pytest.mark.parametrize("cut", [30, 200])
def test_a_damaged_archive_has_a_code(reader: Reader, tmp_path: Path, cut: int) -> None:
    assert code_of(read(reader, tmp_path, zipped(FILES)[:-cut])) == "zip-damaged"


def test_a_damaged_entry_leaves_the_others(reader: Reader, tmp_path: Path) -> None:
    data = bytearray(zipped(FILES))
    at = data.index(b"IM1") + 40
    data[at : at + 60] = bytes(60)
    report = read(reader, tmp_path, bytes(data))
    assert len(report.studies[0].images) == 2
    assert [row.code for row in report.skipped] == ["zip-damaged"]


def test_an_empty_archive_and_an_empty_folder_say_so(reader: Reader, tmp_path: Path) -> None:
    assert code_of(read(reader, tmp_path, zipped({}))) == "nothing-found"
    (tmp_path / "empty").mkdir()
    assert code_of(reader.read([Source(tmp_path / "empty", "e")])) == "nothing-found"


def test_a_document_is_no_archive_of_images(reader: Reader, tmp_path: Path) -> None:
    assert code_of(read(reader, tmp_path, zipped({"[Content_Types].xml": b"<x/>", "word/a.xml": b"<x/>"}))) == "not-an-image"


def test_a_dicomdir_stands_for_its_folder(reader: Reader, tmp_path: Path) -> None:
    for name, data in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    made = dataset(plasma(), PixelData=None, Rows=None, Columns=None)
    made.SOPClassUID = "1.2.840.10008.1.3.10"
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    (tmp_path / "DICOMDIR").write_bytes(written(made))
    for source in (Source(tmp_path / "DICOMDIR", "disk/DICOMDIR"), Source(tmp_path, "disk")):
        report = reader.read([source])
        assert report.sources[report.studies[0].key] == tuple(f"disk/{name}" for name in FILES)
        assert [(row.source, row.code) for row in report.skipped] == [("disk/DICOMDIR", "dicom-directory")]


def test_folders_archives_and_files_can_be_mixed(reader: Reader, tmp_path: Path) -> None:
    folder = tmp_path / "folder" / "deep"
    folder.mkdir(parents=True)
    (folder / "x").write_bytes(FILES["PA000001/ST000001/IM0"])
    (tmp_path / "folder" / "y.zip").write_bytes(zipped({"IM1": FILES["PA000001/ST000001/IM1"]}))
    (tmp_path / "z.png").write_bytes(PNG(plasma()))
    report = reader.read([Source(tmp_path / "folder", "f"), Source(tmp_path / "z.png", "z"), Source(tmp_path / "none", "n")])
    assert list(report.sources.values()) == [("f/deep/x", "f/y.zip/IM1"), ("z",)]
    assert [(row.source, row.code) for row in report.skipped] == [("n", "not-found")]


def test_pipes_are_not_opened_and_circles_end(reader: Reader, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "a.png").write_bytes(PNG(plasma()))
    report = reader.read([Source(tmp_path, "f")])
    assert list(report.sources.values()) == [("f/a.png",)]
    assert [(row.source, row.code) for row in report.skipped] == [("f/pipe", "unreadable-file")]


def test_names_from_outside_are_safe_to_print(reader: Reader, tmp_path: Path) -> None:
    report = read(reader, tmp_path, zipped({"\x1b[2Jevil.txt": b"text"}))
    assert report.skipped[0].source == "case 0/?[2Jevil.txt"
