"""Archives in an upload, taken apart into files before anything else: entry names can carry names of people, so they are not kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from spondyl.apps.api.receive import Received
from spondyl.core import InputError
from spondyl.dicom import Archive, Limits, sniff
from spondyl.store import Incoming


@dataclass(frozen=True, slots=True)
class Part:
    """One file to read. `number` is that of the uploaded file it came in, 1 the first; `error` where it cannot even be unpacked."""

    number: int
    label: str
    file: Incoming | None
    error: InputError | None = None


def unpack(received: list[Received], new_file: Callable[[], Incoming], limits: Limits) -> Iterator[Part]:
    """Uploaded files one by one, archives as their entries; an archive itself is dropped once it is taken apart."""
    for number, item in enumerate(received, 1):
        item.file.finish()
        if sniff(item.file.head) != "zip":
            yield Part(number, item.label, item.file)
            continue
        try:
            yield from _entries(number, item, new_file, limits)
        finally:
            item.file.discard()


def _entries(number: int, item: Received, new_file: Callable[[], Incoming], limits: Limits) -> Iterator[Part]:
    try:
        archive = Archive(item.file.path, item.label, limits)
    except InputError as error:
        yield Part(number, item.label, None, error)
        return
    entries = archive.entries()
    try:
        for info in entries:
            label = f"{item.label}/{info.filename}"
            try:
                data = archive.read(info)
                if sniff(data) == "zip":
                    raise InputError("nested-archive", "an archive inside an archive", "Unpack the inner one and send it by itself")
            except InputError as error:
                yield Part(number, item.label if archive.spent else label, None, error)
                if archive.spent:
                    return
                continue
            file = new_file()
            file.write(data)
            file.finish()
            yield Part(number, label, file)
        if not entries:
            yield Part(number, item.label, None, InputError("nothing-found", "the archive holds no files", "Make the archive again"))
    finally:
        archive.close()
