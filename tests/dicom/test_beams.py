"""Calibrated pairs through the real reader: a beam a frame where the private block makes sense, and none where it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom.dicom_files import compressed, dataset, plasma, read, unchecked, written
from spondyl.core import Beam, Image
from spondyl.dicom import Reader
from spondyl.dicom.beams import CREATOR, ENERGIES, GROUP, MINERAL, SOFT, STEP

FRAMES = np.stack([plasma(seed=0, bits=16), plasma(seed=1, bits=16)])
TOP = 2**16 - 1
BLOCK = {ENERGIES: ["40.000", "70.000"], MINERAL: ["0.987600", "0.313100"], SOFT: ["0.268800", "0.191600"], STEP: ["0.00040000"]}
BEAMS = (Beam(40.0, 0.9876, 0.2688, 4e-4 * TOP), Beam(70.0, 0.3131, 0.1916, 4e-4 * TOP))


def pair(frames: np.ndarray = FRAMES, block: dict[int, object] = BLOCK, creator: str = CREATOR, **tags: object) -> Dataset:
    """A two-frame picture with this private block; what is None in the block is left out."""
    made = dataset(frames[0], bits=16, Modality="BMD", NumberOfFrames=str(len(frames)), PixelData=frames.tobytes(), **tags)
    own = made.private_block(GROUP, creator, create=True)
    with unchecked():
        for element, value in block.items():
            if value is not None:
                own.add_new(element, "DS", value)
    return made


def images_of(reader: Reader, folder: Path, made: Dataset) -> tuple[Image, ...]:
    report = read(reader, folder, written(made))
    assert not report.skipped
    (study,) = report.studies
    return study.images


def test_each_frame_has_its_beam_and_its_logarithms(reader: Reader, tmp_path: Path) -> None:
    low, high = images_of(reader, tmp_path, pair(PixelSpacing=["0.8", "0.7"]))
    assert (low.beam, high.beam) == BEAMS
    for image, stored in zip((low, high), FRAMES, strict=True):
        assert image.beam is not None
        assert np.abs(image.pixels * image.beam.span - stored * 4e-4).max() < 4e-4 / 2
        assert image.spacing_mm == (0.8, 0.7)


def implicit(made: Dataset) -> Dataset:
    made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return made


def deflated(made: Dataset) -> Dataset:
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return made


def losslessly(made: Dataset) -> Dataset:
    return compressed(made, "1.2.840.10008.1.2.4.80", [imagecodecs.jpegls_encode(frame) for frame in FRAMES])


def of_unknown_kind(made: Dataset) -> Dataset:
    for element in list(BLOCK):
        tag = (GROUP, 0x1000 + element)
        value = "\\".join(BLOCK[element]).encode()
        del made[tag]
        made.add_new(tag, "UN", value + b" " * (len(value) % 2))
    return made


@pytest.mark.parametrize("change", [deflated, losslessly, implicit, of_unknown_kind])
def test_an_archive_that_writes_the_same_file_otherwise_loses_no_beam(change: Callable[[Dataset], Dataset], reader: Reader,
                                                                      tmp_path: Path) -> None:
    assert tuple(image.beam for image in images_of(reader, tmp_path, change(pair()))) == BEAMS


@pytest.mark.parametrize("change", [
    {"WindowCenter": "10000", "WindowWidth": "5000"}, {"RescaleSlope": "2", "RescaleIntercept": "0"},
    {"RescaleSlope": "1", "RescaleIntercept": "-1000"},
    {"PhotometricInterpretation": "MONOCHROME1"},
], ids=["window", "slope", "intercept", "inverted"])
def test_what_a_picture_is_shown_with_never_changes_what_is_measured(change: dict[str, str], reader: Reader, tmp_path: Path) -> None:
    for image, stored in zip(images_of(reader, tmp_path, pair(**change)), FRAMES, strict=True):
        if image.beam is not None:
            assert np.abs(image.pixels * image.beam.span - stored * 4e-4).max() < 4e-4, "either the signals or no beam"


@pytest.mark.parametrize("damage", [
    {ENERGIES: None}, {MINERAL: None}, {SOFT: None}, {STEP: None},
    {ENERGIES: "40"}, {ENERGIES: ["40", "50", "70"]}, {MINERAL: ["0.9", "0.3", "0.2"]}, {SOFT: "0.2"},
    {MINERAL: ["", ""]}, {STEP: ""}, {STEP: ["0.0004", "0.0004"]},
    {ENERGIES: ["40", "-70"]}, {MINERAL: ["0.9", "0"]}, {SOFT: ["nan", "0.2"]},
    {STEP: "0"}, {STEP: "-0.0004"}, {STEP: "1e308"}, {STEP: "inf"},
], ids=str)
def test_a_damaged_block_gives_no_beam_and_the_pictures_are_read(damage: dict[int, object], reader: Reader, tmp_path: Path) -> None:
    images = images_of(reader, tmp_path, pair(block={**BLOCK, **damage}))
    assert [image.beam for image in images] == [None, None]
    np.testing.assert_allclose([image.pixels for image in images], FRAMES / TOP, atol=1e-6)


@pytest.mark.parametrize(("number", "word"), [(b"40.000", b"forty "), (b"0.313100", b"mineral "), (b"0.00040000", b"one step  ")])
def test_a_block_with_words_for_numbers_gives_no_beam(number: bytes, word: bytes, reader: Reader, tmp_path: Path) -> None:
    data = written(pair())
    assert data.count(number) == 1
    (study,) = read(reader, tmp_path, data.replace(number, word)).studies
    assert [image.beam for image in study.images] == [None, None]


def test_a_block_of_another_maker_is_not_ours(reader: Reader, tmp_path: Path) -> None:
    assert [image.beam for image in images_of(reader, tmp_path, pair(creator="SOMEBODY ELSE 1"))] == [None, None]


def test_a_file_of_two_ordinary_frames_has_no_beam(reader: Reader, tmp_path: Path) -> None:
    plain = dataset(FRAMES[0], bits=16, Modality="BMD", NumberOfFrames="2", PixelData=FRAMES.tobytes())
    assert [image.beam for image in images_of(reader, tmp_path, plain)] == [None, None]


@pytest.mark.parametrize("count", [1, 3])
def test_a_pair_has_two_frames_and_no_other_number(count: int, reader: Reader, tmp_path: Path) -> None:
    frames = np.concatenate([FRAMES, FRAMES])[:count]
    assert [image.beam for image in images_of(reader, tmp_path, pair(frames))] == [None] * count


def test_the_block_is_found_wherever_another_maker_s_block_pushed_it(reader: Reader, tmp_path: Path) -> None:
    made = dataset(FRAMES[0], bits=16, Modality="BMD", NumberOfFrames="2", PixelData=FRAMES.tobytes())
    made.private_block(GROUP, "SOMEBODY ELSE 1", create=True).add_new(ENERGIES, "LO", "something")
    own = made.private_block(GROUP, CREATOR, create=True)
    for element, value in BLOCK.items():
        own.add_new(element, "DS", value)
    assert tuple(image.beam for image in images_of(reader, tmp_path, made)) == BEAMS
