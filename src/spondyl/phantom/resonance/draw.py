"""All the chance of a magnetic-resonance study: where the slices lie and how they are taken. Nothing is rendered here.

Protocols after the lumbar pack's headers (the project's physics sheet, section 3); ranges that it does not give are ours [O].
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spondyl.phantom.anatomy import stack
from spondyl.phantom.posture import Posture, pose_spine
from spondyl.phantom.resonance.acquisition import MrAcquisition, Stack, Triple, axial_stack, sagittal_stack
from spondyl.phantom.resonance.style import STYLES, MrStyle, Range, style_named
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.volume import Volume

NOISE = {"stir": 1.5, "t2_space": 1.7}
"""Noise of a sequence against the others' (thin slices, nulled fat) [O]; a SPACE series' coils are also seen falling off faster."""
READ_DISCS = 5
"""Discs, from the lowest, at which a lumbar study is read: with four lumbar vertebrae the highest of them is T12/L1."""

__all__ = ["STYLES", "MrStyle", "draw_sagittal", "draw_study", "style_named"]


def draw_study(rng: np.random.Generator, subject: Volume | SubjectSpec, style: MrStyle | str = "train") -> dict[str, MrAcquisition]:
    """The three series of a lumbar study: "t1", then "t2" or "stir", then "axial_t2"; the sagittal ones share their slices."""
    kind, spec, posture = _known(subject, style)
    t1 = draw_sagittal(rng, subject, "t1", kind, "none")
    fluid = "stir" if rng.random() < kind.stir_rate else "t2"
    second = draw_sagittal(rng, subject, fluid, kind, "none")
    own = replace(second, field_tesla=t1.field_tesla, thickness_mm=t1.thickness_mm, gap_mm=t1.gap_mm, stacks=t1.stacks, rows=t1.rows,
                  columns=t1.columns, spacing_mm=t1.spacing_mm, acquired_mm=t1.acquired_mm, coil_z_mm=t1.coil_z_mm)
    return {"t1": t1, fluid: own, "axial_t2": _axial(rng, spec, posture, kind, t1.field_tesla)}


def draw_sagittal(rng: np.random.Generator, subject: Volume | SubjectSpec, sequence: str = "t2", style: MrStyle | str = "train",
                  crop: str | None = None) -> MrAcquisition:
    """A sagittal series of that sequence, 15 to 25 slices around the lumbar spine.

    Args:
        crop: "none" shows the sacrum and T12, "above_sacrum" cuts the field above S1, "few" shows three or four discs;
            None draws one (82, 9 and 9 %).
    """
    kind, spec, posture = _known(subject, style)
    crop = crop or str(rng.choice(["none", "above_sacrum", "few"], p=[0.82, 0.09, 0.09]))
    spacing = float(rng.choice(kind.sagittal_mm) * rng.normal(1, 0.02))
    height = float(rng.uniform(245, 300)) if crop != "few" else float(rng.uniform(110, 150))
    width = height if rng.random() < 0.55 else height * float(rng.uniform(0.5, 0.85))
    bottom = float({"none": rng.uniform(38, 90), "above_sacrum": rng.uniform(-28, -16), "few": rng.uniform(-60, 55)}[crop])
    back = 0.5 if width > 200 else 0.42
    thickness = 1.0 if sequence == "t2_space" else float(rng.choice(kind.thickness_mm))
    middle = np.array([np.interp(height / 2 - bottom, posture.heights, posture.bent[:, 0]) * 0.5 + rng.normal(0, 2),
                       (0.5 - back) * width + rng.normal(6 if width > 200 else 2, 8), height / 2 - bottom])
    turn = rng.normal(0, 1, 3) * kind.turn_deg[0]
    shared = _common(rng, sequence, kind, spacing, thickness, None)
    slices = int(rng.integers(15, 26)) if sequence != "t2_space" else int(rng.integers(48, 72))
    placed = sagittal_stack(_triple(middle), slices, _triple(turn))
    phase, band = "down" if rng.random() < 0.5 else "across", _band(rng, spec, posture, kind, height / 2 - bottom)
    return replace(shared, rows=max(int(height / spacing), 64), columns=max(int(width / spacing), 64), stacks=(placed,),
                   coil_z_mm=float(middle[2]), phase=phase, band=band)


def _known(subject: Volume | SubjectSpec, style: MrStyle | str) -> tuple[MrStyle, SubjectSpec, Posture]:
    kind = style_named(style) if isinstance(style, str) else style
    if isinstance(subject, Volume):
        return kind, subject.spec, subject.posture
    return kind, subject, pose_spine(subject, stack(subject))


def _axial(rng: np.random.Generator, spec: SubjectSpec, posture: Posture, kind: MrStyle, field: float) -> MrAcquisition:
    """Axial T2: a block along each lumbar disc and each that is read, or one straight stack through all of them."""
    spacing = float(rng.choice(kind.axial_mm))
    thickness = float(rng.choice(kind.thickness_mm))
    scan = _common(rng, "t2", kind, spacing, thickness, field)
    size = int(rng.uniform(170, 210) / spacing)
    poses = posture.discs[:max(spec.lumbar, READ_DISCS)]
    if rng.random() < kind.straight_rate:
        ends = np.array([poses[0].centre, poses[-1].centre])
        middle = ends.mean(axis=0) + np.array([0, 22, 0])
        count = int((abs(ends[1, 2] - ends[0, 2]) + 24) / scan.step_mm)
        stacks: tuple[Stack, ...] = (axial_stack(_triple(middle), count),)
    else:
        stacks = tuple(_along(rng, pose.centre, pose.axes, kind) for pose in poses)
    return replace(scan, rows=size, columns=size, stacks=stacks, coil_z_mm=float(poses[len(poses) // 2].centre[2]),
                   phase="across" if rng.random() < 0.7 else "down")


def _along(rng: np.random.Generator, centre: np.ndarray, axes: np.ndarray, kind: MrStyle) -> Stack:
    """A block in the plane of a disc, as a technician sets it: a few degrees off, the canal near the middle of the picture."""
    tip, roll = np.radians(rng.normal(0, 1, 2) * kind.turn_deg[1])
    left = axes[0] + np.tan(roll) * axes[2]
    back = axes[1] + np.tan(tip) * axes[2]
    middle = centre + axes[1] * rng.normal(24, 4) + axes[2] * rng.normal(0, 0.6) + axes[0] * rng.normal(0, 3)
    return axial_stack(_triple(middle), int(rng.integers(3, 7)), left, back)


def _common(rng: np.random.Generator, sequence: str, kind: MrStyle, spacing: float, thickness: float, field: float | None) -> MrAcquisition:
    """Timing, resolution, coil and faults of a series; its place is still to be set."""
    field = field or float(rng.choice(kind.fields))
    times = {"t1": kind.t1, "t2": kind.t2, "stir": kind.stir, "t2_space": kind.t2_space}[sequence]
    (tr, te), ratio = (_even(rng, bounds) for bounds in times), _even(rng, kind.interpolation)
    fine = min(max(spacing * ratio, 0.55), 1.3)
    ghost, wrap = rng.random() < kind.ghost_rate, rng.random() < kind.wrap_rate
    noisy, near = NOISE.get(sequence, 1.0), 0.6 if sequence == "t2_space" else 1.0
    return MrAcquisition(
        sequence, field, tr, te, 64, 64, (spacing, spacing), thickness, thickness * _even(rng, kind.gap_share),
        (axial_stack((0, 0, 0), 1),), acquired_mm=(fine, fine * float(rng.uniform(0.85, 1.1))), window=_even(rng, kind.window),
        bandwidth_hz=_even(rng, kind.bandwidth_hz) * (2 if field > 2 else 1), wrap=float(rng.uniform(0.05, 0.2)) if wrap else 0.0,
        ghost=float(rng.uniform(0.03, 0.12)) if ghost else 0.0, ghost_mm=float(rng.uniform(20, 130)),
        coil_mm=_even(rng, kind.coil_mm) * near, coil_end=_even(rng, kind.coil_end),
        noise=_even(rng, kind.noise) * noisy, gain=_even(rng, kind.gain),
        noise_seed=int(rng.integers(2**31)),
    )


def _band(rng: np.random.Generator, spec: SubjectSpec, posture: Posture, kind: MrStyle, z: float) -> tuple[float, float, float] | None:
    """A saturation band's back edge: parallel to the lumbar spine, ahead of its front."""
    if rng.random() >= kind.band_rate:
        return None
    low, high = posture.discs[0].centre, posture.discs[spec.lumbar - 1].centre
    slope = float((high[1] - low[1]) / (high[2] - low[2]))
    front = min(float(d.centre[1] - (d.centre[2] - z) * slope) for d in posture.discs[:spec.lumbar]) - spec.sacrum.depth_mm / 2
    return front - float(rng.uniform(6, 40)), z, float(np.degrees(np.arctan(slope)) + rng.normal(0, 3))


def _triple(values: np.ndarray) -> Triple:
    return float(values[0]), float(values[1]), float(values[2])


def _even(rng: np.random.Generator, bounds: Range) -> float:
    return float(rng.uniform(*bounds))
