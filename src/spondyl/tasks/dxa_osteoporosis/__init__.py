"""The task `dxa-osteoporosis`: bone density of a spine on density pictures."""

from spondyl.tasks.dxa_osteoporosis.task import DxaOsteoporosis

__all__ = ["DxaOsteoporosis"]
