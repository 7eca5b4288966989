"""Pixels of a large read, kept on disk: files without a name, mapped, and gone with the last image that uses them."""

from __future__ import annotations

import mmap
import tempfile
from dataclasses import replace

import numpy as np

from spondyl.core import Image
from spondyl.dicom.studies import ReadFile

IN_MEMORY = 2**26
"""Pixels of one read that stay in memory (256 MB); the system may page out what lies beyond."""


class Shelf:
    """Counts the pixels of one read and puts those beyond `in_memory` on disk."""

    def __init__(self, in_memory: int) -> None:
        self._left = in_memory

    def put(self, file: ReadFile) -> ReadFile:
        """The same file, with its pixels where they may stay."""
        self._left -= sum(image.pixels.size for image in file.images)
        return file if self._left >= 0 else replace(file, images=tuple(map(_on_disk, file.images)))


def _on_disk(image: Image) -> Image:
    """The same image over a private mapping of a nameless file; unchanged where the disk has no room."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(image.pixels.data)
            file.flush()
            mapped = mmap.mmap(file.fileno(), image.pixels.nbytes, access=mmap.ACCESS_COPY)
    except OSError:
        return image
    return replace(image, pixels=np.frombuffer(mapped, np.float32).reshape(image.shape))
