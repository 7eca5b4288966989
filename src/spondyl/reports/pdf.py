"""A report on paper: one study and task as PDF, with pictures, answers, warnings, and the card of the weights that answered."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any

import typst
from PIL import Image as Picture

from spondyl.core import Finding, HeatMap, Image, ImageNote, Study, StudyResult, term
from spondyl.core.result import DISCLAIMER
from spondyl.reports.annotated import marked_picture
from spondyl.reports.card_blocks import card_blocks
from spondyl.reports.contributions import moved_by
from spondyl.reports.curves import curve_words, further, only_place, vertebra_table
from spondyl.reports.rows import (
    EVIDENCE,
    VIEWS,
    LevelRow,
    cannot_tell,
    level_rows,
    measure_name,
    number_text,
    present_probability,
    probability,
    set_text,
    unit_text,
    voted_key,
    whole_picture,
)

JPEG_QUALITY = 88
WORDS = 26
"""Height in pixels of the words on a picture: two pictures stand side by side on a page."""
PICTURE_MM, TALL_MM = 105, 185
"""Height of a picture on paper, and of a whole spine, on which an angle is to be followed."""


def report_pdf(study: Study, result: StudyResult, maps: Sequence[HeatMap] = (), card: str = "") -> bytes:
    """The report as PDF. The same arguments give the same bytes: it has no date but what the result says.

    Args:
        study: Has the pixels of the images that the result names; images it lacks are left out.
        result: What was answered.
        maps: Heat maps; those of a whole picture are shown beside it.
        card: The model card of the bundle that answered, Markdown; "" leaves it out.
    """
    data = json.dumps(_contents(study, result, maps, card), ensure_ascii=True, allow_nan=False)
    made = typst.compile(_template(), sys_inputs={"data": data}, font_paths=_fonts(), format="pdf", timestamp=0)
    assert isinstance(made, bytes)
    return made


@cache
def _template() -> bytes:
    return (files("spondyl.reports") / "report.typ").read_bytes()


@cache
def _fonts() -> Any:
    """The fonts that typst carries, so that the report is the same on every machine."""
    return typst.Fonts(include_system_fonts=False)


def _contents(study: Study, result: StudyResult, maps: Sequence[HeatMap], card: str) -> dict[str, Any]:
    """What the template shows, as words and numbers."""
    rows = level_rows(result)
    evidence = result.bundle.evidence if result.bundle else ""
    words = EVIDENCE.get(evidence, evidence) or "no weights answered"
    return {
        "title": f"Spondyl: {result.task}", "heading": result.task, "study": result.study["key"], "disclaimer": DISCLAIMER,
        "evidence": {"words": words[0].upper() + words[1:], "real": evidence == "real"},
        "facts": _facts(result), "refusal": _refusal(result),
        "answers": [_answer(finding, row.label) for row in rows if row.whole for finding in row.graded],
        "pictures": _pictures({image.id: image for image in study.images}, result, maps) or _first_picture(study, result),
        "findings": [_line(finding, row.heading) for row in rows for finding in (*row.graded, *row.yes_no)],
        "measurements": [[row.label, measure_name(item.name), f"{number_text(item)} {unit_text(item)}".strip(), item.method]
                         for row in rows if not only_place(row) for item in row.measured],
        "curves": [_curve(curve) for curve in result.curves], "vertebrae": _vertebrae(rows),
        "picture_mm": TALL_MM if result.curves else PICTURE_MM,
        "warnings": list(dict.fromkeys(warning.message for warning in result.warnings)),
        "software": _software(result), "card": card_blocks(card),
    }


def _curve(curve: Mapping[str, Any]) -> list[str]:
    words = curve_words(curve)
    more = [f"{name.replace('_', ' ')}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in further(curve).items()]
    return [words.name, words.convention, "; ".join([words.text, *more])]


def _vertebrae(rows: Sequence[LevelRow]) -> dict[str, Any] | None:
    """The table of vertebrae, the units in its head."""
    table = vertebra_table(rows)
    if table is None:
        return None
    head = [", ".join(filter(None, pair)) for pair in zip(table.head, table.units, strict=True)]
    lines = [{"cells": list(cells), "refer": refer} for cells, refer in zip(table.lines, table.refer, strict=True)]
    return {"head": [*(words[:1].upper() + words[1:] for words in head)], "lines": lines, "methods": list(table.methods)}


def _facts(result: StudyResult) -> list[list[str]]:
    facts = [["Study", result.study["key"]], ["Modality", result.study.get("modality") or "picture"], ["Status", result.status]]
    facts += [[f"Image {number}", _caption(note)] for number, note in enumerate(result.images, 1)]
    return facts


def _software(result: StudyResult) -> list[list[str]]:
    rows = [[name, value] for name, value in result.software.items()]
    if result.bundle is None:
        return rows
    bundle = result.bundle
    about = [["bundle", f"{bundle.name} {bundle.version}"], ["bundle sha256", bundle.sha256], ["trained on", bundle.trained_on],
             ["licence", bundle.licence]]
    return [*about, *rows]


def _refusal(result: StudyResult) -> dict[str, str] | None:
    if result.refusal is None:
        return None
    return {"status": result.status.capitalize(), "message": result.refusal["message"], "hint": result.refusal["hint"]}


def _answer(finding: Finding, where: str) -> dict[str, Any]:
    """One answer about a whole picture, with a bar for each key and each member, and for what moved the one that measures."""
    chances, moved = finding.probabilities or {}, moved_by(finding)
    plausible = {str(value) for value in finding.set}
    return {
        "text": term(finding.finding).text, "value": _value(finding), "where": where, "refer": finding.refer,
        "bars": [{"key": key.replace("_", " "), "probability": chance, "in_set": key in plausible, "chosen": key == str(finding.value)}
                 for key, chance in chances.items()],
        "members": [_member(finding, name, member) for name, member in finding.members.items()],
        "moved": asdict(moved) if moved else None,
    }


def _member(finding: Finding, name: str, chances: Mapping[str, float]) -> dict[str, Any]:
    """A member's vote: how likely the last of two keys is; of a scale, its answer, and where on it its mean lies."""
    keys, said = list(chances), voted_key(finding, chances)
    if len(keys) == 2:
        return {"name": name, "share": chances[said], "words": f"{said} {chances[said]:.2f}"}
    mean = sum(at * chance for at, chance in enumerate(chances.values())) / max(len(keys) - 1, 1)
    return {"name": name, "share": min(max(mean, 0.0), 1.0), "words": f"{said.replace('_', ' ')} ({chances[said]:.2f})"}


def _line(finding: Finding, where: str) -> dict[str, Any]:
    chance = present_probability(finding) if len(term(finding.finding).keys) == 2 else probability(finding)
    side = f", {finding.side}" if finding.side else ""
    return {
        "level": where, "text": term(finding.finding).text + side, "value": _value(finding),
        "said": finding.value not in (None, "absent"), "probability": "-" if chance is None else f"{chance:.2f}",
        "set": set_text(finding), "refer": finding.refer,
        "box": " ".join(f"{value:.0f}" for value in finding.box) if finding.box else "",
    }


def _value(finding: Finding) -> str:
    if cannot_tell(finding):
        return "cannot tell"
    return "not said" if finding.value is None else str(finding.value).replace("_", " ")


def _caption(note: ImageNote) -> str:
    about = [VIEWS.get(word, word).replace("_", " ") for word in (note.view, note.sequence) if word != "unknown"]
    spacing = f"{note.spacing_mm[0]:.2f} x {note.spacing_mm[1]:.2f} mm" if note.spacing_mm else "spacing unknown"
    return ", ".join([*about, f"{note.rows} x {note.columns} pixels", spacing])


def _pictures(images: Mapping[str, Image], result: StudyResult, maps: Sequence[HeatMap]) -> list[dict[str, str]]:
    """Each image with its marks, and then where findings about the whole of one were seen."""
    kept = [(number, note) for number, note in enumerate(result.images, 1) if note.id in images]
    shown = [_shown(marked_picture(images[note.id], result, words=WORDS), f"Image {number}: {_caption(note)}") for number, note in kept]
    whole = {(finding.finding, finding.image) for finding in result.findings if whole_picture(finding)}
    for number, note in kept:
        for heat in maps:
            if heat.image == note.id and (heat.finding, heat.image) in whole:
                caption = f"Image {number}, heat map: {term(heat.finding).text}"
                shown.append(_shown(marked_picture(images[note.id], result, [heat], words=0), caption))
    return shown


def _first_picture(study: Study, result: StudyResult) -> list[dict[str, str]]:
    """The first image as it was read, for a result that rests on none."""
    return [] if result.images else [_shown(marked_picture(study.images[0], result, words=WORDS), "The image as it was read")]


def _shown(picture: Picture.Image, caption: str) -> dict[str, str]:
    """A picture inside an SVG, which can be handed over as words: no file is written."""
    buffer = BytesIO()
    picture.save(buffer, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    wide, high = picture.size
    address = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    image = f'<image width="{wide}" height="{high}" href="{address}"/>'
    return {"svg": f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}">{image}</svg>', "caption": caption}
