"""The task `xray-alignment`: corners of vertebrae and Cobb angles on frontal films of the whole spine."""

from spondyl.tasks.xray_alignment.task import XrayAlignment

__all__ = ["XrayAlignment"]
