"""Data folders of small hand-made films, quick enough for every test: VinDr's layout as DICOM, graded folders as PNG."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from dicom.dicom_files import compressed, dataset, plasma
from spondyl.datasets.pictures import write_grey
from spondyl.datasets.vindr import COLUMNS

JPEG_2000 = "1.2.840.10008.1.2.4.90"
LESIONS = ("Osteophytes", "Disc space narrowing", "No finding", "Vertebral collapse", "No finding")
"""What the films of successive studies show."""

Rows = list[list[object]]


def write_dicom(path: Path, stored: NDArray[np.uint16], *, wild: bool = False, inverted: bool = False) -> None:
    """A film of 12 bits; wild ones are JPEG 2000 and name no view."""
    made = dataset(stored, Modality="DX", PhotometricInterpretation="MONOCHROME1" if inverted else "MONOCHROME2",
                   ViewPosition=None if wild else "AP")
    if wild:
        made = compressed(made, JPEG_2000, [imagecodecs.jpeg2k_encode(stored, level=0, reversible=True, codecformat="j2k")])
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)


def write_table(root: Path, rows: Sequence[Sequence[object]], split: str = "train") -> None:
    """An annotations table."""
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    with (root / "annotations" / f"{split}.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])


def write_vindr(root: Path, studies: int, *, split: str = "train", first: int = 0) -> Rows:
    """Studies of two films, and the rows of their table: lesions go round LESIONS, one film in three is wild, one in two inverted."""
    rows: Rows = []
    for study in range(first, first + studies):
        for part in range(2):
            number = 2 * study + part
            image = f"{number:032x}"
            stored = plasma(40 + number % 7, 30 + number % 5, seed=number)
            write_dicom(root / f"{split}_images" / f"{image}.dicom", stored, wild=number % 3 == 0, inverted=number % 2 == 0)
            lesion = LESIONS[study % len(LESIONS)]
            box: list[object] = ["", "", "", ""] if lesion == "No finding" else [3, 4, 12.5, 14]
            rows.append([f"study{study}", f"series{number}", image, "rad1", lesion, *box])
    write_table(root, rows, split)
    return rows


def write_grades(root: Path, counts: Sequence[tuple[str, int]], films: int = 2) -> None:
    """Films of all five grades in each of those splits, each of its own patient; `counts` says how many patients a grade has in a split."""
    lines = ["file,patient_id,study_id,view"]
    number = 0
    for split, patients in counts:
        for grade in range(5):
            folder = root / split / f"grade_{grade}"
            folder.mkdir(parents=True)
            for _ in range(patients):
                for view in ("AP", "lateral")[:films]:
                    name = f"f{number}_{view}.png"
                    write_grey(folder / name, plasma(36 + number % 5, 30, 8, seed=1000 + 2 * number + (view == "AP")).astype(np.uint8))
                    lines.append(f"{split}/grade_{grade}/{name},p{number},s{number},{view}")
                number += 1
    (root / "patients.csv").write_text("\n".join(lines) + "\n")
