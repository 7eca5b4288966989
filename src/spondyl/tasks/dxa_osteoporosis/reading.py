"""A scan read by every network of the bundle: gate, vertebrae, members' votes, density."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image, Notice, Refusal
from spondyl.inference import Engine
from spondyl.inference.calibration import softmax
from spondyl.tasks.dxa_osteoporosis import trust
from spondyl.tasks.dxa_osteoporosis.density import MOST_G_CM2, Measured, Pair, measure, pair_of, shown
from spondyl.tasks.dxa_osteoporosis.features import FEATURES, GROUPS, features_of
from spondyl.tasks.dxa_osteoporosis.gate import Pass, admit
from spondyl.tasks.dxa_osteoporosis.looking import Scan, Spine, cut
from spondyl.tasks.dxa_osteoporosis.shapley import shapley_values
from spondyl.tasks.dxa_osteoporosis.space import Frames
from spondyl.tasks.dxa_osteoporosis.votes import classes, from_classes, odds_of

CUT = 1
"""Of the cumulative outputs, the one that is explained: osteoporosis."""


@dataclass(frozen=True, slots=True, eq=False)
class Admitted:
    """The picture that is answered.

    Attributes:
        image: It, or the low-energy frame of a pair.
        scan: What is looked at.
        passed: What the gate says.
        pair: Where it was measured.
        notices: Of the others.
    """

    image: Image
    scan: Scan
    passed: Pass
    pair: Pair | None
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """What the members say.

    Attributes:
        odds: Cumulative log odds (1, 2) by member, calibration apart.
        cams: (h, w) of the osteoporosis output, by network that has one.
        student: Class probabilities (3,), or None where the bundle has no student.
        features: (F,).
    """

    odds: Mapping[str, NDArray[np.float64]]
    cams: Mapping[str, NDArray[np.float32]]
    student: NDArray[np.float64] | None
    features: NDArray[np.float32]

    @property
    def each(self) -> dict[str, NDArray[np.float64]]:
        """Class probabilities (3,) by member."""
        table = {name: classes(odds)[0] for name, odds in self.odds.items()}
        return table if self.student is None else {**table, "student": self.student}


def choose(images: Sequence[Image], engine: Engine) -> Admitted:
    """The picture that is answered: a calibrated pair where there is one, else the likeliest spine.

    Raises:
        Refusal: If none is a density scan of a spine, with the reason for the first one.
    """
    settings = engine.bundle.settings
    frames = Frames.of(settings["frames"])
    pair = pair_of(images)
    if pair is not None:
        scan = cut(shown(pair), frames, captions=False)
        rest = tuple(image.id for image in images if image.beam is None)
        said = Notice("image-left-out", "the calibrated pair answers; the other pictures of the study were not read", images=rest)
        return Admitted(pair.low, scan, admit(scan, engine, settings["gate"]), pair, (said,) if rest else ())
    passed: list[tuple[Image, Scan, Pass]] = []
    refused: list[tuple[str, Refusal]] = []
    for image in images:
        try:
            scan = cut(image.pixels, frames)
            passed.append((image, scan, admit(scan, engine, settings["gate"])))
        except Refusal as reason:
            refused.append((image.id, reason))
    if not passed:
        raise refused[0][1]
    passed.sort(key=lambda row: (-row[2].probability, row[0].id))
    notices = [Notice("image-left-out", f"an image of the study was not read: {reason.message}", reason.code, (name,))
               for name, reason in refused]
    if len(passed) > 1:
        notices.append(Notice("image-left-out", "the study has several density pictures of a spine; the clearest was read",
                              images=tuple(image.id for image, _, _ in passed[1:])))
    return Admitted(*passed[0], None, tuple(notices))


def densities(admitted: Admitted, spine: Spine, settings: Mapping[str, Any]) -> dict[str, Measured]:
    """By vertebra, where a pair is there to measure."""
    if admitted.pair is None or admitted.image.spacing_mm is None:
        return {}
    return measure(admitted.pair, spine.found.vertebrae, float(np.mean(admitted.image.spacing_mm)), settings["calibration"])


def ask_members(admitted: Admitted, spine: Spine, measured: Mapping[str, Measured], engine: Engine) -> Votes:
    """Every member and the student."""
    picture = {"spine": spine.framed[None, None]}
    nets = {name: engine.run(name, picture) for name in ("cnn", "vgg16")}
    deep = engine.run("resnet50", picture)["features"]
    features = features_of(spine.framed, spine.frame, spine.found.vertebrae, {name: one.bmd for name, one in measured.items()})
    said = {**{name: out["logits"] for name, out in nets.items()}, "forest": engine.run("forest", {"features": deep})["said"],
            "trees": engine.run("trees", {"features": features[None]})["said"]}
    student = None
    if "student" in engine.bundle.networks:
        student = engine.run("student", {"scan": admitted.scan.framed[None, None]})["probabilities"][0].astype(np.float64)
    return Votes({name: odds_of(name, table) for name, table in said.items()}, {name: out["cam"][0, CUT] for name, out in nets.items()},
                 student, features)


def explain_trees(votes: Votes, engine: Engine) -> dict[str, float]:
    """Shapley values of the measured features for the trees' log odds of osteoporosis."""
    settings = engine.bundle.settings["shapley"]
    background = np.asarray(settings["background"], np.float32)
    groups = {name: [FEATURES.index(one) for one in members] for name, members in GROUPS.items()}

    def ask(rows: NDArray[np.float32]) -> NDArray[np.float64]:
        return from_classes(softmax(engine.run("trees", {"features": rows})["said"]))[:, CUT]

    return shapley_values(ask, votes.features, background, groups)


def trusted(spine: Spine, engine: Engine) -> dict[str, NDArray[np.float64]]:
    """By vertebra, the probability of each reason not to trust it."""
    logits = engine.run("vertebra", {"vertebra": spine.vertebrae[:, None]})["logits"]
    return dict(zip(spine.regions, trust.chances(logits, engine.bundle.settings["trust"]), strict=True))


def with_artefacts(chances: Mapping[str, NDArray[np.float64]], measured: Mapping[str, Measured]) -> dict[str, NDArray[np.float64]]:
    """The same, and metal wherever a vertebra measures more than bone can."""
    place = trust.REASONS.index("implant")
    sure = np.eye(len(trust.REASONS))[place] * trust.CERTAIN
    return {name: np.maximum(row, sure) if name in measured and measured[name].bmd > MOST_G_CM2 else row for name, row in chances.items()}
