"""What passes between the reader and a worker: lengths, JSON and plain numbers. Nothing that comes from a worker is unpickled.

request     8-byte length, file
answer      4-byte length, JSON {"head": {...}}, then for each frame: 4-byte length, JSON, rows x columns float32
            or, at any point, 4-byte length, JSON {"error": [code, message, hint]}
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import asdict, astuple, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Beam, DensitySaid, Geometry, Image, InputError
from spondyl.core.identity import pixel_hash
from spondyl.dicom import density_rows

if TYPE_CHECKING:
    from spondyl.dicom.frames import Frame

MAX_JSON = 2**16


class WorkerLostError(ConnectionError):
    """The other side closed the line, or said something that makes no sense."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the file says about itself. The UIDs and the patient are replaced by pseudonyms before they reach anything that is kept."""

    study_uid: str = ""
    series_uid: str = ""
    instance_uid: str = ""
    frame_uid: str = ""
    patient_id: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    instance: int = 0
    modality: str = ""
    sex: str | None = None
    age_years: float | None = None
    frames: int = 1
    densities: tuple[DensitySaid, ...] = ()


_TEXTS = ("study_uid", "series_uid", "instance_uid", "frame_uid", "patient_id", "birth_date", "patient_name", "modality")


@dataclass(slots=True)
class Line:
    """A socket with a deadline (`time.monotonic`), shared by all of its operations."""

    socket: socket.socket
    deadline: float | None = None

    def send(self, *parts: bytes | memoryview) -> None:
        """Send everything.

        Raises:
            TimeoutError, OSError: When the deadline passes or the other side is gone.
        """
        for part in parts:
            self._arm()
            self.socket.sendall(part)

    def receive_into(self, view: memoryview) -> None:
        """Fill `view`.

        Raises:
            TimeoutError, WorkerLostError: When the deadline passes or the other side closes.
        """
        while len(view):
            self._arm()
            got = self.socket.recv_into(view)
            if not got:
                raise WorkerLostError("the line was closed")
            view = view[got:]

    def receive(self, size: int) -> bytearray:
        """Exactly `size` bytes."""
        buffer = bytearray(size)
        self.receive_into(memoryview(buffer))
        return buffer

    def _arm(self) -> None:
        if self.deadline is None:
            return
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(left)


def send_json(line: Line, value: dict[str, Any], pixels: NDArray[np.float32] | None = None) -> None:
    """One message, with the pixels behind it."""
    text = json.dumps(value).encode()
    line.send(len(text).to_bytes(4, "big") + text)
    if pixels is not None:
        line.send(np.ascontiguousarray(pixels, np.float32).data.cast("B"))


def send_head(line: Line, head: Head) -> None:
    """Worker side: the first message of an answer."""
    send_json(line, {"head": asdict(head)})


def send_frame(line: Line, frame: Frame) -> None:
    """Worker side: one frame."""
    place = frame.geometry
    fields = {
        "shape": frame.pixels.shape,
        "spacing_mm": frame.spacing_mm,
        "spacing_source": frame.spacing_source,
        "view": frame.view,
        "sequence": frame.sequence,
        "geometry": [place.position, place.row_direction, place.column_direction] if place else None,
        "colour": frame.colour,
        "decoded_scale": frame.decoded_scale,
        "enhanced": frame.enhanced,
        "beam": astuple(frame.beam) if frame.beam else None,
        "left_at": frame.left_at,
    }
    send_json(line, fields, frame.pixels)


def receive_json(line: Line) -> dict[str, Any]:
    """Reader side: one message.

    Raises:
        InputError: If the worker answers with an error.
        WorkerLostError: If the message makes no sense.
    """
    size = int.from_bytes(line.receive(4), "big")
    if size > MAX_JSON:
        raise WorkerLostError(f"a message of {size} bytes")
    value = json.loads(line.receive(size))
    if not isinstance(value, dict):
        raise WorkerLostError("not a message")
    if "error" in value:
        code, message, hint = map(str, value["error"])
        raise InputError(code, message, hint)
    return value


def receive_head(line: Line) -> Head:
    """Reader side: what the file says about itself, each value of its own kind.

    Raises:
        KeyError, ValueError, TypeError: If it is not.
    """
    fields = receive_json(line)["head"]
    texts = {name: str(fields[name]) for name in _TEXTS}
    sex, age = fields["sex"], fields["age_years"]
    frames, densities = int(fields["frames"]), density_rows.from_json(fields["densities"])
    if frames < 0 or not (frames or densities):
        raise ValueError("neither a frame nor a density")
    return Head(
        **texts,
        instance=int(fields["instance"]),
        sex=None if sex is None else str(sex)[:1],
        age_years=None if age is None else float(age),
        frames=frames,
        densities=densities,
    )


def receive_image(line: Line, max_pixels: int) -> Image:
    """Reader side: one image of at most `max_pixels`.

    Raises:
        InputError: If the worker answers with an error instead.
        WorkerLostError, KeyError, ValueError, TypeError: If the message makes no sense.
    """
    fields = receive_json(line)
    rows, columns = map(int, fields["shape"])
    if rows < 1 or columns < 1 or rows * columns > max_pixels:
        raise WorkerLostError(f"a frame of {rows} x {columns}")
    pixels = np.empty((rows, columns), np.float32)
    line.receive_into(pixels.data.cast("B"))
    place, spacing, source = fields["geometry"], fields["spacing_mm"], fields["spacing_source"]
    left_at = fields["left_at"]
    return Image(
        id=pixel_hash(pixels),
        pixels=pixels,
        spacing_mm=(float(spacing[0]), float(spacing[1])) if spacing else None,
        spacing_source=str(source) if source else None,
        view=str(fields["view"]),
        sequence=str(fields["sequence"]),
        geometry=Geometry(_triple(place[0]), _triple(place[1]), _triple(place[2])) if place else None,
        colour=bool(fields["colour"]),
        decoded_scale=int(fields["decoded_scale"]),
        enhanced=bool(fields["enhanced"]),
        beam=Beam(*map(float, fields["beam"])) if fields["beam"] else None,
        left_at=None if left_at is None else str(left_at),
    )


def _triple(values: Any) -> tuple[float, float, float]:
    x, y, z = map(float, values)
    return x, y, z
