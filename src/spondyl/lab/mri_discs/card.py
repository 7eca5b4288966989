"""The model card and the tables of the README, written from the figures and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spondyl.core import term
from spondyl.lab.mri_discs.recipe import Recipe
from spondyl.metrics.intervals import wilson_interval
from spondyl.tasks.mri_discs.answers import GRADE, QUESTIONS

DRAWN = "digital spine or drawing: "
GROUP_NAMES = {
    "t2, wet": "T2 alone",
    "t2, both": "T2 and T1 together",
    "t2_space, wet": "SPACE alone",
    "t1, dry": "T1 alone",
}


def write_card(recipe: Recipe, metrics: Mapping[str, Any]) -> str:
    """card.md of the bundle."""
    return "\n".join(
        [
            f"# {recipe.task} {recipe.version}",
            "",
            "Research software. Not a diagnosis.",
            "",
            f"**Evidence: {recipe.evidence}.** Trained on {recipe.trained_on}. Licence: {recipe.licence}.",
            f"Attribution: {recipe.attribution}.",
            "",
            "## What it answers",
            "",
            "For each disc of a sagittal lumbar T1, T2 or SPACE slice: " + ", ".join(term(q).text for q in QUESTIONS) + "; height in mm.",
            "Modic change and the end plates are absent or present: the training data cannot teach types.",
            "On T1 alone no Pfirrmann grade is said.",
            "",
            "## How it was measured",
            "",
            f"{recipe.folds} folds of patients; {metrics['patients']} patients, {metrics['slices']} slices, of which",
            f"{metrics['training_images_met']} were in training. Each training patient was judged only by the gate, the locator and the",
            "graders that never saw them. Temperatures, thresholds and prediction sets were fitted on the other folds, on predictions",
            "of graders blind to both folds (nested). The bundle holds the same networks; a new patient is judged by all of them, with",
            "settings fitted on all out-of-fold predictions. That larger ensemble has no figures of its own. Intervals are 95 %, by",
            "patient. What is not fitted inside the folds was chosen while looking at out-of-fold figures of all patients: the numbers",
            "that link discs to a chain, the training recipe, which questions hear the level, and when a name is said. To that extent",
            "the figures flatter; patients who were never looked at are the judge.",
            "",
            tables(metrics),
            "",
            "## Limits",
            "",
            "- One middle slice is read. What lies to its side is not seen. No stenosis grade is given.",
            "- Readers of the training data disagree: about 0.6 plain kappa for Pfirrmann grades elsewhere.",
            "- Discs are counted from the bottom. The name of a level is a guess about anatomy that a lumbar image cannot settle.",
            "- Boxes follow the training boxes, which are loose. Disc heights were checked on the digital spine only (in-silico).",
            "- STIR, axial and coronal images, cervical and thoracic fields, and children were not measured.",
            "",
        ]
    )


def tables(metrics: Mapping[str, Any]) -> str:
    """All figures as Markdown tables."""
    parts = [locating_table(metrics), pfirrmann_table(metrics), findings_table(metrics), parity_line(metrics)]
    if "insilico" in metrics:
        parts += [refusal_table(metrics), phantom_table(metrics)]
    return "\n\n".join(part for part in parts if part)


def locating_table(metrics: Mapping[str, Any]) -> str:
    """Finding, counting and gating."""
    whole, turned = metrics["locating"]["all"], metrics["locating"]["stored_upright"]
    gate = metrics["gate"]
    rows = [
        ("boxed discs found (IoU 0.5) and numbered right", f"{whole['boxed_series']} series", whole["boxed_discs_found_and_numbered"]),
        ("... of series that are stored upright", f"{turned['boxed_series']} series", turned["boxed_discs_found_and_numbered"]),
        ("number of discs agrees with the gradings", f"{whole['counted_series']} series", whole["number_of_discs_right"]),
        ("... of series that are stored upright", f"{turned['counted_series']} series", turned["number_of_discs_right"]),
        ("refused though upright (false refusals)", f"{gate['stored_upright']} series", gate["false_refusals"]),
        ("T1 told from T2-weighted by the picture", f"{metrics['slices']} series", metrics["t1_told_from_t2"]),
        ("lowest disc is named", "whole slices", metrics["levels"]["lowest_disc_named"]),
        ("lowest disc is named, wrongly", "slices cut above the sacrum", metrics["levels"]["lowest_disc_named_though_cut_away"]),
    ]
    said = (
        f"{gate['stored_upside_down']} series of this source are stored upside down; {gate['upside_down_refused']} of them are refused, "
        "as they should be, and count as missed in the rows that do not leave them out."
    )
    return _table(("patients, out of fold", "on", "share (95 %)"), [(a, b, _percent(c)) for a, b, c in rows]) + "\n\n" + said


def pfirrmann_table(metrics: Mapping[str, Any]) -> str:
    """Pfirrmann grade by group."""
    rows = []
    for group, name in GROUP_NAMES.items():
        own = metrics["grading"].get(group)
        if not own or group == "t1, dry":
            continue
        grade = own[GRADE]
        rows.append(
            (
                name, f"{own['discs']} / {own['patients']}", _plain(grade["quadratic_kappa"]), _plain(grade["balanced_accuracy"]),
                _percent(grade["within_one_grade"]), f"{grade['ece']:.3f} ({grade['ece_floor']:.3f})", _percent(grade["set_coverage"]),
                f"{grade['set_size']:.1f}", f"{grade['baseline_level_only_kappa']:.2f}",
            )
        )  # fmt: skip
    head = ("Pfirrmann 1-5", "discs / patients", "quadratic kappa", "balanced accuracy", "within one grade", "ECE (its floor)",
            "90 % sets cover", "mean set", "kappa, level only")  # fmt: skip
    coverage = []
    for group, name in GROUP_NAMES.items():
        own = metrics["grading"].get(group)
        if own and group != "t1, dry":
            coverage.append((name, *(_percent(own[GRADE]["set_coverage_by_grade"][str(k)]) for k in range(1, 6))))
    return _table(head, rows) + "\n\n" + _table(("90 % sets cover, by read grade", "1", "2", "3", "4", "5"), coverage)


def findings_table(metrics: Mapping[str, Any]) -> str:
    """Yes/no findings by group."""
    rows = []
    for question in QUESTIONS[1:]:
        for group, name in GROUP_NAMES.items():
            own = metrics["grading"].get(group)
            if not own or group == "t2_space, wet":
                continue
            f = own[question]
            rows.append(
                (
                    term(question).text, name, f"{f['positives']} / {f['positive_patients']} of {own['discs']}", _plain(f["auroc"]),
                    f"{f['auroc_level_only']:.2f}", _plain(f["gain_over_level_only"]), f"{f['auroc_predicted_pfirrmann_only']:.2f}",
                    f"{f['ece']:.3f} ({f['ece_floor']:.3f})", _percent(f["set_coverage"]),
                )
            )  # fmt: skip
    head = ("finding", "on", "positive discs / patients", "AUROC (95 %)", "level only", "gain over level only", "Pfirrmann (ours) only",
            "ECE (its floor)", "90 % sets cover")  # fmt: skip
    return _table(head, rows)


def parity_line(metrics: Mapping[str, Any]) -> str:
    """What bf16 costs."""
    own = metrics.get("parity")
    if not own:
        return ""
    verdict = "allowed" if own["passed"] else "not allowed"
    return (
        f"bf16 is {verdict}: against f32, {own['answers']} answers on {own['slices']} slices moved by {own['mean_difference']:.4f} on "
        f"average and {own['largest_difference']:.3f} at most; the likeliest answer changed {own['likeliest_answer_changed']} times. "
        f"{own['note']}".strip()
    )


def refusal_table(metrics: Mapping[str, Any]) -> str:
    """Pictures that must be refused."""
    own = metrics["insilico"]["wrong_acceptances"]
    drawn = {name.removeprefix(DRAWN): row for name, row in own.items() if name.startswith(DRAWN)}
    accepted, count = sum(round(row[0] * row[3]) for row in drawn.values()), sum(row[3] for row in drawn.values())
    interval = wilson_interval(accepted / max(count, 1), count)
    kinds = ", ".join(drawn).replace("_", " ")
    share = [accepted / max(count, 1), interval.low, interval.high]
    rows = [(f"the digital spine's and drawn (in-silico): {kinds}", str(count), _percent(share))]
    rows += [(name, str(row[3]), _percent(row)) for name, row in own.items() if not name.startswith(DRAWN)]
    return _table(("pictures that must be refused", "n", "accepted (95 %)"), rows)


def phantom_table(metrics: Mapping[str, Any]) -> str:
    """Disc heights and level names on the digital spine."""
    own = metrics["insilico"]["heights"]
    error = own["mean_absolute_error_mm"]
    rows = [
        ("disc height not given (edges not clear)", str(own["discs"] + own["not_measured"]), str(own["not_measured"])),
        ("disc height, mean absolute error", str(own["discs"]), "-" if error is None else f"{error:.2f} mm"),
        ("disc height within 1 mm", str(own["within_1_mm"][3]), _percent(own["within_1_mm"])),
        *((f"... tilted {name}", str(row[3]), _percent(row)) for name, row in own["within_1_mm_by_tilt"].items()),
        ("its error bar holds the truth (90 % promised)", str(own["error_bar_covers"][3]), _percent(own["error_bar_covers"])),
    ]
    for name, level in metrics["insilico"]["levels"].items():
        n = str(level["right_name_said"][3])
        rows.append((f"lowest disc, {name}: right name said", n, _percent(level["right_name_said"])))
        rows.append((f"lowest disc, {name}: wrong name said", n, _percent(level["wrong_name_said"])))
        rows.append((f"lowest disc, {name}: right name said or listed", n, _percent(level["right_name_said_or_listed"])))
    return _table(("digital spine (in-silico)", "n", "figure (95 %)"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _percent(row: list[Any]) -> str:
    if row[0] is None:
        return "-"
    low, high = ("-" if v is None else f"{100 * v:.1f}" for v in row[1:3])
    return f"{100 * row[0]:.1f} % ({low}-{high})"


def _plain(row: list[Any]) -> str:
    if row[0] is None:
        return "-"
    low, high = ("-" if v is None else f"{v:.2f}" for v in row[1:3])
    return f"{row[0]:.2f} ({low} to {high})"
