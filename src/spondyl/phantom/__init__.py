"""The digital spine: draw a subject, then render it with exact truth. Needs numpy and nothing else."""

from spondyl.phantom.draw import PROFILES, Profile, draw_acquisition, draw_subject
from spondyl.phantom.sagittal import SagittalSlice, render_sagittal
from spondyl.phantom.spec import Acquisition, SubjectSpec, acquisition_from_json, subject_from_json
from spondyl.phantom.truth import DiscTruth, SliceTruth

__all__ = [
    "PROFILES", "Acquisition", "DiscTruth", "Profile", "SagittalSlice", "SliceTruth", "SubjectSpec", "acquisition_from_json",
    "draw_acquisition", "draw_subject", "render_sagittal", "subject_from_json",
]
