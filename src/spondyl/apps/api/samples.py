"""Sample studies that the demo starts with; they go the way of every upload."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from spondyl.apps.api.intake import Intake
from spondyl.apps.api.receive import Received
from spondyl.core import SpondylError
from spondyl.store import Incoming

log = logging.getLogger(__name__)


def seed_samples(intake: Intake, folder: Path) -> int:
    """Take in each entry of a folder (a file, or a folder of files that belong together) that is not kept already.

    Returns:
        How many were taken in. What cannot be read is logged by its code and left out.
    """
    taken = 0
    for entry in sorted(folder.iterdir()):
        files = sorted(path for path in entry.rglob("*") if path.is_file()) if entry.is_dir() else [entry]
        received = [Received(f"sample {number + 1}", _copy(intake, path)) for number, path in enumerate(files)]
        for item in received:
            item.file.finish()
        if not received or intake.store.has_files(item.file.name for item in received):
            for item in received:
                item.file.discard()
            continue
        try:
            intake.take(received, who="samples")
            taken += 1
        except SpondylError as error:
            log.warning("a sample was left out: %s", error.code)
    return taken


def _copy(intake: Intake, path: Path) -> Incoming:
    file = intake.store.incoming()
    with path.open("rb") as source:
        shutil.copyfileobj(source, file, 2**20)
    return file
