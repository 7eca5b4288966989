"""The digital spine: draw a subject, build it, and see it by every modality with exact truth. Needs numpy and nothing else."""

from spondyl.phantom.draw import PROFILES, Profile, draw_acquisition, draw_subject
from spondyl.phantom.measured import SubjectTruth, measure_subject
from spondyl.phantom.rays import render_ct, render_dxa, render_xray
from spondyl.phantom.resonance import render_mr
from spondyl.phantom.sagittal import SagittalSlice, render_sagittal
from spondyl.phantom.solid import Detail, build
from spondyl.phantom.spec import Acquisition, SubjectSpec, acquisition_from_json, subject_from_json
from spondyl.phantom.truth import DiscTruth, SliceTruth
from spondyl.phantom.volume import Volume

__all__ = [
    "PROFILES", "Acquisition", "Detail", "DiscTruth", "Profile", "SagittalSlice", "SliceTruth", "SubjectSpec", "SubjectTruth", "Volume",
    "acquisition_from_json", "build", "draw_acquisition", "draw_subject", "measure_subject", "render_ct", "render_dxa", "render_mr",
    "render_sagittal", "render_xray", "subject_from_json",
]
