"""Networks that draw boxes, behind one contract: `create("<name>", classes)` gives a `Detector`, whatever is inside."""

from spondyl.models.detectors.contract import BoxTargets, Detector
from spondyl.models.detectors.registry import Listed, create, listed, names, register

__all__ = ["BoxTargets", "Detector", "Listed", "create", "listed", "names", "register"]
