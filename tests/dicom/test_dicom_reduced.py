"""Big JPEG 2000 films: decoded at less, they show networks the same picture at the same place."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from dicom.dicom_files import compressed, dataset
from spondyl.core import InputError
from spondyl.datasets.file_pixels import read_file
from spondyl.dicom import Reader, Source
from spondyl.dicom.frames import Frame, read_dicom
from spondyl.dicom.headers import codestream
from spondyl.dicom.reduced import decode_reduced, level_of
from spondyl.tasks.films.framing import FilmFrame, frame_film

ROWS, COLUMNS = 2405, 303
JPEG_2000 = "1.2.840.10008.1.2.4.90"


def film(bits: int = 12) -> NDArray[np.uint16]:
    """A tall film of soft bright blocks over the whole range, with the noise of a detector."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    grey = 0.35 + 0.25 * np.sin(y / 80) * np.cos(x / 70) + 0.3 * np.exp(-(((x - 150) / 60) ** 2)) * (np.sin(y / 30) > 0)
    grey = (grey - grey.min()) / (grey.max() - grey.min()) + rng.normal(0, 0.004, grey.shape)
    return np.asarray(np.rint(np.clip(grey, 0, 1) * (2**bits - 1)), np.uint16)


def stream(stored: NDArray[Any], bits: int = 12, **how: Any) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(stored, level=0, reversible=True, codecformat="j2k", bitspersample=bits, **how))


def read(data: bytes, stored: NDArray[Any], bits: int = 12, **tags: Any) -> Frame:
    file = BytesIO()
    compressed(dataset(stored, bits, Modality="DX", **tags), JPEG_2000, [data]).save_as(file, enforce_file_format=True)
    _, frames = read_dicom(file.getvalue(), 200_000_000, 2_000_000_000)
    return next(iter(frames))


def in_blocks(pixels: NDArray[np.float32]) -> bool:
    """Whether each 2 x 2 pixels are one."""
    whole = pixels[: ROWS // 2 * 2, : COLUMNS // 2 * 2]
    return all(np.array_equal(whole[::2, ::2], whole[row::2, column::2]) for row, column in ((0, 1), (1, 0), (1, 1)))


@pytest.fixture(scope="module")
def stored() -> NDArray[np.uint16]:
    return film()


@pytest.fixture(scope="module")
def data(stored: NDArray[np.uint16]) -> bytes:
    return stream(stored)


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_a_film_decoded_at_less_is_the_same_picture_in_the_same_place(photometric: str, stored: NDArray[np.uint16], data: bytes):
    frame = read(data, stored, PhotometricInterpretation=photometric)
    whole = stored / np.float32(4095)
    whole = np.asarray(1 - whole if photometric == "MONOCHROME1" else whole, np.float32)
    assert frame.pixels.shape == (ROWS, COLUMNS)
    assert in_blocks(frame.pixels)
    for shape, most in (((384, 256), 0.1), ((512, 320), 0.1), ((768, 480), 0.13)):
        reduced, full = (frame_film(pixels, FilmFrame(*shape)).pixels for pixels in (frame.pixels, whole))
        assert np.abs(reduced - full).mean() < 0.004
        assert np.abs(reduced - full).max() < most


def test_the_laboratory_and_the_services_see_the_same(stored: NDArray[np.uint16], data: bytes, tmp_path: Path):
    made = compressed(dataset(stored, Modality="DX"), JPEG_2000, [data])
    made.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    with Reader(b"k" * 32, workers=1) as reader:
        (study,) = reader.read([Source(tmp_path / "film.dcm", "film")]).studies
    (image,) = study.images
    assert image.shape == (ROWS, COLUMNS)
    assert in_blocks(image.pixels)
    assert image.decoded_scale == 2
    assert np.array_equal(image.pixels, read_file(tmp_path / "film.dcm", "here").pixels)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_the_range_is_that_of_the_stored_bits(bits: int):
    stored = film(bits)
    kind = np.uint8 if bits == 8 else np.uint16
    header = codestream(made := stream(stored.astype(kind), bits))
    assert header is not None
    assert header.bits == bits
    reduced = decode_reduced(made, header)
    assert reduced is not None
    samples, scale = reduced
    assert (samples.shape, samples.dtype, scale) == ((ROWS, COLUMNS), kind, 2)
    assert np.abs(samples.astype(np.float64) - stored).mean() < 0.02 * 2**bits
    assert samples.max() > 0.95 * 2**bits


@pytest.mark.parametrize(("shape", "scale"), [((4803, 200), 4), ((4801, 200), 2)])
def test_a_size_that_the_decoder_cannot_quarter_is_halved(shape: tuple[int, int], scale: int):
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    smooth = np.asarray(2000 + 1500 * np.sin(y / 300) * np.cos(x / 90), np.uint16)
    header = codestream(made := stream(smooth))
    assert header is not None
    reduced = decode_reduced(made, header)
    assert reduced is not None
    assert (reduced[0].shape, reduced[1]) == (shape, scale)
    assert np.abs(reduced[0].astype(np.float64) - smooth).max() < 200


@pytest.mark.parametrize(("longer", "level"), [(600, 0), (2398, 0), (2399, 1), (2500, 1), (4796, 1), (4797, 2), (9000, 2)])
def test_the_longer_side_keeps_at_least_what_networks_need(longer: int, level: int, data: bytes):
    header = codestream(data)
    assert header is not None
    for rows, columns in ((longer, 500), (500, longer)):
        made = type(header)("jpeg-2000", rows, columns, 1, 12)
        assert level_of(made) == level
        assert level == 0 or longer / 2**level > 1199
        assert level_of(type(header)("jpeg-2000", rows, columns, 3, 8)) == level_of(type(header)("htj2k", rows, columns, 1, 12)) == 0


def test_signed_cells_and_cells_with_spare_bits_are_decoded_whole(stored: NDArray[np.uint16], data: bytes):
    spare = read(stream(stored, 12), stored, BitsStored=10, HighBit=9)
    assert not in_blocks(spare.pixels)
    signed = read(data, stored, PixelRepresentation=1, WindowCenter=0, WindowWidth=4096)
    values = np.where(stored >= 2048, stored.astype(np.int32) - 4096, stored)
    assert np.abs(signed.pixels - np.clip((values + 0.5) / 4095 + 0.5, 0, 1)).max() < 1e-3


def test_a_film_without_wavelet_levels_is_decoded_whole(stored: NDArray[np.uint16]):
    frame = read(stream(stored, resolutions=1), stored)
    assert np.abs(frame.pixels - stored / np.float32(4095)).max() < 1e-6
    assert frame.decoded_scale == 1


def test_a_film_that_is_cut_is_an_error_and_no_picture(stored: NDArray[np.uint16], data: bytes):
    with pytest.raises(InputError):
        read(data[: len(data) // 2] + data[-2:], stored)
