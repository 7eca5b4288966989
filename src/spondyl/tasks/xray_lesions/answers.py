"""What is said of a film and of each box on it, and which boxes are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Finding, Image, Notice
from spondyl.metrics.logistic import logit, sigmoid
from spondyl.tasks.films.answering import by_key, finding_of, quantile_of, yes_no
from spondyl.tasks.films.boxes import FoundBox
from spondyl.tasks.films.gate import Film
from spondyl.tasks.films.votes import SCORE_EDGE, Votes, calibrated, is_abnormal, voters

ABNORMAL = "abnormal"
OUTPUT = 0
"""Which output of the members says abnormal."""
CLASSES = ("osteophytes", "disc_space_narrowing", "surgical_implant", "foraminal_stenosis", "spondylolisthesis", "vertebral_collapse",
           "other_lesion")  # fmt: skip
"""The seven classes of VinDr-SpineXR in the released order (`phantom.measured.LESIONS`), as the vocabulary names them."""


def film_finding(
    film: Film, probability: float, members: Mapping[str, Mapping[str, float]], settings: Mapping[str, Any], *, contradicted: bool = False
) -> Finding:
    """Whether the film is abnormal.

    Args:
        probability: That it is, of the reader and the detector together.
        members: What each network that voted says by itself, by key.
        settings: Of the bundle.
        contradicted: Whether detector and classifiers disagree: it is sure of a lesion on a film that is called normal, or without it
            the film would be called otherwise.
    """
    value = int(is_abnormal(probability, settings))
    return finding_of(
        ABNORMAL, yes_no(probability), value, quantile_of(settings, ABNORMAL), unsure=film.doubtful or contradicted, members=members,
        image=film.image.id, explanation=settings.get("explanation", "cam"),
    )  # fmt: skip


def by_member(votes: Votes, index: int, settings: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The calibrated probabilities of each network that voted on the film of that index, by key."""
    return {name: by_key(ABNORMAL, calibrated(votes[name][index : index + 1], own)[0]) for name, own in voters(settings).items()}


def unasked(images: Sequence[Image], asked: NDArray[np.bool_], settings: Mapping[str, Any]) -> list[Notice]:
    """Said where no lesions were looked for, and of which films, so that no box does not read as no lesion.

    Args:
        images: The n films.
        asked: Whether the detector looked at each of them, (n,).
        settings: Of the bundle.
    """
    left = tuple(image.id for image, looked in zip(images, asked, strict=True) if not looked)
    if not left or "detector" not in settings:
        return []
    where = "this film" if len(asked) == 1 else f"{len(left)} of {len(asked)} films"
    return [Notice("detector-not-asked", f"no boxes were looked for on {where}: the classifiers are sure that it is normal", images=left)]


def kept_boxes(boxes: Iterable[FoundBox], abnormal: bool, settings: Mapping[str, Any]) -> list[FoundBox]:
    """The fusion rule: every box of an abnormal film, and of a normal one those whose score reaches `sure`.

    Boxes that are right with a probability under `likely` tell a person nothing and are left out, on any film.

    Source: the decision rule of VinDr-SpineXR (Nguyen et al. 2021); `likely` is ours.

    Args:
        settings: Of the bundle's detector.
    """
    likely = float(settings.get("likely", 0.0))
    return [box for box in boxes if (abnormal or box.score >= settings["sure"]) and class_probability(box, settings) >= likely]


def class_probability(box: FoundBox, settings: Mapping[str, Any]) -> float:
    """Calibrated probability that the box holds what it is called, from its score. `settings`: of the bundle's detector."""
    own = settings["classes"].get(CLASSES[box.label], {"slope": 1.0, "offset": 0.0})
    return float(sigmoid(own["slope"] * logit(np.array(box.score), SCORE_EDGE) + own["offset"]))


def box_findings(film: Film, boxes: Sequence[FoundBox], settings: Mapping[str, Any]) -> list[Finding]:
    """A finding for each box: it is present there, with the probability that this is right. It has no level."""
    findings = []
    for box in boxes:
        name = CLASSES[box.label]
        present = yes_no(class_probability(box, settings["detector"]))
        findings.append(finding_of(name, present, 1, quantile_of(settings, name), unsure=film.doubtful, image=film.image.id, box=box.box))
    return findings
