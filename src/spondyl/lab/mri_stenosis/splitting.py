"""Which studies teach and which choose and calibrate."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from spondyl.core.identity import content_hash


def kept(folder: Path) -> list[Path]:
    """Files of the studies that were kept there, in the order of their names."""
    return sorted(folder.glob("*.npz"))


def is_validation(study: str, share: float, seed: int) -> bool:
    """Whether a study chooses and calibrates; decided by its name alone, so that it does not depend on what else is there."""
    return int(content_hash(f"{seed}/{study}".encode())[:8], 16) / 16**8 < share


def split(files: Iterable[Path], share: float, seed: int) -> tuple[list[Path], list[Path]]:
    """(training, validation)."""
    parts: tuple[list[Path], list[Path]] = ([], [])
    for file in files:
        parts[is_validation(file.stem, share, seed)].append(file)
    return parts
