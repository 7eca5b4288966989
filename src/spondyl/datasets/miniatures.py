"""The layouts that `spondyl phantom make` can write, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from spondyl.core.errors import InputError, describe_unknown
from spondyl.datasets import dicom_folder, spider, spider_pack
from spondyl.datasets.cohort import ROLES
from spondyl.datasets.miniature import OnSubject
from spondyl.phantom import PROFILES

LAYOUTS = ("dicom", "spider", "spider_pack")


def make(layout: str, root: Path, subjects: int, seed: int, *, role: str = "train", profile: str = "symptomatic", slices: int = 1,
         resume: bool = False, on_subject: OnSubject | None = None) -> None:
    """Write a cohort in that layout. `slices` counts for "dicom" only.

    Raises:
        InputError: `unknown-layout`, `unknown-role` or `unknown-profile` (the sentence offers the nearest one), or as
            `miniature.write_cohort`.
    """
    for kind, name, known in (("layout", layout, LAYOUTS), ("role", role, tuple(ROLES)), ("profile", profile, tuple(PROFILES))):
        if name not in known:
            raise InputError(f"unknown-{kind}", describe_unknown(kind, name, known))
    writers: dict[str, Callable[..., None]] = {
        "dicom": partial(dicom_folder.write_miniature, slices=slices), "spider": spider.write_miniature,
        "spider_pack": spider_pack.write_miniature,
    }
    writers[layout](root, subjects, seed, role=role, profile=profile, resume=resume, on_subject=on_subject)
