"""The reader: whatever it is given, out come studies, and a row for everything that was not used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from spondyl.core import Image, InputError
from spondyl.core.identity import content_hash, pseudonym
from spondyl.dicom.found import Entry, find
from spondyl.dicom.patients import Patient
from spondyl.dicom.pool import Answer, Pool
from spondyl.dicom.report import Limits, ReadReport, Skipped, Source
from spondyl.dicom.shelf import IN_MEMORY, Shelf
from spondyl.dicom.sniff import zero_preamble
from spondyl.dicom.studies import ReadFile, assemble

OnProgress = Callable[[int, int], None]
"""Called with the number of files done and found."""

Outcome = ReadFile | Skipped


class _Room:
    """The pixels that one read may still hold. Files are admitted in their order until one does not fit; none is after it."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self.full = False

    def admit(self, outcome: Outcome | None) -> Outcome | None:
        """The same outcome, or a row in its place where there is no room."""
        if not isinstance(outcome, ReadFile):
            return outcome
        self._left -= sum(image.pixels.nbytes for image in outcome.images)
        self.full = self.full or self._left < 0
        if not self.full:
            return outcome
        error = self.error()
        return Skipped(outcome.label, error.code, error.message, error.hint)

    def error(self) -> InputError:
        """Why a file is not read any more."""
        message = f"the pixels of one read pass {self._most / 2**20:g} MB with this file or one before it"
        return InputError("read-too-large", message, "Read fewer files at once, or raise the limit")


class Reader:
    """Reads files, folders, zip archives and DICOMDIRs in limited worker processes. One serves any number of threads.

    Args:
        key: Key of the pseudonyms, at least 16 bytes. It stays in this process.
        limits: What one read may cost.
        workers: Most worker processes at once.

    Example:
        with Reader(key) as reader:
            report = reader.read([Source(Path("lumbar.dcm"), "lumbar.dcm")])
    """

    def __init__(self, key: bytes, limits: Limits | None = None, workers: int = 2) -> None:
        pseudonym(key, "")  # a key that is too short is found here, not at the first file
        self._key = key
        self._limits = limits or Limits()
        self._workers = workers
        self._pool = Pool(self._limits, workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Begin loading the codecs in the background; returns at once."""
        self._pool.start()

    def close(self) -> None:
        """End the worker processes. A second call does nothing."""
        self._pool.close()

    def read(
        self, sources: Iterable[Source], pair: bool = False, on_progress: OnProgress | None = None, known: Collection[str] = ()
    ) -> ReadReport:
        """Everything the sources hold. A file that cannot be read becomes a row of `skipped`; the others go on.

        Args:
            sources: Read in this order; folders recursively and by name.
            pair: All pictures (png, jpg, tif) of this read are one study; else each is its own.
            on_progress: Called after each file, in this thread.
            known: Keys of studies that are looked for. Where an earlier read told several patients of one study UID apart, a read of
                one patient's files alone gives their study this key again, not that of the UID.

        Raises:
            SpondylError: `reader-closed`, or `reader-unavailable` when the system gives no processes.
        """
        files: list[ReadFile] = []
        skipped: list[Skipped] = []
        shelf = Shelf(IN_MEMORY)
        with ExitStack() as stack:
            entries = find(list(sources), self._limits, stack)
            for done, outcome in enumerate(self._outcomes(entries, stack), 1):
                if isinstance(outcome, ReadFile):
                    files.append(shelf.put(outcome))
                elif outcome is not None:
                    skipped.append(outcome)
                if on_progress is not None:
                    on_progress(done, len(entries))
        return assemble(files, skipped, self._key, pair, known)

    def _outcomes(self, entries: list[Entry], stack: ExitStack) -> Iterator[Outcome | None]:
        """One outcome an entry, in their order; None for the rest of an archive that was too large."""
        room = _Room(self._limits.max_read_bytes)
        if len(entries) == 1 or self._workers == 1:
            yield from (room.admit(self._outcome(entry, room)) for entry in entries)
            return
        threads = stack.enter_context(ThreadPoolExecutor(self._workers, "spondyl-read"))
        waiting: deque[Future[Outcome | None]] = deque()
        for entry in entries:
            if len(waiting) >= 2 * self._workers:
                yield room.admit(waiting.popleft().result())
            waiting.append(threads.submit(self._outcome, entry, room))
        while waiting:
            yield room.admit(waiting.popleft().result())

    def _outcome(self, entry: Entry, room: _Room) -> Outcome | None:
        """The file behind one entry, or why it is not used."""
        if entry.archive is not None and entry.archive.spent:
            return None
        try:
            if room.full:
                raise room.error()
            data = entry.load(self._limits)
            return self._named(entry.label, content_hash(zero_preamble(data)), self._pool.decode(data))
        except InputError as error:
            label = entry.archive.label if entry.archive is not None and error.code == "archive-too-large" else entry.label
            return Skipped(label, error.code, error.message, error.hint)

    def _named(self, label: str, sha256: str, answer: Answer) -> ReadFile:
        """Pseudonyms in the place of UIDs."""
        head = answer.head
        frame = head.frame_uid and pseudonym(self._key, f"frame {head.frame_uid}")
        whose = (("patient", head.patient_id), ("born", head.birth_date), ("name", head.patient_name))
        return ReadFile(
            label=label,
            sha256=sha256,
            study_key=pseudonym(self._key, head.study_uid) if head.study_uid else "",
            series_key=pseudonym(self._key, head.series_uid) if head.series_uid else "",
            instance_key=pseudonym(self._key, head.instance_uid or sha256),
            instance=head.instance,
            modality=head.modality,
            sex=head.sex,
            age_years=head.age_years,
            images=tuple(_framed(image, frame) for image in answer.images),
            densities=head.densities,
            patient=Patient(*(said and pseudonym(self._key, f"{kind} {said}") for kind, said in whose)),
        )


def _framed(image: Image, frame: str) -> Image:
    """The same image, its place in the frame of reference of this pseudonym."""
    return replace(image, geometry=replace(image.geometry, frame=frame)) if frame and image.geometry else image
