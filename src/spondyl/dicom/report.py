"""What a read is allowed to cost, what it was asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spondyl.core import Study

MEBIBYTE = 2**20

CLUTTER = frozenset({"not-an-image", "dicom-directory", "duplicate", "uid-conflict", "two-patients"})
"""Codes of rows that tell, but lose nothing the caller wanted read when they come from a folder or an archive."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one read may cost. Every number is a ceiling.

    Attributes:
        max_file_bytes: One file, or one entry of an archive once expanded.
        max_archive_bytes: All entries of one archive, counted while they are expanded.
        max_archive_files: Entries of one archive.
        max_pixels: Rows x columns x samples x frames of one file, as declared and as the codestream says.
        max_read_bytes: Pixels of all images of one read together, four bytes each; what passes 256 MB of them lies on disk.
        timeout_s: Decoding of one file, wall clock.
        worker_memory_bytes: What a worker may allocate on top of the loaded libraries.
        files_per_worker: A worker is replaced after so many files.
    """

    max_file_bytes: int = 64 * MEBIBYTE
    max_archive_bytes: int = 512 * MEBIBYTE
    max_archive_files: int = 20_000
    max_pixels: int = 2**26
    timeout_s: float = 20.0
    worker_memory_bytes: int = 1536 * MEBIBYTE
    max_read_bytes: int = 4096 * MEBIBYTE
    files_per_worker: int = 200

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Source:
    """Something to read: a file, a folder, a zip archive or a DICOMDIR.

    Attributes:
        path: Where it lies.
        label: What the caller calls it; goes back to the caller only, never into a store or log.
    """

    path: Path
    label: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """One thing that was found and not used (or, for `uid-conflict`, `two-patients` and `reports-differ`, used with a remark).

    Attributes:
        source: The caller's own label, with the place inside the folder or archive.
        code, message, hint: As `core.errors.SpondylError` has them; never with identity.
    """

    source: str
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What was found, used and skipped.

    Attributes:
        studies: In the order of their first file.
        sources: Labels of the files each study was read from, by study key.
        skipped: In the order in which things were met.
    """

    studies: tuple[Study, ...]
    sources: Mapping[str, tuple[str, ...]]
    skipped: tuple[Skipped, ...]
