"""Figures: agreement, discrimination, calibration, detection, and how sure they are. numpy and nothing else."""

from spondyl.metrics.agreement import accuracy, balanced_accuracy, confusion_matrix, kappa, mean_absolute_error, recall_by_class, within
from spondyl.metrics.calibration import EceFloor, Recalibration, brier, ece, ece_floor, log_loss, recalibration
from spondyl.metrics.detection import box_iou, match_boxes
from spondyl.metrics.detection_scores import (
    DetectionTable,
    FilmBoxes,
    detection_average_precision,
    detection_table,
    froc,
    mean_precision,
)
from spondyl.metrics.discrimination import auroc, average_precision
from spondyl.metrics.intervals import Interval, bootstrap_interval, coverage_by_class, share_interval, wilson_interval
from spondyl.metrics.stenosis_score import StenosisScore, level_prior, stenosis_score
from spondyl.metrics.thresholds import (
    Curve,
    best_f1_threshold,
    f1_score,
    precision_recall_curve,
    roc_curve,
    sensitivity,
    specificity,
    youden_threshold,
)

__all__ = [
    "Curve", "DetectionTable", "EceFloor", "FilmBoxes", "Interval", "Recalibration", "StenosisScore", "accuracy", "auroc",
    "average_precision", "balanced_accuracy", "best_f1_threshold", "bootstrap_interval", "box_iou", "brier", "confusion_matrix",
    "coverage_by_class", "detection_average_precision", "detection_table", "ece", "ece_floor", "f1_score", "froc", "kappa",
    "level_prior", "log_loss", "match_boxes", "mean_absolute_error", "mean_precision", "precision_recall_curve", "recalibration",
    "recall_by_class", "roc_curve", "sensitivity", "share_interval", "specificity", "stenosis_score", "wilson_interval", "within",
    "youden_threshold",
]
