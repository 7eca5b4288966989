"""Files that were read -> studies of series of images, ordered by geometry, named by pseudonyms."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spondyl.core import DensitySaid, Image, Series, Study
from spondyl.core.identity import content_hash, pseudonym
from spondyl.dicom.density_rows import merged
from spondyl.dicom.patients import Patient, told_apart
from spondyl.dicom.report import ReadReport, Skipped


@dataclass(frozen=True, slots=True, eq=False)
class ReadFile:
    """One file as it came back from a worker, its UIDs already replaced.

    Attributes:
        label: The caller's.
        sha256: Content hash, the preamble zeroed: the same for a file and for what a store keeps of it.
        study_key, series_key: Keyed pseudonyms; "" when the file has no UID of that kind.
        instance_key: Keyed pseudonym of the SOP instance, or of the content where there is none.
        instance: InstanceNumber, only for ordering where geometry is missing.
        modality, sex, age_years: As in `core.Study`.
        images: In frame order; none in a density report.
        patient: Whose it is.
        densities: What it tells of bone density.
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
    patient: Patient = field(default_factory=Patient)
    densities: tuple[DensitySaid, ...] = ()


_TOLD = Patient("told once")


@dataclass(slots=True)
class _Gathered:
    """A study while its files come in."""

    labels: list[str] = field(default_factory=list)
    files: list[ReadFile] = field(default_factory=list)


def assemble(files: Sequence[ReadFile], skipped: Sequence[Skipped], key: bytes, pair: bool, known: Collection[str] = ()) -> ReadReport:
    """Group the files into studies.

    Args:
        files: In the order in which they were met.
        pair: All pictures (files of no modality) are one study.
        known: Keys of studies that these files may belong to (`Reader.read`).
    """
    files, several = _by_patient(files, key, known)
    kept, repeats = _without_repeats(files)
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
    shown = {name: gathered for name, gathered in studies.items() if any(file.images for file in gathered.files)}
    alone = [_without_image(file) for name, gathered in studies.items() if name not in shown for file in gathered.files]
    differ = [remark for gathered in shown.values() if (remark := _differing(gathered.files))]
    return ReadReport(
        studies=tuple(_study(name, gathered.files, key) for name, gathered in shown.items()),
        sources={name: tuple(gathered.labels) for name, gathered in shown.items()},
        skipped=(*skipped, *several, *repeats, *alone, *differ),
    )


def _without_image(file: ReadFile) -> Skipped:
    return Skipped(file.label, "report-without-image", "a density report without its picture", "Send both together")


def _differing(files: Sequence[ReadFile]) -> Skipped | None:
    """A remark where the reports of one study contradict each other, on the last of them."""
    if not merged(row for file in files for row in file.densities)[1]:
        return None
    last = [file for file in files if file.densities][-1]
    return Skipped(
        last.label,
        "reports-differ",
        "the density reports of one study tell different numbers of one region; these were not used",
        "Send the report that holds",
    )


def _by_patient(files: Sequence[ReadFile], key: bytes, known: Collection[str]) -> tuple[list[ReadFile], list[Skipped]]:
    """The files with the patient they belong to and, where one study UID has several patients, a study key for each.

    With several patients none keeps the key of the UID: it would name whichever was read, and one could get the other's result.
    """
    said: dict[str, set[Patient]] = {}
    for file in files:
        said.setdefault(file.study_key, set()).add(file.patient)
    belongs = {study: told_apart(patients) for study, patients in said.items() if study}
    found, remarks, first = [], [], dict[str, Patient]()
    for file in files:
        if not file.study_key:
            found.append(file)
            continue
        whose = belongs[file.study_key]
        patient = whose[file.patient]
        own = pseudonym(key, " ".join((file.study_key, patient.identifier, patient.born, "" if patient.identifier else patient.name)))
        apart = own in known or len(set(whose.values())) > 1
        found.append(replace(file, patient=patient, study_key=own if apart else file.study_key))
        if first.setdefault(file.study_key, patient) not in (patient, _TOLD):
            row = Skipped(
                file.label,
                "two-patients",
                "files of one study are of different patients; each patient's were taken as a study of their own",
                "Ask where the files come from",
            )
            remarks.append(row)
            first[file.study_key] = _TOLD
    return found, remarks


def _is_picture(file: ReadFile) -> bool:
    return bool(file.images) and not (file.modality or file.study_key or file.series_key)


def _without_repeats(files: Sequence[ReadFile]) -> tuple[list[ReadFile], list[Skipped]]:
    """The same instance with the same pixels or numbers once, whichever was met first; with others, both and a remark."""
    chosen: dict[tuple[Any, ...], ReadFile] = {}
    for file in files:
        best = chosen.setdefault(_shown(file), file)
        if file.sha256 < best.sha256:
            chosen[_shown(file)] = file
    seen: set[tuple[Any, ...]] = set()
    kept, remarks = [], []
    for file in files:
        if chosen[_shown(file)] is not file:
            remarks.append(Skipped(file.label, "duplicate", "the same image or report is there more than once and is used once"))
            continue
        if _shown(file)[:2] in seen:
            what = "image with the same identifier has other pixels" if file.images else "report with the same identifier has other numbers"
            message = f"another {what}; both were kept"
            remarks.append(Skipped(file.label, "uid-conflict", message, "Ask where the files come from"))
        seen.add(_shown(file)[:2])
        kept.append(file)
    return kept, remarks


def _shown(file: ReadFile) -> tuple[Any, ...]:
    """What makes two files the same image or report."""
    return file.instance_key, file.patient, tuple(image.id for image in file.images) or file.densities


def _study(study_key: str, files: list[ReadFile], key: bytes) -> Study:
    """One study; what it is depends on the content of the files alone, not on their order, their labels or the key."""
    files = sorted(files, key=lambda file: file.sha256)
    series: dict[str, list[ReadFile]] = {}
    for file in filter(lambda file: file.images, files):
        series.setdefault(file.series_key or pseudonym(key, f"series {file.sha256}"), []).append(file)
    made = [(_series(name, members), [file.sha256 for file in members]) for name, members in series.items()]
    made.sort(key=lambda one: ([image.id for image in one[0].images], one[1]))
    return Study(
        key=study_key,
        series=tuple(one for one, _ in made),
        sex=next((file.sex for file in files if file.sex), None),
        age_years=next((file.age_years for file in files if file.age_years is not None), None),
        densities=merged(row for file in files for row in file.densities)[0],
        sources=tuple(dict.fromkeys(file.sha256 for file in files)),
    )


def _series(series_key: str, files: list[ReadFile]) -> Series:
    placed = [(file, at, image) for file in files for at, image in enumerate(file.images)]
    modality = next((file.modality for file in files if file.modality), "")
    return Series(series_key, modality, tuple(image for _, _, image in sorted(placed, key=_place)))


def _place(item: tuple[ReadFile, int, Image]) -> tuple[Any, ...]:
    """Where an image comes in its series: stack by stack along the normal, then what has no place, by number; frames as in their file."""
    file, at, image = item
    offset = round(image.geometry.offset_mm, 3) if image.geometry else 0.0
    return (image.geometry is None, _direction(image), offset, file.instance, file.images[0].id, file.sha256, at)


def _direction(image: Image) -> tuple[float, ...]:
    """The slice normal, rounded so that slices of one stack share it; empty without geometry."""
    return tuple(round(float(value), 1) + 0.0 for value in image.geometry.normal) if image.geometry else ()
