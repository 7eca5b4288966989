"""Degeneration of the lumbar spine on radiographs, graded 0 to 4; frontal and lateral films of a study judged together."""

from spondyl.tasks.xray_grade.task import XrayGrade

__all__ = ["XrayGrade"]
