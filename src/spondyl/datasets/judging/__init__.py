"""The cohorts that later work is judged on: who is in them and how they are pictured, committed before anything was trained on the phantom.

Each is one TOML file beside this module. Their SHA-256 sums stand in `SHA256SUMS`, and a file that does not match is refused. A cohort may
be made harder later, under a new name; making one easier voids the figures that were measured on it.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import resources
from typing import Any

from spondyl.core.errors import InputError, NotFoundError, describe_unknown
from spondyl.datasets.cohort import subject_rng
from spondyl.phantom import PROFILES, Profile, SubjectSpec, draw_subject

SUMS = "SHA256SUMS"
DIGITS = 6
"""Significant digits that count in a digest of subjects: machines differ beyond them."""


@dataclass(frozen=True, slots=True)
class JudgingCohort:
    """One cohort.

    Attributes:
        name, task: Its name, and what is judged on it.
        layout, seed, role, subjects, labels, wild: As in an order of `spondyl phantom make`.
        profile: Name of the profile that `people` started from.
        people: The profile with every rate spelled out in the file.
        style: Name of the acquisitions' style.
        acquisition: That style's ranges as the file spells them out, by kind of picture ("xray", "dxa", "mr").
        difficulty: In words: what makes it hard.
        subjects_sha256: Digest of its first three subjects, to six significant digits: it says when the drawing has changed.
    """

    name: str
    task: str
    layout: str
    seed: int
    role: str
    subjects: int
    labels: str
    wild: bool
    profile: str
    people: Profile
    style: str
    acquisition: Mapping[str, Any]
    difficulty: str
    subjects_sha256: str

    def subject(self, index: int) -> SubjectSpec:
        """Its subject of that number."""
        return draw_subject(subject_rng(self.seed, self.role, index), self.people)

    @property
    def settings(self) -> tuple[str, ...]:
        """"name=value" texts that turn the profile as it is now into the one that was committed."""
        now, then = asdict(PROFILES[self.profile]), asdict(self.people)
        return tuple(f"{name}={value}" for name, value in then.items() if name != "name" and now[name] != value)


def judging_names() -> tuple[str, ...]:
    """Names of the cohorts."""
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in resources.files(__name__).iterdir() if entry.name.endswith(".toml")))


def judging_cohort(name: str) -> JudgingCohort:
    """The cohort of that name.

    Raises:
        NotFoundError: `unknown-judging-cohort`.
        InputError: `judging-cohort-changed` if its file is not the one that was committed.
    """
    if name not in judging_names():
        raise NotFoundError("unknown-judging-cohort", describe_unknown("judging cohort", name, judging_names()))
    return read_cohort(name, resources.files(__name__).joinpath(f"{name}.toml").read_bytes())


def read_cohort(name: str, text: bytes) -> JudgingCohort:
    """The cohort that a file of those bytes describes.

    Raises:
        InputError: `judging-cohort-changed` if the bytes are not those that were committed under that name.
    """
    sums = resources.files(__name__).joinpath(SUMS).read_text("utf-8").splitlines()
    found = hashlib.sha256(text).hexdigest()
    if f"{found}  {name}.toml" not in sums:
        raise InputError("judging-cohort-changed", f"the file of the judging cohort {name} is not the committed one: {found[:12]}...",
                         "take the committed file back, or write the change under a new name with its own line in SHA256SUMS")
    body = tomllib.loads(text.decode("utf-8"))
    people = {key: value for key, value in body.pop("people").items() if key in {field.name for field in fields(Profile)}}
    return JudgingCohort(name=name, people=Profile(body["profile"], **people), **body)


def subjects_digest(cohort: JudgingCohort, count: int = 3) -> str:
    """SHA-256 of its first subjects, every number rounded to DIGITS significant digits."""
    rounded = [_rounded(asdict(cohort.subject(index))) for index in range(count)]
    return hashlib.sha256(json.dumps(rounded, sort_keys=True).encode()).hexdigest()


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value
