"""MR pictures that are not sagittal lumbar slices: axial and coronal lumbar, brain, knee. Crude, for refusing; they carry no truth."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.anatomy import stack
from spondyl.phantom.canvas import Array, Canvas, Frame, blur, box, coverage, ellipse, local, rounded, upsample
from spondyl.phantom.spec import Acquisition, SubjectSpec
from spondyl.phantom.tissue import TISSUES, marrow_signal, signal


def rough(rng: np.random.Generator, canvas: Canvas, blob_mm: float) -> Array:
    """Smooth noise over the canvas, about N(0, 1), with blobs of that size."""
    rows, columns = canvas.signal.shape
    across = max(int(columns * canvas.pixel_mm / blob_mm), 1) + 2
    down = max(int(rows * canvas.pixel_mm / blob_mm), 1) + 2
    return upsample(rng.standard_normal((down, across)) * 1.4, rows, columns)


def canvas_at(scan: Acquisition, centre_mm: tuple[float, float], rotation_deg: float) -> Canvas:
    """An empty canvas of that acquisition's size around a point of the body."""
    return Canvas(Frame(scan.rows, scan.columns, scan.spacing_mm, centre_mm, rotation_deg))


def tissue_signals(scan: Acquisition) -> dict[str, float]:
    """Signal of every tissue in a sequence."""
    return {name: signal(tissue, scan) for name, tissue in TISSUES.items()}


def expose(canvas: Canvas, scan: Acquisition, rng: np.random.Generator, bias: float = 0.35) -> Array:
    """Coil bias, blur, noise and display window."""
    rows, columns = canvas.signal.shape
    field = 1 + bias * upsample(rng.standard_normal((3, 3)).astype(np.float32), rows, columns)
    value = blur(canvas.signal * np.clip(field, 0.2, 2.5), scan.blur_px)
    bright = value[value > 0.05 * value.max()] if value.max() > 0 else value
    white = scan.white * float(np.quantile(bright[::7], 0.98)) if bright.size else 1.0
    noise = rng.standard_normal((2, rows, columns), dtype=np.float32) * np.float32(scan.noise)
    return np.asarray(np.clip(np.hypot(value / np.float32(max(white, 1e-6)) + noise[0], noise[1]), 0, 1), np.float32)


def render_axial(spec: SubjectSpec, acquisition: Acquisition, from_bottom: int = 2) -> Array:
    """An axial slice through that disc (or, with an even texture seed, the body above it); front of the patient at the top."""
    rng = np.random.default_rng((spec.texture_seed, 11, from_bottom))
    of = tissue_signals(acquisition)
    c = canvas_at(acquisition, (float(rng.normal(0, 6)), float(rng.uniform(-25, 15))), float(rng.normal(0, 3)))
    wide, deep = rng.uniform(150, 190), rng.uniform(95, 125)
    _trunk(c, of, rng, wide, deep)
    disc, vertebra = spec.discs[from_bottom - 1], spec.vertebrae[from_bottom - 1]
    a, b = vertebra.lower_depth_mm * 0.66, vertebra.lower_depth_mm * 0.5
    _axial_muscles(c, of, rng, a, b)
    _axial_vessels(c, of, rng, b)
    body = ellipse(c.x, c.y, a, b) + 0.6 * rough(rng, c, 10)
    c.paint(body, of["cortex"])
    if spec.texture_seed % 2:
        t2 = disc.nucleus_t2_ms / 210
        c.paint(body + 1.0, of["cord"] * (0.35 + 0.3 * t2))
        c.paint(ellipse(c.x, c.y + 1, a * 0.68, b * 0.62), of["cord"] * (0.3 + 1.2 * t2) * (1 + 0.1 * rough(rng, c, 5)), edge_mm=5)
    else:
        c.paint(body + 1.2, marrow_signal(vertebra.fat, 0, acquisition) * (1 + 0.07 * rough(rng, c, 4)))
    _axial_canal(c, of, rng, spec, b)
    return expose(c, acquisition, rng)


def _trunk(c: Canvas, of: dict[str, float], rng: np.random.Generator, wide: float, deep: float) -> None:
    """Skin, subcutaneous fat, a wall of muscle, and bowel in the belly; the spine lies near the back."""
    y = c.y + deep * 0.42
    skin = rounded(np.abs(c.x) - np.float32(wide), np.abs(y) - np.float32(deep), deep * 0.9)
    c.paint(skin, of["fat"] * (0.95 + 0.04 * rough(rng, c, 8)))
    fat = rng.uniform(8, 32)
    c.paint(skin + fat, of["muscle"] * (1 + 0.15 * rough(rng, c, 5)))
    c.paint(skin + fat + 11, of["fat"] * (0.9 + 0.06 * rough(rng, c, 12)))
    gut = np.maximum(rough(rng, c, 24) * 8 - rng.uniform(-6, 6), np.maximum(skin + fat + 15, c.y + 28))
    c.paint(gut, of["bowel"] * (0.9 + 0.3 * rough(rng, c, 9)), edge_mm=2)
    if rng.random() < 0.6:
        for side in (-1, 1):
            u, v = local(c.x, c.y, np.array([side * rng.uniform(62, 78), rng.uniform(-15, 12)]), side * 0.5)
            c.paint(ellipse(u, v, 24, 33), of["organ"] * 1.3)
            c.paint(ellipse(u, v, 9, 17), of["fat"], edge_mm=5)


def _axial_muscles(c: Canvas, of: dict[str, float], rng: np.random.Generator, a: float, b: float) -> None:
    """Psoas beside the body, the erectors behind, fatty streaks in both."""
    fibre = of["muscle"] * (1 + 0.12 * rough(rng, c, 3))
    streak = np.clip(rough(rng, c, 4) - rng.uniform(0.6, 1.8), 0, 1)
    fibre = fibre + streak * (of["fat"] - fibre)
    for side in (-1, 1):
        u, v = local(c.x, c.y, np.array([side * (a + 17), 2.0]), side * 0.3)
        c.paint(ellipse(u, v, 17, 25) + 1.5 * rough(rng, c, 14), fibre)
        u, v = local(c.x, c.y, np.array([side * 33, b + 38.0]), -side * 0.2)
        c.paint(box(u, v, 29, 24, 16) + 1.5 * rough(rng, c, 18), fibre)


def _axial_vessels(c: Canvas, of: dict[str, float], rng: np.random.Generator, b: float) -> None:
    for x, radius in ((8, 9.5), (-15, 11)):
        c.paint(ellipse(c.x - x, c.y + b + rng.uniform(11, 15), radius, radius * 0.85), of["vessel"] * rng.uniform(1, 8))


def _axial_canal(whole: Canvas, of: dict[str, float], rng: np.random.Generator, spec: SubjectSpec, b: float) -> None:
    """Facets, lamina, spinous process, epidural fat, the sac with roots."""
    c = whole.part((0.0, b + 25), 48)
    if not c.signal.size:
        return
    bone, depth = of["fat"] * 0.55, spec.soft.canal_mm[1]
    for side in (-1, 1):
        u, v = local(c.x, c.y, np.array([side * 21.0, b + 15.0]), side * 0.9)
        c.paint(ellipse(u, v, 11, 7), of["cortex"])
        c.paint(ellipse(u, v, 9, 5), bone)
        u, v = local(c.x, c.y, np.array([side * 10.0, b + 21.0]), -side * 0.7)
        c.paint(box(u, v, 12, 3.5, 3), of["cortex"])
        c.paint(ellipse(c.x - side * 17, c.y - b - 4, 5, 5), of["fat"])
        c.paint(ellipse(c.x - side * 16, c.y - b - 4, 2.4, 2.4), of["root"] * 0.6)
    c.paint(box(c.x, c.y - b - 42, 3.6, 18, 3), of["cortex"])
    c.paint(box(c.x, c.y - b - 42, 2.2, 16, 2), bone)
    middle = b + 2 + depth / 2
    sac = np.maximum(ellipse(c.x, c.y - middle, depth * 0.72, depth * 0.56), 0.4 * (np.abs(c.x) - depth * 0.62))
    c.paint(ellipse(c.x, c.y - middle - 3, depth * 0.75, depth * 0.75), of["fat"])
    c.paint(sac - 0.8, of["ligament"])
    roots = np.clip(rough(rng, c, 1.8) - 0.5, 0, 1) * coverage(b + 3 + depth * 0.35 - c.y, 4.0)
    c.paint(sac, of["csf"] + roots * (of["root"] - of["csf"]))


def render_coronal(spec: SubjectSpec, acquisition: Acquisition) -> Array:
    """A coronal slice through the bodies: the patient's right at the left, head up."""
    rng = np.random.default_rng((spec.texture_seed, 12))
    of = tissue_signals(acquisition)
    middle = float(rng.uniform(-95, -60))
    c = canvas_at(acquisition, (float(rng.normal(0, 8)), middle), float(rng.normal(0, 3)))
    wide = rng.uniform(130, 175) + 12 * np.sin(c.y / 70)
    fat = rng.uniform(8, 35)
    c.paint(np.abs(c.x) - wide, of["fat"] * (0.95 + 0.05 * rough(rng, c, 8)))
    c.paint(np.abs(c.x) - wide + fat, of["muscle"] * (1 + 0.15 * rough(rng, c, 6)))
    c.paint(np.abs(c.x) - wide + fat + 14, of["fat"] * (0.9 + 0.06 * rough(rng, c, 14)))
    gut = np.maximum(rough(rng, c, 26) * 8 - rng.uniform(-4, 6), np.maximum(np.abs(c.x) - wide + fat + 18, 55 - np.abs(c.x)))
    c.paint(gut, of["bowel"] * (0.9 + 0.25 * rough(rng, c, 8)), edge_mm=2)
    curve = rng.normal(0, 6) * np.sin((c.y + 40) / rng.uniform(45, 90))
    for side in (-1, 1):
        psoas = ellipse(c.x - curve - side * (32 - 0.16 * (c.y + 60)), c.y + 50, 15, 88)
        c.paint(psoas, of["muscle"] * (1 + 0.1 * rough(rng, c, 4)))
        u, v = local(c.x, c.y, np.array([side * 66.0, rng.uniform(-140, -120)]), side * 0.25)
        c.paint(ellipse(u, v, 25, 48), of["organ"] * 1.25)
        c.paint(ellipse(u + side * 8, v, 9, 24), of["fat"], edge_mm=6)
        u, v = local(c.x, c.y, np.array([side * 78.0, 40.0]), side * 0.9)
        c.paint(ellipse(u, v, 48, 17), of["cortex"])
        c.paint(ellipse(u, v, 46, 15), of["fat"] * 0.6)
    _coronal_column(c, of, rng, spec, acquisition, curve)
    return expose(c, acquisition, rng)


def _coronal_column(c: Canvas, of: dict[str, float], rng: np.random.Generator, spec: SubjectSpec, scan: Acquisition, curve: Array) -> None:
    grain = 1 + 0.07 * rough(rng, c, 4)
    spine = stack(spec)
    c.paint(np.maximum(np.abs(c.x) - 52 + 0.75 * np.maximum(c.y, 0), np.maximum(-c.y, c.y - 62)), marrow_signal(0.5, 0, scan) * grain)
    for disc, body in zip(spine.discs, spine.bodies, strict=True):
        half = body.lower.depth * 0.66
        y = float(body.centre[1])
        height = abs(float(body.upper.posterior[1] - body.lower.posterior[1])) * 1.08
        window = c.frame.window(np.array([[0.0, y]]), 48)
        if window is None:
            continue
        across, down = c.x[window] - curve[window], c.y[window]
        slot = ellipse(across, down - float(disc.centre[1]), half, max(disc.spec.expected_mm * (1 - disc.spec.height_loss), 2.0) * 0.8)
        c.paint(slot, of["cord"] * (0.25 + disc.spec.nucleus_t2_ms / 260), window, edge_mm=2)
        waist = half - 3.0 * np.clip(1 - ((down - y) / (height / 2)) ** 2, 0, 1)
        bone = rounded(np.abs(across) - waist, np.abs(down - y) - height / 2, 3.0)
        c.paint(bone, of["cortex"], window)
        c.paint(bone + 1.2, marrow_signal(body.fat, 0, scan) * grain[window], window)


def folds(rng: np.random.Generator, c: Canvas, blob_mm: float) -> Array:
    """0..1: dark winding furrows, as between the folds of a cortex."""
    return np.clip(np.abs(rough(rng, c, blob_mm) + 0.5 * rough(rng, c, blob_mm * 0.6)) * 2.2, 0, 1)


def render_brain_axial(rng: np.random.Generator, scan: Acquisition) -> Array:
    """An axial slice of a head."""
    of = tissue_signals(scan)
    c = canvas_at(scan, (float(rng.normal(0, 5)), float(rng.normal(0, 5))), float(rng.normal(0, 8)))
    a, b = rng.uniform(62, 72), rng.uniform(78, 92)
    head = ellipse(c.x, c.y, a + 11, b + 11)
    c.paint(head, of["fat"])
    c.paint(head + 5, of["cortex"])
    c.paint(head + 10, of["csf"])
    furrow = folds(rng, c, rng.uniform(7, 11))
    brain = ellipse(c.x, c.y, a - 1, b - 1)
    ribbon = coverage(-(brain + 12), 10.0)
    c.paint(brain, of["csf"] + furrow * (of["cord"] * 1.15 - of["csf"]) + ribbon * 0.0)
    c.paint(brain + 14 + 4 * rough(rng, c, 12), of["cord"] * (0.85 + 0.05 * rough(rng, c, 6)), edge_mm=5)
    c.paint(np.maximum(np.abs(c.x) - 1.2, brain + 2), of["csf"] * 0.8)
    for side in (-1, 1):
        for y, tilt in ((-20, 0.5), (18, -0.5)):
            u, v = local(c.x, c.y, np.array([side * rng.uniform(8, 11), y]), side * tilt)
            c.paint(ellipse(u, v, rng.uniform(4, 8), rng.uniform(14, 22)), of["csf"], edge_mm=2)
    return expose(c, scan, rng)


def render_brain_sagittal(rng: np.random.Generator, scan: Acquisition) -> Array:
    """A mid-sagittal slice of a head; the face at the left."""
    of = tissue_signals(scan)
    c = canvas_at(scan, (float(rng.normal(0, 8)), float(rng.uniform(10, 40))), float(rng.normal(0, 6)))
    neck = np.maximum(np.abs(c.x - 22) - 48, 30 - c.y)
    face = np.maximum(ellipse(c.x + 42, c.y - 62, 45, 62), -c.y)
    c.paint(np.minimum(neck, face) + 2 * rough(rng, c, 14), of["fat"] * (0.7 + 0.2 * rough(rng, c, 7)))
    c.paint(ellipse(c.x + 45, c.y - 72, 26, 18), of["muscle"] * (1.4 + 0.2 * rough(rng, c, 5)))
    c.paint(ellipse(c.x + 52, c.y - 40, 24, 9), 0.02)
    head = ellipse(c.x, c.y, rng.uniform(88, 98), rng.uniform(70, 80))
    c.paint(head, of["fat"])
    c.paint(head + 5, of["cortex"])
    c.paint(head + 11, of["csf"])
    brain = np.maximum(head + 13, c.y - 26)
    furrow = folds(rng, c, rng.uniform(8, 13))
    c.paint(brain, of["csf"] + furrow * (of["cord"] * 1.1 - of["csf"]))
    arch = np.abs(ellipse(c.x, c.y - 4, 36, 24)) - 4
    c.paint(np.maximum(arch, c.y - 2), of["cord"] * 0.9)
    c.paint(np.maximum(ellipse(c.x, c.y - 4, 31, 19), c.y - 4), of["csf"])
    c.paint(ellipse(c.x - 1, c.y - 14, 16, 11), of["cord"])
    u, v = local(c.x, c.y, np.array([8.0, 50.0]), 0.15)
    c.paint(box(u, v, 8, 60, 6) - 3, of["csf"])
    c.paint(box(u, v, 6 + 5 * np.exp(-(((c.y - 34) / 12) ** 2)).mean().item(), 58, 5), of["cord"])
    cerebellum = ellipse(c.x - 40, c.y - 42, 25, 21)
    c.paint(cerebellum, of["cord"] * (0.75 + 0.3 * np.sin(np.hypot(c.x - 20, c.y - 40) * 1.6)))
    for k in range(4):
        c.paint(box(c.x + 8, c.y - 88 - 16 * k, 8, 6.5, 2), marrow_signal(0.4, 0, scan))
    return expose(c, scan, rng)


def render_knee(rng: np.random.Generator, scan: Acquisition) -> Array:
    """A sagittal slice of a knee."""
    of = tissue_signals(scan)
    c = canvas_at(scan, (float(rng.normal(0, 6)), float(rng.normal(0, 8))), float(rng.normal(0, 5)))
    leg = np.abs(c.x) - rng.uniform(58, 70) + 0.02 * np.abs(c.y)
    c.paint(leg, of["fat"] * (0.95 + 0.05 * rough(rng, c, 7)))
    for x, wide in ((34, 20), (-40, 9)):
        meat = np.maximum(np.abs(c.x - x - 4 * np.sin(c.y / 40)) - wide, 18 - np.abs(c.y))
        c.paint(meat, of["muscle"] * (1 + 0.2 * rough(rng, c, 4)), edge_mm=2)
    grain = marrow_signal(0.75, 0, scan) * (1 + 0.06 * rough(rng, c, 3))
    shaft = np.maximum(np.abs(c.x + 2) - 15 - 0.03 * np.abs(c.y), np.maximum(c.y + 30, -c.y - 200))
    femur = np.minimum(shaft, ellipse(c.x - 2, c.y + 27, 31, 25))
    tibia = np.minimum(rounded(np.abs(c.x - 2) - 29, np.abs(c.y - 16) - 12, 4), np.maximum(np.abs(c.x) - 17, np.abs(c.y - 120) - 106))
    patella = ellipse(c.x + 42, c.y + 32, 9, 20)
    for bone in (femur, tibia, patella):
        c.paint(bone - 3.0, of["cord"] * 0.8)
        c.paint(bone, of["cortex"])
        c.paint(bone + 1.4, grain)
    c.paint(np.maximum(np.abs(c.x + 46 - 0.12 * (c.y + 10)) - 3, np.abs(c.y - 5) - 30), of["ligament"])
    for x in (-20, 22):
        c.paint(np.maximum(np.abs(c.y - 1) - 0.35 * np.abs(c.x - x * 0.2), np.abs(c.x - x) - 9), of["ligament"])
    c.paint(ellipse(c.x + 22, c.y - 4, 12, 14) + 2 * rough(rng, c, 6), of["fat"], edge_mm=3)
    return expose(c, scan, rng)
