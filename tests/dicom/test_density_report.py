"""What a scanner's report says of the spine's bone density comes with the study, and nothing else of it."""

from __future__ import annotations

import json
import random
import socket
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom.dicom_files import BIRTH, IDENT, NAME, SECRETS, UID, code_of, read, written
from dicom.sr_trees import BASIC, bmd, box, code, num, picture, report, text
from spondyl.core import DensitySaid
from spondyl.datasets.density_report import report_object, rows_object
from spondyl.datasets.dicom_film import density_object
from spondyl.datasets.dicom_objects import Owner, save
from spondyl.datasets.making.truths import DensityLabel
from spondyl.dicom import Reader, ReadReport, Source
from spondyl.dicom.by_study import by_study
from spondyl.dicom.density_rows import from_json
from spondyl.dicom.wire import Head, Line, receive_head, send_head

Row = tuple[str, float | None, float | None, float | None]
PICTURE = written(picture())


def rows_of(reader: Reader, folder: Path, *reports: Dataset) -> list[Row]:
    """The densities of a study of a picture and these reports."""
    (study,) = read(reader, folder, PICTURE, *map(written, reports)).studies
    return [(row.region, row.bmd_g_cm2, row.t_score, row.z_score) for row in study.densities]


def test_a_picture_and_its_report_are_one_study_with_the_numbers_of_the_report(reader: Reader, tmp_path: Path) -> None:
    owner = Owner("3/train/0", "F", 66.0)
    stored = np.random.default_rng(0).integers(0, 256, (30, 20)).astype(np.uint8)
    save(tmp_path / "dxa" / "1.dcm", density_object(stored, 0.8, owner, 1))
    label = DensityLabel("osteoporosis", 0.7321, -3.02, "L1+L3+L4")
    save(tmp_path / "sr" / "1.dcm", report_object(label, owner, 2, [DensitySaid("L2", 1.1, 0.4, 1.7, "")]))
    report = reader.read([Source(tmp_path, "exam")])
    (study,) = report.studies
    assert report.skipped == ()
    assert report.sources[study.key] == ("exam/dxa/1.dcm", "exam/sr/1.dcm")
    assert (len(study.series), len(study.sources), study.sex, study.modality) == (1, 2, "F", "BMD")
    assert study.densities == (
        DensitySaid("L1+L3+L4", 0.732, -3.02, None, "Enhanced SR"),
        DensitySaid("L2", 1.1, 0.4, 1.7, "Enhanced SR"),
    )


SPINE = [
    (box("AP Spine", box("L1-L4", bmd(0.912), num("T-score", -1.1), num("Z-score", -0.3))), [("L1-L4", 0.912, -1.1, -0.3)]),
    (box("Findings", bmd(0.912, "L1 - L4 BMD"), num("Young Adult T-Score L1–L4", -1.1)), [("L1-L4", 0.912, -1.1, None)]),
    (box("Measurement Group", code("Finding Site", "Lumbar spine"), bmd(0.9)), [("Lumbar spine", 0.9, None, None)]),
    (box("Measurement Group", bmd(0.9), code("Finding Site", "Lendenwirbel", "14293000", "SCT")), [("L2", 0.9, None, None)]),
    (
        box("AP Spine", text("Region", "L1"), bmd(0.8), text("Region", "Total"), bmd()),
        [("L1", 0.8, None, None), ("AP Spine", 0.9, None, None)],
    ),
    (box("Results", num("T-score", -2.0, "sd", code("Measurement site", "L3"))), [("L3", None, -2.0, None)]),
    (num("?", 0.9, "g", code=("24966-4", "LN")), [("Lumbar spine", 0.9, None, None)]),
    (num("?", -2.0, code=("104938-6", "LN")), [("Spine", None, -2.0, None)]),
    (box("Spine", text("Finding", "L1-L4 BMD: 0,812 g/cm², T-score: −2.4")), [("L1-L4", 0.812, -2.4, None)]),
    (box("Spine", text("T-score", "-2.4")), [("Spine", None, -2.4, None)]),
    (box("Spine", bmd(0.9), num("T-score", -9.0), num("Z-score", 1.0)), [("Spine", 0.9, None, 1.0)]),
    (box("L2", bmd(0.912), bmd(0.91)), [("L2", 0.912, None, None)]),
    (box("Results", code("Exam type", "DXA of spine and hip"), box("AP Spine", bmd()), box("Hip", bmd())), [("AP Spine", 0.9, None, None)]),
    (
        box("Results", code("Finding Site", "Spine"), bmd(), code("Oberschenkel", "Left Femur Neck"), num("T-score", -2.0)),
        [("Spine", 0.9, None, None)],
    ),
    (box("Results", code("Scan type", "Array"), box("AP Spine", bmd())), [("AP Spine", 0.9, None, None)]),
]


@pytest.mark.parametrize(("tree", "rows"), SPINE, ids=range(len(SPINE)))
def test_the_region_is_told_by_the_number_or_by_what_is_around_it(reader: Reader, tmp_path: Path, tree: Dataset, rows: list[Row]) -> None:
    assert rows_of(reader, tmp_path, report(tree)) == rows


ELSEWHERE = [
    *(box(name, bmd(), num("T-score", -2.0)) for name in ("Left Hip", "Femoral Neck", "Forearm", "Total Body", "Lateral Spine", "Phantom")),
    box("Spine and Hip", bmd()),
    box("Total Body", box("Spine", bmd()), box("L1-L4", bmd())),
    box("Measurement Group", code("Finding Site", "Femur"), bmd()),
    box("AP Spine", code("Region", "Oberschenkel"), bmd()),
    box("AP Spine", bmd(name="Neck BMD"), num("Hip-L T-score", -1.0), num("TBS T-score", -1.0)),
    box("AP Spine", box("Oberschenkel", bmd())),
    box("Spine & Oberschenkel", bmd()),
    box("AP Spine", code("Exam type", "DXA of spine and hip"), bmd()),
    box("AP Spine", num("T-score", -2.0, "sd", code("Finding Site", "Hip", "122496007", "SCT"))),
    box("AP Spine", bmd(), text("Region", "L1"), bmd(0.8), text("Region", "L2")),
    box("Previous results", box("AP Spine", bmd())),
    box("AP Spine", code("Temporal context", "Prior"), bmd()),
    box("AP Spine", bmd(name="BMD change"), bmd(name="Young adult BMD"), bmd(name="BMC")),
    box("AP Spine", bmd(0.912), bmd(0.880)),
    box("L1-L4 (L3)", bmd()),
    box("Spine", bmd(3.1), bmd(0.01), num("T-score", 8.5)),
    num("DXA Femur T-score", -2.0, code=("38267-1", "LN")),
    box("Results", bmd(), num("T-score", -2.0)),
    *(box("Spine", text("Finding", said)) for said in ("T-score - 2.4", "T-score below -2.5", "BMD 0.812", "T-score -2.4, hip -1.0")),
]


@pytest.mark.parametrize("tree", ELSEWHERE, ids=range(len(ELSEWHERE)))
def test_what_is_not_of_the_spine_or_can_be_misread_is_left_out(reader: Reader, tmp_path: Path, tree: Dataset) -> None:
    assert rows_of(reader, tmp_path, report(box("L4", bmd(1.0)), tree)) == [("L4", 1.0, None, None)]
    assert code_of(read(reader, tmp_path, written(report(tree)))) == "no-pixel-data"


@pytest.mark.parametrize(
    ("unit", "value", "taken"),
    [
        *(("g", 0.912, 0.912), ("mg", 912.0, 0.912), ("g/cm²", 0.912, 0.912)),
        *((unit, 0.912, None) for unit in ("%", "g/cm3", "mg", "")),
        *((unit, 912.0, None) for unit in ("mg/cm3", "g")),
    ],
)
def test_a_density_counts_in_its_units_only(reader: Reader, tmp_path: Path, unit: str, value: float, taken: float | None) -> None:
    tree = report(box("L1-L4", num("BMD", value, unit), num("T-score", -1.0), num("Z-score", -1.0, "%")))
    assert rows_of(reader, tmp_path, tree) == [("L1-L4", taken, -1.0, None)]


def test_a_number_without_a_unit_is_a_score_but_no_density(reader: Reader, tmp_path: Path) -> None:
    tree = box("L1-L4", bmd(), num("T-score", -1.0))
    for item in tree.ContentSequence:
        del item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence
    assert rows_of(reader, tmp_path, report(tree)) == [("L1-L4", None, -1.0, None)]


def test_other_kinds_of_reports_and_the_header_of_a_picture_are_read_alike(reader: Reader, tmp_path: Path) -> None:
    tree = box("L1-L4", bmd())
    for source, tags in (("Basic Text SR", {"SOPClassUID": BASIC}), ("SR", {"SOPClassUID": None}), ("Enhanced SR", {"Modality": "OT"})):
        (study,) = read(reader, tmp_path, PICTURE, written(report(tree, **tags))).studies
        assert study.densities == (DensitySaid("L1-L4", 0.9, None, None, source),)
    (study,) = read(reader, tmp_path, written(picture(ContentSequence=Sequence([bmd()]), BodyPartExamined="LSPINE"))).studies
    assert study.densities == (DensitySaid("Lumbar spine", 0.9, None, None, "image header"),)


def told(report: ReadReport) -> object:
    return [(study.key, study.densities, study.sources) for study in report.studies], {row.code for row in report.skipped}


def test_the_order_of_the_files_does_not_matter_and_a_report_that_is_there_twice_counts_once(reader: Reader, tmp_path: Path) -> None:
    one = report(box("L1-L4", bmd(0.912)), box("L1", bmd(0.8)))
    again = report(box("L1-L4", bmd(0.912), num("T-score", -1.0)), SOPClassUID=BASIC)
    files = [PICTURE, written(one), written(one), written(again)]
    answers = []
    for turn in range(4):
        answers.append(told(read(reader, tmp_path, *files)))
        random.Random(turn).shuffle(files)
    assert all(answer == answers[0] for answer in answers)
    ((_, densities, sources),), codes = answers[0]
    assert densities == (DensitySaid("L1-L4", 0.912, -1.0, None, "Enhanced SR"), DensitySaid("L1", 0.8, None, None, "Enhanced SR"))
    assert (len(sources), codes) == (3, {"duplicate"})


def test_reports_that_contradict_each_other_are_named_and_not_used_in_that(reader: Reader, tmp_path: Path) -> None:
    one, other = report(box("L1-L4", bmd(0.9), num("T-score", -1.0))), report(box("L1-L4", bmd(0.8), num("T-score", -1.0)))
    found = read(reader, tmp_path, written(one), PICTURE, written(other))
    assert [(row.source, row.code) for row in found.skipped] == [("case 2", "reports-differ")]
    assert found.studies[0].densities == (DensitySaid("L1-L4", None, -1.0, None, "Enhanced SR"),)
    one.SOPInstanceUID = other.SOPInstanceUID
    found = read(reader, tmp_path, written(one), PICTURE, written(other))
    assert {row.code for row in found.skipped} == {"uid-conflict", "reports-differ"}


def test_a_report_alone_is_no_study(reader: Reader, tmp_path: Path) -> None:
    alone = read(reader, tmp_path, written(report(box("L1-L4", bmd()))), pair=True)
    assert (code_of(alone), alone.sources) == ("report-without-image", {})
    nobody = report(box("L1-L4", bmd()), StudyInstanceUID=None, SeriesInstanceUID=None, Modality=None)
    found = read(reader, tmp_path, PICTURE, written(nobody), pair=True)
    assert [row.code for row in found.skipped] == ["report-without-image"]
    assert [study.densities for study in found.studies] == [()]


def test_the_report_of_another_patient_stays_with_that_patient(reader: Reader, tmp_path: Path) -> None:
    other = {"PatientID": "ID-2", "PatientBirthDate": "19700101", "PatientName": "Other^One"}
    found = read(reader, tmp_path, PICTURE, written(report(box("L1", bmd(0.5)), **other)), written(report(box("L1-L4", bmd()))))
    assert [row.code for row in found.skipped] == ["two-patients", "report-without-image"]
    assert [study.densities for study in found.studies] == [(DensitySaid("L1-L4", 0.9, None, None, "Enhanced SR"),)]
    found = read(reader, tmp_path, PICTURE, written(report(box("L1", bmd(0.5)), **other)), written(picture(1, **other)))
    assert [[row.region for row in study.densities] for study in found.studies] == [[], ["L1"]]


def test_archives_and_reading_by_study_keep_a_report_with_its_picture(reader: Reader, tmp_path: Path) -> None:
    said, elsewhere = written(report(box("L1-L4", bmd()))), written(picture(1, StudyInstanceUID=f"{UID}.77"))
    (tmp_path / "files").mkdir()
    with zipfile.ZipFile(tmp_path / "exam.zip", "w") as archive:
        for name, data in (("a", PICTURE), ("b", elsewhere), ("c", said)):
            archive.writestr(name, data)
            (tmp_path / "files" / name).write_bytes(data)
    zipped = reader.read([Source(tmp_path / "exam.zip", "exam.zip")])
    assert [len(study.densities) for study in zipped.studies] == [1, 0]
    groups = by_study([Source(tmp_path / "files", "files")])
    assert [[source.label for source in group] for group in groups] == [["files/a", "files/c"], ["files/b"]]


def test_nothing_of_the_patient_comes_through(reader: Reader, tmp_path: Path) -> None:
    worded = text("Region", f"L1 {IDENT}"), bmd(), num(f"T-score {BIRTH}", -1.0), text("Finding", f"T-score: -{BIRTH}")
    clean = text("Region", "L2"), bmd(), num("T-score", -1.23456789), text("Observer", NAME), num("Z-score", 1.0, "sd", code(NAME, IDENT))
    tree = box("AP Spine", box(f"Spine {NAME}", bmd()), *worded, *clean)
    found = read(reader, tmp_path, PICTURE, written(report(tree)))
    assert found.studies[0].densities == (DensitySaid("L2", 0.9, -1.2346, 1.0, "Enhanced SR"),)
    assert not any(secret.lower() in repr(found).lower() for secret in (*SECRETS, "23456789"))


def nested(depth: int) -> Dataset:
    item = bmd()
    for _ in range(depth):
        item = box("AP Spine", item)
    return item


def endless(depth: int) -> bytes:
    """A report whose content sequences of undefined length lie inside each other."""
    data = written(report(box("L1-L4", bmd())))
    start = data.index(struct.pack("<HH", 0x0040, 0xA730), 132)
    item = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    return data[:start] + item * depth + data[start:]


def test_a_tree_beyond_the_limits_is_not_used_and_takes_nothing_with_it(reader: Reader, tmp_path: Path) -> None:
    assert rows_of(reader, tmp_path, report(nested(5))) == [("AP Spine", 0.9, None, None)]
    assert rows_of(reader, tmp_path, report(bmd(), nested(40))) == []
    assert rows_of(reader, tmp_path, report(box("L1-L4", *(bmd() for _ in range(6000))))) == []
    endless_text = text("Finding", "T-score: -1.0 " + "L1 " * 5000)
    assert rows_of(reader, tmp_path, report(box("L1-L4", bmd(), endless_text))) == [("L1-L4", 0.9, None, None)]
    found = read(reader, tmp_path, endless(3000), PICTURE)
    assert ([row.code for row in found.skipped], len(found.studies)) == (["nested-too-deeply"], 1)
    header = picture(ContentSequence=Sequence([nested(60)]))
    assert read(reader, tmp_path, written(header)).studies[0].densities == ()


def test_items_that_make_no_sense_are_stepped_over(reader: Reader, tmp_path: Path) -> None:
    broken = [bmd(), bmd(), bmd(), Dataset(), box("", bmd())]
    broken[0].MeasuredValueSequence = Sequence([])
    broken[1].ConceptNameCodeSequence = Sequence([Dataset(), Dataset()])
    broken[2].MeasuredValueSequence[0].NumericValue = ["0.9", "0.8"]
    broken[4].ContentSequence[0].ValueType = "NUMERIC"
    assert rows_of(reader, tmp_path, report(box("L1-L4", num("T-score", -1.0), *broken))) == [("L1-L4", None, -1.0, None)]


WHOLE = written(rows_object([DensitySaid("L1-L4", 0.9, -1.0, 0.1, ""), DensitySaid("L1", 0.8, -1.9, 0.2, "")], Owner("4", "F", 66.0), 2))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(132, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=12), st.integers(0, len(WHOLE) // 2))
def test_a_damaged_report_is_never_more_than_a_row(reader: Reader, tmp_path: Path, hits: list[tuple[int, int]], cut: int) -> None:
    broken = bytearray(WHOLE)
    for place, value in hits:
        broken[place] = value
    found = read(reader, tmp_path, bytes(broken[: len(broken) - cut * (hits[0][1] % 2)]), PICTURE)
    assert isinstance(found, ReadReport)
    assert all(row.code and row.message for row in found.skipped)
    assert all(row in from_json([json.loads(json.dumps(vars_of(row)))]) for study in found.studies for row in study.densities)


def vars_of(row: DensitySaid) -> dict[str, object]:
    return {name: getattr(row, name) for name in DensitySaid.__slots__}


GOOD = {"region": "L1-L4", "bmd_g_cm2": 0.9, "t_score": None, "z_score": None, "source": "Enhanced SR"}


NAN = float("nan")
FORGED = ({"region": "Wunderlich"}, {"region": ["L1"]}, {"source": IDENT}, {"bmd_g_cm2": 1951.09}, {"t_score": NAN}, {"z_score": "x"})


@pytest.mark.parametrize("said", FORGED)
def test_a_worker_cannot_say_more_than_the_lists_allow(said: dict[str, object]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        good = DensitySaid(**GOOD)
        send_head(Line(theirs), Head(frames=0, densities=(good,)))
        assert receive_head(Line(ours)).densities == (good,)
        for head in (Head(frames=0, densities=(DensitySaid(**GOOD | said),)), Head(frames=0), Head(frames=-1, densities=(good,))):
            send_head(Line(theirs), head)
            with pytest.raises((ValueError, TypeError, KeyError)):
                receive_head(Line(ours))
