"""Pictures and heat maps as bytes: numpy archives, read back with pickling forbidden."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import HeatMap


@dataclass(frozen=True, slots=True)
class MapNote:
    """Which heat maps a result has, without their values."""

    finding: str
    image: str
    level_from_bottom: int | None
    side: str | None


def pack_image(pixels: NDArray[np.float32]) -> bytes:
    """Display values 0..1, shape (rows, columns), as 8 bit without further loss."""
    grey = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return _pack({"pixels": grey})


def unpack_image(data: bytes) -> NDArray[np.float32]:
    """Display values 0..1 in steps of 1/255, shape (rows, columns); packing them again gives the same bytes."""
    return _unpack(data)["pixels"].astype(np.float32) / np.float32(255)


def pack_maps(maps: Sequence[HeatMap]) -> bytes:
    """Values and affine maps, in order; what they explain is kept in the table."""
    arrays: dict[str, NDArray[Any]] = {}
    for position, heat in enumerate(maps):
        arrays[f"values_{position}"] = heat.values.astype(np.float32)
        arrays[f"to_image_{position}"] = heat.to_image.astype(np.float64)
    return _pack(arrays)


def unpack_maps(data: bytes, notes: Iterable[MapNote]) -> tuple[HeatMap, ...]:
    """The maps again, in the order they were packed."""
    arrays = _unpack(data)
    return tuple(
        HeatMap(note.finding, note.image, arrays[f"values_{i}"], arrays[f"to_image_{i}"], note.level_from_bottom, note.side)
        for i, note in enumerate(notes)
    )


def _pack(arrays: dict[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _unpack(data: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
