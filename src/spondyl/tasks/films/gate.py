"""Is this a film of a lumbar spine, the right way up, and from which side? If not, a sentence that says what it looks like instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image, ImageNote, Notice, Refusal
from spondyl.inference import Engine
from spondyl.inference.calibration import softmax
from spondyl.tasks.films.framing import FilmFrame
from spondyl.tasks.films.members import Frames
from spondyl.tasks.films.selecting import HINT
from spondyl.tasks.port import LeftOut, left_out

POSES = ("film", "upside_down", "on_its_side", "other")
"""The gate's first outputs. "film": a lumbar film, the right way up."""
VIEWS = ("frontal", "lateral")
"""The gate's outputs after POSES."""
TAGGED = {"ap": "frontal", "lateral": "lateral"}
"""What `core.Image.view` says of a film, as a view here."""
NOTED = {view: tag for tag, view in TAGGED.items()}

REFUSALS: dict[str, Callable[[], Refusal]] = {
    "upside_down": lambda: Refusal(
        "film-upside-down", "the spine stands on its head in this film", "Turn the film so that the head is up, and send it again",
    ),
    "on_its_side": lambda: Refusal(
        "film-on-its-side", "the spine lies on its side in this film", "Turn the film so that the head is up, and send it again",
    ),
    "other": lambda: Refusal("not-a-lumbar-film", "the image does not look like a radiograph of the lumbar spine", HINT),
}  # fmt: skip
"""What is said of a picture in each pose but the right one."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the gate says of a picture: probabilities of each pose and, if it is a film, of each view."""

    poses: Mapping[str, float]
    views: Mapping[str, float]

    @property
    def view(self) -> str:
        """The likeliest view."""
        return max(VIEWS, key=lambda name: self.views[name])


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A film that the gate let in.

    Attributes:
        image: As it was read.
        view: One of VIEWS: from the file where it says, else from the picture.
        doubtful: Whether the gate was unsure of the film, or of a view that it had to guess.
        notices: What the reader must know of it.
    """

    image: Image
    view: str
    doubtful: bool = False
    notices: tuple[Notice, ...] = ()

    @property
    def note(self) -> ImageNote:
        """The film in `images` of result.json."""
        return ImageNote(self.image.id, *self.image.shape, self.image.spacing_mm, NOTED[self.view], "unknown")


@dataclass(frozen=True, slots=True, eq=False)
class Admitted:
    """The films that are answered, frontal ones first, and what the reader must know of them and of the others."""

    films: tuple[Film, ...]
    notices: tuple[Notice, ...]

    @property
    def images(self) -> tuple[Image, ...]:
        """Of the films."""
        return tuple(film.image for film in self.films)


def look(logits: NDArray[np.floating[Any]]) -> Look:
    """Probabilities from the gate's logits of one picture, (6,)."""
    poses, views = softmax(logits[: len(POSES)]), softmax(logits[len(POSES) :])
    return Look(dict(zip(POSES, poses.tolist(), strict=True)), dict(zip(VIEWS, views.tolist(), strict=True)))


def check_pose(seen: Look, least: float) -> None:
    """Let a lumbar film pass that is the right way up.

    Raises:
        Refusal: If "film" is less likely than `least`; the code says what it looks like instead.
    """
    if seen.poses["film"] < least:
        raise REFUSALS[max(POSES[1:], key=lambda name: seen.poses[name])]()


def admit(images: Sequence[Image], engine: Engine, frames: Frames) -> Admitted:
    """The films among the images; those that are none are left out with a notice.

    The bundle's `gate` may have `sure` (a film less likely than this is doubtful; default `least`) and `sure_view` (a guessed
    view less likely than this is doubtful, and a tag that is contradicted by more is mentioned; default: never).

    Raises:
        Refusal: If no image is a film; with the reason for the first one.
    """
    settings = engine.bundle.settings["gate"]
    stack = frames.stack(images, FilmFrame.of(settings["frame"]))
    logits = engine.run(settings["network"], {"film": stack[:, None]})["logits"]
    films: list[Film] = []
    refusals: list[LeftOut] = []
    for image, row in zip(images, logits, strict=True):
        seen = look(row)
        try:
            check_pose(seen, settings["least"])
        except Refusal as reason:
            refusals.append(LeftOut(reason, (image.id,)))
        else:
            films.append(_film(image, seen, settings))
    if not films:
        raise refusals[0].reason
    films.sort(key=lambda film: (VIEWS.index(film.view), film.image.id))
    notices = dict.fromkeys(notice for film in films for notice in film.notices)
    return Admitted(tuple(films), (*left_out(refusals), *notices, *_coarse(films, longest_frame(engine.bundle.settings))))


def longest_frame(settings: Mapping[str, Any]) -> int:
    """Pixels along the longer side of the largest frame that a bundle's networks see."""
    frames = [own["frame"] for own in (settings, settings.get("detector", {})) if "frame" in own]
    return max((max(frame["rows"], frame["columns"]) for frame in frames), default=0)


def _coarse(films: Sequence[Film], longest: int) -> list[Notice]:
    """Said of films that were not decoded at their whole resolution, so that a picture of blocks is not taken for the film."""
    coarse = sorted(film.image.id for film in films if film.image.decoded_scale > 1)
    where = "this film was" if len(films) == 1 else f"{len(coarse)} of {len(films)} films were"
    enough = all(max(film.image.shape) >= longest * film.image.decoded_scale for film in films)
    said = f"{where} decoded at a half or a quarter of the stored resolution, which is {'more' if enough else 'less'} than the networks see"
    return [Notice("film-decoded-coarse", said, images=tuple(coarse))] if coarse else []


def _film(image: Image, seen: Look, settings: Mapping[str, Any]) -> Film:
    tagged = TAGGED.get(image.view)
    doubtful = seen.poses["film"] < settings.get("sure", settings["least"])
    chance, sure = seen.views[seen.view], settings.get("sure_view")
    about = (image.id,)
    if tagged is None:
        said = f"the file does not name its view; it was guessed from the picture: {seen.view} ({chance:.2f})"
        notice = Notice("view-guessed", said, images=about)
        return Film(image, seen.view, doubtful or (sure is not None and chance < sure), (notice,))
    if tagged != seen.view and sure is not None and chance >= sure:
        said = f"the file says that the film is {tagged}, the picture looks {seen.view} ({chance:.2f})"
        notice = Notice("view-doubtful", said, images=about)
        return Film(image, tagged, True, (notice,))
    return Film(image, tagged, doubtful)
