"""Three tests that only digital patients allow: does the map point, does the answer follow the lesion, does the map depend on learning?

    pointing            the map's peak lies in the lesion's box (half a cell of the map is allowed), films with lesions of one place
    pointing_strict     the same without the allowance            pointing_one_box    films with exactly one box
    pointing_one_box_strict    both: what the aim asks of
    pointing_centre     a map that always points at the best fixed place for the view, chosen on all other patients
    pointing_area       a peak anywhere
    twins_fall          what is wrong is taken away, so that the film's label falls: the answer falls by more than the placebo's changed
    twins_fall_any      ... or falls at all                        twins_fall_kinds    the same by what was taken
    placebo             the placebo twin (the same patient, other noise) falls at least as far as the lesion's twin
    placebo_change      how far placebo twins move, either way: the median and the 95 % quantile
    reverse_rise        a patient with nothing wrong is given a lesion of another one: the answer rises by more than the placebo's changed
    reverse_rise_any    ... or rises at all
    randomised          rank correlation of the maps with those of the same networks with random weights, by depth

The answer is the probability of "abnormal", or the expected grade. Everything is asked of the served task. All of it is in-silico.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Finding, Image, InputError, Series, Study
from spondyl.core.identity import pixel_hash
from spondyl.datasets.making.order import Order
from spondyl.inference import Bundle, Shelf
from spondyl.lab.films.asking import ASKED, TASKS
from spondyl.lab.films.fit import load_member
from spondyl.lab.films.pointing import Pointed, peak_of, pointing
from spondyl.lab.films.randomised import randomised
from spondyl.lab.films.twin_figures import Pair, twin_figures
from spondyl.lab.films.twin_films import Patient, Shot, Wanted, order_for, patients
from spondyl.lab.films.twins import place_of, places_of
from spondyl.tasks.films.framing import FilmFrame, frame_film
from spondyl.tasks.films.maps import heat_map, joint_map
from spondyl.tasks.films.members import Frames, ask_all
from spondyl.tasks.port import process_study

OnStep = Callable[[str, int, int], None]
PIECE = 8
"""Patients, at most, that are examined before it is decided how many more are needed: figures do not depend on the number of processes."""
MOST_EACH = 8
"""Patients for each pair that is wanted, after which the search ends."""
RISES = 0.5
"""Pairs in which something was given, for each pair in which something was taken."""
RANDOM_FILMS = 48


@dataclass(slots=True, eq=False)
class Seen:
    """What the patients showed so far.

    Attributes:
        pairs, pointed: Twins, and films to point on.
        frames: (patient, output of the networks, film in the networks' frame) of those films.
        refused, patients: Films that the gate refused, and patients that were looked at.
    """

    pairs: list[Pair] = field(default_factory=list)
    pointed: list[Pointed] = field(default_factory=list)
    frames: list[tuple[str, int, NDArray[np.float32]]] = field(default_factory=list)
    refused: int = 0
    patients: int = 0


def measure_trust(bundle: Bundle, *, pairs: int, seed: int = 0, run: Path | None = None, workers: int = 1, backend: str = "auto",
                  precision: str = "auto", order: Order | None = None, on_step: OnStep = lambda *_: None) -> dict[str, Any]:
    """The figures of a bundle, as in this module's first lines, ready for JSON; None where nothing could be measured.

    Args:
        pairs: Films from which what is wrong is taken; half as many in which something is put.
        seed: Of the patients: no cohort of any role but "twin" has them.
        run: The bundle's run folder: its members are what is randomised. Without it that test is left out.
        workers: Processes that draw; about 4 seconds of one core a pair.
        order: Other patients than those of `order_for`.

    Raises:
        InputError: `trust-not-of-films` if the bundle is for another task, `trust-pairs` if no pairs are asked for.
    """
    if bundle.task not in TASKS:
        raise InputError("trust-not-of-films", f"{bundle.task} reads no radiographs", f"Name a bundle of {' or '.join(TASKS)}")
    if pairs < 1:
        raise InputError("trust-pairs", f"{pairs} pairs were asked for", "Ask for at least one")
    reader = Reader(bundle, backend, precision)
    wanted = Wanted(bundle.task, order or order_for(bundle.task, seed))
    seen = _examined(reader, wanted, pairs, workers, on_step)
    rng = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(9,)))
    return {
        **twin_figures(seen.pairs), **pointing(seen.pointed, rng), "randomised": _randomised(run, seen, seed),
        "patients": seen.patients, "refused_films": seen.refused, "seed": seed, "evidence": "in-silico",
    }


class Reader:
    """Asks the served task about single films."""

    def __init__(self, bundle: Bundle, backend: str = "auto", precision: str = "auto") -> None:
        self.task = TASKS[bundle.task]
        self.shelf = Shelf([bundle.folder], backend, precision)
        self.settings = bundle.settings

    def answer(self, shot: Shot) -> Finding | None:
        """What is said of the film, or None where the gate refuses it."""
        image = image_of(shot)
        study = Study("twin", (Series("film", "DX", (image,)),))
        result = process_study(study, self.task, self.shelf).result
        return next((one for one in result.findings if one.finding == ASKED[self.task.name] and one.image == image.id), None)

    def peak(self, shot: Shot, output: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """Where the map of that output is largest, and the size of its cells, in pixels of the film.

        The map is the one that is shown, before values beyond its scale are cut.
        """
        image, frames, frame = image_of(shot), Frames(), FilmFrame.of(self.settings["frame"])
        said = ask_all(self.shelf.open(self.task.name), frames.stack([image], frame), self.settings)
        cam = joint_map({name: cams[0, output] for name, cams in said.cams.items()}, self.settings)
        return peak_of(cam, heat_map("", image.id, cam, frames.of(image, frame).box, 1.0).to_image)


def image_of(shot: Shot) -> Image:
    """The film as the serving reader gives it."""
    return Image(pixel_hash(shot.pixels), shot.pixels, view=shot.view)


def strength(finding: Finding) -> float:
    """The probability of "abnormal", or the expected grade."""
    chances = finding.probabilities or {}
    return chances["present"] if "present" in chances else float(sum(int(grade) * chance for grade, chance in chances.items()))


def output_of(finding: Finding) -> int:
    """Which output's map is shown: of "abnormal", or of "the grade is what was said or more"."""
    return 0 if finding.finding == "abnormal" else max(int(finding.value or 0), 1) - 1


def _examined(reader: Reader, wanted: Wanted, pairs: int, workers: int, on_step: OnStep) -> Seen:
    """Patients are looked at until there are enough pairs, or MOST_EACH for each of them."""
    seen, done, piece = Seen(), 0, min(PIECE, 1 + pairs)
    for start in range(0, MOST_EACH * pairs, piece):
        given = sum(pair.change == "given" for pair in seen.pairs)
        for patient in patients(replace(wanted, give=given < RISES * pairs), range(start, start + piece), workers):
            _look(reader, patient, seen)
            done = sum(pair.counts for pair in seen.pairs)
            on_step("Asking about twins", min(done, pairs), pairs)
        if done >= pairs:
            break
    return seen


def _look(reader: Reader, patient: Patient, seen: Seen) -> None:
    """Add what one patient shows."""
    seen.patients += 1
    for view, shot in patient.before.items():
        said = [reader.answer(one) for one in (shot, patient.placebo[view], patient.after[view])]
        answers = [one for one in said if one is not None]
        if len(answers) < len(said):
            seen.refused += 1
            continue
        pair = pair_of(reader.task.name, patient, view, [strength(one) for one in answers])
        seen.pairs += [pair] if pair else []
        boxes = boxes_of_one_place(shot, reader.task.name)
        if boxes:
            output = output_of(answers[0])
            peak, cell = reader.peak(shot, output)
            seen.pointed.append(Pointed(str(patient.number), view, shot.truth.shape, boxes, peak, cell))
            seen.frames.append((str(patient.number), output, frame_film(shot.pixels, FilmFrame.of(reader.settings["frame"])).pixels))


def pair_of(task: str, patient: Patient, view: str, said: Sequence[float]) -> Pair | None:
    """A pair with what was said of (patient, placebo, twin); None where the change shows in no label of this view."""
    before, after = patient.before[view].truth, patient.after[view].truth
    was, left = places_of(before, task), places_of(after, task)
    levels = [truth.grade or 0 if task == "xray-grade" else int(truth.abnormal) for truth in (before, after)]
    if patient.change == "given":
        return Pair(str(patient.number), "given", "given", *said) if levels[1] > levels[0] else None
    if levels[1] < levels[0]:
        return Pair(str(patient.number), "taken", "only one" if len(was) == 1 else "all of several", *said)
    fewer = task == "xray-lesions" and levels[0] == levels[1] == 1 and len(set(left)) < len(set(was))
    return Pair(str(patient.number), "taken", "one of several", *said) if fewer else None


def boxes_of_one_place(shot: Shot, task: str) -> tuple[tuple[float, float, float, float], ...]:
    """The boxes to point at: of a film's lesions if they are all of one place, or of its one worst disc; else none."""
    places = places_of(shot.truth, task)
    if len(places) != 1:
        return ()
    if task == "xray-grade":
        return tuple(disc.box for disc in shot.truth.discs if f"{disc.level}:worn" == places[0])
    return tuple(box.box for box in shot.truth.boxes if place_of(box) == places[0])


def _randomised(run: Path | None, seen: Seen, seed: int) -> dict[str, Any] | None:
    """By depth, over the run's members: the mean of their figures."""
    folders = sorted(folder for folder in (run / "members").iterdir() if (folder / "weights.pt").exists()) if run else []
    films = seen.frames[:RANDOM_FILMS]
    if not folders or not films:
        return None
    frames = np.stack([frame for _, _, frame in films])
    outputs, groups = [output for _, output, _ in films], [group for group, _, _ in films]
    tables = [randomised(load_member(folder), frames, outputs, groups, seed) for folder in folders]
    return {depth: _mean([table[depth] for table in tables]) for depth in tables[0]}


def _mean(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of several networks: the mean of their figures, and of the ends of their intervals."""
    return {key: round(float(np.mean([one[key] for one in figures])), 5) for key in figures[0]}
