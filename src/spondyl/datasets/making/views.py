"""A subject as the pictures of a cohort: what every layout's maker asks of the digital spine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from spondyl.datasets.making.order import Order, Scale
from spondyl.phantom.anatomy import stack
from spondyl.phantom.posture import pose_spine
from spondyl.phantom.rays import DxaAcquisition, XrayAcquisition, draw_dxa, draw_xray
from spondyl.phantom.resonance import MrAcquisition, MrStyle, draw_study
from spondyl.phantom.resonance import style_named as mr_style
from spondyl.phantom.solid import Detail, build
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.volume import Block, Volume, grid_of

WHOLE_SPINE_MM = 1.0
"""Fine voxels of a whole spine, whose films have pixels of half a millimetre."""


def sketch(spec: SubjectSpec) -> Volume:
    """The subject unbuilt: where its bones lie and no voxels, which is what drawing an acquisition needs."""
    spine = stack(spec)
    empty = grid_of((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 1.0)
    return Volume(spec, spine, pose_spine(spec, spine), (), Block(empty), Block(empty))


def built(spec: SubjectSpec, scale: Scale, whole_spine: bool = False) -> Volume:
    """The subject built at that scale."""
    detail = Detail(levels=(-3, len(spec.vertebrae) - 1), fine_mm=WHOLE_SPINE_MM) if whole_spine else Detail()
    if scale.fine_mm:
        detail = replace(detail, fine_mm=scale.fine_mm)
    if scale.trunk_mm:
        detail = replace(detail, trunk_mm=scale.trunk_mm)
    return build(spec, detail)


def film_of(rng: np.random.Generator, spec: SubjectSpec, view: str, order: Order, region: str = "lumbar") -> XrayAcquisition:
    """A radiograph's acquisition at the order's style and scale."""
    scan = draw_xray(rng, sketch(spec), view, order.style, region)
    return _coarser(scan, order.scale.film_mm)


def density_scan_of(rng: np.random.Generator, spec: SubjectSpec, order: Order) -> DxaAcquisition:
    """A DXA acquisition at the order's style and scale."""
    scan = draw_dxa(rng, sketch(spec), order.style)
    pixel = order.scale.film_mm
    if pixel <= scan.pixel_mm:
        return scan
    return replace(scan, rows=_fewer(scan.rows, scan.pixel_mm / pixel), columns=_fewer(scan.columns, scan.pixel_mm / pixel), pixel_mm=pixel)


def _coarser(scan: XrayAcquisition, pixel: float) -> XrayAcquisition:
    """The same film with larger pixels, if they are larger."""
    if pixel <= scan.pixel_mm:
        return scan
    share = scan.pixel_mm / pixel
    return replace(scan, rows=_fewer(scan.rows, share), columns=_fewer(scan.columns, share), pixel_mm=pixel)


def _fewer(count: int, share: float) -> int:
    return max(int(count * share), 64)


def study_of(rng: np.random.Generator, spec: SubjectSpec, order: Order, stir: bool = True) -> dict[str, MrAcquisition]:
    """The series of an MR study ("t1", "t2" or "stir", "axial_t2"); without `stir` the second is always T2."""
    style: MrStyle = mr_style(order.style)
    scans = draw_study(rng, spec, style if stir else replace(style, stir_rate=0.0))
    return {name: smaller(scan, order.scale) for name, scan in scans.items()}


def smaller(scan: MrAcquisition, scale: Scale) -> MrAcquisition:
    """The same series with larger pixels and fewer slices, where the scale says so; one stack keeps its extent by wider gaps."""
    spacing = max(scale.matrix_mm, *scan.spacing_mm)
    if scale.matrix_mm and spacing > min(scan.spacing_mm):
        rows, columns = (_fewer(n, own / spacing) for n, own in zip((scan.rows, scan.columns), scan.spacing_mm, strict=True))
        scan = replace(scan, rows=rows, columns=columns, spacing_mm=(spacing, spacing))
    if scale.slices:
        most = max(scale.slices // len(scan.stacks), 1)
        fewest = min(min(one.slices, most) / one.slices for one in scan.stacks)
        step = scan.step_mm if len(scan.stacks) > 1 else scan.step_mm / fewest
        stacks = tuple(replace(one, slices=min(one.slices, most)) for one in scan.stacks)
        scan = replace(scan, stacks=stacks, gap_mm=step - scan.thickness_mm)
    return scan


def series_names(scans: Mapping[str, object]) -> list[str]:
    """The sagittal series of a study and then the axial ones, in the order in which they are numbered."""
    return sorted(scans, key=lambda name: (name.startswith("axial"), name != "t1", name))
