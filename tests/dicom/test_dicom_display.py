"""What a person sees: the display pipeline against its definition, pixel by pixel."""

import math
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom.dicom_files import code_of, compressed, dataset, plasma, read, written
from spondyl.dicom import Reader
from spondyl.dicom.pixels import Cells, Display, Window, apply_window, luminance, render

STORED = plasma()


def shown(reader: Reader, folder: Path, made: Dataset) -> np.ndarray:
    report = read(reader, folder, written(made))
    assert not report.skipped, report.skipped
    (image,) = report.studies[0].images
    return image.pixels


def window_by_definition(x: float, centre: float, width: float, function: str) -> float:
    """PS3.3 C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2 with ymin 0 and ymax 1, one value at a time."""
    if function == "SIGMOID":
        return 1 / (1 + math.exp(min(-4 * (x - centre) / width, 700)))
    if function == "LINEAR_EXACT":
        if x <= centre - width / 2:
            return 0.0
        return 1.0 if x > centre + width / 2 else (x - centre) / width + 0.5
    if x <= centre - 0.5 - (width - 1) / 2:
        return 0.0
    return 1.0 if x > centre - 0.5 + (width - 1) / 2 else (x - (centre - 0.5)) / (width - 1) + 0.5


FUNCTIONS = st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"])


@settings(max_examples=60)
@given(
    centre=st.floats(-3000, 3000),
    width=st.floats(1, 8000),
    function=FUNCTIONS,
    values=st.lists(st.floats(-5000, 5000), min_size=1, max_size=9),
)
def test_a_window_is_the_standards_formula(centre: float, width: float, function: str, values: list[float]) -> None:
    wanted = [window_by_definition(value, centre, width, function) for value in values]
    np.testing.assert_allclose(apply_window(np.array(values), Window(centre, width, function)), wanted, atol=1e-9)


@settings(max_examples=40)
@given(centre=st.floats(-3000, 3000), width=st.floats(0.01, 8000), function=FUNCTIONS, invert=st.booleans())
def test_a_window_never_leaves_the_range_and_never_turns_back(centre: float, width: float, function: str, invert: bool) -> None:
    grey = Display(voi=Window(centre, width, function), invert=invert)(np.arange(-4000.0, 4000.0, 7))
    assert grey.min() >= 0
    assert grey.max() <= 1
    assert (np.diff(grey) * (-1 if invert else 1) >= 0).all()


@settings(max_examples=40)
@given(bits=st.integers(2, 16), padding=st.integers(0, 4), signed=st.booleans(), seed=st.integers(0, 99), size=st.sampled_from([3, 300]))
def test_cells_are_read_bit_by_bit(bits: int, padding: int, signed: bool, seed: int, size: int) -> None:
    padding = min(padding, 16 - bits)
    cells = np.random.default_rng(seed).integers(0, 2**16, (size, size), dtype=np.uint16)
    layout = Cells(bits, padding, signed)

    def by_definition(cell: int) -> int:
        value = (cell >> padding) & (2**bits - 1)
        return value - 2**bits if signed and value >= 2 ** (bits - 1) else value

    low, high = layout.span
    wanted = [(by_definition(int(cell)) - low) / (high - low) for cell in cells[0]]
    np.testing.assert_allclose(render(cells, layout, Display(low=low, high=high))[0], wanted, atol=1e-6)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_rescale_then_window_then_inversion(reader: Reader, tmp_path: Path, function: str, photometric: str) -> None:
    made = dataset(STORED, PhotometricInterpretation=photometric, RescaleSlope=2, RescaleIntercept=-1024)
    made.WindowCenter, made.WindowWidth, made.VOILUTFunction = [1000, 10], [1500, 20], function
    pixels = shown(reader, tmp_path, made)
    for (row, column), stored in np.ndenumerate(STORED):
        wanted = window_by_definition(2.0 * stored - 1024, 1000, 1500, function)
        assert pixels[row, column] == pytest.approx(1 - wanted if photometric == "MONOCHROME1" else wanted, abs=1e-6)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"WindowCenter": 40, "WindowWidth": 0},
        {"WindowCenter": "", "WindowWidth": ""},
        {"WindowCenter": 40},
        {"WindowWidth": -3, "WindowCenter": 1},
    ],
)
def test_without_a_usable_window_the_range_is_that_of_the_stored_bits(reader: Reader, tmp_path: Path, tags: dict) -> None:
    pixels = shown(reader, tmp_path, dataset(STORED // 4, **tags))  # never stretched to its own maximum
    np.testing.assert_allclose(pixels, (STORED // 4) / 4095, atol=1e-6)


def test_without_a_window_monochrome1_is_inverted_by_the_stored_bits(reader: Reader, tmp_path: Path) -> None:
    pixels = shown(reader, tmp_path, dataset(STORED // 4, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_allclose(pixels, 1 - (STORED // 4) / 4095, atol=1e-6)


def test_a_negative_slope_turns_the_picture(reader: Reader, tmp_path: Path) -> None:
    pixels = shown(reader, tmp_path, dataset(STORED, RescaleSlope=-1, RescaleIntercept=4095))
    np.testing.assert_allclose(pixels, 1 - STORED / 4095, atol=1e-6)


def test_signed_pixels_span_their_own_range(reader: Reader, tmp_path: Path) -> None:
    signed = (STORED.astype(np.int32) - 2048).astype(np.int16)
    np.testing.assert_allclose(shown(reader, tmp_path, dataset(signed)), (signed + 2048.0) / 4095, atol=1e-6)


def test_padded_high_bits_are_cut_and_shifted_away(reader: Reader, tmp_path: Path) -> None:
    made = dataset((STORED << 4) | 0b1010, HighBit=15)
    np.testing.assert_allclose(shown(reader, tmp_path, made), STORED / 4095, atol=1e-6)
    overlaid = dataset(STORED | 0x8000)
    np.testing.assert_allclose(shown(reader, tmp_path, overlaid), STORED / 4095, atol=1e-6)


@pytest.mark.parametrize("allocated", [8, 32])
def test_other_cells_are_read(reader: Reader, tmp_path: Path, allocated: int) -> None:
    bits = 8 if allocated == 8 else 20
    stored = np.random.default_rng(0).integers(0, 2**bits, (9, 8)).astype(f"u{allocated // 8}")
    np.testing.assert_allclose(shown(reader, tmp_path, dataset(stored, bits=bits)), stored / (2**bits - 1), atol=1e-6)


def test_single_bits_are_black_and_white(reader: Reader, tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (9, 8)).astype(np.uint8)
    made = dataset(bits, bits=1, BitsAllocated=1, PixelData=np.packbits(bits, bitorder="little").tobytes() + b"\0")
    np.testing.assert_array_equal(shown(reader, tmp_path, made), bits)


def test_floating_point_pixels_need_a_window(reader: Reader, tmp_path: Path) -> None:
    values = np.linspace(-1, 2, 12, dtype=np.float32).reshape(3, 4)
    made = dataset(values, BitsAllocated=32, PixelData=None, BitsStored=None, HighBit=None, PixelRepresentation=None)
    made.FloatPixelData = values.tobytes()
    assert code_of(read(reader, tmp_path, written(made))) == "no-display-range"
    made.WindowCenter, made.WindowWidth, made.VOILUTFunction = 0.5, 1, "LINEAR_EXACT"
    np.testing.assert_allclose(shown(reader, tmp_path, made), np.clip(values, 0, 1), atol=1e-6)


def lut(first: int, values: list[int], bits: int, signed: bool = False) -> Sequence:
    item = Dataset()
    item.add_new(0x00283002, "SS" if signed else "US", [len(values), first, bits])
    item.add_new(0x00283006, "US", values)
    return Sequence([item])


@pytest.mark.parametrize("first", [0, 100])
def test_a_voi_table_goes_before_a_window(reader: Reader, tmp_path: Path, first: int) -> None:
    values = [int(1000 * math.sqrt(index)) for index in range(1000)]
    made = dataset(STORED, VOILUTSequence=lut(first, values, 16), WindowCenter=1, WindowWidth=2)
    wanted = [[values[min(max(int(s) - first, 0), 999)] / 65535 for s in row] for row in STORED]
    np.testing.assert_allclose(shown(reader, tmp_path, made), wanted, atol=1e-6)


def test_a_voi_table_of_signed_values_starts_below_zero(reader: Reader, tmp_path: Path) -> None:
    signed = (STORED.astype(np.int32) - 2048).astype(np.int16)
    made = dataset(signed, VOILUTSequence=lut(-2048, [index // 16 for index in range(4096)], 8, signed=True))
    np.testing.assert_allclose(shown(reader, tmp_path, made), (STORED // 16) / 255, atol=1e-6)


def test_a_modality_table_replaces_the_rescale(reader: Reader, tmp_path: Path) -> None:
    made = dataset(STORED, ModalityLUTSequence=lut(0, [4095 - index for index in range(4096)], 12))
    np.testing.assert_allclose(shown(reader, tmp_path, made), 1 - STORED / 4095, atol=1e-6)


RGB = np.stack([plasma(16, 16, 8, seed) for seed in range(3)], axis=-1).astype(np.uint8)
LUMINANCE = RGB @ [0.299, 0.587, 0.114] / 255


def coloured(photometric: str, samples: np.ndarray, **tags) -> Dataset:
    return dataset(samples, bits=8, SamplesPerPixel=3, PhotometricInterpretation=photometric, **{"PlanarConfiguration": 0} | tags)


@pytest.mark.parametrize("planar", [0, 1])
def test_rgb_becomes_luminance(reader: Reader, tmp_path: Path, planar: int) -> None:
    samples = np.ascontiguousarray(RGB.transpose(2, 0, 1)) if planar else RGB
    made = coloured("RGB", RGB, PlanarConfiguration=planar, PixelData=samples.tobytes())
    report = read(reader, tmp_path, written(made))
    (image,) = report.studies[0].images
    assert image.colour
    np.testing.assert_allclose(image.pixels, LUMINANCE, atol=1e-6)


def test_the_y_of_ybr_is_the_answer(reader: Reader, tmp_path: Path) -> None:
    np.testing.assert_allclose(shown(reader, tmp_path, coloured("YBR_FULL", RGB)), RGB[..., 0] / 255, atol=1e-6)
    halved = RGB.reshape(16, 8, 6)[..., [0, 3, 1, 2]]
    made = coloured("YBR_FULL_422", RGB, PixelData=halved.tobytes())
    np.testing.assert_allclose(shown(reader, tmp_path, made), RGB[..., 0] / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("photometric", "syntax", "encode"),
    [
        ("YBR_FULL_422", "1.2.840.10008.1.2.4.50", lambda a: imagecodecs.jpeg8_encode(a, level=98)),
        ("RGB", "1.2.840.10008.1.2.4.50", lambda a: imagecodecs.jpeg8_encode(a, level=98, colorspace="RGB", outcolorspace="RGB")),
        (
            "YBR_RCT",
            "1.2.840.10008.1.2.4.90",
            lambda a: imagecodecs.jpeg2k_encode(a, reversible=True, level=0, codecformat="j2k", resolutions=2),
        ),
        ("RGB", "1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode),
        (
            "RGB",
            "1.2.840.10008.1.2.4.90",
            lambda a: imagecodecs.jpeg2k_encode(a, mct=False, reversible=True, level=0, codecformat="j2k", resolutions=2),
        ),
        ("YBR_RCT", "1.2.840.10008.1.2.4.201", imagecodecs.htj2k_encode),
    ],
)
def test_compressed_colour_becomes_luminance(reader: Reader, tmp_path: Path, photometric: str, syntax: str, encode) -> None:
    made = compressed(coloured(photometric, RGB), syntax, [encode(RGB)])
    np.testing.assert_allclose(shown(reader, tmp_path, made), LUMINANCE, atol=0.04 if syntax.endswith(".50") else 1e-6)


def test_a_palette_becomes_luminance(reader: Reader, tmp_path: Path) -> None:
    made = dataset(RGB[..., 0], bits=8, PhotometricInterpretation="PALETTE COLOR")
    colours = np.random.default_rng(0).integers(0, 65536, (3, 256)).astype(np.uint16)
    for name, colour in zip(("Red", "Green", "Blue"), colours, strict=True):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"{name}PaletteColorLookupTableData", colour.tobytes())
    wanted = colours[:, RGB[..., 0]].transpose(1, 2, 0) @ [0.299, 0.587, 0.114] / 65535
    np.testing.assert_allclose(shown(reader, tmp_path, made), wanted, atol=1e-5)


def test_a_coloured_marker_on_a_grey_film_does_not_make_it_a_picture_in_colour():
    samples = np.repeat(np.linspace(0, 255, 200 * 100).reshape(200, 100, 1).astype(np.uint8), 3, axis=2)
    for side, colour in ((3, False), (60, True)):
        samples[:side, :side] = (255, 0, 0)
        assert luminance(samples, 255.0)[1] == colour
