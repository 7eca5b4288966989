"""Stenosis of the lumbar canal, foramina and recesses on a whole MR study: 25 targets."""

from spondyl.tasks.mri_stenosis.task import MriStenosis

__all__ = ["MriStenosis"]
