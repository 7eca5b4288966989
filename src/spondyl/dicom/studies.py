"""Files that were read -> studies of series of images, ordered by geometry, named by pseudonyms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from spondyl.core import Image, Series, Study
from spondyl.core.identity import content_hash, pseudonym
from spondyl.dicom.report import ReadReport, Skipped


@dataclass(frozen=True, slots=True, eq=False)
class ReadFile:
    """One file as it came back from a worker, its UIDs already replaced.

    Attributes:
        label: The caller's.
        sha256: Content hash.
        study_key, series_key: Keyed pseudonyms; "" when the file has no UID of that kind.
        instance_key: Keyed pseudonym of the SOP instance, or of the content where there is none.
        instance: InstanceNumber, only for ordering where geometry is missing.
        modality, sex, age_years: As in `core.Study`.
        images: In frame order.
    """

    label: str
    sha256: str
    study_key: str
    series_key: str
    instance_key: str
    instance: int
    modality: str
    sex: str | None
    age_years: float | None
    images: tuple[Image, ...]


@dataclass(slots=True)
class _Gathered:
    """A study while its files come in."""

    labels: list[str] = field(default_factory=list)
    files: list[ReadFile] = field(default_factory=list)


def assemble(files: Sequence[ReadFile], skipped: Sequence[Skipped], key: bytes, pair: bool) -> ReadReport:
    """Group the files into studies.

    Args:
        files: In the order in which they were met.
        pair: All pictures (files of no modality) are one study.
    """
    kept, remarks = _without_repeats(files)
    together = "".join(sorted({file.sha256 for file in kept if _is_picture(file)}))
    studies: dict[str, _Gathered] = {}
    for file in kept:
        if pair and _is_picture(file) and len(together) > 64:
            study_key = pseudonym(key, content_hash(together.encode()))
        else:
            study_key = file.study_key or pseudonym(key, file.sha256)
        gathered = studies.setdefault(study_key, _Gathered())
        gathered.labels.append(file.label)
        gathered.files.append(file)
    return ReadReport(
        studies=tuple(_study(name, gathered.files, key) for name, gathered in studies.items()),
        sources={name: tuple(gathered.labels) for name, gathered in studies.items()},
        skipped=(*skipped, *remarks),
    )


def _is_picture(file: ReadFile) -> bool:
    return not (file.modality or file.study_key or file.series_key)


def _without_repeats(files: Sequence[ReadFile]) -> tuple[list[ReadFile], list[Skipped]]:
    """The same instance with the same pixels once; with other pixels, both and a remark."""
    seen: dict[str, set[tuple[str, ...]]] = {}
    kept, remarks = [], []
    for file in files:
        pixels = tuple(image.id for image in file.images)
        known = seen.setdefault(file.instance_key, set())
        if pixels in known:
            remarks.append(Skipped(file.label, "duplicate", "the same image was met before and is used once"))
            continue
        if known:
            message = "another image with the same identifier has other pixels; both were kept"
            remarks.append(Skipped(file.label, "uid-conflict", message, "Ask where the files come from"))
        known.add(pixels)
        kept.append(file)
    return kept, remarks


def _study(study_key: str, files: list[ReadFile], key: bytes) -> Study:
    series: dict[str, list[ReadFile]] = {}
    for file in files:
        series.setdefault(file.series_key or pseudonym(key, f"series {file.sha256}"), []).append(file)
    return Study(
        key=study_key,
        series=tuple(_series(name, members) for name, members in series.items()),
        sex=next((file.sex for file in files if file.sex), None),
        age_years=next((file.age_years for file in files if file.age_years is not None), None),
        sources=tuple(dict.fromkeys(file.sha256 for file in files)),
    )


def _series(series_key: str, files: list[ReadFile]) -> Series:
    placed = [(file, at, image) for file in files for at, image in enumerate(file.images)]
    first: dict[tuple[float, ...], int] = {}
    for order, (_, _, image) in enumerate(placed):
        first.setdefault(_direction(image), order)

    def place(item: tuple[ReadFile, int, Image]) -> tuple[Any, ...]:
        file, at, image = item
        offset = round(image.geometry.offset_mm, 3) if image.geometry else 0.0
        return (image.geometry is None, first[_direction(image)], offset, file.instance, at)

    modality = next((file.modality for file in files if file.modality), "")
    return Series(series_key, modality, tuple(image for _, _, image in sorted(placed, key=place)))


def _direction(image: Image) -> tuple[float, ...]:
    """The slice normal, rounded so that slices of one stack share it; empty without geometry."""
    return tuple(round(float(value), 1) + 0.0 for value in image.geometry.normal) if image.geometry else ()
