"""Reading any number of files a few studies at a time, so that memory does not grow with the folder."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from spondyl.dicom import Reader, ReadReport, Skipped, Source

Progress = Callable[[str, int, int], None]
"""Called with ("Reading" or "Analysing", how many are done, how many there are)."""
BATCH_FILES = 64
"""A batch takes no further study once it has so many files."""
TOO_LARGE = "read-too-large"
Group = tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read together. `left`: how many studies are still to be read, about."""

    report: ReadReport
    left: int = 0


def in_batches(reader: Reader, sources: Sequence[Source], progress: Progress) -> Iterator[Batch]:
    """Everything that the sources hold, no study in two batches; what fits into one batch is read as it was named.

    A study is read by itself, as far as the reader's limit goes, where it passes that limit alone.
    """
    if len(sources) == 1 and not sources[0].path.is_dir():
        yield Batch(whole(reader, sources, progress))
        return
    from spondyl.dicom.by_study import by_study  # waits for pydicom, which one picture can do without

    reader.start()
    waiting, most, done = deque(by_study(sources)), BATCH_FILES, 0
    while waiting:
        groups = _take(waiting, most)
        named = sources if done == 0 and not waiting else [file for group in groups for file in group]
        report = whole(reader, named, progress, done=done, left=sum(map(len, waiting)))
        cut = [group for group in groups if _is_cut(group, report)] if len(groups) > 1 else []
        waiting.extendleft(reversed(cut))
        most = BATCH_FILES if len(cut) < len(groups) else 1  # where none fits beside others, each is read by itself
        done += sum(map(len, groups)) - sum(map(len, cut))
        batch = Batch(_without(report, cut), len(waiting))
        del report
        yield batch
        del batch  # pixels of one batch are not held while the next is read


def whole(
    reader: Reader, sources: Sequence[Source], progress: Progress, *, pair: bool = False, done: int = 0, left: int = 0
) -> ReadReport:
    """One read, with words about its limit that fit this door. `done` and `left`: files of other reads, for the progress."""
    report = reader.read(sources, pair=pair, on_progress=lambda at, total: progress("Reading", done + at, done + total + left))
    return replace(report, skipped=tuple(map(_hinted, report.skipped)))


def _hinted(row: Skipped) -> Skipped:
    return replace(row, hint="Name fewer files, or raise SPONDYL_MAX_READ_MB") if row.code == TOO_LARGE else row


def _take(waiting: deque[Group], most: int) -> list[Group]:
    """The next studies: one, and more while there are fewer files than `most`."""
    taken: list[Group] = []
    while waiting and sum(map(len, taken)) < most:
        taken.append(waiting.popleft())
    return taken


def _is_cut(group: Group, report: ReadReport) -> bool:
    return any(row.code == TOO_LARGE and _of(row.source, group) for row in report.skipped)


def _without(report: ReadReport, cut: Sequence[Group]) -> ReadReport:
    """The report without the studies that will be read again."""
    files = [file for group in cut for file in group]
    kept = {key: labels for key, labels in report.sources.items() if not any(_of(label, files) for label in labels)}
    studies = tuple(study for study in report.studies if study.key in kept)
    return ReadReport(studies, kept, tuple(row for row in report.skipped if not _of(row.source, files)))


def _of(label: str, files: Sequence[Source]) -> bool:
    """Whether the label is of one of these files, or of something in it."""
    return any(label == file.label or label.startswith(f"{file.label}/") for file in files)
