"""One study is one patient's, whatever the UIDs say."""

import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom.dicom_files import KEY, UID, dataset, plasma, read, written
from spondyl.core.identity import pseudonym
from spondyl.dicom import Reader, Source
from spondyl.dicom.patients import Patient, told_apart

TODAY = pseudonym(KEY, f"{UID}.1")
NOBODY = {"PatientID": None, "PatientBirthDate": None, "PatientName": None}
OTHER = {"PatientID": "ID-2", "PatientBirthDate": "19700101", "PatientName": "Other^One"}


def studies_of(reader: Reader, folder: Path, *tags: dict) -> tuple[list[list[int]], list[str], list[str]]:
    """(the files of each study, its key, codes of the remarks)."""
    folder.mkdir(exist_ok=True)
    report = read(reader, folder, *(written(dataset(plasma(seed=n), **one)) for n, one in enumerate(tags)))
    places = [[int(label.split()[1]) for label in report.sources[study.key]] for study in report.studies]
    return places, [study.key for study in report.studies], [row.code for row in report.skipped]


def test_two_patients_under_one_study_uid_are_two_studies(reader: Reader, tmp_path: Path) -> None:
    places, keys, remarks = studies_of(reader, tmp_path, {}, OTHER, {}, OTHER)
    assert places == [[0, 2], [1, 3]]
    assert remarks == ["two-patients"]
    assert len({*keys, TODAY}) == 3  # the key of the UID alone would name either of them


def test_the_keys_of_two_patients_do_not_depend_on_who_comes_first(reader: Reader, tmp_path: Path) -> None:
    _, keys, _ = studies_of(reader, tmp_path / "a", {}, OTHER)
    _, turned, _ = studies_of(reader, tmp_path / "b", OTHER, OTHER, {})
    assert keys == turned[::-1]


@pytest.mark.parametrize(
    "less",
    [
        NOBODY,
        {"PatientBirthDate": None},
        {"PatientID": None},
        {"PatientID": None, "PatientBirthDate": None},
        {"PatientID": "", "PatientName": None},
        {"PatientName": "Wunderlich"},
        {"PatientName": None, "PatientID": None, "PatientBirthDate": "1951.09.23"},
    ],
)
def test_a_file_that_says_less_belongs_to_the_only_patient_there_is(reader: Reader, tmp_path: Path, less: dict) -> None:
    assert studies_of(reader, tmp_path, less, {}, less) == ([[0, 1, 2]], [TODAY], [])


@pytest.mark.parametrize(
    "other",
    [
        {"PatientID": "ID-2"},
        {"PatientBirthDate": "19700101"},
        {"PatientID": None, "PatientName": "Other^One"},
        {"PatientID": None, "PatientBirthDate": "19700101"},
    ],
)
def test_one_contradiction_is_enough(reader: Reader, tmp_path: Path, other: dict) -> None:
    places, _, remarks = studies_of(reader, tmp_path, {}, other)
    assert (places, remarks) == ([[0], [1]], ["two-patients"])


def test_files_of_nobody_stay_by_themselves_among_several(reader: Reader, tmp_path: Path) -> None:
    places, keys, remarks = studies_of(reader, tmp_path, NOBODY, {}, OTHER, NOBODY)
    assert places == [[0, 3], [1], [2]]
    assert len(set(keys)) == 3
    assert remarks == ["two-patients"]


def test_files_without_any_patient_are_one_study_with_its_usual_key(reader: Reader, tmp_path: Path) -> None:
    assert studies_of(reader, tmp_path, NOBODY, NOBODY) == ([[0, 1]], [TODAY], [])


def test_the_same_image_of_two_patients_is_kept_for_both(reader: Reader, tmp_path: Path) -> None:
    made = dataset(plasma())
    files = [written(made)]
    made.PatientID, made.PatientBirthDate = "ID-2", "19700101"
    report = read(reader, tmp_path, *files, written(made))
    assert len(report.studies) == 2
    assert [row.code for row in report.skipped] == ["two-patients"]


def test_the_study_of_one_of_several_patients_is_found_again_from_its_own_files(reader: Reader, tmp_path: Path) -> None:
    _, (own, _), _ = studies_of(reader, tmp_path, {}, OTHER, {})
    paths = [tmp_path / "0000.image", tmp_path / "0002.image"]
    sources = [Source(path, path.name) for path in paths]
    assert [study.key for study in reader.read(sources).studies] == [TODAY]
    assert [study.key for study in reader.read(sources, known=[own]).studies] == [own]
    assert [study.key for study in reader.read(sources, known=[TODAY]).studies] == [TODAY]


words = st.sampled_from(["", "a", "b"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(Patient, words, words, words), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_who_belongs_together_does_not_depend_on_the_order_and_never_contradicts(said: list[Patient], dice: random.Random) -> None:
    belongs = told_apart(said)
    shuffled = said.copy()
    dice.shuffle(shuffled)
    assert told_apart(shuffled) == belongs
    assert all(belongs[head] == head for head in belongs.values())
    for one, other in itertools.combinations(said, 2):
        if one.identifier and other.identifier and one.identifier != other.identifier:
            assert belongs[one] != belongs[other]
