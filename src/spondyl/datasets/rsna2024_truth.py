"""What is true behind the labels of a cohort of the digital spine in RSNA 2024's layout. Real sets have no such table.

    digital_spine.csv    study_id, target, level, truth, chance_normal_mild, chance_moderate, chance_severe, x_mm, y_mm, z_mm, and the
                         numbers that the truth rests on; one row a target
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spondyl.datasets.tables import number, read_table

TABLE = "digital_spine.csv"
NUMBERS = ("sac_area_mm2", "sac_depth_mm", "recess_height_mm")
COLUMNS = ("study_id", "target", "level", "truth", "chance_normal_mild", "chance_moderate", "chance_severe", "x_mm", "y_mm", "z_mm",
           *NUMBERS)


@dataclass(frozen=True, slots=True)
class TargetTruth:
    """One target as it was built.

    Attributes:
        level: Name of the disc by the true count, which a lumbar image does not show ("L4/L5").
        grade: 0 normal or mild, 1 moderate, 2 severe, as measured.
        chances: How often readers would write each grade: what a perfect reader of their labels would answer.
        point_mm: Where it is, in the patient's frame.
        numbers: Those of NUMBERS that the condition has.
    """

    level: str
    grade: int
    chances: tuple[float, float, float]
    point_mm: tuple[float, float, float]
    numbers: Mapping[str, float]


def read_truth(root: Path) -> dict[str, dict[str, TargetTruth]]:
    """By study, then by target; empty where the folder has no such table.

    Raises:
        InputError: `dataset-column-missing` or `dataset-cell-invalid`.
    """
    if not (root / TABLE).is_file():
        return {}
    table: dict[str, dict[str, TargetTruth]] = defaultdict(dict)
    for line, row in enumerate(read_table(root, TABLE, COLUMNS, None), start=2):
        grade, *rest = (number(row, name, TABLE, line) for name in COLUMNS[3:10])
        numbers = {name: number(row, name, TABLE, line) for name in NUMBERS if row[name]}
        table[row["study_id"]][row["target"]] = TargetTruth(
            row["level"], int(grade), (rest[0], rest[1], rest[2]), (rest[3], rest[4], rest[5]), numbers)
    return dict(table)
