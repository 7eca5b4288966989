"""Bone density of the spine that a densitometer's structured report tells (PS3.3 C.17.3), as far as nothing in it can be misread.

A number is used where its name, its unit and its region are understood (`density_words`), all of them from closed lists. The region is
told by the item itself, by a code or text beside or under it, or by a container around it; once one of them names another part of the
body, nothing in it counts. Of contradicting numbers none is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from spondyl.core import DensitySaid
from spondyl.dicom import tags
from spondyl.dicom.density_rows import IMAGE_HEADER, OTHER_SR, REPORTS, is_plausible, merged
from spondyl.dicom.density_words import (
    OTHER,
    SILENT,
    UNKNOWN,
    field_named,
    fields_told,
    heading_said,
    is_stale,
    narrowed,
    region_said,
    site_said,
    unit_named,
)

MAX_DEPTH, MAX_ITEMS, MAX_TEXT = 16, 5000, 200
"""A tree that is deeper or has more items is not used at all; a longer text is not understood."""

MEANT = {
    "24966-4": ("bmd_g_cm2", "Lumbar spine"),
    "38267-1": ("t_score", "Lumbar spine"),
    "85394-5": ("z_score", "Lumbar spine"),
    "104938-6": ("t_score", "Spine"),
}
"""LOINC codes of numbers: the field, and the region where nothing else tells one."""
PLACES = {
    "122496007": "Lumbar spine", "421060004": "Spine",
    "66794005": "L1", "14293000": "L2", "36470004": "L3", "11994002": "L4", "49668003": "L5",
}
"""SNOMED CT codes of regions."""
_WORDED = ("CODE", "TEXT")
_KINDS = frozenset(
    ("CONTAINER", "NUM", "DATE", "TIME", "DATETIME", "PNAME", "UIDREF", "IMAGE", "COMPOSITE", "WAVEFORM", "SCOORD", "SCOORD3D", "TCOORD",
     "TABLE", "", *_WORDED)
)  # fmt: skip
"""Value types (PS3.3 C.17.3.2.1); items that stand for another one have none."""
_LOINC, _SNOMED = ("LN", "LOINC"), ("SCT", "SNOMED", "SNOMED-CT")


def densities(dataset: Dataset, modality: str, image: bool = False) -> tuple[DensitySaid, ...]:
    """One row for each region of the spine that the object tells a density of; empty for objects of another kind.

    Args:
        image: Whether it is an image; its header is then read as a report would be.
    """
    sop_class = tags.word(dataset, "SOPClassUID")
    source = IMAGE_HEADER if image else REPORTS.get(sop_class, OTHER_SR if modality == "SR" else "")
    if not source or "ContentSequence" not in dataset:
        return ()
    walk = _Walk(source)
    try:
        state = narrowed(SILENT, region_said(_text(dataset, "BodyPartExamined")))
        walk.visit(tags.items(dataset, "ContentSequence"), narrowed(state, heading_said(_name(dataset).meaning)), 1)
    except (RecursionError, OSError, *tags.TAG_ERRORS):  # OSError: pydicom's for a sequence that ends too early
        return ()
    return merged(walk.rows)[0]


@dataclass(frozen=True, slots=True)
class _Code:
    value: str = ""
    scheme: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class _Item:
    """A content item, with what its words mean.

    Attributes:
        kind: Its value type.
        name: Concept name.
        value: What a TEXT says, or the meaning of a CODE.
        told: The fields that a TEXT tells.
        site: The region that a CODE or TEXT names for what is beside it (`density_words.site_said`), None where that is not what it is for.
        stale: Whether a CODE or TEXT says that what is beside it is no present measurement.
    """

    kind: str
    name: _Code
    value: str
    told: dict[str, float]
    site: str | None
    stale: bool
    data: Dataset

    @property
    def heading(self) -> str:
        """What it says of the region of all that is under it."""
        if self.kind in _WORDED:
            return self.site or SILENT
        if self.kind == "NUM" and (meant := _meant(self.name)):
            return narrowed(region_said(self.name.meaning), meant[1])
        return heading_said(self.name.meaning) if self.name.meaning else UNKNOWN


@dataclass(slots=True)
class _Walk:
    """The way through one tree, with the rows found so far."""

    source: str
    rows: list[DensitySaid] = field(default_factory=list)
    seen: int = 0

    def visit(self, content: Sequence[Dataset], state: str, depth: int) -> None:
        """Take what the items of one sequence tell, and go on under each.

        Args:
            state: The region so far.

        Raises:
            ValueError: If the tree is too deep or has too many items.
        """
        self.seen += len(content)
        if depth > MAX_DEPTH or self.seen > MAX_ITEMS:
            raise ValueError("a tree beyond the limits")
        items = [_item(one) for one in content]
        for item, local in zip(items, _beside(items, state), strict=True):
            under = tags.items(item.data, "ContentSequence")
            if item.kind == "NUM":
                self._number(item, _under(under, local))
            elif item.kind == "TEXT":
                self._add(item.told, narrowed(narrowed(local, region_said(item.name.meaning)), region_said(item.value)))
            if under:
                self.visit(under, narrowed(local, item.heading), depth + 1)

    def _number(self, item: _Item, state: str) -> None:
        meant = _meant(item.name)
        if meant is None or (value := _value(item.data, meant[0])) is None:
            return
        region = narrowed(state, region_said(item.name.meaning))
        self._add({meant[0]: value}, region or meant[1])

    def _add(self, fields: dict[str, float], region: str) -> None:
        fields = {name: round(value, 4) for name, value in fields.items() if is_plausible(name, value)}
        if fields and region not in (SILENT, OTHER):
            self.rows.append(DensitySaid(region, fields.get("bmd_g_cm2"), fields.get("t_score"), fields.get("z_score"), self.source))


def _meant(name: _Code) -> tuple[str, str] | None:
    """(field, region or SILENT) that the name of a number means, None where it means something else."""
    if name.scheme in _LOINC and name.value in MEANT:
        return MEANT[name.value]
    kind = field_named(name.meaning)
    return (kind, SILENT) if kind else None


def _beside(items: Sequence[_Item], state: str) -> list[str]:
    """The region of each item, as the items beside it tell: one for all of them, or each for those that follow it.

    Where several tell one and a number comes before the first, they may stand behind what they belong to: then none counts. Nor does
    any beside an item of no known type.
    """
    told = {item.site for item in items} - {None}
    first = next((item for item in items if item.site is not None or item.kind == "NUM" or item.told), None)
    odd = any(item.stale or item.kind not in _KINDS for item in items)
    if odd or (len(told) > 1 and first is not None and first.site is None):
        return [OTHER] * len(items)
    if len(told) <= 1:
        return [narrowed(state, next(iter(told)) or SILENT) if told else state] * len(items)
    found, local, run = [], state, False
    for item in items:
        if item.site is not None:
            local = narrowed(local if run else state, item.site)
        run = item.site is not None
        found.append(local)
    return found


def _under(content: Sequence[Dataset], state: str) -> str:
    """The region of a number, as the codes and texts under it tell: all of them at once."""
    for item in map(_item, content[:MAX_ITEMS]):
        state = OTHER if item.stale else narrowed(state, item.site or SILENT)
    return state


def _item(data: Dataset) -> _Item:
    kind, name, code = tags.word(data, "ValueType").upper(), _name(data), _code(data, "ConceptCodeSequence")
    if kind not in _WORDED:
        return _Item(kind, name, "", {}, None, False, data)
    value = _text(data, "TextValue") if kind == "TEXT" else code.meaning
    told = fields_told(name.meaning, value) if kind == "TEXT" else {}
    coded = code.scheme in _SNOMED and region_said(value) != OTHER
    site = None if told else site_said(name.meaning, PLACES.get(code.value, value) if coded else value)
    return _Item(kind, name, value, told, site, is_stale(value), data)


def _name(data: Dataset) -> _Code:
    return _code(data, "ConceptNameCodeSequence")


def _code(data: Dataset, keyword: str) -> _Code:
    found = tags.items(data, keyword)
    if len(found) != 1:
        return _Code(meaning="several codes" if found else "")
    one = found[0]
    return _Code(tags.word(one, "CodeValue"), tags.word(one, "CodingSchemeDesignator").upper(), _text(one, "CodeMeaning"))


def _text(data: Dataset, keyword: str) -> str:
    """Words of an element; a text that is too long becomes one that is not understood."""
    text = tags.word(data, keyword)
    with suppress(UnicodeError):  # no UTF-8, or no bytes of the file any more
        text = text.encode("latin-1").decode("utf-8")
    return text if len(text) <= MAX_TEXT else "too long"


def _value(data: Dataset, meant: str) -> float | None:
    """The number of a NUM item in the unit of its field, None where there is not just one or it is in another unit."""
    measured = tags.items(data, "MeasuredValueSequence")
    if len(measured) != 1:
        return None
    values = tags.numbers(measured[0], "NumericValue") or tags.numbers(measured[0], "FloatingPointValue")
    unit = _unit(measured[0])
    wanted = ("g/cm2", "mg/cm2") if meant == "bmd_g_cm2" else ("SD", None)
    if len(values) != 1 or unit not in wanted:
        return None
    return values[0] / 1000 if unit == "mg/cm2" else values[0]


def _unit(data: Dataset) -> str | None:
    """What `density_words.unit_named` says, None where no unit is told, "" where it is not understood."""
    if not tags.items(data, "MeasurementUnitsCodeSequence"):
        return None
    code = _code(data, "MeasurementUnitsCodeSequence")
    of_code, of_meaning = unit_named(code.value), unit_named(code.meaning)
    if of_code is None and (code.scheme == "UCUM" or "/" in code.value):
        return ""
    return (of_code or of_meaning or "") if of_code is None or of_meaning in (None, of_code) else ""
