"""Tables of a cohort, written whole."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from spondyl.datasets.making.keeping import write_whole


def write_table(path: Path, rows: Iterable[Sequence[object]], header: Sequence[str] | None = None) -> None:
    """Rows as CSV with \\n at the ends; None becomes an empty cell."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header is not None:
        writer.writerow(header)
    writer.writerows(rows)
    write_whole(path, text.getvalue())
