"""A cohort, subject by subject: each is written whole or not at all, and a stopped run goes on where it was.

    cohort.json               what was asked for
    subjects/0000.json        one subject: spec, acquisitions, and what the tables say of it; written last
    ...                       the layout's own files and tables
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from spondyl import __version__
from spondyl.core.errors import InputError
from spondyl.datasets.making import crew
from spondyl.datasets.making.keeping import disk_errors, draft_folder, drop_drafts, move_in, write_whole
from spondyl.datasets.making.layout import Layout, Record
from spondyl.datasets.making.order import Order

OnSubject = Callable[[int], None]
"""Called with the number of subjects that are done."""
MOST_SUBJECTS = 100_000
COHORT, SUBJECT = "spondyl.phantom-cohort/1", "spondyl.phantom-subject/1"


def make_cohort(layout: Layout, root: Path, subjects: int, order: Order, *, workers: int = 1, resume: bool = False,
                on_subject: OnSubject | None = None) -> None:
    """Make subjects 0 to `subjects` - 1 of an order, leaving out those that an earlier run finished; then the tables of all that are there.

    Where the run ends early (a full disk, Ctrl-C), the tables of the complete subjects are still written, if the disk takes them.

    Raises:
        InputError: `subjects-out-of-range`, `workers-out-of-range`, `output-not-empty` (without `resume`), `output-other-cohort`,
            `output-disk-full`, `output-not-writable`, `worker-lost`, `layout-lacks-form`.
    """
    if not 0 < subjects <= MOST_SUBJECTS:
        raise InputError("subjects-out-of-range", f"{subjects} subjects were asked for", f"Ask for 1 to {MOST_SUBJECTS}")
    _check_form(layout, order)
    with disk_errors():
        done = _begin(layout, root, order, resume)
    if on_subject and done:
        on_subject(min(len(done), subjects))
    jobs = [index for index in range(subjects) if index not in done]
    finished = False
    try:
        with closing(crew.work_through(jobs, partial(_make_subject, layout, root, order), workers)) as answers:
            for count, _ in enumerate(answers, start=subjects - len(jobs) + 1):
                if on_subject:
                    on_subject(count)
        finished = True
    finally:
        drop_drafts(root)
        try:
            with disk_errors():
                layout.finish(root, _records(root), order)
        except InputError:
            if finished:
                raise


def _check_form(layout: Layout, order: Order) -> None:
    """Refuse what the layout cannot be."""
    asked = {"wild form": order.wild and not layout.wild, "labels of readers": order.labels == "read" and not layout.measured,
             "style but train": order.style != "train" and not layout.measured}
    for form, missing in asked.items():
        if missing:
            raise InputError("layout-lacks-form", f"the layout {layout.name} has no {form}", "Leave the option out, or take another layout")


def _begin(layout: Layout, root: Path, order: Order, resume: bool) -> set[int]:
    """Prepare the folder; the subjects that are complete already."""
    if root.is_dir() and any(root.iterdir()) and not resume:
        raise InputError("output-not-empty", "the output folder is not empty", "Name an empty folder, or add --resume to go on")
    (root / "subjects").mkdir(parents=True, exist_ok=True)
    drop_drafts(root)
    done = {int(path.stem) for path in notes(root)}
    asked = json.dumps({"schema": COHORT, "evidence": "in-silico", "spondyl": __version__, **order.as_json()}, indent=1) + "\n"
    note = root / "cohort.json"
    if (note.read_text("utf-8") != asked if note.is_file() else bool(done)):
        raise InputError("output-other-cohort", "the output folder holds a cohort that was asked for in other words",
                         "Use the same version, layout, seed, role, profile and settings, or another folder")
    for index in sorted(done)[:1]:
        body = json.loads((root / _note(index)).read_text("utf-8"))
        if {key: body.get(key) for key in ("index", "spec", "scans", "choices")} != layout.draw(order, index).as_json():
            raise InputError("output-other-cohort", f"subject {index} in the output folder was drawn by another version of Spondyl",
                             "Go on with the version that began it, or start in another folder")
    if not note.is_file():
        write_whole(note, asked)
    return done


def _note(index: int) -> str:
    return f"subjects/{index:04d}.json"


def notes(root: Path) -> list[Path]:
    """The notes of the whole subjects, in the order of their numbers."""
    return sorted((path for path in (root / "subjects").glob("*.json") if path.stem.isdecimal()), key=lambda path: int(path.stem))


def _make_subject(layout: Layout, root: Path, order: Order, index: int) -> int:
    """One subject, drawn, rendered, written and moved in."""
    plan = layout.draw(order, index)
    with disk_errors(), draft_folder(root, f"{index:04d}") as draft:
        record = layout.write(draft, plan, order)
        body = {"schema": SUBJECT, **plan.as_json(), "record": record}
        write_whole(draft / _note(index), json.dumps(body) + "\n")
        move_in(draft, root, last=_note(index))
    return index


def _records(root: Path) -> Iterator[tuple[int, Record]]:
    for path in notes(root):
        body: dict[str, Any] = json.loads(path.read_text("utf-8"))
        yield int(body["index"]), body["record"]
