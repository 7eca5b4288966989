"""The keys of recipes/xray-*.toml."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spondyl.tasks.films.framing import FilmFrame

LAYOUTS = {"xray-lesions": ("vindr",), "xray-grade": ("grades",)}
"""Layouts that a task can be trained on; the first is its own."""
SCALES = {"cpu": "two processor cores, small networks from scratch", "gpu": "an accelerator, the named networks"}
READERS = ("ensemble", "student")
FITTED = "fit"
MAY_CHANGE = ("jobs", "devices", "threads", "loaders", "trust_pairs")
"""Keys that do not change what is trained: a run may go on with others."""


@dataclass(frozen=True, slots=True)
class FilmRecipe:
    """What is trained on what, for how long.

    Attributes:
        task, version, layout, licence, attribution: Of the bundle and its data.
        research_only: The data are for research only; every face of the bundle says so.
        trained_on: The training data in words; "" says it from the cohort.
        scale: One of SCALES: which size of run the figures come from.
        also: Folder of a second data set in the same layout, to learn from only: none of its films chooses or judges. "" is none.
        val_share: Share of the groups of `train` that become validation where the data set has none.
        rows, columns, low, high: The members' and the student's frame (`FilmFrame`).
        members: Networks of the ensemble; one named twice is trained twice, from other seeds.
        student: Network that learns from the ensemble, or "" for none.
        student_start: Member of that architecture whose weights the student begins with, on whole films at once; "" teaches it as a
            member is taught.
        start: Folder of a run, of any task, whose finished members of the same architecture are what these begin with; "" begins from
            scratch.
        piece_rows, piece_columns, pieces, piece_seek: Members and student are first taught on pieces of that size (`lab.films.pieces`),
            for `piece_epochs`, and then on whole films; 0 rows teach on whole films alone.
        epochs to teacher_weight: Of members and student, as in `lab.films.plan.FitPlan`; a stride of 0 is the network's own.
        weights: "fit" on validation, or one number for each member.
        threshold: "fit" on validation, or a number.
        reader: Who answers when served.
        detector: Detector of lesions, or "" for none.
        detector_whole_epochs: After its `detector_epochs` on pieces it sees so many on whole films; without pieces there are none.
        detector_least, detector_likely, detector_sure, detector_overlap, detector_most: Boxes are read off its maps from that score on,
            and shown where they are right with at least that probability; of a normal film, from that score on; how much two of a class
            may overlap, and how many there may be.
        detector_start: Member whose body the detector begins with, or "" for random weights.
        gate_size, gate_steps, gate_each, gate_least: Of the gate (`lab.films.gate.GatePlan`).
        gate_sure, gate_sure_view: A film, or a view that the gate had to guess, that is less likely than this calls for a person.
        trust_pairs: Digital twins that the trust tests draw, 0 for none. Only where the data are in-silico.
        jobs, devices, threads, loaders: Processes on the CPU, accelerators of one training, threads of a process, and processes that
            prepare batches for each accelerator (0: the training prepares them itself, between steps).

    Raises:
        ValueError: What is wrong, for `lab.recipe.read_recipe`.
    """

    task: str
    version: str
    layout: str
    licence: str
    attribution: str
    members: tuple[str, ...]
    research_only: bool = False
    scale: str = "cpu"
    trained_on: str = ""
    also: str = ""
    val_share: float = 0.15
    seed: int = 0
    rows: int = 384
    columns: int = 256
    low: float = 1.0
    high: float = 99.0
    pool: str = "mean"
    stride: int = 0
    dropout: float = 0.0
    student: str = ""
    student_start: str = ""
    pretrained: bool = False
    start: str = ""
    piece_rows: int = 0
    piece_columns: int = 0
    pieces: int = 3
    piece_seek: float = 0.6
    piece_epochs: int = 20
    piece_batch: int = 32
    piece_lr: float = 5e-3
    epochs: int = 20
    head_epochs: int = 0
    student_epochs: int = 20
    lr: float = 2e-3
    body_lr: float = 1.0
    layer_decay: float = 1.0
    weight_decay: float = 0.02
    batch: int = 16
    sampling: str = "plain"
    class_weights: str = "none"
    mixup: float = 0.0
    flip: bool = True
    place_weight: float = 0.0
    average: float = 0.99
    patience: int = 0
    watch: str = "loss"
    precision: str = "32"
    teacher_weight: float = 0.7
    weights: str | tuple[float, ...] = FITTED
    threshold: str | float = FITTED
    reader: str = "ensemble"
    detector: str = ""
    detector_start: str = ""
    detector_rows: int = 512
    detector_columns: int = 320
    detector_epochs: int = 20
    detector_whole_epochs: int = 0
    detector_lr: float = 2e-3
    detector_batch: int = 8
    detector_least: float = 0.05
    detector_likely: float = 0.2
    detector_sure: float = 0.5
    detector_overlap: float = 0.5
    detector_most: int = 100
    gate_size: int = 160
    gate_steps: int = 420
    gate_each: int = 32
    gate_least: float = 0.5
    gate_sure: float = 0.9
    gate_sure_view: float = 0.9
    trust_pairs: int = 0
    jobs: int = 2
    devices: int = 1
    threads: int = 1
    loaders: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", tuple(self.members))
        if not isinstance(self.weights, str):
            object.__setattr__(self, "weights", tuple(float(value) for value in self.weights))
        for wrong in _faults(self):
            raise ValueError(wrong)

    @property
    def frame(self) -> FilmFrame:
        """What members and student see."""
        return FilmFrame(self.rows, self.columns, self.low, self.high)

    @property
    def detector_frame(self) -> FilmFrame:
        """What the detector sees."""
        return FilmFrame(self.detector_rows, self.detector_columns, self.low, self.high)

    @property
    def networks(self) -> dict[str, str]:
        """Architecture of each member by its name in the run and the bundle."""
        return dict(zip(member_names(self.members), self.members, strict=True))


def member_names(members: Sequence[str]) -> list[str]:
    """A name for each member: the network's, numbered from the second of its kind.

    Example:
        >>> member_names(["resnet50", "densenet121", "resnet50"])
        ['resnet50', 'densenet121', 'resnet50-2']
    """
    seen: Counter[str] = Counter()
    names = []
    for network in members:
        seen[network] += 1
        names.append(network if seen[network] == 1 else f"{network}-{seen[network]}")
    return names


def _faults(recipe: FilmRecipe) -> list[str]:
    own = LAYOUTS.get(recipe.task)
    checks: dict[str, Any] = {
        f"this recipe trains {' or '.join(LAYOUTS)}, not {recipe.task!r}": own is None,
        f"{recipe.task} is trained on {own}, not {recipe.layout!r}": own is not None and recipe.layout not in own,
        f"scale is one of {', '.join(SCALES)}, not {recipe.scale!r}": recipe.scale not in SCALES,
        f"reader is one of {', '.join(READERS)}, not {recipe.reader!r}": recipe.reader not in READERS,
        "members names at least one network": not recipe.members,
        "reader is the student, and the recipe trains none": recipe.reader == "student" and not recipe.student,
        f"student_start names a member of the student's architecture, not {recipe.student_start!r}": not _student_begins(recipe),
        "a detector finds lesions: xray-grade has none": recipe.task == "xray-grade" and bool(recipe.detector),
        f"val_share lies between 0 and 0.5, got {recipe.val_share}": not 0 < recipe.val_share < 0.5,
        f"weights are {FITTED!r}, or one number of 0 or more for each of {len(recipe.members)} members": not _weights_fit(recipe),
        f"threshold is {FITTED!r}, or lies between 0 and 1, got {recipe.threshold!r}": not _threshold_fits(recipe.threshold),
        "gate_sure and gate_sure_view lie between 0 and 1": not all(0 <= sure <= 1 for sure in (recipe.gate_sure, recipe.gate_sure_view)),
        "epochs are 1 or more": min(recipe.epochs, recipe.student_epochs, recipe.detector_epochs) < 1,
        "frames have sides of 32 pixels or more": min(recipe.rows, recipe.columns, recipe.detector_rows, recipe.detector_columns) < 32,
        "jobs, devices and threads are 1 or more": min(recipe.jobs, recipe.devices, recipe.threads) < 1,
        "loaders are 0 or more": recipe.loaders < 0,
        f"batch, piece_batch and detector_batch are multiples of devices, which are {recipe.devices}": not _batches_fit(recipe),
    }
    return [said for said, wrong in checks.items() if wrong]


def _weights_fit(recipe: FilmRecipe) -> bool:
    given = recipe.weights
    if isinstance(given, str):
        return given == FITTED
    return len(given) == len(recipe.members) and min(given) >= 0 and sum(given) > 0


def _student_begins(recipe: FilmRecipe) -> bool:
    return not recipe.student_start or (bool(recipe.student) and recipe.networks.get(recipe.student_start) == recipe.student)


def _batches_fit(recipe: FilmRecipe) -> bool:
    """Whether the devices can share out the batches of what is trained."""
    batches = [recipe.batch, *([recipe.piece_batch] if recipe.piece_rows else []), *([recipe.detector_batch] if recipe.detector else [])]
    return not any(batch % max(recipe.devices, 1) for batch in batches)


def _threshold_fits(threshold: str | float) -> bool:
    return threshold == FITTED if isinstance(threshold, str) else 0 < threshold < 1
