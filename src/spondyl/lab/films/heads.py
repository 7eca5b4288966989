"""What a network is taught for each task: targets from labels and boxes, the loss, and what its logits mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from spondyl.core.errors import InputError, describe_unknown
from spondyl.lab.films.records import FilmRecord
from spondyl.lab.films.sampling import class_weights
from spondyl.metrics import auroc, balanced_accuracy, kappa
from spondyl.phantom.measured import LESIONS

GRADES = 5
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What a batch of n films is taught.

    Attributes:
        targets: (n, K), 0..1.
        known: (n, K), 1 where the source says so, else 0.
        places: (n, K, h, w), 0..1, what each cell should say; None where nothing is taught by place.
        places_known: (n, K), 1 where the boxes say what is in each place; or (n, K, h, w), where they say it of some places only: what is
            left of a lesion that is all but cut off is neither taught as one nor as none.
        weights: (n,) how much each film counts, mean about 1.
        teacher: (n, K) probabilities of a teacher, or None.
    """

    targets: Tensor
    known: Tensor
    places: Tensor | None
    places_known: Tensor
    weights: Tensor
    teacher: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What K logits of a film mean.

    Attributes:
        outputs: K.
        classes: How many labels films can have.
        codes: (labels of boxes, K): what a place with each label says to each question.
        swap: Where each output goes when a film is mirrored left to right: output k of the mirrored film is output swap[k] of the film.
        positive: (K,) how much a yes counts against a no.
        film: (classes,) how much a film of each label counts.
        share: (K,) how much each question counts; they sum to 1.
        place_weight: Weight of what is taught place by place.
        teacher_weight: Share of the loss that is the teacher's, where there is one.
    """

    outputs: int
    classes: int
    codes: Floats
    swap: tuple[int, ...]
    taught: Callable[[FilmRecord], tuple[Floats, Floats]]
    probabilities: Callable[[Tensor], Tensor]
    figures: Callable[[NDArray[np.float64], Sequence[FilmRecord]], dict[str, float]]
    positive: Floats
    film: Floats
    share: Floats
    place_weight: float = 0.0
    teacher_weight: float = 0.0

    def loss(self, logits: Tensor, cells: Tensor, taught: Taught) -> Tensor:
        """What training makes small: `film_loss`, mixed with the teacher's, plus the place term.

        Args:
            logits: (n, K).
            cells: (n, K, h, w) logits of places, bias included.
            taught: For these films.
        """
        value = self.film_loss(logits, taught)
        if taught.teacher is not None:
            share = torch.as_tensor(self.share, device=logits.device)
            soft = (functional.binary_cross_entropy_with_logits(logits, taught.teacher, reduction="none") * share).sum(1).mean()
            value = (1 - self.teacher_weight) * value + self.teacher_weight * soft
        if taught.places is not None and self.place_weight:
            value = value + self.place_weight * place_loss(cells, taught.places, taught.places_known)
        return value

    def film_loss(self, logits: Tensor, taught: Taught) -> Tensor:
        """The mean over films of weighted binary cross-entropy of what is known of them: the same however films are put into batches."""
        wanted = taught.targets
        positive, share = (torch.as_tensor(part, device=logits.device) for part in (self.positive, self.share))
        each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none") * (1 + (positive - 1) * wanted)
        return (each * share * taught.known * taught.weights[:, None]).sum(1).mean()


def place_loss(cells: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy of cells, each weighed by how wrong it is, over how much there is to find; one number.

    The quality focal loss of Li et al. 2020 with beta = 2, normalised as detectors do it, so that many empty cells do not drown the few.

    Args:
        cells: (n, K, h, w) logits.
        wanted: The same shape, 0..1.
        known: (n, K), or (n, K, h, w).
    """
    known = known if known.ndim == 4 else known[:, :, None, None]
    wrong = (torch.sigmoid(cells.detach()) - wanted).square()
    each = functional.binary_cross_entropy_with_logits(cells, wanted, reduction="none") * wrong * known
    return each.sum() / (wanted * known).sum().clamp(min=len(cells))


def head_of(
    task: str,
    films: Sequence[FilmRecord] = (),
    *,
    weighting: str = "none",
    place_weight: float = 0.0,
    teacher_weight: float = 0.0,
) -> Head:
    """The head of a task.

    Args:
        task: "xray-lesions" or "xray-grade".
        films: Training films, whose labels are counted for class weights.
        weighting: How classes are weighed, one of `sampling.CLASS_WEIGHTS`.
        place_weight, teacher_weight: As in `Head`.

    Raises:
        InputError: `task-without-head`, `class-weights-unknown`.
    """
    if task not in _TASKS:
        raise InputError("task-without-head", describe_unknown("task of films", task, _TASKS), "Name one of the known tasks")
    return _TASKS[task](films, weighting, place_weight, teacher_weight)


def _lesion_head(films: Sequence[FilmRecord], weighting: str, place_weight: float, teacher_weight: float) -> Head:
    """abnormal, then the lesions in the released order, yes or no each; abnormal counts as much as all of them."""
    count = len(LESIONS)
    codes = np.hstack([np.ones((count, 1)), np.eye(count)]).astype(np.float32)
    return Head(
        1 + count, 2, codes, tuple(range(1 + count)), _taught_lesions, torch.sigmoid, _lesion_figures,
        _positive(films, weighting, 1 + count), np.ones(2, np.float32),
        np.array([0.5, *[0.5 / count] * count], np.float32), place_weight, teacher_weight,
    )  # fmt: skip


def _positive(films: Sequence[FilmRecord], weighting: str, outputs: int) -> Floats:
    """(K,) weight of a yes against a no, by how many films say either."""
    if weighting == "none" or not films:
        class_weights(weighting, [1])
        return np.ones(outputs, np.float32)
    taught = [_taught_lesions(film) for film in films]
    targets, known = (np.stack(part) for part in zip(*taught, strict=True))
    ratios = []
    for k in range(outputs):
        yes = float((targets[:, k] * known[:, k]).sum())
        weights = class_weights(weighting, [round(float(known[:, k].sum()) - yes), round(yes)])
        ratios.append(weights[1] / weights[0] if weights.all() else 1.0)
    return np.asarray(ratios, np.float32)


def _taught_lesions(film: FilmRecord) -> tuple[Floats, Floats]:
    """Targets and what is known of one film: an abnormal film without boxes does not say which lesions it has."""
    targets = np.zeros(1 + len(LESIONS), np.float32)
    targets[0] = film.target
    targets[[1 + box.label for box in film.boxes]] = 1
    known = np.ones_like(targets)
    if film.target and not film.boxes:
        known[1:] = 0
    return targets, known


def _lesion_figures(logits: NDArray[np.float64], films: Sequence[FilmRecord]) -> dict[str, float]:
    """AUROC of abnormal, and the mean AUROC of the lesions that some films have and others lack."""
    targets = np.stack([_taught_lesions(film)[0] for film in films])
    each = [auroc(targets[:, k], logits[:, k]) if 0 < targets[:, k].sum() < len(targets) else float("nan") for k in range(targets.shape[1])]
    lesions = [value for value in each[1:] if value == value]
    return {"auroc": each[0], "lesions_auroc": float(np.mean(lesions)) if lesions else float("nan")}


def _grade_head(films: Sequence[FilmRecord], weighting: str, place_weight: float, teacher_weight: float) -> Head:
    """"Grade is k or more" for k = 1 to 4; a place says so of its own disc."""
    counts = np.bincount([film.target for film in films], minlength=GRADES) if films else np.ones(GRADES)
    thresholds = np.arange(1, GRADES)
    codes = (np.arange(GRADES)[:, None] >= thresholds).astype(np.float32)
    return Head(
        GRADES - 1, GRADES, codes, tuple(range(GRADES - 1)), _taught_grade, _grade_probabilities, _grade_figures,
        np.ones(GRADES - 1, np.float32), class_weights(weighting, [int(count) for count in counts]).astype(np.float32),
        np.full(GRADES - 1, 1 / (GRADES - 1), np.float32), place_weight, teacher_weight,
    )  # fmt: skip


def _taught_grade(film: FilmRecord) -> tuple[Floats, Floats]:
    return (film.target >= np.arange(1, GRADES)).astype(np.float32), np.ones(GRADES - 1, np.float32)


def _grade_probabilities(logits: Tensor) -> Tensor:
    """(n, 4) cumulative logits to (n, 5) probabilities of grades; where they do not fall with k the running minimum is taken."""
    least = torch.sigmoid(logits).cummin(1).values
    edge = torch.ones_like(least[:, :1])
    return torch.cat([edge, least], 1) - torch.cat([least, 0 * edge], 1)


def _grade_figures(logits: NDArray[np.float64], films: Sequence[FilmRecord]) -> dict[str, float]:
    """Quadratic kappa and balanced accuracy of the expected number of thresholds passed."""
    truth = np.array([film.target for film in films])
    found = (np.minimum.accumulate(logits, axis=1) > 0).sum(1)
    return {"kappa": kappa(truth, found, GRADES), "balanced_accuracy": balanced_accuracy(truth, found, GRADES)}


_TASKS: dict[str, Callable[[Sequence[FilmRecord], str, float, float], Head]] = {"xray-lesions": _lesion_head, "xray-grade": _grade_head}
