"""What the served task says of the films of a data set: `process_study` on each study, as every door does it."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Finding, Image, InputError, Series, Study, TaskOutput
from spondyl.core.identity import pixel_hash
from spondyl.datasets.file_pixels import read_file
from spondyl.inference import Bundle, Shelf, write_bundle
from spondyl.lab.films.records import FilmRecord
from spondyl.tasks.films.gate import TAGGED
from spondyl.tasks.films.votes import STUDENT
from spondyl.tasks.port import Task, process_study
from spondyl.tasks.xray_grade import XrayGrade
from spondyl.tasks.xray_lesions import XrayLesions

OnStep = Callable[[str, int, int], None]
Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]

TASKS: dict[str, Task] = {"xray-lesions": XrayLesions(), "xray-grade": XrayGrade()}
ASKED = {"xray-lesions": "abnormal", "xray-grade": "degeneration_grade"}
"""The finding that a film's label is compared with."""


READ = {"least": 0.01, "likely": 0.0}
"""How boxes are read where they are judged: the official rule keeps every box of an abnormal film, also those that are not shown as
hardly likely. Nothing else that the task says depends on it."""


@dataclass(frozen=True, slots=True)
class FoundLesion:
    """A box that was found: its finding, the probability that it is right, and where it lies on the film."""

    finding: str
    probability: float
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What was said of one film, or of one study.

    Attributes:
        name, group: Of the film; of a study the name of its first film.
        views: Of its films, as the task took them; as the source gives them where it was refused.
        truth: The label; of a study the highest of its films.
        refusal: Code of the refusal, or "".
        chances: Probability of each label, (k,), or None where it was refused.
        said: The label said.
        inside: The 90 % set.
        members: Probabilities of each member alone.
        student: Those of the student, or None.
        boxes: What was found.
        image_id: Of the film.
    """

    name: str
    group: str
    views: tuple[str, ...]
    truth: int
    refusal: str = ""
    chances: Floats | None = None
    said: int = -1
    inside: tuple[int, ...] = ()
    members: Mapping[str, Floats] | None = None
    student: Floats | None = None
    boxes: tuple[FoundLesion, ...] = ()
    image_id: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Answers by film, in the order of the films, and by study.

    Attributes:
        unread: Films that could not be read: name and code. They are in no other list.
    """

    films: tuple[Answer, ...]
    studies: tuple[Answer, ...]
    unread: tuple[tuple[str, str], ...]


Asked = tuple[dict[str, Answer], Answer | None, list[tuple[str, str]]]
"""Of one study: answers about its films by name, about the study, and films that could not be read."""


class Asker:
    """Asks a bundle's task about studies: the bundle's own reader, and the student beside it."""

    def __init__(
        self, task: str, bundle: Path, judged: Path, student: Path | None, backend: str, precision: str, threads: int = 0
    ) -> None:
        """Folders of a bundle, of the same with boxes read as READ says, and, if there is one, with the student as its reader."""
        self.how = (task, bundle, judged, student, backend, precision)
        self.task = TASKS[task]
        self.shelf = Shelf([bundle], backend, precision, threads)
        self.all_boxes = self.shelf if judged == bundle else Shelf([judged], backend, precision, threads)
        self.student = Shelf([student], backend, precision, threads) if student else None

    def whole(self, images: Sequence[Image]) -> TaskOutput:
        """What the task says of a study of these films."""
        return process_study(_study(images), self.task, self.shelf)

    def judged(self, images: Sequence[Image]) -> TaskOutput:
        """The same, with every box that the official rule keeps."""
        return process_study(_study(images), self.task, self.all_boxes)

    def by_student(self, images: Sequence[Image]) -> TaskOutput | None:
        """What the student says of them, or None where there is none."""
        return process_study(_study(images), self.task, self.student) if self.student else None


@contextmanager
def asker(bundle: Bundle, backend: str = "auto", precision: str = "auto") -> Iterator[Asker]:
    """An asker for a bundle; one with a student gets it as a reader too."""
    settings = bundle.settings
    with tempfile.TemporaryDirectory() as folder:

        def twin(name: str, **other: Any) -> Path:
            contents = {file: bundle.read(file) for file in bundle.manifest.files}
            return write_bundle(Path(folder) / name, replace(bundle.manifest, settings={**settings, **other}), contents).folder

        judged = twin("judged", detector={**settings["detector"], **READ}) if "detector" in settings else bundle.folder
        has_student = STUDENT in settings and settings["reader"] != STUDENT
        yield Asker(bundle.task, bundle.folder, judged, twin(STUDENT, reader=STUDENT) if has_student else None, backend, precision)


def ask(who: Asker, films: Sequence[FilmRecord], on_step: OnStep = lambda *_: None, workers: int = 1) -> Answers:
    """Answers of a task about films, study by study, in `workers` processes. Films that cannot be read are listed."""
    studies: dict[str, list[FilmRecord]] = {}
    for film in films:
        studies.setdefault(film.study, []).append(film)
    by_film: dict[str, Answer] = {}
    by_study: list[Answer] = []
    unread: list[tuple[str, str]] = []
    for done, (answers, whole, faults) in enumerate(_each(who, list(studies.values()), workers), start=1):
        by_film |= answers
        by_study += [whole] if whole else []
        unread += faults
        on_step("Asking the served task", done, len(studies))
    return Answers(tuple(by_film[film.name] for film in films if film.name in by_film), tuple(by_study), tuple(unread))


def _each(who: Asker, studies: Sequence[Sequence[FilmRecord]], workers: int) -> Iterator[Asked]:
    if workers == 1:
        yield from (_about(who, own) for own in studies)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _open, who.how) as pool:
        yield from pool.map(_elsewhere, studies, chunksize=8)


_asker: list[Asker] = []
"""The asker of this process, where it is one of several."""


def _open(task: str, bundle: Path, judged: Path, student: Path | None, backend: str, precision: str) -> None:
    _asker.append(Asker(task, bundle, judged, student, backend, precision, threads=1))


def _elsewhere(study: Sequence[FilmRecord]) -> Asked:
    return _about(_asker[0], study)


def _about(who: Asker, study: Sequence[FilmRecord]) -> Asked:
    images: dict[str, Image] = {}
    faults: list[tuple[str, str]] = []
    for film in study:
        try:
            images[film.name] = open_film(film)
        except InputError as error:
            faults.append((film.name, error.code))
    answers, whole = _answers(who, [film for film in study if film.name in images], images) if images else ({}, None)
    return answers, whole, faults


def open_film(film: FilmRecord) -> Image:
    """The film as the serving reader gives it.

    Raises:
        InputError: `dataset-file-missing` or `dataset-image-unreadable`.
    """
    picture = read_file(film.path, film.where)
    return Image(pixel_hash(picture.pixels), picture.pixels, picture.spacing_mm, view=picture.view)


def _study(images: Sequence[Image]) -> Study:
    return Study("study", tuple(Series(f"series {number}", "DX", (image,)) for number, image in enumerate(images)))


def _answers(who: Asker, films: Sequence[FilmRecord], images: Mapping[str, Image]) -> tuple[dict[str, Answer], Answer]:
    """Answers by film, and that of the study."""
    shown = [images[film.name] for film in films]
    output, second = who.judged(shown), who.by_student(shown)
    table = {film.name: _answer(who, [film], images[film.name].id, output, second) for film in films}
    return table, _answer(who, films, images[films[0].name].id if len(films) == 1 else None, output, second)


def _answer(who: Asker, films: Sequence[FilmRecord], image: str | None, output: TaskOutput, second: TaskOutput | None) -> Answer:
    name = ASKED[who.task.name]
    plain = Answer(films[0].name, films[0].group, tuple(film.view or "unknown" for film in films), max(film.target for film in films),
                   image_id=image or "")
    finding = _finding(output, name, image)
    if finding is None:
        return replace(plain, refusal=(output.result.refusal or {}).get("code", "film-left-out"))
    views = tuple(TAGGED.get(note.view, note.view) for note in output.result.images if image in (None, note.id))
    twin = _finding(second, name, image) if second else None
    assert finding.probabilities is not None  # both tasks always give them
    keys = list(finding.probabilities)
    return replace(
        plain, views=views, chances=_row(finding.probabilities), said=keys.index(str(finding.value)),
        inside=tuple(keys.index(str(value)) for value in finding.set),
        members={member: _row(row) for member, row in finding.members.items()},
        student=_row(twin.probabilities) if twin and twin.probabilities else None, boxes=_boxes(output, image),
    )  # fmt: skip


def _finding(output: TaskOutput, name: str, image: str | None) -> Finding | None:
    """The finding of that name about that film, or about the study; a study that is answered by one film has that film's."""
    own = [finding for finding in output.result.findings if finding.finding == name and finding.box is None]
    if image is None:
        return own[0] if own else None
    return next((finding for finding in own if finding.image == image), None)


def _boxes(output: TaskOutput, image: str | None) -> tuple[FoundLesion, ...]:
    return tuple(FoundLesion(finding.finding, (finding.probabilities or {})["present"], finding.box)
                 for finding in output.result.findings if finding.box is not None and finding.image == image)


def _row(probabilities: Mapping[str, float]) -> Floats:
    return np.array(list(probabilities.values()), np.float64)
