"""A study is what its files hold: neither their order nor their names change it."""

import random
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from dicom.dicom_files import PNG, UID, dataset, plasma, read, written
from spondyl.core import Study
from spondyl.dicom import Reader

SAGITTAL, AXIAL = [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 1, 0]


def stack(seed: int, series: str, orientation: list[float], along: int, **tags) -> list[Dataset]:
    made = []
    for number in range(3):
        position = [0.0, 0.0, 0.0]
        position[along] = 4.0 * number
        place = {"ImageOrientationPatient": orientation, "ImagePositionPatient": position, "InstanceNumber": number + 1}
        made.append(dataset(plasma(seed=seed + number), SeriesInstanceUID=f"{UID}.{series}", **place | tags))
    return made


def mixed() -> list[bytes]:
    """Two stacks in one series, three series, slices without a place, frames, an instance that is there twice, and disagreeing tags."""
    loose = [dataset(plasma(seed=20 + n), SeriesInstanceUID=f"{UID}.9", InstanceNumber=number) for n, number in enumerate((2, 1, 1, 1))]
    frames = np.stack([plasma(seed=30 + n) for n in range(4)])
    film = dataset(frames[0], NumberOfFrames="4", PixelData=frames.tobytes(), SeriesInstanceUID=f"{UID}.9", InstanceNumber=1)
    made = [
        *stack(0, "7", SAGITTAL, 0, PatientSex="F", PatientAge="040Y", SeriesDescription="t2"),
        *stack(5, "7", AXIAL, 2, PatientSex="M", PatientAge="041Y", SeriesDescription="t2"),
        *stack(10, "8", SAGITTAL, 0, SeriesDescription="t1"),
        *loose,
        film,
    ]
    again = made[0]
    files = [written(one) for one in made]
    again.SeriesDescription = "t1"
    return [*files, written(again)]


def told(study: Study) -> object:
    rows = [
        (series.key, series.modality, [(image.id, image.view, image.sequence, image.geometry) for image in series.images])
        for series in study.series
    ]
    return study.key, study.sex, study.age_years, study.sources, rows


def test_neither_the_order_nor_the_names_of_the_files_change_a_study(reader: Reader, tmp_path: Path) -> None:
    files = mixed()
    answers = []
    for turn in range(5):
        folder = tmp_path / str(turn)
        folder.mkdir()
        (study,) = read(reader, folder, *files, name="z" * turn).studies
        answers.append(told(study))
        random.Random(turn).shuffle(files)
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0][4]) == 3


def test_pictures_of_a_pair_come_in_the_same_order_whichever_is_sent_first(reader: Reader, tmp_path: Path) -> None:
    files = [PNG(plasma(seed=seed)) for seed in range(4)]
    (study,) = read(reader, tmp_path, *files, pair=True).studies
    (turned,) = read(reader, tmp_path, *reversed(files), pair=True).studies
    assert told(study) == told(turned)


def test_frames_without_a_place_stay_in_the_order_of_their_file(reader: Reader, tmp_path: Path) -> None:
    frames = np.stack([plasma(seed=seed) for seed in range(8)])
    film = dataset(frames[0], NumberOfFrames="8", PixelData=frames.tobytes(), InstanceNumber=1)
    alone = read(reader, tmp_path, *(written(dataset(frame, StudyInstanceUID=f"{UID}.{n}")) for n, frame in enumerate(frames)))
    wanted = [study.images[0].id for study in alone.studies]
    others = [written(dataset(plasma(seed=50 + n), InstanceNumber=1)) for n in range(3)]
    (study,) = read(reader, tmp_path, others[0], written(film), *others[1:]).studies
    ids = [image.id for image in study.images]
    at = ids.index(wanted[0])
    assert ids[at : at + 8] == wanted
    assert len(ids) == 11


def test_slices_without_a_place_come_by_their_number(reader: Reader, tmp_path: Path) -> None:
    numbers = [5, 2, 9, 1]
    report = read(reader, tmp_path, *(written(dataset(plasma(seed=n), InstanceNumber=n, StudyInstanceUID=f"{UID}.{n}")) for n in numbers))
    by_number = {number: study.images[0].id for number, study in zip(numbers, report.studies, strict=True)}
    (study,) = read(reader, tmp_path, *(written(dataset(plasma(seed=n), InstanceNumber=n)) for n in numbers)).studies
    assert [image.id for image in study.images] == [by_number[n] for n in sorted(numbers)]
