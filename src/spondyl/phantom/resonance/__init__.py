"""Magnetic resonance of a built patient: acquisitions, series with true geometry, and their chance."""

from spondyl.phantom.resonance.acquisition import MrAcquisition, Stack, axial_stack, mr_acquisition_from_json, sagittal_stack
from spondyl.phantom.resonance.draw import STYLES, MrStyle, draw_sagittal, draw_study, style_named
from spondyl.phantom.resonance.render import render_mr
from spondyl.phantom.resonance.series import MrSeries

__all__ = [
    "STYLES", "MrAcquisition", "MrSeries", "MrStyle", "Stack", "axial_stack", "draw_sagittal", "draw_study", "mr_acquisition_from_json",
    "render_mr", "sagittal_stack", "style_named",
]
