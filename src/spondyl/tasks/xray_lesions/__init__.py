"""Lesions on radiographs of the spine: is a film abnormal, how sure are the networks, and where do they see what."""

from spondyl.tasks.xray_lesions.task import XrayLesions

__all__ = ["XrayLesions"]
