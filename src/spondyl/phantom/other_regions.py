"""Other regions and machines: a sagittal neck in MR, an axial CT of the belly, a film of a hand. For refusing; they carry no truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spondyl.phantom.canvas import Array, ellipse, local
from spondyl.phantom.draw import draw_subject
from spondyl.phantom.other_mr import canvas_at, rough
from spondyl.phantom.sagittal import render_sagittal
from spondyl.phantom.spec import Acquisition, DiscSpec, SubjectSpec, VertebraSpec


def render_cervical(rng: np.random.Generator, scan: Acquisition) -> Array:
    """A sagittal neck: small bodies, the cord all the way down."""
    spec = cervical_subject(rng)
    height = scan.rows * scan.spacing_mm[0]
    centre = (float(rng.normal(8, 5)), float(30 - height / 2))
    return render_sagittal(spec, replace(scan, centre_mm=centre, coil_mm=float(rng.uniform(40, 90)), band_mm=-1.0)).pixels


def cervical_subject(rng: np.random.Generator) -> SubjectSpec:
    """A spine of cervical size, made by shrinking a drawn one; its labels mean nothing."""
    spec = draw_subject(rng)
    scale = float(rng.uniform(0.46, 0.54))
    soft = replace(spec.soft, canal_mm=(12.5, 12.0, 12.0), sac_end=5.0, conus=-3.0, epidural_mm=(0.3, 0.5), bladder_mm=0.0,
                   belly_mm=float(rng.uniform(45, 65)), aorta_mm=(4.0, float(rng.uniform(8, 13))), back_fat_mm=(8.0, 10.0, 14.0))
    sacrum = replace(spec.sacrum, slope_deg=float(rng.uniform(5, 25)), depth_mm=spec.sacrum.depth_mm * scale,
                     curve_deg=(-2.0, -2.0, -2.0, -2.0, -2.0), remnant_mm=4.0)
    return replace(spec, soft=soft, sacrum=sacrum, vertebrae=tuple(_small(v, scale) for v in spec.vertebrae),
                   discs=tuple(_thin(d, scale) for d in spec.discs))


def _small(body: VertebraSpec, scale: float) -> VertebraSpec:
    return replace(body, posterior_height_mm=body.posterior_height_mm * scale, lower_depth_mm=body.lower_depth_mm * scale,
                   upper_depth_mm=body.upper_depth_mm * scale, lordotic_wedge_deg=body.lordotic_wedge_deg * 0.3,
                   wall_mm=(0.5, 0.4), spinous_mm=(body.spinous_mm[0] * 0.7, body.spinous_mm[1] * 0.45), spinous_deg=20.0)


def _thin(disc: DiscSpec, scale: float) -> DiscSpec:
    upper, lower = (replace(plate, concavity_mm=0.5, irregularity_mm=0.0, node_mm=0.0) for plate in (disc.upper_plate, disc.lower_plate))
    return replace(disc, upper_plate=upper, lower_plate=lower,
                   expected_mm=max(disc.expected_mm * scale, 3.0), height_loss=min(disc.height_loss, 0.4), lordotic_deg=2.0,
                   herniation_mm=0.0, slip_mm=disc.slip_mm * 0.2, bulge_mm=(0.3, 0.8), modic=(0, 0))


def render_ct_axial(rng: np.random.Generator, scan: Acquisition) -> Array:
    """An axial CT slice of the belly: white bone, grey organs, dark fat, black air."""
    c = canvas_at(scan, (float(rng.normal(0, 8)), float(rng.uniform(-60, -30))), float(rng.normal(0, 3)))
    wide, deep, fat = rng.uniform(140, 180), rng.uniform(95, 125), rng.uniform(8, 35)
    trunk = np.hypot(c.x / wide, (c.y + deep * 0.45) / deep)
    inside = (trunk - 1) * deep
    c.paint(inside, 0.28 + 0.01 * rough(rng, c, 4))
    c.paint(inside + fat, 0.5)
    c.paint(inside + fat + 10, 0.3)
    c.paint(np.maximum(rough(rng, c, 28) * 9, np.maximum(inside + fat + 14, c.y + 22)), 0.5 + 0.02 * rough(rng, c, 6))
    c.paint(np.maximum(ellipse(c.x + wide * 0.42, c.y + deep * 0.6, wide * 0.42, deep * 0.6), inside + fat + 13), 0.56)
    c.paint(np.maximum(rough(rng, c, 16) * 6 + 9, np.maximum(inside + fat + 18, c.y + 40)), 0.02)
    for side in (-1, 1):
        c.paint(ellipse(c.x - side * 70, c.y + 10, 24, 31), 0.6)
        c.paint(ellipse(c.x - side * 34, c.y - 36, 28, 22), 0.5)
        c.paint(ellipse(c.x - side * 38, c.y - 2, 14, 18), 0.52)
    c.paint(ellipse(c.x, c.y, 24, 18), 0.95)
    c.paint(ellipse(c.x, c.y, 21.5, 15.5), 0.66 + 0.03 * rough(rng, c, 2))
    c.paint(ellipse(c.x, c.y - 27, 11, 9), 0.9)
    c.paint(ellipse(c.x, c.y - 26, 9, 7), 0.48)
    c.paint(np.maximum(np.abs(c.x) - 3, np.abs(c.y - 50) - 16), 0.85)
    c.paint(ellipse(c.x - 9, c.y + 30, 10, 9), rng.uniform(0.5, 0.85))
    noise = np.float32(rng.uniform(0.005, 0.04)) * rng.standard_normal(c.signal.shape, dtype=np.float32)
    low, high = rng.uniform(0.0, 0.22), rng.uniform(0.7, 1.0)
    return np.asarray(np.clip((c.signal + noise - low) / (high - low), 0, 1), np.float32)


def render_hand(rng: np.random.Generator, scan: Acquisition) -> Array:
    """A film of a hand, fingers up."""
    c = canvas_at(scan, (0.0, float(rng.normal(0, 6))), float(rng.normal(0, 15)))
    c.paint(ellipse(c.x, c.y - 45, 42, 50), 0.35, edge_mm=3)
    for k, (turn, length) in enumerate(((-0.75, 62), (-0.2, 88), (0.0, 96), (0.16, 88), (0.34, 70))):
        foot = np.array([-30.0 + 15 * k, 62.0 if k else 70.0])
        piece = length / 3.2
        for part in range(4):
            reach = length * (0.2, 0.62, 0.9, 1.12)[part]
            centre = foot + reach * np.array([np.sin(turn), -np.cos(turn)])
            u, v = local(c.x, c.y, centre, -turn)
            half = piece * (0.75, 0.55, 0.38, 0.25)[part]
            c.paint(ellipse(u, v, 9 - part, half + 9), 0.35, edge_mm=3)
            waist = 3.6 - 0.5 * part + 1.6 * np.clip(np.abs(v) / half, 0, 1) ** 3
            bone = np.maximum(np.abs(u) - waist, np.abs(v) - half)
            c.paint(bone, 0.85)
            c.paint(bone + 1.4, 0.65 + 0.03 * rough(rng, c, 2))
    for _ in range(8):
        at = np.array([rng.uniform(-22, 22), rng.uniform(66, 88)])
        c.paint(ellipse(c.x - at[0], c.y - at[1], 6.5, 5.5), 0.8)
    value = c.signal + np.float32(0.02) * rng.standard_normal(c.signal.shape, dtype=np.float32)
    return np.clip(value * rng.uniform(0.8, 1.2), 0, 1).astype(np.float32)
