"""Is this what the task was measured on? If not, a sentence that says what it looks like instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Refusal
from spondyl.tasks.mri_discs.chain import Disc

POSES = ("upright", "mirrored", "upside_down", "on_its_side", "other")
SEQUENCES = ("t1", "t2", "t2_space")

REFUSALS: dict[str, Callable[[], Refusal]] = {
    "mirrored": lambda: Refusal(
        "slice-mirrored",
        "the front of the body is on the right of the image",
        "Mirror the picture so that the front is on the left, or send the DICOM file, whose geometry says how to turn it",
    ),
    "upside_down": lambda: Refusal(
        "slice-upside-down",
        "the spine stands on its head in this image",
        "Turn the picture so that the head is up, or send the DICOM file, whose geometry says how to turn it",
    ),
    "on_its_side": lambda: Refusal(
        "slice-on-its-side",
        "the spine lies on its side in this image",
        "Turn the picture by 90 degrees so that the head is up, or send the DICOM file, whose geometry says how to turn it",
    ),
    "other": lambda: Refusal(
        "not-a-sagittal-lumbar-mr",
        "the image does not look like a sagittal lumbar MR slice",
        "Send a sagittal T1, T2 or SPACE slice of the lumbar spine",
    ),
}
"""What is said of a picture in each pose but the upright one."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the gate says of a picture: probabilities of each pose and, if it is upright, of each sequence."""

    poses: Mapping[str, float]
    sequences: Mapping[str, float]

    @property
    def sequence(self) -> str:
        """The likeliest sequence."""
        return max(self.sequences, key=lambda name: self.sequences[name])


def look(logits: NDArray[np.float32]) -> Look:
    """Probabilities from the logits of one picture, (members, poses + sequences): softmax of each member, then their mean."""

    def mean_softmax(part: NDArray[np.float32]) -> NDArray[np.float64]:
        e = np.exp(part.astype(np.float64) - part.max(axis=1, keepdims=True))
        return np.asarray((e / e.sum(axis=1, keepdims=True)).mean(axis=0))

    count = len(POSES)
    return Look(
        dict(zip(POSES, mean_softmax(logits[:, :count]).tolist(), strict=True)),
        dict(zip(SEQUENCES, mean_softmax(logits[:, count:]).tolist(), strict=True)),
    )


def check_pose(seen: Look, least: float) -> None:
    """Let an upright lumbar slice pass.

    Raises:
        Refusal: If `upright` is less likely than `least`; the code says what it looks like instead.
    """
    if seen.poses["upright"] >= least:
        return
    likeliest = max((name for name in POSES if name != "upright"), key=lambda name: seen.poses[name])
    raise REFUSALS[likeliest]()


def check_chain(discs: Sequence[Disc], settings: Mapping[str, float]) -> None:
    """Let a plausible row of discs pass.

    Raises:
        Refusal: If there are fewer than `least_discs`, or their mean score is under `least_mean_score`.
    """
    if len(discs) >= settings["least_discs"] and np.mean([d.score for d in discs]) >= settings["least_mean_score"]:
        return
    raise Refusal(
        "no-discs-found",
        f"{len(discs)} discs were found where at least {int(settings['least_discs'])} clear ones were expected",
        "Send a sagittal slice near the midline that shows the lumbar spine from the sacrum up",
    )
