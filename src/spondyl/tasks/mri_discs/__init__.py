"""Discs of the lumbar spine on sagittal MR: found, counted, graded and measured."""

from spondyl.tasks.mri_discs.task import MriDiscs

__all__ = ["MriDiscs"]
