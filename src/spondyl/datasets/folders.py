"""Pictures in folders named after their class, under folders named after their split; and the table of patients beside them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from spondyl.core.errors import InputError, describe_unknown
from spondyl.datasets.tables import read_table

SPLITS = ("train", "val", "test")
ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom"})


@dataclass(frozen=True, slots=True)
class Filed:
    """One picture: split (None where there are no split folders), class as `classes` maps it, path under the root, and the file."""

    split: str | None
    label: str
    file: str
    path: Path


def filed(root: Path, classes: Mapping[str, str], splits_needed: bool) -> Iterator[Filed]:
    """Every picture under the class folders, by split, class folder and name.

    Args:
        classes: From the name of a folder to the class it holds.
        splits_needed: Whether class folders straight under the root are refused.

    Raises:
        InputError: `dataset-file-missing` where no class folder is found, `dataset-folder-unknown` for another one beside them.
    """
    splits = [split for split in SPLITS if (root / split).is_dir()]
    here = {path.name.lower() for path in root.iterdir() if path.is_dir()} if root.is_dir() else set()
    if not splits and (splits_needed or here.isdisjoint(classes)):
        raise InputError("dataset-file-missing", f"the data folder has none of the folders {', '.join(SPLITS)}" + (
            "" if splits_needed else f" and none of {', '.join(classes)}"), "Name the folder that holds them")
    found = [one for split in splits or (None,) for one in _split(root, split, classes)]
    if not found:
        raise InputError("dataset-file-missing", "the class folders hold no png, jpg, tif or dcm files", "Name the folder that holds them")
    return iter(found)


def _split(root: Path, split: str | None, classes: Mapping[str, str]) -> Iterator[Filed]:
    folder = root / split if split else root
    for own in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        label = classes.get(own.name.lower())
        if label is None:
            if split:
                raise InputError("dataset-folder-unknown", f"in {split}/: " + describe_unknown("class", own.name, classes),
                                 "Rename the folder, or move it out")
            continue
        for path in sorted(own.iterdir()):
            if path.suffix.lower() in ENDINGS:
                yield Filed(split, label, path.relative_to(root).as_posix(), path)


def beside(root: Path, table: str, needed: Collection[str], optional: Collection[str], files: Collection[str]) -> dict[str, dict[str, str]]:
    """Rows of an optional table by the path of their picture under the root; empty where there is no such table.

    `file` may be that path, or the bare name where only one picture has it.

    Raises:
        InputError: `dataset-row-astray` for a row of no picture, `dataset-row-twice`, and as `read_table`.
    """
    if not (root / table).is_file():
        return {}
    by_name: dict[str, list[str]] = {}
    for file in files:
        by_name.setdefault(file.rpartition("/")[2], []).append(file)
    rows: dict[str, dict[str, str]] = {}
    for line, row in enumerate(read_table(root, table, ("file", *needed), optional), start=2):
        said = row["file"].replace("\\", "/")
        places = [said] if said in files else by_name.get(said, [])
        if len(places) != 1:
            raise InputError("dataset-row-astray", f"line {line} of {table} names {len(places)} pictures of the data folder",
                             "Write the path under the data folder, with forward slashes")
        if places[0] in rows:
            raise InputError("dataset-row-twice", f"line {line} of {table} names a picture again", "Keep one row")
        rows[places[0]] = row
    return rows
