"""Best and worst cases: the films a system was surest about, right and wrong, as pictures with their heat maps."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spondyl.core import HeatMap, Image, TaskOutput, term
from spondyl.reports.case_picture import CaseBox, case_png


@dataclass(frozen=True, slots=True)
class Case:
    """One film of the test split: its place there, what was true, what was said, and how surely."""

    place: int
    target: int
    said: int
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class CaseFilm:
    """What is drawn of a case.

    Attributes:
        image: The film.
        maps: Its heat maps.
        boxes: True and found ones.
    """

    image: Image
    maps: tuple[HeatMap, ...] = ()
    boxes: tuple[CaseBox, ...] = ()


def best_and_worst(
    folder: Path, probabilities: NDArray[np.float64], targets: Sequence[int], open_film: Callable[[int], CaseFilm], *,
    names: Sequence[str], labels: Sequence[str], said: Sequence[int] | None = None, groups: Sequence[Hashable] | None = None,
    count: int = 2,
) -> dict[str, list[dict[str, Any]]]:  # fmt: skip
    """The `cases` of metrics.json; their pictures are written into `folder`, which lies in the run.

    Args:
        probabilities: Of each label, (n, k); of yes, (n,).
        targets: True labels, n of them.
        open_film: Called with the place of each chosen film, and with no other.
        names: What each film is called.
        labels: What each label is called.
        said, groups, count: As in `choose`.
    """
    table: dict[str, list[dict[str, Any]]] = {}
    folder.mkdir(parents=True, exist_ok=True)
    for kind, right in (("best", True), ("worst", False)):
        table[kind] = []
        for number, case in enumerate(choose(probabilities, targets, right, said=said, groups=groups, count=count)):
            film = open_film(case.place)
            path = folder / f"{kind}-{number}.png"
            path.write_bytes(case_png(film.image, film.maps, film.boxes))
            row = {"name": names[case.place], "target": labels[case.target], "said": labels[case.said], "probability": case.probability}
            table[kind].append({**row, "picture": f"{folder.name}/{path.name}"})
    return table


def choose(
    probabilities: ArrayLike, targets: Sequence[int], right: bool, *, said: Sequence[int] | None = None,
    groups: Sequence[Hashable] | None = None, count: int = 2,
) -> tuple[Case, ...]:  # fmt: skip
    """The most confident right (or wrong) answers: `count` of each true label, by label, the surest first.

    Args:
        probabilities: Of each label, (n, k); of yes, (n,).
        said: What was answered; without it the likeliest label. Confidence is the probability of what was answered.
        groups: Patients; of each at most one film is taken for a label.

    Example:
        >>> [case.place for case in choose([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], [0, 0, 0], True)]
        [0, 1]
        >>> [case.place for case in choose([0.1, 0.4, 0.8], [0, 0, 0], False)]
        [2]
    """
    values = np.asarray(probabilities, np.float64)
    values = np.stack([1 - values, values], axis=1) if values.ndim == 1 else values
    answers = values.argmax(axis=1) if said is None else np.asarray(said)
    truth = np.asarray(targets)
    surely = values[np.arange(len(values)), answers]
    cases: list[Case] = []
    for label in sorted(set(truth.tolist())):
        wanted = np.flatnonzero((truth == label) & ((answers == truth) == right))
        order = wanted[np.argsort(-surely[wanted], kind="stable")]
        taken = _one_a_group(order.tolist(), groups)[:count]
        cases += [Case(place, label, int(answers[place]), float(round(surely[place], 4))) for place in taken]
    return tuple(cases)


def case_film(image: Image, output: TaskOutput, true: Sequence[CaseBox] = ()) -> CaseFilm:
    """What the served task said about a film, ready to be drawn; a box carries the name of its finding and its probability."""
    found = [
        CaseBox(term(finding.finding).text, finding.box, (finding.probabilities or {}).get("present", 1.0))
        for finding in output.result.findings
        if finding.image == image.id and finding.box is not None
    ]
    return CaseFilm(image, tuple(heat for heat in output.maps if heat.image == image.id), (*true, *found))


def _one_a_group(places: Sequence[int], groups: Sequence[Hashable] | None) -> list[int]:
    if groups is None:
        return list(places)
    first: dict[Hashable, int] = {}
    for place in places:
        first.setdefault(groups[place], place)
    return list(first.values())
