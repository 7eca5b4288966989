"""The bundle that ships, on spines and other pictures that nobody trained it on. In-silico: these are not figures of patients."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from spondyl.core import Image, StudyResult, TaskOutput
from spondyl.core.identity import pixel_hash
from spondyl.datasets.dicom_writer import Place, slice_dataset
from spondyl.dicom import Reader, Source
from spondyl.inference import Shelf
from spondyl.phantom import Acquisition, SagittalSlice, draw_acquisition, draw_subject, render_sagittal
from spondyl.phantom.others import draw_other
from spondyl.tasks.mri_discs import MriDiscs
from spondyl.tasks.mri_discs.answers import GRADE
from spondyl.tasks.port import process_study
from tasks.spines import image, study

SHELF = Shelf()
BARE = {"geometry": None, "view": "unknown", "sequence": "unknown", "spacing_mm": None, "spacing_source": None}
REFUSED_KINDS = ("axial_mr", "coronal_mr", "xray_ap", "xray_lateral", "chest", "brain_sagittal", "face", "landscape", "page", "knee")


@cache
def phantom(index: int, sequence: str = "t2") -> tuple[SagittalSlice, Acquisition]:
    """A whole lumbar field of a fresh subject; the same subject and field in every sequence."""
    rng = np.random.default_rng(np.random.SeedSequence(entropy=909, spawn_key=(index,)))
    spec = draw_subject(rng)
    state = rng.bit_generator.state
    fields = {}
    for name in ("t2", "t1"):
        rng.bit_generator.state = state
        fields[name] = draw_acquisition(rng, name, "none")
    return render_sagittal(spec, fields[sequence]), fields[sequence]


def tagged(index: int, sequence: str = "t2") -> Image:
    slice_, _ = phantom(index, sequence)
    return image(slice_.pixels, id=pixel_hash(slice_.pixels), sequence=sequence, spacing_mm=slice_.spacing_mm)


def answered(*images: Image, modality: str = "MR") -> TaskOutput:
    return process_study(study(*images, modality=modality), MriDiscs(), SHELF)


def plain(pixels: np.ndarray) -> StudyResult:
    """What is said of a picture that comes with no word about itself."""
    return answered(image(pixels, **BARE), modality="").result


def middles(result: StudyResult) -> np.ndarray:
    """Middle of each disc's box, (n, 2)."""
    boxes = np.array([f.box for f in result.findings if f.finding == GRADE])
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2)


@cache
def told() -> tuple[TaskOutput, ...]:
    """T2 slices with their tags, T2 alone."""
    return tuple(answered(tagged(index)) for index in range(8))


def test_t2_slices_of_the_digital_spine_are_accepted_and_their_discs_found():
    found = []
    for index, output in enumerate(told()):
        assert output.result.status == "done", output.result.refusal
        slice_, _ = phantom(index)
        seen = middles(output.result)
        for disc in slice_.truth.discs:
            apart = np.hypot(*(seen - np.array(disc.centre) - 0.5).T).min() * slice_.spacing_mm[0]
            found.append(apart < 5)
    assert len(found) > 40
    assert np.mean(found) >= 0.9


def test_boxes_lie_inside_the_image_and_discs_are_counted_from_the_bottom():
    for output in told():
        note = output.result.images[0]
        for finding in output.result.findings:
            x0, y0, x1, y1 = finding.box or (0, 0, 0, 0)
            assert 0 <= x0 < x1 <= note.columns
            assert 0 <= y0 < y1 <= note.rows
            assert finding.value in finding.set
        heights = middles(output.result)[:, 1]
        assert (np.diff(heights) < 0).all()


def test_grades_say_something_about_the_spines_they_were_not_trained_on():
    """Not a figure of merit: a drawn spine is no patient, but bright discs must not be graded like black ones."""
    pairs = []
    for index, output in enumerate(told()):
        seen = middles(output.result)
        grades = [f.value for f in output.result.findings if f.finding == GRADE]
        for disc in phantom(index)[0].truth.discs:
            apart = np.hypot(*(seen - np.array(disc.centre) - 0.5).T)
            pairs.append((disc.pfirrmann, grades[int(np.argmin(apart))]))
    truth, said = np.array(pairs, float).T
    assert np.corrcoef(truth, said)[0, 1] > 0.4


def pictures_to_refuse() -> Iterator[tuple[str, np.ndarray]]:
    for number, kind in enumerate(REFUSED_KINDS):
        for index in range(3):
            rng = np.random.default_rng(np.random.SeedSequence(entropy=910, spawn_key=(number, index)))
            yield kind, np.asarray(draw_other(rng, kind), np.float32)
    for index in range(5):
        pixels = phantom(index)[0].pixels
        yield "upside down", pixels[::-1]
        yield "on its side", pixels.T[:, ::-1]


def test_other_pictures_and_turned_slices_are_refused_with_a_reason():
    accepted, count = [], 0
    for kind, pixels in pictures_to_refuse():
        result = plain(np.ascontiguousarray(pixels))
        count += 1
        if result.status == "refused":
            assert result.refusal is not None
            assert result.refusal["hint"]
        else:
            accepted.append(kind)
    assert count == 40
    assert len(accepted) <= 2, accepted


def test_the_same_input_twice_is_the_same_bytes_timings_apart():
    first, again = told()[0].result, process_study(study(tagged(0)), MriDiscs(), Shelf()).result
    assert first.without_timings().to_json() == again.without_timings().to_json()


def test_t1_and_t2_are_judged_on_both_and_t1_alone_says_no_pfirrmann_grade():
    together = answered(tagged(0), tagged(0, "t1")).result
    assert [note.sequence for note in together.images] == ["t2", "t1"]
    codes = [notice.code for notice in together.warnings]
    assert "t1-not-matched" not in codes
    assert "not-said-on-t1" not in codes
    alone = answered(tagged(0, "t1")).result
    assert alone.status == "done"
    assert {f.value for f in alone.findings if f.finding == GRADE} == {None}
    assert "not-said-on-t1" in [notice.code for notice in alone.warnings]
    assert all(f.value is not None for f in alone.findings if f.finding != GRADE)


def read_file(reader: Reader, path: Path) -> StudyResult:
    report = reader.read([Source(path, path.name)])
    assert not report.skipped
    (one,) = report.studies
    return process_study(one, MriDiscs(), SHELF).result


def write_both(folder: Path, pixels: np.ndarray, scan: Acquisition) -> tuple[Path, Path]:
    """The same 8-bit values as a PNG and as a DICOM file."""
    levels = np.rint(pixels * 255).astype(np.uint8)
    Picture.fromarray(levels).save(folder / "slice.png")
    dataset = slice_dataset(pixels, scan, Place("test", 1, 1, (0.0, -80.0, 120.0)))
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.WindowCenter, dataset.WindowWidth = "128", "256"
    dataset.PixelData = levels.tobytes() + b"\0" * (levels.size % 2)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    (folder / "slice.dcm").write_bytes(buffer.getvalue())
    return folder / "slice.dcm", folder / "slice.png"


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader(b"0123456789abcdef", workers=1) as one:
        yield one


def test_a_png_and_a_dicom_file_of_the_same_values_are_graded_alike(reader: Reader, tmp_path: Path):
    slice_, scan = phantom(1)
    dicom, picture = (read_file(reader, path) for path in write_both(tmp_path, slice_.pixels, scan))
    assert dicom.status == picture.status == "done"
    for first, second in zip(dicom.findings, picture.findings, strict=True):
        assert (second.finding, second.value, second.set) == (first.finding, first.value, first.set)
        assert second.probabilities == pytest.approx(dict(first.probabilities or {}), abs=1e-3)
        assert second.box == pytest.approx(first.box, abs=0.1)
    assert dicom.measurements
    assert not picture.measurements


@pytest.mark.parametrize("turn", ["mirrored", "upside_down", "transposed"])
def test_a_dicom_file_that_stores_the_slice_turned_is_graded_alike_and_boxed_where_the_discs_lie(
    reader: Reader, tmp_path: Path, turn: str
):
    slice_, scan = phantom(2)
    rows, columns = slice_.pixels.shape
    pixels, orientation, there = {
        "mirrored": (slice_.pixels[:, ::-1], (0.0, -1.0, 0.0, 0.0, 0.0, -1.0), lambda x, y: (columns - x, y)),
        "upside_down": (slice_.pixels[::-1], (0.0, 1.0, 0.0, 0.0, 0.0, 1.0), lambda x, y: (x, rows - y)),
        "transposed": (slice_.pixels.T, (0.0, 0.0, -1.0, 0.0, 1.0, 0.0), lambda x, y: (y, x)),
    }[turn]
    answers = []
    for stored, axes in ((slice_.pixels, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)), (pixels, orientation)):
        dataset = slice_dataset(np.ascontiguousarray(stored), scan, Place("turned", 1, 1, (0.0, -80.0, 120.0), axes))
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        (tmp_path / "slice.dcm").write_bytes(buffer.getvalue())
        answers.append(read_file(reader, tmp_path / "slice.dcm"))
    straight, turned = answers
    assert straight.status == turned.status == "done"
    for first, second in zip(straight.findings, turned.findings, strict=True):
        assert (second.finding, second.value, second.level) == (first.finding, first.value, first.level)
        x0, y0, x1, y1 = first.box or (0, 0, 0, 0)
        corners = np.array([there(x0, y0), there(x1, y1)])
        assert second.box == pytest.approx((*corners.min(0), *corners.max(0)), abs=0.1)


def test_a_field_cut_above_the_sacrum_is_not_named_as_if_it_stood_on_it():
    wrong = 0
    for index in range(6):
        rng = np.random.default_rng(np.random.SeedSequence(entropy=911, spawn_key=(index,)))
        spec = draw_subject(rng)
        slice_ = render_sagittal(spec, draw_acquisition(rng, "t2", "above_sacrum"))
        result = answered(image(slice_.pixels, id=pixel_hash(slice_.pixels), spacing_mm=slice_.spacing_mm)).result
        if result.status != "done":
            continue
        lowest = result.findings[0]
        assert sum(lowest.level_alternatives.values()) + (lowest.level_confidence or 0) * (lowest.level is not None) > 0.85
        wrong += lowest.level is not None and lowest.level != slice_.truth.discs[0].level
    assert wrong <= 1
