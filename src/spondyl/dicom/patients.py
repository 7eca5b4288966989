"""Whose the files are: files that share a study UID and disagree on the patient are kept apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from itertools import chain


@dataclass(frozen=True, slots=True, order=True)
class Patient:
    """Keyed pseudonyms of what a file says of its patient, "" where it is silent. They are compared, and kept nowhere.

    Attributes:
        identifier: Of PatientID.
        born: Of PatientBirthDate.
        name: Of PatientName; counts only where an identifier is missing, since spellings differ within a study.
    """

    identifier: str = field(default="", repr=False)
    born: str = field(default="", repr=False)
    name: str = field(default="", repr=False)


def told_apart(said: Iterable[Patient]) -> dict[Patient, Patient]:
    """What each file says -> the patient it belongs to, named by the fullest of the descriptions.

    A description that leaves something out belongs to the only patient it fits; where it fits several, it stands by itself.
    The order in which they come does not matter.
    """
    heads: dict[str, list[Patient]] = {}
    belongs: dict[Patient, Patient] = {}
    for patient in sorted(set(said), key=lambda one: ([not word for word in astuple(one)], one)):  # those with identifiers first
        near = heads.get(patient.identifier, []) if patient.identifier else chain.from_iterable(heads.values())
        fits = [head for head in near if _agree(head, patient)]
        if len(fits) != 1:
            heads.setdefault(patient.identifier, []).append(patient)
        belongs[patient] = fits[0] if len(fits) == 1 else patient
    return belongs


def _agree(one: Patient, other: Patient) -> bool:
    """Whether nothing that both say contradicts."""
    pairs = [(one.born, other.born), (one.identifier, other.identifier)]
    if not (one.identifier and other.identifier):
        pairs.append((one.name, other.name))
    return all(a == b for a, b in pairs if a and b)
