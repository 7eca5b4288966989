"""Bad files: each has its code, and takes nothing with it."""

import random
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian

from dicom.dicom_files import KEY, PNG, code_of, compressed, dataset, plasma, read, written
from spondyl.dicom import Limits, Reader, Source

STORED = plasma()


def raw_tag(data: bytes, tag: int, value: bytes) -> bytes:
    """The file with the explicit little endian element of `tag` (short form) given another value."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    at = data.index(head, 132)
    length = struct.unpack_from("<H", data, at + 6)[0]
    return data[: at + 6] + struct.pack("<H", len(value)) + value + data[at + 8 + length :]


ROWS, COLUMNS = 0x00280010, 0x00280011
WHOLE = written(dataset(STORED))


def nested(depth: int) -> bytes:
    """A file with sequences of undefined length inside each other."""
    start = WHOLE.index(struct.pack("<HH", 0x0028, 0x0002), 132)
    item = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    return WHOLE[:start] + item * depth + WHOLE[start:]


def png_claiming(columns: int, rows: int) -> bytes:
    data = bytearray(PNG(STORED))
    data[16:24] = struct.pack(">II", columns, rows)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def j2k_claiming(side: int) -> bytes:
    stream = bytearray(imagecodecs.jpeg2k_encode(STORED, reversible=True, level=0, codecformat="j2k", resolutions=2))
    struct.pack_into(">II", stream, 8, side, side)
    return bytes(stream)


def jpeg_claiming(side: int) -> bytes:
    stream = bytearray(imagecodecs.jpeg8_encode(STORED.astype(np.uint8)))
    struct.pack_into(">HH", stream, stream.index(b"\xff\xc0") + 5, side, side)
    return bytes(stream)


def report_object() -> bytes:
    made = dataset(STORED, Modality="SR", PixelData=None, Rows=None, Columns=None)
    return written(made)


def deflated() -> bytes:
    made = dataset(STORED)
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return written(made)


DEFLATED = deflated()
HUGE = struct.pack("<H", 65535)
JPEG_LS = imagecodecs.jpegls_encode(STORED)
BAD = {
    "empty-file": b"",
    "not-dicom": b"The patient was seen on Tuesday.\n" * 9,
    "pixel-data-truncated": WHOLE[:-200],
    "pixel-data-truncated (header only)": WHOLE[: WHOLE.index(struct.pack("<HH", 0x7FE0, 0x0010), 132)],
    "pixel-data-truncated (compressed)": written(compressed(dataset(STORED), "1.2.840.10008.1.2.4.80", [JPEG_LS]))[:-300],
    "pixel-data-truncated (jpeg)": written(
        compressed(dataset(STORED), "1.2.840.10008.1.2.4.51", [imagecodecs.jpeg8_encode(STORED, bitspersample=12)[:-40]])
    ),
    "pixel-data-truncated (frames)": written(compressed(dataset(STORED, NumberOfFrames="3"), "1.2.840.10008.1.2.4.80", [JPEG_LS])),
    "pixel-data-truncated (png)": PNG(STORED)[:-60],
    "pixel-data-damaged": written(compressed(dataset(STORED), "1.2.840.10008.1.2.4.80", [JPEG_LS[:60] + b"\xff\xd9"])),
    "pixel-data-damaged (png)": png_claiming(20, 25),
    "image-too-large": raw_tag(raw_tag(WHOLE, ROWS, HUGE), COLUMNS, HUGE),
    "image-too-large (frames)": written(dataset(STORED, NumberOfFrames="400000000")),
    "image-too-large (png)": png_claiming(100_000, 100_000),
    "image-too-large (jpeg)": jpeg_claiming(65500),
    "image-too-large (codestream)": written(compressed(dataset(STORED), "1.2.840.10008.1.2.4.90", [j2k_claiming(60_000)])),
    "size-mismatch": written(compressed(dataset(STORED), "1.2.840.10008.1.2.4.90", [j2k_claiming(2000)])),
    "nested-too-deeply": nested(3000),
    "tag-unusable (list)": raw_tag(WHOLE, ROWS, struct.pack("<HH", 24, 20)),
    "tag-unusable (empty)": raw_tag(WHOLE, ROWS, b""),
    "tag-unusable (zero)": raw_tag(WHOLE, COLUMNS, b"\0\0"),
    "no-pixel-data": report_object(),
    "transfer-syntax-unsupported": written(compressed(dataset(STORED), "1.2.840.10008.1.2.4.102", [b"\0\0\0\x18ftypmp42" * 9])),
    "pixel-layout-unsupported": written(dataset(STORED, BitsAllocated=12)),
    "format-unsupported": b"BM" + bytes(900),
    "archive-unsupported": b"7z\xbc\xaf\x27\x1c" + bytes(900),
    "pixel-data-truncated (deflated)": DEFLATED[:-300],
    "dicom-damaged": DEFLATED[: 144 + DEFLATED[140]] + b"\xff" * 99,
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_has_its_code(reader: Reader, tmp_path: Path, name: str) -> None:
    assert code_of(read(reader, tmp_path, BAD[name], name="dcm")) == name.split(" ")[0]


def test_an_object_without_pixels_is_named_by_its_modality(reader: Reader, tmp_path: Path) -> None:
    (row,) = read(reader, tmp_path, report_object()).skipped
    assert "SR" in row.message


def test_a_deflated_bomb_is_not_expanded(tmp_path: Path) -> None:
    made = dataset(STORED)
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    made.add_new(0x00091010, "OB", bytes(6_000_000))
    with Reader(KEY, Limits(max_file_bytes=10**6), workers=1) as small:
        assert code_of(read(small, tmp_path, written(made))) == "expands-too-far"


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    with Reader(KEY, Limits(max_file_bytes=1000), workers=1) as small:
        assert code_of(read(small, tmp_path, written(dataset(STORED)))) == "file-too-large"


def test_a_list_of_the_same_number_is_that_number(reader: Reader, tmp_path: Path) -> None:
    report = read(reader, tmp_path, raw_tag(WHOLE, ROWS, struct.pack("<HH", 24, 24)))
    np.testing.assert_allclose(report.studies[0].images[0].pixels, STORED / 4095, atol=1e-6)


@pytest.mark.parametrize(
    "tags",
    [
        {"BitsStored": 20},
        {"BitsStored": None, "HighBit": None},
        {"PhotometricInterpretation": None},
        {"SamplesPerPixel": None},
        {"PixelRepresentation": None},
        {"NumberOfFrames": "0"},
        {"HighBit": 40},
        {"WindowCenter": [float("nan")], "WindowWidth": 5},
        {"RescaleSlope": 0},
    ],
)
def test_wrong_and_missing_tags_are_forgiven_where_the_answer_is_clear(reader: Reader, tmp_path: Path, tags: dict) -> None:
    stored = plasma(bits=16)
    made = dataset(stored, **{"BitsStored": 16, "HighBit": 15} | tags)
    (study,) = read(reader, tmp_path, written(made)).studies
    np.testing.assert_allclose(study.images[0].pixels, stored / 65535, atol=1e-6)


def test_garbage_among_the_decimals_is_stepped_over(reader: Reader, tmp_path: Path) -> None:
    made = dataset(STORED, WindowCenter=[100, 200], WindowWidth=[111, 400])
    made.PixelSpacing = [0.5, 0.5]
    data = written(made).replace(b"100\\200 ", b"1x0\\200 ").replace(b"111\\400 ", b"1.1.1\\400")
    image = read(reader, tmp_path, data if len(data) == len(written(made)) else written(made)).studies[0].images[0]
    assert image.spacing_mm == (0.5, 0.5)


def test_a_missing_offset_table_or_a_broken_one_is_forgiven(reader: Reader, tmp_path: Path) -> None:
    frames = [plasma(seed=seed) for seed in range(3)]
    made = compressed(dataset(STORED, NumberOfFrames="3"), "1.2.840.10008.1.2.4.80", [imagecodecs.jpegls_encode(frame) for frame in frames])
    data = written(made)
    at = data.index(b"\xfe\xff\x00\xe0\x0c\x00\x00\x00") + 8
    broken = data[:at] + struct.pack("<III", 0, 7, 99999) + data[at + 12 :]
    for file in (data, broken):
        (study,) = read(reader, tmp_path, file).studies
        assert len(study.images) == 3


def test_a_tag_with_the_patient_in_it_is_not_quoted(reader: Reader, tmp_path: Path) -> None:
    made = dataset(STORED, Modality="WUNDERLICH", PixelData=None, Rows=None, Columns=None)
    (row,) = read(reader, tmp_path, written(made)).skipped
    assert row.code == "no-pixel-data"
    assert "wunderlich" not in repr(row).lower()


def test_a_deeply_nested_but_real_file_is_read(reader: Reader, tmp_path: Path) -> None:
    item = Dataset()
    for _ in range(8):
        outer = Dataset()
        outer.ReferencedImageSequence = Sequence([item])
        item = outer
    made = dataset(STORED, ReferencedImageSequence=Sequence([item]))
    assert read(reader, tmp_path, written(made)).studies


def test_the_others_of_a_folder_go_on(reader: Reader, tmp_path: Path) -> None:
    for index in range(40):
        (tmp_path / f"{index:03d}.dcm").write_bytes(written(dataset(plasma(seed=index))) if index != 17 else WHOLE[:-200])
    (tmp_path / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (tmp_path / "labels.csv").write_text("a,b\n")
    seen: list[tuple[int, int]] = []
    report = reader.read([Source(tmp_path, "folder")], on_progress=lambda done, found: seen.append((done, found)))
    assert sum(len(study.images) for study in report.studies) == 39
    assert [(row.source, row.code) for row in report.skipped] == [
        ("folder/.DS_Store", "not-an-image"),
        ("folder/017.dcm", "pixel-data-truncated"),
        ("folder/labels.csv", "not-an-image"),
    ]
    assert seen == [(done, 42) for done in range(1, 43)]


@pytest.mark.slow
def test_a_folder_of_two_thousand_files_with_one_bad_one(reader: Reader, tmp_path: Path) -> None:
    for index in range(2000):
        (tmp_path / f"{index:04d}").write_bytes(written(dataset(plasma(seed=index))) if index != 1234 else WHOLE[:-200])
    report = reader.read([Source(tmp_path, "folder")])
    assert sum(len(study.images) for study in report.studies) == 1999
    assert [row.source for row in report.skipped] == ["folder/1234"]


def small_files() -> list[bytes]:
    """One file of each kind, for damaging."""
    grey = plasma(16, 16, 8).astype(np.uint8)
    streams = {
        "1.2.840.10008.1.2.4.80": JPEG_LS,
        "1.2.840.10008.1.2.4.90": imagecodecs.jpeg2k_encode(STORED, reversible=True, level=0, codecformat="j2k", resolutions=2),
        "1.2.840.10008.1.2.4.201": imagecodecs.htj2k_encode(STORED),
        "1.2.840.10008.1.2.4.70": imagecodecs.ljpeg_encode(STORED, bitspersample=12),
        "1.2.840.10008.1.2.4.51": imagecodecs.jpeg8_encode(STORED, bitspersample=12),
    }
    return [
        WHOLE,
        *(written(compressed(dataset(STORED), syntax, [stream])) for syntax, stream in streams.items()),
        PNG(STORED),
        imagecodecs.jpeg8_encode(grey),
        imagecodecs.tiff_encode(grey),
    ]


def damage(data: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, some of them lengths and sizes; sometimes cut short."""
    broken = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        broken[rng.randrange(len(broken))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    return bytes(broken[: rng.randint(len(broken) // 2, len(broken))]) if rng.random() < 0.2 else bytes(broken)


def test_damaged_files_never_take_the_reader_down(tmp_path: Path) -> None:
    rng = random.Random(20)
    files = [damage(data, rng) for data in small_files() for _ in range(34)]
    with Reader(KEY, Limits(timeout_s=5), workers=2) as tough:
        report = read(tough, tmp_path, *files, WHOLE)
    images = [image for study in report.studies for image in study.images]
    assert any(image.shape == STORED.shape and np.allclose(image.pixels, STORED / 4095, atol=1e-6) for image in images)
    assert all(row.code and row.message for row in report.skipped)
    assert len(report.skipped) > 50
