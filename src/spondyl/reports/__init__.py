"""What a person takes away: annotated pictures and tables. Made from a StudyResult alone, so a new task needs no code here."""

from spondyl.reports.alignment import Plan, plan_alignment
from spondyl.reports.annotated import annotated_png, box_text, further_images, shown_image
from spondyl.reports.contributions import Moved, moved_by
from spondyl.reports.curves import (
    NOT_SEEN,
    Curve,
    CurveWords,
    VertebraTable,
    curve_text,
    curve_words,
    further,
    only_place,
    vertebra_table,
)
from spondyl.reports.findings import BATCH_COLUMNS, batch_rows, findings_csv
from spondyl.reports.heatmap import heat_png, overlay
from spondyl.reports.labels import Rectangle, place_labels
from spondyl.reports.pdf import report_pdf
from spondyl.reports.rows import (
    EVIDENCE,
    VIEWS,
    LevelRow,
    amount,
    answer_text,
    cannot_tell,
    level_rows,
    likely_names,
    measure_name,
    measure_text,
    number_text,
    outlined,
    present_probability,
    set_text,
    unit_text,
    voted_key,
    yes_no_text,
)
from spondyl.reports.slice_png import slice_png

__all__ = [
    "BATCH_COLUMNS", "EVIDENCE", "NOT_SEEN", "VIEWS", "Curve", "CurveWords", "LevelRow", "Moved", "Plan", "Rectangle", "VertebraTable",
    "amount", "annotated_png", "answer_text", "batch_rows", "box_text", "cannot_tell", "curve_text", "curve_words", "findings_csv",
    "further", "further_images", "heat_png", "level_rows", "likely_names", "measure_name", "measure_text", "moved_by", "number_text",
    "only_place", "outlined", "overlay", "place_labels", "plan_alignment", "present_probability", "report_pdf", "set_text", "shown_image",
    "slice_png", "unit_text", "vertebra_table", "voted_key", "yes_no_text",
]
