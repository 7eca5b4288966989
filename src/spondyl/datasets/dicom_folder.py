"""A folder of DICOM studies of the digital spine, with the truth beside them. `dicom_study` makes whole cohorts in this layout.

    subject-0000/t1/0001.dcm ...     one series a folder
    truth.json                       `spondyl.phantom-truth/1`: labels, corners, boxes of every middle slice
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.core.errors import InputError
from spondyl.datasets import sources
from spondyl.datasets.cohort import as_sequence, draw_member, padded
from spondyl.datasets.dicom_writer import Place, write_slice
from spondyl.datasets.file_pixels import read_file
from spondyl.datasets.pictures import write_picture
from spondyl.datasets.records import DiscGrades, DiscSlice
from spondyl.phantom import Acquisition, Profile, SubjectSpec, draw_acquisition, draw_subject, render_sagittal
from spondyl.phantom.anatomy import stack
from spondyl.phantom.others import render_axial
from spondyl.phantom.truth import measure

SCHEMA = "spondyl.phantom-truth/1"
GAP_MM = 4.4
GRADES = ("pfirrmann", "modic", "upper_endplate", "lower_endplate", "spondylolisthesis", "herniation", "narrowing", "bulging")


@sources.register("dicom", DiscSlice)
def read(root: Path) -> Iterator[DiscSlice]:
    """The middle slice of every series that truth.json names.

    Raises:
        InputError: `dataset-file-missing`, `dataset-truth-invalid` or `dataset-image-unreadable`.
    """
    subjects = read_subjects(root)
    try:
        rows = [row for subject in subjects for row in subject["slices"]]
    except (KeyError, TypeError) as error:
        raise InputError("dataset-truth-invalid", f"truth.json cannot be used: {error}", "Make the folder again") from error
    return (_slice(root, row) for row in rows)


def read_subjects(root: Path) -> list[dict[str, Any]]:
    """The subjects of truth.json.

    Raises:
        InputError: `dataset-file-missing` or `dataset-truth-invalid`.
    """
    path = root / "truth.json"
    if not path.is_file():
        raise InputError("dataset-file-missing", "truth.json is not in the data folder", "Make the folder with `spondyl phantom make`")
    try:
        truth = json.loads(path.read_text("utf-8"))
        if truth["schema"] != SCHEMA:
            raise ValueError(f"its schema is {truth['schema']!r}, not {SCHEMA!r}")
        return list(truth["subjects"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("dataset-truth-invalid", f"truth.json cannot be used: {error}", "Make the folder again") from error


def _slice(root: Path, row: Mapping[str, Any]) -> DiscSlice:
    picture = read_file(root / row["file"], f"a slice of subject {row['subject']}")
    pixels, spacing = picture.pixels, picture.spacing_mm
    discs = row["discs"]
    return DiscSlice(
        stem=f"{row['subject']:04d}_{row['sequence']}", patient=str(row["subject"]), sequence=row["sequence"], pixels=pixels,
        spacing_mm=spacing, boxes={d["from_bottom"]: padded(tuple(d["box"]), pixels.shape) for d in discs},
        grades={d["from_bottom"]: DiscGrades(**{name: d[name] for name in GRADES}) for d in discs},
        boxes_complete=bool(discs), num_discs=len(discs),
    )


def write_miniature(root: Path, subjects: int, seed: int, slices: int = 1) -> None:
    """Mid-line studies in this layout, quickly: for each subject a T1 and a T2 series of that many slices, and truth.json."""
    rows = []
    for index in range(subjects):
        member = draw_member(seed, "train", index)
        write_study(root / _folder(index), member.spec, member.scans, f"{seed}/train/{index}", slices)
        rows.append({"subject": index, "slices": [truth_row(index, member.spec, scan, _middle(_folder(index), name, slices))
                                                  for name, scan in member.scans.items()]})
    body = {"schema": SCHEMA, "evidence": "in-silico", "seed": seed, "role": "train", "profile": "symptomatic", "subjects": rows}
    (root / "truth.json").write_text(json.dumps(body, indent=1) + "\n", "utf-8")


def _folder(index: int) -> str:
    return f"subject-{index:04d}"


def _middle(folder: str, series: str, slices: int) -> str:
    return f"{folder}/{series}/{slices // 2 + 1:04d}.dcm"


def truth_row(subject: int, spec: SubjectSpec, scan: Acquisition, file: str) -> dict[str, Any]:
    """What truth.json says of one slice."""
    truth = measure(spec, stack(spec), scan)
    return {"subject": subject, "sequence": scan.sequence, "file": file, "lumbar": truth.lumbar, "sacrum_in_view": truth.sacrum_in_view,
            "spacing_mm": list(scan.spacing_mm), "discs": [asdict(disc) for disc in truth.discs]}


def write_study(folder: Path, spec: SubjectSpec, scans: Mapping[str, Acquisition], uid_root: str, slices: int = 1) -> list[Path]:
    """One study: a folder for each series. The middle slice is the acquisition itself, the others lie `GAP_MM` apart beside it."""
    paths = []
    for number, (name, scan) in enumerate(scans.items(), start=1):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for k in range(slices):
            side = (k - slices // 2) * GAP_MM
            one = replace(scan, lateral_mm=scan.lateral_mm + side, noise_seed=scan.noise_seed + k)
            path = folder / name / f"{k + 1:04d}.dcm"
            write_slice(path, render_sagittal(spec, one).pixels, one, place_of(spec, one, uid_root, number, k + 1))
            paths.append(path)
    return paths


def place_of(spec: SubjectSpec, scan: Acquisition, uid_root: str, series: int, instance: int) -> Place:
    """Where a sagittal slice lies in the patient: x to the left is the lateral offset, y backward, z toward the head."""
    top, right, bottom, left = scan.pad_px
    rows, columns = scan.rows + top + bottom, scan.columns + left + right
    y = scan.centre_mm[0] - (columns - 1) / 2 * scan.spacing_mm[1]
    z = -scan.centre_mm[1] + (rows - 1) / 2 * scan.spacing_mm[0]
    return Place(uid_root, series, instance, (scan.lateral_mm, y, z), sex=spec.sex, age_years=spec.age_years)


def write_samples(root: Path, seed: int) -> list[dict[str, Any]]:
    """Six small studies to try the program on: rows of {name, title, files, refused}, files relative to `root`.

    DICOM, but for one PNG; the last is an axial slice, which a sagittal task refuses. Nothing but the pictures is written.
    """
    rows: list[dict[str, Any]] = []
    for index, (name, title, make) in enumerate(SAMPLES):
        rng = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(SAMPLE_ROLE, index)))
        spec, scans = make(rng)
        folder = root / name
        uid_root = f"{seed}/sample/{index}"
        if name == "png":
            paths = [_write_png(folder, spec, scans["t2"])]
        elif name == "axial":
            paths = [_write_axial(folder, spec, scans["t2"], uid_root)]
        else:
            paths = write_study(folder, spec, scans, uid_root)
        files = [path.relative_to(root).as_posix() for path in paths]
        rows.append({"name": name, "title": title, "files": files, "refused": name == "axial"})
    return rows


SAMPLE_ROLE = 9
Study = tuple[SubjectSpec, dict[str, Acquisition]]


def _scans(rng: np.random.Generator, *sequences: str, **changes: Any) -> dict[str, Acquisition]:
    """Clear acquisitions of one field of view, 448 x 448 at 0.625 mm."""
    field = {"columns": 448, "rows": 448, "spacing_mm": (0.625, 0.625), "centre_mm": (0.0, -68.0), "rotation_deg": 0.0, "lateral_mm": 0.0,
             "coil_mm": 150.0, "band_mm": -1.0, "noise": 0.012, "blur_px": 0.6, "white": 1.0, "pad_px": (0, 0, 0, 0), **changes}
    base = replace(draw_acquisition(rng, "t2", "none"), **field)
    return {name: as_sequence(rng, base, name) for name in sequences}


def _herniated(rng: np.random.Generator) -> Study:
    spec = draw_subject(rng, Profile("sample", grade_shift=-1.2, four_lumbar=0, six_lumbar=0))
    lowest, second, *rest = spec.discs
    lowest = replace(lowest, height_loss=0.58, nucleus_t2_ms=44.0, annulus_t2_ms=36.0, homogeneity=0.3, bulge_mm=(1.6, 2.4), modic=(2, 2),
                     modic_mm=(8.0, 7.0), modic_span=(0.0, 1.1), spurs_mm=(3.0, 1.0), herniation_mm=0.0, slip_mm=0.0,
                     upper_plate=replace(lowest.upper_plate, irregularity_mm=1.5), lower_plate=replace(lowest.lower_plate, node_mm=3.0))
    second = replace(second, height_loss=0.22, nucleus_t2_ms=52.0, annulus_t2_ms=40.0, homogeneity=0.35, bulge_mm=(0.8, 1.8),
                     herniation_mm=7.5, herniation_up=-0.35, slip_mm=0.0, modic=(0, 0), modic_mm=(0.0, 0.0))
    calm = [replace(disc, herniation_mm=0.0, slip_mm=0.0) for disc in rest]
    return replace(spec, discs=(lowest, second, *calm)), _scans(rng, "t1", "t2")


def _ordinary(rng: np.random.Generator) -> Study:
    return draw_subject(rng, Profile("sample", four_lumbar=0, six_lumbar=0)), _scans(rng, "t2")


def _cropped(rng: np.random.Generator) -> Study:
    spec = draw_subject(rng, Profile("sample", four_lumbar=0, six_lumbar=0))
    return spec, _scans(rng, "t2", rows=320, columns=320, centre_mm=(0.0, -122.0))


def _transitional(rng: np.random.Generator) -> Study:
    return draw_subject(rng, Profile("sample", four_lumbar=0, six_lumbar=1)), _scans(rng, "t1", "t2", centre_mm=(0.0, -80.0))


SAMPLES: tuple[tuple[str, str, Callable[[np.random.Generator], Study]], ...] = (
    ("herniation", "T1 and T2: a herniated L4/L5 and a worn L5/S1", _herniated),
    ("t2-only", "T2 alone", _ordinary),
    ("cropped", "T2, the field cut above the sacrum", _cropped),
    ("transitional", "T1 and T2: six lumbar vertebrae", _transitional),
    ("png", "A picture without millimetres", _ordinary),
    ("axial", "An axial slice, which is refused", _ordinary),
)


def _write_png(folder: Path, spec: SubjectSpec, scan: Acquisition) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_picture(folder / "slice.png", render_sagittal(spec, scan).pixels)
    return folder / "slice.png"


def _write_axial(folder: Path, spec: SubjectSpec, scan: Acquisition, uid_root: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    scan = replace(scan, rows=320, columns=320, spacing_mm=(0.6, 0.6))
    place = Place(uid_root, 1, 1, (-95.7, -95.7, 20.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), sex=spec.sex, age_years=spec.age_years)
    write_slice(folder / "0001.dcm", render_axial(spec, scan), scan, place)
    return folder / "0001.dcm"
