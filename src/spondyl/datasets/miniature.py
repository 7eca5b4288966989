"""Writing a cohort subject by subject, so that a stopped run can go on: the part that every layout's miniature shares.

Each finished subject leaves `subjects/<index>.json` with its spec and acquisitions, written last and moved into place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from spondyl.core.errors import InputError
from spondyl.datasets.cohort import Member, draw_member

OnSubject = Callable[[int], None]
"""Called with the number of subjects that are done."""

WriteSubject = Callable[[Path, Member], None]


def write_cohort(root: Path, subjects: int, seed: int, write: WriteSubject, *, role: str = "train", profile: str = "symptomatic",
                 resume: bool = False, on_subject: OnSubject | None = None) -> list[Member]:
    """Write subjects 0 to `subjects` - 1 with `write`, leaving out those that an earlier run finished.

    Raises:
        InputError: `output-not-empty` where the folder holds something and `resume` is not set; `output-other-cohort` where it holds
            subjects drawn with another seed, role or profile; `subjects-out-of-range`.
    """
    if not 0 < subjects <= 100_000:
        raise InputError("subjects-out-of-range", f"{subjects} subjects were asked for", "Ask for 1 to 100000")
    if root.is_dir() and any(root.iterdir()) and not resume:
        raise InputError("output-not-empty", "the output folder is not empty", "Name an empty folder, or add --resume to go on")
    (root / "subjects").mkdir(parents=True, exist_ok=True)
    members = []
    for index in range(subjects):
        member = draw_member(seed, role, index, profile)
        note = root / "subjects" / f"{index:04d}.json"
        text = member_json(member)
        if not note.is_file():
            write(root, member)
            _write_whole(note, text)
        elif note.read_text("utf-8") != text:
            raise InputError("output-other-cohort", f"subject {index} in the output folder was drawn with other settings",
                             "Use the same seed, role and profile, or another folder")
        members.append(member)
        if on_subject:
            on_subject(index + 1)
    return members


def member_json(member: Member) -> str:
    """The subject's spec and acquisitions, enough to render it again."""
    scans = {name: json.loads(scan.to_json()) for name, scan in member.scans.items()}
    body = {"schema": "spondyl.phantom-subject/1", "index": member.index, "spec": json.loads(member.spec.to_json()), "scans": scans}
    return json.dumps(body, indent=1) + "\n"


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_suffix(".part")
    draft.write_text(text, "utf-8")
    os.replace(draft, path)
