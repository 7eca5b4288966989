"""Rays: radiographs, DXA scans and CT series of a built patient."""

from spondyl.phantom.rays.acquisition import CtAcquisition, DxaAcquisition, XrayAcquisition, ct_from_json, dxa_from_json, xray_from_json
from spondyl.phantom.rays.ct import CtSeries, render_ct
from spondyl.phantom.rays.dxa import REFERENCES, DxaReference, DxaRegion, DxaScan, fat_bias, render_dxa
from spondyl.phantom.rays.projection import Projection
from spondyl.phantom.rays.styles import DXA_STYLES, STYLES, DxaStyle, XrayStyle, draw_dxa, draw_xray, style_named
from spondyl.phantom.rays.xray import Film, projection_of, render_xray, transmission

__all__ = [
    "DXA_STYLES", "REFERENCES", "STYLES", "CtAcquisition", "CtSeries", "DxaAcquisition", "DxaReference", "DxaRegion", "DxaScan", "DxaStyle",
    "Film", "Projection", "XrayAcquisition", "XrayStyle", "ct_from_json", "draw_dxa", "draw_xray", "dxa_from_json", "fat_bias",
    "projection_of", "render_ct", "render_dxa", "render_xray", "style_named", "transmission", "xray_from_json",
]
