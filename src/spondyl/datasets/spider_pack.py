"""The lumbar pack: mid-sagittal PNG slices of SPIDER with gradings by patient and boxes for some series.

    images/<series>.png     8-bit grey
    series.csv              one row a series: patient, sequence, pixel spacing, number of discs, ...
    gradings.csv            one row a disc of a patient
    disc_boxes.csv          one row a boxed disc of a series

van der Graaf et al., Scientific Data 2024 (Zenodo 10159290), CC BY 4.0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from spondyl.core.errors import InputError, describe_unknown
from spondyl.core.vocabulary import SEQUENCES
from spondyl.datasets import sources
from spondyl.datasets.cohort import draw_member, grades_of_truth, padded
from spondyl.datasets.making.layout import Layout, Plan, Record
from spondyl.datasets.making.order import Order, profile_of
from spondyl.datasets.making.tables import write_table
from spondyl.datasets.pictures import read_picture, write_picture
from spondyl.datasets.records import Box, DiscGrades, DiscSlice
from spondyl.datasets.tables import Row, check_box, grades_of, number, read_table
from spondyl.phantom import render_sagittal
from spondyl.phantom.anatomy import stack
from spondyl.phantom.truth import measure

GRADES = tuple(field.name for field in fields(DiscGrades))
SERIES = ("series", "patient", "sequence", "num_discs", "pixel_spacing_mm")
BOXES = ("series", "patient", "disc_from_bottom", "x0", "y0", "x1", "y1", "all_graded_discs_boxed")


@sources.register("spider_pack", DiscSlice)
def read(root: Path) -> Iterator[DiscSlice]:
    """The slices of the pack at `root` in the order of series.csv. All tables are checked before the first slice.

    Raises:
        InputError: With the table and the line that is wrong.
    """
    series = read_table(root, "series.csv", SERIES, None)
    grades = _grades(read_table(root, "gradings.csv", ("patient", "disc_from_bottom", *GRADES)))
    boxes = _boxes(read_table(root, "disc_boxes.csv", BOXES))
    return (_slice(root, row, line, grades, boxes) for line, row in enumerate(series, start=2))


def _grades(rows: list[dict[str, str]]) -> dict[str, dict[int, DiscGrades]]:
    """By patient, then by disc from the bottom."""
    table: dict[str, dict[int, DiscGrades]] = defaultdict(dict)
    for line, row in enumerate(rows, start=2):
        disc = int(number(row, "disc_from_bottom", "gradings.csv", line))
        if disc in table[row["patient"]]:
            raise InputError("dataset-row-twice", f"line {line} of gradings.csv grades disc {disc} of a patient again", "Keep one row")
        table[row["patient"]][disc] = grades_of(row, {name: name for name in GRADES}, "gradings.csv", line)
    return table


def _boxes(rows: list[dict[str, str]]) -> dict[str, dict[int, tuple[Box, int, bool]]]:
    """By series, then by disc: the box, its line, and whether all graded discs of the series are boxed."""
    table: dict[str, dict[int, tuple[Box, int, bool]]] = defaultdict(dict)
    for line, row in enumerate(rows, start=2):
        x0, y0, x1, y1 = (number(row, column, "disc_boxes.csv", line) for column in ("x0", "y0", "x1", "y1"))
        disc = int(number(row, "disc_from_bottom", "disc_boxes.csv", line))
        table[row["series"]][disc] = ((x0, y0, x1, y1), line, row["all_graded_discs_boxed"] == "1")
    return table


def _slice(root: Path, row: Row, line: int, grades: Mapping[str, Mapping[int, DiscGrades]],
           boxes: Mapping[str, Mapping[int, tuple[Box, int, bool]]]) -> DiscSlice:
    if row["sequence"] not in SEQUENCES:
        raise InputError("dataset-cell-invalid", f"line {line} of series.csv: " + describe_unknown("sequence", row["sequence"], SEQUENCES),
                         "Correct the cell")
    pixels = read_picture(root / "images" / f"{row['series']}.png", f"line {line} of series.csv")
    spacing = number(row, "pixel_spacing_mm", "series.csv", line) if row["pixel_spacing_mm"] else 0.0
    own = boxes.get(row["series"], {})
    return DiscSlice(
        stem=row["series"], patient=row["patient"], sequence=row["sequence"], pixels=pixels,
        spacing_mm=(spacing, spacing) if spacing > 0 else None,
        boxes={disc: check_box(box, pixels, f"line {at} of disc_boxes.csv") for disc, (box, at, _) in sorted(own.items())},
        grades=dict(sorted(grades.get(row["patient"], {}).items())),
        boxes_complete=bool(own) and all(complete for _, _, complete in own.values()),
        num_discs=int(number(row, "num_discs", "series.csv", line)) if row["num_discs"] else None,
    )


def draw_plan(order: Order, index: int) -> Plan:
    """The subject with a T1 and a T2 slice of the same field of view."""
    member = draw_member(order.seed, order.role_of(index), index, profile_of(order))
    return Plan(index, member.spec, member.scans)


def write_subject(root: Path, plan: Plan, order: Order) -> Record:
    """The flat slices, and their rows of the three tables."""
    patient, scan = plan.index + 1, plan.scans["t2"]
    (root / "images").mkdir()
    for name, one in plan.scans.items():
        write_picture(root / "images" / f"{patient}_{name}.png", render_sagittal(plan.spec, one).pixels)
    discs = measure(plan.spec, stack(plan.spec), scan).discs
    top, right, bottom, left = scan.pad_px
    shape = scan.rows + top + bottom, scan.columns + left + right
    return {
        "series": [[f"{patient}_{name}", patient, name, len(discs), one.spacing_mm[0]] for name, one in plan.scans.items()],
        "gradings": [[patient, d.from_bottom, *(getattr(grades_of_truth(d), name) for name in GRADES)] for d in discs],
        "disc_boxes": [[f"{patient}_{name}", patient, d.from_bottom, *map(int, padded(d.box, shape)), 1]
                       for name in plan.scans for d in discs],
    }


HEADERS = {"series": SERIES, "gradings": ("patient", "disc_from_bottom", *GRADES), "disc_boxes": BOXES}


def write_tables(root: Path, records: Iterator[tuple[int, Record]], order: Order) -> None:
    """series.csv, gradings.csv and disc_boxes.csv."""
    rows = [record for _, record in records]
    for table, header in HEADERS.items():
        write_table(root / f"{table}.csv", [row for record in rows for row in record[table]], header)


LAYOUTS = {"spider_pack": Layout("spider_pack", draw_plan, write_subject, write_tables, measured=False)}
