"""MetaImage (.mha) volumes, read and written with numpy alone: what SPIDER's images and masks are kept in.

Format: https://itk.org/Wiki/MetaIO/Documentation. One file, local data, uncompressed or zlib.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError

TYPES = {"MET_UCHAR": "u1", "MET_CHAR": "i1", "MET_USHORT": "u2", "MET_SHORT": "i2", "MET_UINT": "u4", "MET_INT": "i4",
         "MET_FLOAT": "f4", "MET_DOUBLE": "f8"}
MAX_VOXELS = 600_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Voxels and where they lie, in the patient frame (LPS: +x left, +y posterior, +z head), mm.

    Attributes:
        voxels: (k, j, i), i fastest in the file.
        spacing_mm: Of (i, j, k).
        directions: (3, 3): row a is the unit direction of index axis a (i, j, k) in the patient frame.
        origin_mm: Centre of the first voxel.
    """

    voxels: NDArray[Any]
    spacing_mm: tuple[float, float, float]
    directions: NDArray[np.float64]
    origin_mm: tuple[float, float, float]


def read_mha(path: Path, where: str) -> Volume:
    """The volume in that file.

    Args:
        where: How the caller knows the file; it stands in the message, the path does not.

    Raises:
        InputError: `dataset-file-missing` or `dataset-image-unreadable`.
    """
    if not path.is_file():
        raise InputError("dataset-file-missing", f"{where}: its volume is not in the data folder", "Copy the volume, or remove the row")
    try:
        return _parse(path.read_bytes())
    except (KeyError, ValueError, zlib.error) as error:
        raise InputError("dataset-image-unreadable", f"{where}: its volume is not a MetaImage with local data ({error})",
                         "Download or export the volume again") from error


def _parse(data: bytes) -> Volume:
    fields: dict[str, str] = {}
    at = 0
    while "ElementDataFile" not in fields:
        end = data.find(b"\n", at, at + 4096)
        key, equals, value = data[at:end].decode("ascii").partition("=") if end >= 0 else ("", "", "")
        if not equals:
            raise ValueError("its header ends early")
        fields[key.strip()] = value.strip()
        at = end + 1
    if fields["ElementDataFile"] != "LOCAL" or int(fields["NDims"]) != 3:
        raise ValueError(f"it has {fields['NDims']} dimensions and data in {fields['ElementDataFile']!r}")
    size = tuple(int(word) for word in fields["DimSize"].split())
    big = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False")) == "True"
    kind = np.dtype(TYPES[fields["ElementType"]]).newbyteorder(">" if big else "<")
    count = int(np.prod(size, dtype=np.int64))
    if len(size) != 3 or not 0 < count <= MAX_VOXELS:
        raise ValueError(f"its size is {fields['DimSize']}")
    raw = data[at:]
    if fields.get("CompressedData", "False") == "True":
        raw = zlib.decompressobj().decompress(raw, count * kind.itemsize)
    voxels = np.frombuffer(raw, kind, count=count).reshape(size[::-1])
    numbers = {key: [float(word) for word in fields[key].split()] for key in ("ElementSpacing", "TransformMatrix", "Offset")}
    directions = np.array(numbers["TransformMatrix"]).reshape(3, 3)
    return Volume(voxels, _triple(numbers["ElementSpacing"]), directions, _triple(numbers["Offset"]))


def _triple(numbers: list[float]) -> tuple[float, float, float]:
    x, y, z = numbers
    return x, y, z


def write_mha(path: Path, volume: Volume) -> None:
    """The volume as a compressed MetaImage."""
    kinds = {kind: name for name, kind in TYPES.items()}
    voxels = np.ascontiguousarray(volume.voxels, dtype=volume.voxels.dtype.newbyteorder("<"))
    packed = zlib.compress(voxels.tobytes(), 2)
    lines = {
        "ObjectType": "Image", "NDims": "3", "BinaryData": "True", "BinaryDataByteOrderMSB": "False", "CompressedData": "True",
        "CompressedDataSize": str(len(packed)), "TransformMatrix": _words(volume.directions.ravel()), "Offset": _words(volume.origin_mm),
        "CenterOfRotation": "0 0 0", "AnatomicalOrientation": "RAI", "ElementSpacing": _words(volume.spacing_mm),
        "DimSize": _words(voxels.shape[::-1]), "ElementType": kinds[voxels.dtype.str[1:]], "ElementDataFile": "LOCAL",
    }
    path.write_bytes("".join(f"{key} = {value}\n" for key, value in lines.items()).encode("ascii") + packed)


def _words(values: Any) -> str:
    return " ".join(f"{value:g}" if isinstance(value, int | np.integer) else repr(float(value)) for value in values)


SAGITTAL = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
"""Directions of (i, j, k) in an upright sagittal volume: columns backward, rows downward, slices to the left."""


def oriented(volume: Volume, target: NDArray[np.float64]) -> Volume:
    """The same voxels with index axes permuted and flipped to lie nearest to `target`; nothing is interpolated."""
    closeness = volume.directions @ target.T
    order = [int(np.argmax(np.abs(closeness[:, a]))) for a in range(3)]
    if sorted(order) != [0, 1, 2]:
        raise ValueError("the axes of the volume are too oblique to be told apart")
    voxels = volume.voxels.transpose([2 - order[2], 2 - order[1], 2 - order[0]])
    spacing = [volume.spacing_mm[a] for a in order]
    directions = volume.directions[order].copy()
    origin = np.array(volume.origin_mm)
    for a in range(3):
        if closeness[order[a], a] < 0:
            length = voxels.shape[2 - a] - 1
            origin = origin + directions[a] * spacing[a] * length
            directions[a] = -directions[a]
            voxels = np.flip(voxels, axis=2 - a)
    return Volume(voxels, _triple(spacing), directions, _triple([float(v) for v in origin]))
