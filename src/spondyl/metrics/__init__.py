"""Figures: agreement, discrimination, calibration, detection, and how sure they are. numpy and nothing else."""

from spondyl.metrics.agreement import accuracy, balanced_accuracy, confusion_matrix, kappa, recall_by_class, within
from spondyl.metrics.calibration import EceFloor, Recalibration, brier, ece, ece_floor, log_loss, recalibration
from spondyl.metrics.detection import box_iou, match_boxes
from spondyl.metrics.discrimination import auroc, average_precision
from spondyl.metrics.intervals import Interval, bootstrap_interval, coverage_by_class, share_interval, wilson_interval

__all__ = [
    "EceFloor", "Interval", "Recalibration", "accuracy", "auroc", "average_precision", "balanced_accuracy", "bootstrap_interval",
    "box_iou", "brier", "confusion_matrix", "coverage_by_class", "ece", "ece_floor", "kappa", "log_loss", "match_boxes",
    "recalibration", "recall_by_class", "share_interval", "wilson_interval", "within",
]
