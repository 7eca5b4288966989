"""Training of the gate: is this an upright sagittal lumbar MR slice, and on which sequence?

What it must refuse comes from the digital spine and from flipped and turned slices; no film or photograph of a person is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from spondyl.imaging import affine_sample, letterbox
from spondyl.lab.photometry import apply_photometry, plan_photometry
from spondyl.lab.schedule import one_cycle
from spondyl.models.gate import Gate
from spondyl.phantom import draw_acquisition, draw_subject, render_sagittal
from spondyl.phantom.others import KINDS, draw_other
from spondyl.tasks.mri_discs.frame import locator_frame, normalised
from spondyl.tasks.mri_discs.gate import POSES, SEQUENCES

FRAME = 224
"""Pictures are kept at this size between epochs."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A normalised picture in a FRAME x FRAME letterbox, float16. `sequence` is -1 where it does not apply or is not known."""

    pixels: NDArray[np.float16]
    lumbar: bool
    sequence: int = -1


def framed(pixels: NDArray[np.float32]) -> NDArray[np.float16]:
    """What is kept of a picture."""
    return locator_frame(pixels, FRAME).sample(normalised(pixels)).astype(np.float16)


def phantom_pictures(sagittal: int, each_other: int, seed: int) -> list[Picture]:
    """Slices of the digital spine, and of every other kind of picture that it can draw."""
    pictures = []
    for index in range(sagittal):
        rng = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(0, index)))
        spec = draw_subject(rng)
        name = ("t1", "t2", "stir")[index % 3 if index % 9 == 2 else index % 2]
        slice_ = render_sagittal(spec, draw_acquisition(rng, name))
        if len(slice_.truth.discs) >= 3:
            pictures.append(Picture(framed(slice_.pixels), True, SEQUENCES.index(name) if name in SEQUENCES else -1))
    for number, kind in enumerate(sorted(KINDS)):
        for index in range(each_other):
            rng = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(1, number, index)))
            pictures.append(Picture(framed(np.asarray(draw_other(rng, kind), np.float32)), False))
    return pictures


def posed(pixels: NDArray[np.float32], rng: np.random.Generator) -> tuple[NDArray[np.float32], int]:
    """An upright slice, left upright half of the time, else mirrored, turned upside down or turned on its side.

    Upside down with the front still on the left is the hardest to tell, so it comes most often.
    """
    pose = int(rng.choice(4, p=[0.46, 0.1, 0.34, 0.1]))
    if POSES[pose] == "mirrored":
        return pixels[:, ::-1], pose
    if POSES[pose] == "upside_down":
        return (pixels[::-1] if rng.random() < 0.75 else pixels[::-1, ::-1]), pose
    if POSES[pose] == "on_its_side":
        side = pixels.T if rng.random() < 0.5 else pixels.T[::-1, ::-1]
        return (side if rng.random() < 0.5 else side[:, ::-1]), pose
    return pixels, pose


def augmented(picture: Picture, size: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], int, int]:
    """A picture as a network might meet it, its pose and its sequence."""
    pixels = picture.pixels.astype(np.float32)
    pose = POSES.index("other")
    if picture.lumbar:
        pixels, pose = posed(pixels, rng)
    cut = rng.uniform(0, 0.22, 4) * FRAME * (rng.random() < 0.4)
    frame = letterbox((cut[0], cut[1], FRAME - cut[2], FRAME - cut[3]), (size, size))
    angle, zoom = np.radians(rng.uniform(-10, 10)), np.exp(rng.uniform(-0.1, 0.15))
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([size / 2, size / 2])
    linear = frame.to_source[:, :2] @ turn
    offset = frame.to_source @ np.append(middle, 1.0) - linear @ (middle + rng.uniform(-6, 6, 2))
    out = affine_sample(np.ascontiguousarray(pixels), np.column_stack([linear, offset]), (size, size))
    return apply_photometry(out, plan_photometry(rng)), pose, picture.sequence


def fit_gate(
    pictures: Sequence[Picture], *, size: int, epochs: int, rng: np.random.Generator, lr: float = 3e-3, batch: int = 32
) -> Gate:
    """A trained gate. Lumbar pictures and others are drawn in equal numbers."""
    net = Gate(len(POSES) + len(SEQUENCES)).train().to(memory_format=torch.channels_last)
    weight = np.where([p.lumbar for p in pictures], 0.5 / sum(p.lumbar for p in pictures), 0.5 / sum(not p.lumbar for p in pictures))
    per_epoch = max(1, len(pictures) // batch)
    optimiser = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.05)
    schedule = one_cycle(optimiser, epochs * per_epoch)
    for _ in range(epochs * per_epoch):
        drawn = [augmented(pictures[i], size, rng) for i in rng.choice(len(pictures), batch, p=weight)]
        x = torch.from_numpy(np.stack([d[0] for d in drawn])[:, None]).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = net(x)
        out = out.float()
        pose = torch.tensor([d[1] for d in drawn])
        sequence = torch.tensor([d[2] if d[1] == 0 else -1 for d in drawn])
        value = functional.cross_entropy(out[:, : len(POSES)], pose, label_smoothing=0.02)
        if (sequence >= 0).any():
            value = value + 0.5 * functional.cross_entropy(out[:, len(POSES) :], sequence, ignore_index=-1)
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return net.eval()
