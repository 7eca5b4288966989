"""Which study, series, view and sequence an image belongs to, and in which order."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom.dicom_files import KEY, PNG, UID, dataset, plasma, read, written
from spondyl.core.identity import content_hash, pixel_hash, pseudonym
from spondyl.dicom import Reader

SAGITTAL, CORONAL, AXIAL = [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1], [1, 0, 0, 0, 1, 0]


def tilted(degrees: float) -> list[float]:
    """An axial slice angled towards the coronal plane, as for the lowest disc."""
    angle = np.radians(degrees)
    return [1, 0, 0, 0, round(float(np.cos(angle)), 6), round(float(np.sin(angle)), 6)]


def only(reader: Reader, folder: Path, **tags):
    report = read(reader, folder, written(dataset(plasma(), **tags)))
    assert not report.skipped, report.skipped
    return report.studies[0].images[0]


@pytest.mark.parametrize(
    ("orientation", "view"),
    [
        (SAGITTAL, "sagittal"),
        (CORONAL, "coronal"),
        (AXIAL, "axial"),
        (tilted(38), "axial"),
        (tilted(45), "unknown"),
        (tilted(80), "coronal"),
    ],
)
def test_the_view_comes_from_the_orientation(reader: Reader, tmp_path: Path, orientation: list[float], view: str) -> None:
    assert only(reader, tmp_path, ImageOrientationPatient=orientation, ImagePositionPatient=[0, 0, 0]).view == view


@pytest.mark.parametrize("orientation", [[0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 9, 0, 0, 0, -9], "0\\1\\0\\0\\x\\-1"])
def test_an_orientation_that_makes_no_sense_is_no_orientation(reader: Reader, tmp_path: Path, orientation) -> None:
    made = dataset(plasma(), ImagePositionPatient=[0, 0, 0])
    if isinstance(orientation, str):
        text = orientation.encode()
        made.add_new(0x00200037, "UT", text.decode())
    else:
        made.ImageOrientationPatient = orientation
    image = read(reader, tmp_path, written(made)).studies[0].images[0]
    assert image.view == "unknown"
    assert image.geometry is None


@pytest.mark.parametrize(
    ("tags", "view"),
    [
        ({"ViewPosition": "AP"}, "ap"),
        ({"ViewPosition": "LL"}, "lateral"),
        ({"PatientOrientation": ["A", "F"]}, "lateral"),
        ({"PatientOrientation": ["L", "F"]}, "ap"),
        ({"ViewPosition": "??"}, "unknown"),
    ],
)
def test_the_view_of_a_film_comes_from_its_position(reader: Reader, tmp_path: Path, tags: dict, view: str) -> None:
    assert only(reader, tmp_path, Modality="DX", **tags).view == view


@pytest.mark.parametrize("modality", ["CR", "DX", "DR", "RG", "RF", "XA"])
@pytest.mark.parametrize(("row", "edge"), [("L", "right"), ("R", "left")])
def test_a_frontal_film_says_at_which_edge_the_patients_left_is(reader: Reader, tmp_path: Path, modality: str, row: str, edge: str) -> None:
    assert only(reader, tmp_path, Modality=modality, PatientOrientation=[row, "F"]).left_at == edge
    image = only(reader, tmp_path, Modality=modality, PatientOrientation=[row, "F"], ViewPosition="PA")
    assert (image.left_at, image.view) == (edge, "ap")


@pytest.mark.parametrize(
    ("orientation", "edge"), [(["LA", "FP"], "right"), (["RPF", "FRA"], "left"), (["R", "H"], "left"), (["L ", " F"], "right")]
)
def test_a_slanted_or_turned_film_says_it_too(reader: Reader, tmp_path: Path, orientation: list[str], edge: str) -> None:
    assert only(reader, tmp_path, Modality="DX", ViewPosition="AP", PatientOrientation=orientation).left_at == edge


@pytest.mark.parametrize("orientation", [
    None, "", "L", ["L", ""], ["", "F"], ["A", "F"], ["F", "L"], ["L", "R"], ["LR", "F"], ["LL", "F"], ["L", "FH"], ["LAP", "F"],
    ["LEFT", "F"], ["LE", "CD"], ["L", "PR"], ["L", "F", "A"], ["L", "F", ""], ["l", "f"], ["L", "FOOT"], ["XL", "F"], ["?", "F"],
    "L/F", "LF", "left",
])
def test_an_orientation_that_is_absent_or_wild_says_nothing_of_the_left(reader: Reader, tmp_path: Path, orientation: object) -> None:
    image = only(reader, tmp_path, Modality="DX", ViewPosition="AP", PatientOrientation=orientation)
    assert (image.left_at, image.view) == (None, "ap")


@pytest.mark.parametrize("tags", [
    {"Modality": "DX", "ViewPosition": "LL"}, {"Modality": "DX", "ViewPosition": "LATERAL"}, {"Modality": "MR"}, {"Modality": "CT"},
    {"Modality": "MR", "ImageOrientationPatient": CORONAL, "ImagePositionPatient": [0, 0, 0]}, {"Modality": "MR", "ViewPosition": "AP"},
])
def test_only_a_frontal_film_has_the_patients_left_at_an_edge(reader: Reader, tmp_path: Path, tags: dict) -> None:
    assert only(reader, tmp_path, **tags, PatientOrientation=["L", "F"]).left_at is None


def test_each_frame_of_a_file_has_it_and_a_picture_has_none(reader: Reader, tmp_path: Path) -> None:
    made = dataset(np.stack([plasma(seed=1), plasma(seed=2)]), Modality="XA", PatientOrientation=["R", "F"], NumberOfFrames=2)
    made.Rows, made.Columns = plasma().shape
    report = read(reader, tmp_path, written(made), PNG(plasma().astype(np.uint16)))
    assert not report.skipped, report.skipped
    assert sorted((image.left_at or "") for study in report.studies for image in study.images) == ["", "left", "left"]


@pytest.mark.parametrize(
    ("tags", "sequence"),
    [
        ({"SeriesDescription": "T1_TSE_SAG"}, "t1"),
        ({"SeriesDescription": "t2_tse_sag_320"}, "t2"),
        ({"SeriesDescription": "Sag T2 FSE"}, "t2"),
        ({"SeriesDescription": "t2_tirm_sag"}, "stir"),
        ({"SeriesDescription": "SAG STIR"}, "stir"),
        ({"SeriesDescription": "t2_space_sag_p2_iso"}, "t2_space"),
        ({"SeriesDescription": "SAG T2 CUBE"}, "t2_space"),
        ({"SeriesDescription": "t1_space_sag"}, "t1"),
        ({"SeriesDescription": "T2W_TSE", "ImageOrientationPatient": AXIAL}, "axial_t2"),
        ({"SeriesDescription": "T1W_TSE", "ImageOrientationPatient": AXIAL}, "t1"),
        ({"SeriesDescription": "Localizer T2"}, "other"),
        ({"SeriesDescription": "t2 medic"}, "other"),
        ({"SeriesDescription": "SCOUTS", "EchoTime": 102, "RepetitionTime": 3500}, "other"),
        ({"SeriesDescription": "ep2d_diff_b800_TRACEW"}, "other"),
        ({"SeriesDescription": "Diffusion sag"}, "other"),
        ({"ProtocolName": "sag", "SequenceName": "*ep_b400"}, "other"),
        ({"SeriesDescription": "dADC map"}, "other"),
        ({"SeriesDescription": "T2*_sag"}, "other"),
        ({"AcquisitionContrast": "T2_STAR"}, "other"),
        ({"SeriesDescription": "sag gre"}, "other"),
        ({"SeriesDescription": "sag t2", "ScanningSequence": "GR"}, "other"),
        ({"SeriesDescription": "t2_haste_sag"}, "other"),
        ({"SeriesDescription": "SSFSE myelogram"}, "other"),
        ({"SeriesDescription": "t2 flair"}, "other"),
        ({"SeriesDescription": "PD TSE", "EchoTime": 102, "RepetitionTime": 3500}, "other"),
        ({"SeriesDescription": "PD/T2 FSE"}, "t2"),
        ({"SeriesDescription": "t2", "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "other"),
        ({"SeriesDescription": "sag", "ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}, "other"),
        ({"SeriesDescription": "t1 vibe fl3d"}, "t1"),
        ({"SeriesDescription": "sag t1 flair"}, "t1"),
        ({"SeriesDescription": "Lumbar spine sag", "ProtocolName": "location L-spine"}, "unknown"),
        ({"ProtocolName": "wervelkolom", "EchoTime": 10, "RepetitionTime": 600}, "t1"),
        ({"EchoTime": 102, "RepetitionTime": 3500}, "t2"),
        ({"EchoTime": 60, "RepetitionTime": 4000, "InversionTime": 160, "ScanningSequence": ["IR", "SE"]}, "stir"),
        ({"EchoTime": 30, "RepetitionTime": 3000}, "unknown"),
        ({"EchoTime": 5, "RepetitionTime": 20, "ScanningSequence": "GR"}, "unknown"),
        ({"SeriesDescription": "t2", "Modality": "CT"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_the_sequence_comes_from_names_then_from_timing(reader: Reader, tmp_path: Path, tags: dict, sequence: str) -> None:
    assert only(reader, tmp_path, **{"ImageOrientationPatient": SAGITTAL} | tags).sequence == sequence


@pytest.mark.parametrize(("tags", "given"), [
    ({"SeriesDescription": "SAG T1"}, False),
    ({"SeriesDescription": "SAG T1", "ContrastBolusAgent": "Gadovist"}, True),
    ({"SeriesDescription": "SAG T1", "ContrastBolusAgent": "NONE"}, False),
    ({"SeriesDescription": "T1 sag post contrast"}, True),
    ({"SeriesDescription": "T1 FS +C SAG"}, True),
    ({"SeriesDescription": "t1_tse_sag_gd"}, True),
    ({"SeriesDescription": "SAG T1 PRE CONTRAST"}, False),
    ({"SeriesDescription": "SAG T1 W/O CONTRAST"}, False),
    ({"SeriesDescription": "SAG T2 CERVICAL"}, False),
])
def test_contrast_agent_is_told_by_its_tag_or_by_names(reader: Reader, tmp_path: Path, tags: dict, given: bool) -> None:
    assert only(reader, tmp_path, **{"ImageOrientationPatient": SAGITTAL, "Modality": "MR"} | tags).enhanced is given


@pytest.mark.parametrize(
    ("tags", "spacing", "source"),
    [
        ({"PixelSpacing": [0.5, 0.75]}, (0.5, 0.75), "PixelSpacing"),
        ({"ImagerPixelSpacing": [0.14, 0.14]}, (0.14, 0.14), "ImagerPixelSpacing"),
        ({"ImagerPixelSpacing": [0.14, 0.14], "PixelSpacing": [0.1, 0.1]}, (0.1, 0.1), "PixelSpacing"),
        ({"Modality": "DX", "PixelSpacing": [0.14, 0.14]}, (0.14, 0.14), "ImagerPixelSpacing"),
        ({"Modality": "CR", "PixelSpacing": [0.14, 0.14], "ImagerPixelSpacing": [0.14, 0.14]}, (0.14, 0.14), "ImagerPixelSpacing"),
        ({"Modality": "DX", "PixelSpacing": [0.14, 0.14], "PixelSpacingCalibrationType": "FIDUCIAL"}, (0.14, 0.14), "PixelSpacing"),
        ({"Modality": "DX", "PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.14, 0.14]}, (0.1, 0.1), "PixelSpacing"),
        ({"PixelSpacing": [0, 0]}, None, None),
        ({"PixelSpacing": None}, None, None),
        ({"PixelSpacing": [0.5]}, None, None),
    ],
)
def test_spacing_comes_with_its_source(reader: Reader, tmp_path: Path, tags: dict, spacing, source) -> None:
    made = dataset(plasma())
    for keyword, value in tags.items():
        if value is not None:
            setattr(made, keyword, value)
    image = read(reader, tmp_path, written(made)).studies[0].images[0]
    assert (image.spacing_mm, image.spacing_source) == (spacing, source)


def slice_at(offset: float, number: int, **tags) -> Dataset:
    place = {"ImageOrientationPatient": SAGITTAL, "ImagePositionPatient": [offset, 0, 0], "InstanceNumber": number}
    return dataset(plasma(seed=int(offset * 10) % 97), **place | tags)


def test_slices_are_ordered_by_geometry_not_by_name_or_number(reader: Reader, tmp_path: Path) -> None:
    offsets = [3.5, -10.0, 0.0, 7.0, -3.5]
    report = read(reader, tmp_path, *(written(slice_at(offset, number)) for number, offset in enumerate(offsets)))
    ((series,),) = (study.series for study in report.studies)
    along = [image.geometry.offset_mm for image in series.images]
    assert along == sorted(along)
    assert len(along) == 5
    assert [image.geometry.position[0] for image in series.images] in (sorted(offsets), sorted(offsets, reverse=True))


def test_files_are_grouped_by_study_and_series(reader: Reader, tmp_path: Path) -> None:
    made = [
        dataset(plasma(seed=index), StudyInstanceUID=f"{UID}.{study}", SeriesInstanceUID=f"{UID}.{study}.{series}")
        for index, (study, series) in enumerate([(1, 1), (2, 1), (1, 2), (1, 1)])
    ]
    report = read(reader, tmp_path, *map(written, made))
    assert [sorted(len(series.images) for series in study.series) for study in report.studies] == [[1, 2], [1]]
    assert [study.key for study in report.studies] == [pseudonym(KEY, f"{UID}.1"), pseudonym(KEY, f"{UID}.2")]
    assert list(report.sources.values()) == [("case 0", "case 2", "case 3"), ("case 1",)]
    assert report.studies[0].modality == "MR"


def test_a_file_without_uids_is_a_study_named_by_its_content(reader: Reader, tmp_path: Path) -> None:
    made = dataset(plasma(), StudyInstanceUID=None, SeriesInstanceUID=None)
    data = written(made)
    (study,) = read(reader, tmp_path, data).studies
    assert study.key == pseudonym(KEY, content_hash(data))
    assert study.sources == (content_hash(data),)


@pytest.mark.parametrize("preamble", [b"MZ" + bytes(126), b"II*\0" + b"x" * 124, bytes(128)])
def test_the_preamble_does_not_change_the_key_of_a_file_without_uids(reader: Reader, tmp_path: Path, preamble: bytes) -> None:
    data = written(dataset(plasma(), StudyInstanceUID=None, SeriesInstanceUID=None))
    (study,) = read(reader, tmp_path, preamble + data[128:]).studies
    assert study.key == pseudonym(KEY, content_hash(data))
    assert study.sources == (content_hash(data),)


def test_uids_need_not_be_legal(reader: Reader, tmp_path: Path) -> None:
    made = dataset(plasma())
    data = written(made).replace(UID.encode() + b".1", b"f" * len(UID) + b"zz")
    (study,) = read(reader, tmp_path, data).studies
    assert study.key == pseudonym(KEY, "f" * len(UID) + "zz")


def test_each_picture_is_its_own_study_unless_they_are_paired(reader: Reader, tmp_path: Path) -> None:
    files = [PNG(plasma(seed=seed)) for seed in range(3)]
    apart = read(reader, tmp_path, *files)
    assert [study.key for study in apart.studies] == [pseudonym(KEY, content_hash(data)) for data in files]
    (paired,) = read(reader, tmp_path, *files, pair=True).studies
    (again,) = read(reader, tmp_path, *reversed(files), pair=True).studies
    assert [len(series.images) for series in paired.series] == [1, 1, 1]
    assert paired.key == again.key
    assert paired.key not in {study.key for study in apart.studies}
    assert paired.modality == ""


def test_one_picture_has_the_same_key_paired_or_not(reader: Reader, tmp_path: Path) -> None:
    data = PNG(plasma())
    assert read(reader, tmp_path, data, pair=True).studies[0].key == read(reader, tmp_path, data).studies[0].key


def test_the_same_image_twice_appears_once(reader: Reader, tmp_path: Path) -> None:
    made = dataset(plasma())
    first = written(made)
    made.SeriesNumber = 7  # other bytes, same instance, same pixels
    picture = PNG(plasma(seed=1))
    report = read(reader, tmp_path, first, first, written(made), picture, picture)
    assert [len(study.images) for study in report.studies] == [1, 1]
    assert [row.code for row in report.skipped] == ["duplicate"] * 3
    assert report.skipped[-1].source == "case 4"
    used = {label for labels in report.sources.values() for label in labels}
    assert used | {row.source for row in report.skipped} == {f"case {index}" for index in range(5)}


def test_the_same_uid_with_other_pixels_is_kept_and_reported(reader: Reader, tmp_path: Path) -> None:
    one, other = dataset(plasma(seed=0)), dataset(plasma(seed=1))
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    report = read(reader, tmp_path, written(one), written(other))
    assert len(report.studies[0].images) == 2
    assert [(row.source, row.code) for row in report.skipped] == [("case 1", "uid-conflict")]


def test_an_image_is_named_by_its_pixels(reader: Reader, tmp_path: Path) -> None:
    image = only(reader, tmp_path)
    assert image.id == pixel_hash(image.pixels)


@pytest.mark.parametrize(
    ("tags", "sex", "age"),
    [
        ({"PatientSex": "F", "PatientAge": "045Y"}, "F", 45),
        ({"PatientSex": "male", "PatientAge": "018M"}, None, 1.5),
        ({"StudyDate": "20210922"}, None, 69),
        ({"PatientAge": "099Y"}, None, 90),
        ({"PatientAge": "old", "PatientBirthDate": "garbage"}, None, None),
    ],
)
def test_sex_and_age_are_kept_and_the_birth_date_is_not(reader: Reader, tmp_path: Path, tags: dict, sex, age) -> None:
    (study,) = read(reader, tmp_path, written(dataset(plasma(), **tags))).studies
    assert (study.sex, study.age_years) == (sex, age)


def test_an_enhanced_file_gives_each_frame_its_own_place_window_and_rescale(reader: Reader, tmp_path: Path) -> None:
    frames = np.stack([plasma(seed=seed) for seed in range(3)])
    made = dataset(frames[0], NumberOfFrames="3", PixelData=frames.tobytes(), SeriesDescription="t2_sag")

    def group(**sequences: dict) -> Dataset:
        item = Dataset()
        for name, tags in sequences.items():
            inner = Dataset()
            for keyword, value in tags.items():
                setattr(inner, keyword, value)
            setattr(item, name, Sequence([inner]))
        return item

    made.SharedFunctionalGroupsSequence = Sequence(
        [group(PlaneOrientationSequence={"ImageOrientationPatient": SAGITTAL}, PixelMeasuresSequence={"PixelSpacing": [0.5, 0.6]})]
    )
    made.PerFrameFunctionalGroupsSequence = Sequence(
        [
            group(
                PlanePositionSequence={"ImagePositionPatient": [x, 1, 2]},
                FrameVOILUTSequence={"WindowCenter": 100 * x, "WindowWidth": 500},
                PixelValueTransformationSequence={"RescaleSlope": x, "RescaleIntercept": 5, "RescaleType": "US"},
            )
            for x in (9, 3, 6)
        ]
    )
    ((series,),) = (study.series for study in read(reader, tmp_path, written(made)).studies)
    places = [image.geometry.position[0] for image in series.images]
    assert places in ([3, 6, 9], [9, 6, 3])
    by_place = {9: 0, 3: 1, 6: 2}
    for image, x in zip(series.images, places, strict=True):
        wanted = np.clip((frames[by_place[x]] * x + 5.0 - (100 * x - 0.5)) / 499 + 0.5, 0, 1)
        np.testing.assert_allclose(image.pixels, wanted, atol=1e-5)
        assert (image.view, image.sequence, image.spacing_mm) == ("sagittal", "t2", (0.5, 0.6))


def test_frames_that_share_one_position_have_none(reader: Reader, tmp_path: Path) -> None:
    frames = np.stack([plasma(seed=seed) for seed in range(2)])
    made = dataset(
        frames[0], NumberOfFrames="2", PixelData=frames.tobytes(), ImageOrientationPatient=SAGITTAL, ImagePositionPatient=[0, 0, 0]
    )
    for image in read(reader, tmp_path, written(made)).studies[0].images:
        assert image.geometry is None
        assert image.view == "sagittal"


def test_slices_of_one_frame_of_reference_share_its_pseudonym(reader: Reader, tmp_path: Path) -> None:
    frames = (UID + ".7", UID + ".7", UID + ".8", None)
    made = [slice_at(float(at), at, FrameOfReferenceUID=frame, SeriesInstanceUID=f"{UID}.{at}") for at, frame in enumerate(frames)]
    (study,) = read(reader, tmp_path, *map(written, made)).studies
    found = {image.geometry.position[0]: image.geometry.frame for image in study.images}
    assert found[0.0] == found[1.0] != found[2.0]
    assert found[3.0] == ""
    assert found[0.0] == pseudonym(KEY, f"frame {UID}.7")
