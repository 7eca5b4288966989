"""What was written comes back, whatever it was written as."""

from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from dicom.dicom_files import compressed, dataset, plasma, read, written
from spondyl.dicom import Reader, decoders
from spondyl.dicom.decode import DECODERS
from spondyl.dicom.headers import codestream

STORED = plasma()
GREY = STORED / 4095


def only(report):
    """The one image of a report with nothing skipped."""
    assert not report.skipped, report.skipped
    (image,) = [image for study in report.studies for image in study.images]
    return image


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, "1.2.840.10008.1.2.1"])
def test_uncompressed_pixels_come_back(reader: Reader, tmp_path: Path, syntax: str) -> None:
    made = dataset(STORED)
    made.file_meta.TransferSyntaxUID = syntax
    np.testing.assert_allclose(only(read(reader, tmp_path, written(made))).pixels, GREY, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 16])
def test_big_endian_pixels_come_back(reader: Reader, tmp_path: Path, bits: int) -> None:
    stored = plasma(bits=bits).astype(f">u{bits // 8}")
    made = dataset(stored, bits=bits)
    if bits == 8:  # words of two pixels, swapped
        made.PixelData = stored.reshape(-1, 2)[:, ::-1].tobytes()
        made["PixelData"].VR = "OW"
    made.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    data = written(made)
    np.testing.assert_allclose(only(read(reader, tmp_path, data)).pixels, stored / (2**bits - 1), atol=1e-6)


def rle(stored):
    from pydicom.pixels.encoders import RLELosslessEncoder

    shape = dict(rows=stored.shape[0], columns=stored.shape[1], samples_per_pixel=1, number_of_frames=1)
    return RLELosslessEncoder.encode(
        stored.tobytes(), bits_allocated=16, bits_stored=12, pixel_representation=0, photometric_interpretation="MONOCHROME2", **shape
    )


LOSSLESS = {
    "RLE": ("1.2.840.10008.1.2.5", rle),
    "JPEG lossless": ("1.2.840.10008.1.2.4.57", lambda a: imagecodecs.jpeg8_encode(a, bitspersample=12, lossless=True, predictor=4)),
    "JPEG lossless SV1": ("1.2.840.10008.1.2.4.70", lambda a: imagecodecs.ljpeg_encode(a, bitspersample=12)),
    "JPEG-LS": ("1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode),
    "JPEG 2000": (
        "1.2.840.10008.1.2.4.90",
        lambda a: imagecodecs.jpeg2k_encode(a, reversible=True, level=0, codecformat="j2k", resolutions=3),
    ),
    "JPEG 2000 in its container": (
        "1.2.840.10008.1.2.4.90",
        lambda a: imagecodecs.jpeg2k_encode(a, reversible=True, level=0, resolutions=3),
    ),
    "HTJ2K": ("1.2.840.10008.1.2.4.201", imagecodecs.htj2k_encode),
}
LOSSY = {
    "JPEG-LS near": ("1.2.840.10008.1.2.4.81", lambda a: imagecodecs.jpegls_encode(a, 2), 2.5),
    "JPEG extended": ("1.2.840.10008.1.2.4.51", lambda a: imagecodecs.jpeg8_encode(a, bitspersample=12, level=98), 120),
    "JPEG 2000 lossy": ("1.2.840.10008.1.2.4.91", lambda a: imagecodecs.jpeg2k_encode(a, level=60, codecformat="j2k", resolutions=3), 400),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_losslessly_compressed_pixels_come_back(reader: Reader, tmp_path: Path, name: str) -> None:
    syntax, encode = LOSSLESS[name]
    data = written(compressed(dataset(STORED), syntax, [encode(STORED)]))
    np.testing.assert_allclose(only(read(reader, tmp_path, data)).pixels, GREY, atol=1e-6)


@pytest.mark.parametrize("name", LOSSY)
def test_lossily_compressed_pixels_come_back_nearly(reader: Reader, tmp_path: Path, name: str) -> None:
    syntax, encode, error = LOSSY[name]
    data = written(compressed(dataset(STORED), syntax, [encode(STORED)]))
    pixels = only(read(reader, tmp_path, data)).pixels
    assert 0 < np.abs(pixels - GREY).max() * 4095 <= error


def test_baseline_jpeg_comes_back_nearly(reader: Reader, tmp_path: Path) -> None:
    stored = plasma(64, 64, bits=8).astype(np.uint8)
    made = compressed(dataset(stored, bits=8), "1.2.840.10008.1.2.4.50", [imagecodecs.jpeg8_encode(stored, level=95)])
    assert np.abs(only(read(reader, tmp_path, written(made))).pixels * 255 - stored).max() < 12


@pytest.mark.parametrize("name", ["JPEG-LS", "JPEG 2000", "RLE", "JPEG lossless"])
def test_signed_pixels_survive_compression(reader: Reader, tmp_path: Path, name: str) -> None:
    signed = (STORED.astype(np.int32) - 2048).astype(np.int16)
    syntax, encode = LOSSLESS[name]
    cells = signed if name == "JPEG 2000" else (signed.view(np.uint16) & 0xFFF)
    data = written(compressed(dataset(signed), syntax, [encode(cells)]))
    np.testing.assert_allclose(only(read(reader, tmp_path, data)).pixels, (signed + 2048) / 4095, atol=1e-6)


def test_without_preamble_and_without_file_meta_it_is_still_read(reader: Reader, tmp_path: Path) -> None:
    for data in (written(dataset(STORED))[128:], written(dataset(STORED))[132:], written_without_meta(dataset(STORED))):
        np.testing.assert_allclose(only(read(reader, tmp_path, data)).pixels, GREY, atol=1e-6)


def written_without_meta(made) -> bytes:
    buffer = BytesIO()
    del made.file_meta
    pydicom.dcmwrite(buffer, made, implicit_vr=True, little_endian=True, enforce_file_format=False)
    return buffer.getvalue()


def test_a_compressed_file_without_file_meta_is_read_from_its_codestream(reader: Reader, tmp_path: Path) -> None:
    made = compressed(dataset(STORED), "1.2.840.10008.1.2.4.80", [imagecodecs.jpegls_encode(STORED)])
    data = written(made)
    start = 144 + int.from_bytes(data[140:144], "little")
    np.testing.assert_allclose(only(read(reader, tmp_path, data[start:])).pixels, GREY, atol=1e-6)


def test_a_codestream_that_contradicts_the_transfer_syntax_is_believed(reader: Reader, tmp_path: Path) -> None:
    made = compressed(dataset(STORED), "1.2.840.10008.1.2.4.90", [imagecodecs.jpegls_encode(STORED)])
    np.testing.assert_allclose(only(read(reader, tmp_path, written(made))).pixels, GREY, atol=1e-6)


def test_every_frame_becomes_an_image(reader: Reader, tmp_path: Path) -> None:
    frames = np.stack([plasma(seed=seed) for seed in range(3)])
    native = dataset(frames[0], NumberOfFrames="3", PixelData=frames.tobytes())
    packed = compressed(dataset(frames[0], NumberOfFrames="3"), "1.2.840.10008.1.2.4.80", [imagecodecs.jpegls_encode(f) for f in frames])
    for made in (native, packed):
        (study,) = read(reader, tmp_path, written(made)).studies
        np.testing.assert_allclose([image.pixels for image in study.images], frames / 4095, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("format_", ["png", "tiff"])
def test_grey_pictures_come_back_over_their_bit_depth(reader: Reader, tmp_path: Path, bits: int, format_: str) -> None:
    stored = plasma(bits=bits).astype(f"u{bits // 8}") // 2  # the image's own maximum must not matter
    encode = {"png": imagecodecs.png_encode, "tiff": imagecodecs.tiff_encode}[format_]
    image = only(read(reader, tmp_path, encode(stored), name=format_))
    np.testing.assert_allclose(image.pixels, stored / (2**bits - 1), atol=1e-6)
    assert image.spacing_mm is None
    assert image.spacing_source is None
    assert not image.colour


@pytest.mark.parametrize("format_", ["png", "tiff", "jpeg"])
def test_colour_pictures_become_their_luminance(reader: Reader, tmp_path: Path, format_: str) -> None:
    rgb = np.stack([plasma(32, 32, 8, seed) for seed in range(3)], axis=-1).astype(np.uint8)
    encode = {"png": imagecodecs.png_encode, "tiff": imagecodecs.tiff_encode, "jpeg": lambda a: imagecodecs.jpeg8_encode(a, level=98)}[
        format_
    ]
    image = only(read(reader, tmp_path, encode(rgb), name=format_))
    assert image.colour
    np.testing.assert_allclose(image.pixels, rgb @ [0.299, 0.587, 0.114] / 255, atol=0.03 if format_ == "jpeg" else 1e-6)


def test_a_grey_picture_saved_as_rgb_is_not_called_colour(reader: Reader, tmp_path: Path) -> None:
    grey = plasma(32, 32, 8).astype(np.uint8)
    image = only(read(reader, tmp_path, imagecodecs.jpeg8_encode(np.stack([grey] * 3, axis=-1), level=95)))
    assert not image.colour
    np.testing.assert_allclose(image.pixels, grey / 255, atol=0.03)


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK"])
def test_every_kind_of_picture_shows_what_pillow_shows(reader: Reader, tmp_path: Path, mode: str) -> None:
    grey = Pillow.fromarray(plasma(32, 32, 8).astype(np.uint8)).convert(mode)
    format_ = "JPEG" if mode == "CMYK" else "PNG"
    buffer = BytesIO()
    grey.save(buffer, format_, **({"quality": 98} if mode == "CMYK" else {}))
    wanted = np.asarray(grey.convert("L")) / 255
    np.testing.assert_allclose(only(read(reader, tmp_path, buffer.getvalue())).pixels, wanted, atol=0.03)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_a_viewer_turns_it(reader: Reader, tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    picture = Pillow.fromarray(plasma(32, 48, 8).astype(np.uint8))
    exif = Pillow.Exif()
    exif[274] = orientation
    buffer = BytesIO()
    picture.save(buffer, "JPEG", exif=exif, quality=95)
    wanted = np.asarray(ImageOps.exif_transpose(Pillow.open(BytesIO(buffer.getvalue())))) / 255
    np.testing.assert_allclose(only(read(reader, tmp_path, buffer.getvalue())).pixels, wanted, atol=0.02)


def test_a_white_is_zero_tiff_is_inverted(reader: Reader, tmp_path: Path) -> None:
    stored = plasma(bits=8).astype(np.uint8)
    data = bytearray(imagecodecs.tiff_encode(stored))
    at = data.index(b"\x06\x01\x03\x00\x01\x00\x00\x00\x01\x00") + 8  # PhotometricInterpretation = 1
    data[at] = 0
    np.testing.assert_allclose(only(read(reader, tmp_path, bytes(data))).pixels, 1 - stored / 255, atol=1e-6)


def test_every_page_of_a_tiff_is_an_image_of_one_study(reader: Reader, tmp_path: Path) -> None:
    pages = [Pillow.fromarray(plasma(20, 20, 8, seed).astype(np.uint8)) for seed in range(3)]
    buffer = BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    (study,) = read(reader, tmp_path, buffer.getvalue()).studies
    assert len(study.images) == 3


@pytest.mark.parametrize("name", ["JPEG lossless SV1", "JPEG-LS", "JPEG 2000", "HTJ2K"])
def test_every_decoder_of_a_kind_gives_the_same_pixels(name: str) -> None:
    stream = bytes(LOSSLESS[name][1](STORED))
    header = codestream(stream)
    assert header is not None
    answers = [decoder(stream, header, False) for decoder in DECODERS[header.kind]]
    assert len(answers) > 1
    for answer in answers:
        np.testing.assert_array_equal(answer, STORED)


def test_this_machine_has_every_codec() -> None:
    assert "missing" not in decoders().values()
