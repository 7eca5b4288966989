"""The model card of a film system, written from its manifest and its figures and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spondyl.lab.films.score_tables import aims_table, data_table, tables, who
from spondyl.lab.films.words import EVIDENCE, figure_text, interval_of, number, part

Body = Mapping[str, Any]

ANSWERS = {
    "xray-lesions": (
        "For each radiograph of a spine: the probability that it is abnormal, and boxes of osteophytes, disc space narrowing, surgical "
        "implants, foraminal stenosis, spondylolisthesis, vertebral collapse and other lesions, each with its own probability; a 90 % set, "
        "a mark where a person should look, a heat map, and what each network of the ensemble said."
    ),
    "xray-grade": (
        "For a lumbar radiograph, or frontal and lateral films of one study together: the grade of degeneration, 0 to 4, of the worst "
        "disc that is wholly on the film; its probabilities, a 90 % set, a mark where a person should look, a heat map, and what each "
        "network of the ensemble said."
    ),
}
FOR_WHOM = {
    "xray-lesions": "Research and teaching on adult spine radiographs; a starting point for one's own films.",
    "xray-grade": "Research and teaching on adult lumbar radiographs, frontal and lateral; a starting point for one's own films.",
}
NOT_FOR = (
    "Diagnosis, triage, or any decision about a patient. Children, cervical spines, post-mortem films, photographs of films and films of "
    "other parts of the body were not measured; the gate refuses most of what is not a lumbar film the right way up, and not all."
)
LABELS = {
    "xray-lesions": "A film is abnormal if it has any box. On the digital spine boxes are measured on what was built.",
    "xray-grade": "A film has the grade of its worst disc that is wholly visible (lumbar Kellgren-Lawrence rule). On the digital spine it "
    "is measured on what was built.",
}
SCALES = {
    "cpu": "Trained on two processor cores without an accelerator: small networks from scratch. The named networks of the full recipe "
    "(scale gpu) were not trained, and no figure here is theirs.",
    "gpu": "Trained on an accelerator: the full named ensemble of the recipe.",
}
SPUR_MM, FILM_MM = 2, 350
LAYOUTS = {"xray-lesions": "vindr", "xray-grade": "grades"}
PIECES = ("piece_rows", "piece_columns", "pieces", "piece_epochs")
RECIPE = {"seed": "seed", "epochs": "epochs on whole films", "student_epochs": "of the student", "detector_epochs": "of the detector",
          "batch": "batch", "lr": "learning rate", "pool": "pool", "place_weight": "weight of places", "pretrained": "ImageNet weights"}
"""Keys of `metrics["recipe"]` that the card tells, with PIECES; the frame stands under what the networks see."""
CHOSEN = (
    "Early stopping, calibration of each member, weights, the last calibration, threshold, joining with the detector and the 90 % sets "
    "were chosen on the validation split. The test split chose none of these; it was asked through the task as it is served. "
    "Intervals are 95 %, by "
)


def card(facts: Body, metrics: Body) -> str:
    """card.md of a bundle.

    Args:
        facts: The manifest as plain values (`Manifest.as_dict`): task, name, version, evidence, trained_on, licence, attribution,
            settings.
        metrics: The run's metrics.json. Whatever is absent is called not measured, or left out.
    """
    task = str(facts.get("task", ""))
    metrics = {**metrics, "task": task, "evidence": facts.get("evidence", metrics.get("evidence"))}
    sections = {
        "": _head(facts, metrics),
        "What it answers": ANSWERS.get(task, ""),
        "What it is for, and what not": f"{FOR_WHOM.get(task, '')}\n\nNot for: {NOT_FOR}",
        "Who was in the data": _data(task, metrics),
        "How it was trained": _training(facts, metrics),
        "What the networks see": _seen(part(facts, "settings")),
        "How it was measured": _measured(metrics),
        "Limits": _limits(facts, metrics),
        "Again": _again(task, facts),
    }
    return "\n".join(f"## {title}\n\n{text}\n" if title else f"{text}\n" for title, text in sections.items() if text)


def _head(facts: Body, metrics: Body) -> str:
    evidence = str(facts.get("evidence", ""))
    lines = [
        f"# {facts.get('name', '')} {facts.get('version', '')}",
        "Research software. Not a diagnosis.",
        f"**Evidence: {evidence}.** {EVIDENCE.get(evidence, '')} Trained on {facts.get('trained_on', 'unknown data')}. "
        f"Licence: {facts.get('licence', 'unknown')}." + (f" Attribution: {facts['attribution']}." if facts.get("attribution") else ""),
        _summary(metrics),
    ]
    return "\n\n".join(line for line in lines if line)


def _summary(metrics: Body) -> str:
    return aims_table(metrics) or "Nothing has been measured yet."


def _data(task: str, metrics: Body) -> str:
    notices = part(metrics, "data").get("notices") or ()
    skipped = len(part(metrics, "data").get("skipped") or ())
    lost = f"- {skipped} films could not be used: unreadable, or with boxes outside the film." if skipped else ""
    told = "\n".join([*(f"- {notice}" for notice in notices), *([lost] if lost else [])])
    lines = [who(metrics), LABELS.get(task, ""), data_table(metrics), told]
    return "\n\n".join(line for line in lines if line)


def _training(facts: Body, metrics: Body) -> str:
    networks = {**part(metrics, "networks")}
    weights = part(metrics, "validation", "weights")
    told = [f"- `{name}`: {architecture}" + (f", weight {number(weights[name]):.2f}" if name in weights else "")
            for name, architecture in networks.items()]
    validation = part(metrics, "validation")
    choices = [f"{words} {number(validation[key]):.3f}" for key, words in (("threshold", "threshold"), ("ask_from", "detector asked from"))
               if interval_of(validation.get(key)) is not None]
    given = validation.get("weights_from")
    source = {"fit": "Weights fitted on validation.", "given": "Weights given by the recipe, not fitted."}.get(str(given), "")
    frozen = f"Frozen on validation: {', '.join(choices)}." if choices else ""
    student = "The student learned from the ensemble's answers." if "student" in networks else ""
    parts = [SCALES.get(str(metrics.get("scale")), ""), "\n".join(told), _recipe(metrics),
             " ".join(text for text in (source, frozen, student) if text)]
    return "\n\n".join(text for text in parts if text)


def _recipe(metrics: Body) -> str:
    """The values of the recipe that decide most; those that `metrics` does not hold are left out."""
    own = part(metrics, "recipe")
    told = [f"{words} {own[key]}" for key, words in RECIPE.items() if own.get(key) is not None and own[key] != ""]
    if own.get("piece_rows"):
        told.append(f"{own.get('pieces')} pieces of {own['piece_rows']} x {own.get('piece_columns')} pixels a film for "
                    f"{own.get('piece_epochs')} epochs first")
    given = part(metrics, "start").get("run")
    begun = f"Began with the networks of the run {given}." if given else ""
    return " ".join(text for text in (f"Recipe: {', '.join(told)}." if told else "", begun) if text)


def _seen(settings: Body) -> str:
    frame = part(settings, "frame")
    if not frame:
        return ""
    size = f"{frame.get('rows')} x {frame.get('columns')} pixels"
    low, high = frame.get("low"), frame.get("high")
    lines = [f"The whole film, aspect kept, in {size}; percentiles {low} and {high} of its brightness are 0 and 1."]
    for name in ("detector", "gate"):
        own = part(settings, name, "frame")
        if own:
            lines.append(f"The {name} sees {own.get('rows')} x {own.get('columns')} pixels.")
    return " ".join([*lines, "Training and serving share this code; there is no other preprocessing."])


def _measured(metrics: Body) -> str:
    test = part(metrics, "test")
    if not test:
        return ""
    unit = str(part(metrics, "data").get("grouped_by", "study"))
    lines = [
        CHOSEN + f"{unit}. \"met\" and \"missed\" go by the estimate.",
        *_beside(test),
        tables({key: value for key, value in metrics.items() if key != "task"}),
        _parity(part(metrics, "parity")),
    ]
    return "\n\n".join(line for line in lines if line)


def _beside(test: Body) -> list[str]:
    """Films that were not answered, and films that the networks may have known."""
    keys = ("refused", "unread", "training_images_met")
    refused, unread, met = (round(number(test[key])) if interval_of(test.get(key)) else None for key in keys)
    why = ", ".join(f"{code} {count}" for code, count in part(test, "refusals").items())
    return [
        "" if refused is None else f"Refused by the gate: {refused}{f' ({why})' if why else ''}; scored as the prior, not left out.",
        f"Could not be read, and are left out: {unread}." if unread else "",
        f"**{met} of these films were in the training: these figures flatter.**" if met else "",
    ]


def _parity(own: Body) -> str:
    if "passed" not in own:
        return ""
    told = [f"{key.replace('_', ' ')} {figure_text(value)}" for key, value in own.items() if key != "passed" and interval_of(value)]
    return f"bf16 is {'allowed' if own['passed'] else 'not allowed'}" + (f": {', '.join(told)}." if told else ".")


def _limits(facts: Body, metrics: Body) -> str:
    lines = ["The gate and the sets were measured on the kinds of film named above, and on nothing else.",
             "Boxes carry no level; no disc is numbered." if facts.get("task") == "xray-lesions" else
             "The grade is that of the film, not of a named disc."]
    if facts.get("evidence") == "in-silico":
        lines = ["No film of a patient was used. What the networks learned is how the digital spine draws disease; on patients' films they "
                 "may be no better than chance. Train on your own films and measure before you believe any answer.",
                 "What the digital spine does not model stands in docs/explanation/digital-spine.md.", *lines]
    if metrics.get("scale") == "cpu":
        lines.append(_smallest(part(facts, "settings", "frame")))
    return "\n".join(f"- {line}" for line in lines)


def _smallest(frame: Body) -> str:
    """What the frame leaves of a small lesion."""
    rows = number(frame.get("rows"))
    if rows != rows:
        return "Small networks at a small size: fine spurs and faint narrowing may be missed."
    pixels = max(1, round(SPUR_MM * rows / FILM_MM))
    size = f"{frame.get('rows')} x {frame.get('columns')} pixels"
    return (f"Small networks at a small size: in {size} a spur of {SPUR_MM} mm is about {pixels} pixel{'s' if pixels > 1 else ''} of a "
            f"film {FILM_MM // 10} cm high; finer spurs and faint narrowing may be missed.")


def _again(task: str, facts: Body) -> str:
    if task not in LAYOUTS:
        return ""
    name, layout = facts.get("name", task), LAYOUTS[task]
    commands = [f"spondyl train recipes/{name}.toml --data DIR", f"spondyl evaluate {name} --data DIR --out figures.json"]
    if facts.get("evidence") == "in-silico":
        commands.insert(0, f"spondyl phantom make --layout {layout} --subjects N --seed S --out DIR")
    return "```text\n" + "\n".join(commands) + "\n```"


__all__ = ["card", "tables"]
