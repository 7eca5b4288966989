"""The model card of `dxa-osteoporosis` and the tables of the README, written from the figures and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Body = Mapping[str, Any]
READERS = {"stack": "**stack**", "cnn": "small CNN", "vgg16": "VGG16", "forest": "ResNet50 features, random forest",
           "trees": "boosted trees on measured features", "student": "student"}
AGAIN = {
    "in-silico": (
        "spondyl phantom make --layout dxa --role train --subjects 2400 --seed 606 --set trunk_mm=4.0 --out dxa",
        "spondyl phantom make --layout dxa --role train --subjects 560 --seed 607 --set trunk_mm=4.0 --set fracture=0.5 --set implant=0.15 "
        "--set foreign=0.2 --set grade_shift=0.4 --set spur=1.3 --out dxa-parts",
        "spondyl train recipes/dxa-osteoporosis.toml --data dxa parts_data=dxa-parts",
        "spondyl phantom make --judging dxa_eval --out judged",
        "spondyl evaluate dxa-osteoporosis --data judged --out docs/figures/dxa-osteoporosis.json",
    ),
    "real": ("spondyl train recipes/dxa-osteoporosis.toml --data DIR evidence=real ...",
             "spondyl evaluate RUN/bundle --data DIR --out figures.json"),
}
NAMED = ("inverted", "upside_down", "on_its_side", "photo", "report", "hip_dxa", "chest", "radiograph_ap", "radiograph_lateral",
         "report_page", "text_only")
"""Kinds that the table always lists."""
LIMITS = (
    "- On the digital spine's console soft tissue is shown at a fixed share of bone, a ruler that a real console need not give: how much a "
    "picture tells there is not how much it tells of patients.\n"
    "- A picture from a console is scaled for display by its own values: the absolute grey, which is the density, is gone. What is left "
    "(contrast against soft tissue, noise, texture, edges, shape) says something of the class and never a T-score.\n"
    "- The class is that of the spine in view. A patient's class is the lowest of spine, total hip and femoral neck.\n"
    "- Classes hold for women after menopause and men from 50; the age of 50 stands for menopause here. Younger people get no class.\n"
    "- Vertebrae are named by the ribs and the sacrum as far as they are in view; with four or six lumbar vertebrae names can be one off.\n"
    "- Lateral scans, hips, forearms and whole bodies are refused, as far as the gate knows them; it has seen drawn ones only."
)
IN_SILICO = (
    "- Taught and measured on the digital spine alone: nothing is known of how it does on patients. Its console, its noise and its fat are "
    "simulated; no vendor's picture has been seen.\n"
)


def card(facts: Body, metrics: Body) -> str:
    """card.md of a bundle.

    Args:
        facts: The manifest as plain values.
        metrics: `nested` and `validation`; `test` once it was measured.
    """
    sections = {
        "What it answers": "Of a density picture of the lumbar spine, or of a calibrated pair of energies: normal, osteopenia or "
        "osteoporosis with calibrated probabilities, a 90 % set, every member's vote, and a mark where it cannot "
        "tell; which vertebrae of L1 to L4 are unreliable and why; how curved the spine is. Where the scanner's report or a calibrated "
        "pair tells the density, that is used and the picture only compared.",
        "What it is for, and what not": "Research and teaching, and a starting point for one's own studies in DXA folders.\n\nNot for: "
        "diagnosis, treatment decisions, or any decision about a patient.",
        "How it was trained": _training(metrics),
        "The stack and its members, by nested cross-validation": nested_table(metrics["nested"]),
        "The reference system's preprocessing": ablation_text(metrics.get("ablation")),
        "How it was measured": tables(metrics) if "test" in metrics else "Not measured yet.",
        "Limits": (IN_SILICO if facts["evidence"] == "in-silico" else "") + _taken_over(facts, metrics) + LIMITS,
        "Again (the bundle that ships)": "```\n" + "\n".join(AGAIN[facts["evidence"]]) + "\n```",
    }
    head = (f"# {facts['task']} {facts['version']}\n\nResearch software. Not a diagnosis.\n\n**Evidence: {facts['evidence']}.** Trained on "
            f"{facts['trained_on']}. Licence: {facts['licence']}.\nAttribution: {facts['attribution']}.\n")
    return head + "".join(f"\n## {title}\n\n{text}\n" for title, text in sections.items() if text)


def _training(metrics: Body) -> str:
    own = metrics["validation"]
    recipe = own["recipe"]
    which = "gate, locator, judge of vertebrae and the fixed ResNet50"
    parts = f"{own['parts']} of still others taught {which}"
    if own["parts_taken_from"]:
        parts = f"{which} are those of {own['parts_taken_from']}"
    alone = "" if own["patients_told"] else " The data set names no patients: every picture counted as one of its own."
    return (f"{own['taught']} pictures taught the members in {recipe['folds']} folds by patient; {own['held']} of other patients "
            f"calibrated what ships; {parts}; "
            f"{own['refused']} could not be used. VGG16 has {recipe['vgg_width']:g} and ResNet50 {recipe['resnet_width']:g} of the "
            "published channels. "
            f"Scale: {recipe['scale']}.{alone}")


def _taken_over(facts: Body, metrics: Body) -> str:
    """What must be said where the parts come from elsewhere."""
    source = metrics["validation"]["parts_taken_from"]
    return f"- Gate, locator and judge of vertebrae were not measured on these pictures: they are those of {source}.\n" if source else ""


def nested_table(nested: Body) -> str:
    """The stack beside every member, each calibrated in the inner folds, judged in the outer ones."""
    rows = [[READERS[name], f"{row['log_loss']:.4f}", _area(row["osteoporosis_auroc"]), f"{row['macro_f1']:.3f}", f"{row['accuracy']:.3f}"]
            for name, row in nested["readers"].items()]
    gain, low, high = nested["gain"]
    words = "ships" if nested["stack_ships"] else "is worse, and the best member ships alone"
    return (table(("out of fold", "log loss", "osteoporosis AUROC", "macro F1", "accuracy"), rows)
            + f"\n\n{nested['cases']} pictures. The stack's log loss minus that of its best member ({READERS[nested['best']]}), paired: "
            f"{gain:+.4f} ({low:+.4f} to {high:+.4f}); the stack {words}.")


def ablation_text(ablation: Body | None) -> str:
    """What blurring and thresholding cost."""
    if not ablation:
        return ""
    rows = [[words, _area(ablation[name]["osteoporosis_auroc"]), f"{ablation[name]['macro_f1']:.3f}"]
            for name, words in (("ours", "greys as displayed"), ("binarised", "blurred and thresholded to black and white"))]
    gap, low, high = ablation["auroc_lost"]
    return (table((f"small CNN out of fold, {ablation['cases']} pictures", "osteoporosis AUROC", "macro F1"), rows)
            + f"\n\nAUROC lost by thresholding, paired: {gap:.3f} ({low:.3f} to {high:.3f}).")


def tables(metrics: Body) -> str:
    """All figures as Markdown."""
    test = metrics["test"]
    classes = ", ".join(f"{count} {name}" for name, count in test["classes"].items())
    who = (f"{test['cases']} pictures ({classes}), {metrics['evidence']}; {test['training_images_met']} of them were in training; refused: "
           f"{sum(test['refused'].values())}. Intervals are 95 %, by patient.")
    parts = (who, class_table(test), decision_table(test), member_table(test), vertebra_table(test), gate_table(test), rest(test))
    return "\n\n".join(part for part in parts if part)


def class_table(test: Body) -> str:
    """Classes from the pair, from the picture, from age and sex."""
    words = {"pair": "calibrated pair of energies", "picture": "**display-scaled picture**", "baseline": "age and sex alone"}
    rows = []
    for name, text in words.items():
        own = test.get(name) or {}
        if own.get("cases"):
            covered = own.get("coverage", {}).get("all")
            rows.append([text, figure(own["macro_f1"]), figure(own["accuracy"]), figure(own["osteoporosis_auroc"]),
                         f"{number(own['ece_above_floor'], 3)}", f"{number(own['slope'], 2)}", figure(covered) if covered else "-"])
    header = ("class from", "macro F1", "accuracy", "osteoporosis AUROC", "ECE above its floor", "calibration slope", "90 % sets cover")
    return table(header, rows)


def decision_table(test: Body) -> str:
    """Who is decided."""
    rows = []
    for words, own in (("calibrated pair of energies", test.get("pair", {}).get("decided")), ("display-scaled picture", test["decided"])):
        if own and own.get("positive") is not None:
            at = ", ".join(f"{_percent(row['ppv'])} at {100 * float(share):.0f} %" for share, row in own["at_prevalence"].items())
            rows.append([words, figure(own["share"]), f"{figure(own['ppv'])} of {own['positive']}",
                         f"{figure(own['npv'])} of {own['negative']}",
                         f"{number(own['sensitivity'], 3)} / {number(own['specificity'], 3)}", at])
        elif own:
            rows.append([words, figure(own["share"]), "-", "-", "-", "-"])
    prevalence = 100 * test["decided"].get("prevalence", 0)
    first = f"decided osteoporosis or not (prevalence {prevalence:.0f} %)"
    return table((first, "share decided", "PPV", "NPV", "sensitivity / specificity of the decided", "PPV at other prevalences"), rows)


def member_table(test: Body) -> str:
    """Every member on the judged pictures."""
    rows = [[READERS.get(name, name), figure(row["osteoporosis_auroc"]), f"{number(row['macro_f1'], 3)}", f"{100 * row['agrees']:.0f} %",
             f"{number(row['mean_difference'], 3)}"] for name, row in test["members"].items()]
    header = ("member, not calibrated on its own", "osteoporosis AUROC", "macro F1", "says what the reader says", "mean difference")
    return table(header, rows) if rows else ""


def vertebra_table(test: Body) -> str:
    """Vertebrae not to be trusted."""
    own = test["vertebrae"]
    if not own.get("vertebrae"):
        return ""
    words = {"any": "**any reason**", "fracture": "fracture", "implant": "metal", "osteophytes": "osteophytes of 5 mm or more"}
    rows = [[text, figure(own[name]["auroc"]), str(own[name]["present"])] for name, text in words.items() if name in own]
    return (table((f"unreliable vertebra, of {own['vertebrae']}, {own['found']} of them found", "AUROC", "present"), rows)
            + f"\n\n{100 * own['named'] / own['vertebrae']:.1f} % of the vertebrae L1 to L4 were found under their right names. Coronal "
            f"curve: mean absolute error {number(own['curve']['mean_absolute_error'], 1)} degrees; 10 degrees or more: AUROC "
            f"{number(own['curve']['auroc_10_deg'], 3)} ({own['curve']['curved']} spines).")


def gate_table(test: Body) -> str:
    """What is let in though it should not be, by kind."""
    own = test.get("gate")
    if not own:
        return ""
    rows = [[name.replace("_", " "), str(row["drawn"]), str(row["let_in"]), "-" if name == "spine" else str(row["named"])]
            for name, row in own.items() if name == "spine" or row["let_in"] or name in NAMED]
    others = [row for name, row in own.items() if name != "spine"]
    drawn, let_in = (sum(row[key] for row in others) for key in ("drawn", "let_in"))
    return (table(("shown to the gate", "pictures", "let in", "refused as what it is"), rows)
            + f"\n\nOf {drawn} drawn pictures of {len(others)} kinds that are no upright spine scan, {let_in} were let in.")


def rest(test: Body) -> str:
    """Densities and writing."""
    parts = []
    if "density" in test:
        own = test["density"]["mean"]
        parts.append(f"Density of the spine from the pair: mean absolute error {number(own['mean_absolute_error'], 3)} g/cm2, bias "
                     f"{number(own['bias'], 3, sign=True)} ({own['count']} subjects).")
    own = test["writing"]
    parts.append(f"Largest change of a probability when the caption of {own['cases']} pictures ({own['with_caption']} had one) was made to "
                 f"say the opposite: {number(own['largest_change'], 4)}, of the student's {number(own['largest_change_of_student'], 4)}; "
                 f"written over a corner of the scan, which nothing masks: {number(own['largest_change_written_over'], 3)}.")
    return " ".join(parts)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *rows))


def number(value: float | None, digits: int, sign: bool = False) -> str:
    """A number, or "-" where it cannot be said."""
    return "-" if value is None else f"{value:{'+' if sign else ''}.{digits}f}"


def figure(own: Body | None, digits: int = 3) -> str:
    """estimate (low to high), or "-" where it cannot be said."""
    if not own or own.get("estimate") is None:
        return "-"
    shown = ["?" if own[name] is None else f"{own[name]:.{digits}f}" for name in ("estimate", "low", "high")]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def _area(row: Sequence[float]) -> str:
    return f"{number(row[0], 3)} ({number(row[1], 3)} to {number(row[2], 3)})"


def _percent(value: float | None) -> str:
    return "-" if value is None or value != value else f"{100 * value:.0f} %"
