"""The model card of `mri-stenosis` and the tables of the README, written from the figures and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spondyl.core import term

Body = Mapping[str, Any]
SEVERITY_WORDS = ("normal or mild", "moderate", "severe")
WAYS = {"no_t1": "without sagittal T1", "no_t2": "without sagittal T2 or STIR", "no_axial": "without axial T2"}
MEASURE_WORDS = {"thecal_sac_area": ("area of the thecal sac", "mm2"), "thecal_sac_ap_diameter": ("AP diameter of the thecal sac", "mm")}
AGAIN = {
    "in-silico": (
        "spondyl phantom make --layout rsna2024 --subjects 1100 --seed 5105 --role train --labels read --out studies "
        "--set trunk_mm=3.0 --set matrix_mm=0.5",
        "spondyl train recipes/mri-stenosis.toml --data studies",
        "spondyl phantom make --judging mri_stenosis_eval --subjects N --set trunk_mm=3.0 --out judged",
        "spondyl evaluate mri-stenosis --data judged --out docs/figures/mri-stenosis.json",
    ),
    "real": (
        "spondyl train recipes/mri-stenosis.toml --data DIR evidence=real ...",
        "spondyl evaluate RUN/bundle --data DIR --out figures.json",
    ),
}
"""Commands by evidence; N is the number of studies that the figures were measured on."""
IN_SILICO = (
    "- Taught and measured on the digital spine alone: nothing is known of how it does on patients. Its labels are our geometric rules "
    "with published disagreement of readers on top, not RSNA's readings.\n"
    "- The networks were taught how often readers would write each grade, which is known of the digital spine only. On a real data set "
    "they are taught the labels as they are written.\n"
    "- The digital spine has no deformed roots, no synovial cysts, no fractures into the canal, no metal artefact and no scarring after "
    "surgery; its T1 and T2 slices lie in the same places, which real ones need not.\n"
)
LIMITS = (
    "- Gate and locator are those of `mri-discs`, taught on patients (SPIDER, CC BY 4.0) with T1 and T2. STIR has a locator of its own, "
    "taught by what these find on the other series; a study whose only sagittal series is STIR is refused more often.\n"
    "- The name of a level is counted from the sacrum. With four or six lumbar vertebrae it is wrong, and the right one stands among the "
    "alternatives with the same small prior for everybody: a lumbar image does not show more.\n"
    "- Children, cervical and thoracic spines were not measured; the gate refuses most of what is no upright lumbar spine, and not all."
)


def card(facts: Body, metrics: Body) -> str:
    """card.md of a bundle.

    Args:
        facts: The manifest as plain values.
        metrics: As `measure` writes them; before that with `validation` alone.
    """
    sections = {
        "What it answers": "For the five lowest discs of a lumbar MR study: stenosis of the spinal canal, of both neural foramina and of "
        "both subarticular recesses, each normal or mild, moderate or severe, with calibrated probabilities, the challenge's weighted "
        "posterior, a 90 % set, a mark where a person should look, and the slice and point it rests on; area and AP diameter of the thecal "
        "sac in mm. Any of sagittal T1, sagittal T2 or STIR and axial T2 may be missing, but not both sagittal ones.",
        "What it is for, and what not": "Research and teaching on adult lumbar MR, and a starting point for one's own studies in RSNA "
        "2024's layout.\n\nNot for: diagnosis, triage, or any decision about a patient.",
        "How it was trained": _training(metrics),
        "How it was measured": tables(metrics) if "test" in metrics else "Not measured yet.",
        "Limits": (IN_SILICO if facts["evidence"] == "in-silico" else "") + LIMITS,
        "Again": "\n".join(AGAIN[facts["evidence"]]),
    }
    head = (f"# {facts['task']} {facts['version']}\n\nResearch software. Not a diagnosis.\n\n**Evidence: {facts['evidence']}.** Trained on "
            f"{facts['trained_on']}. Licence: {facts['licence']}.\nAttribution: {facts['attribution']}.\n")
    indented = {**sections, "Again": "```\n" + sections["Again"] + "\n```"}
    return head + "".join(f"\n## {title}\n\n{text}\n" for title, text in indented.items())


def _training(metrics: Body) -> str:
    own = metrics.get("validation", {})
    if not own:
        return "Not recorded."
    recipe = own["recipe"]
    return (f"{own['taught']} studies taught, {own['held']} others (split by study) chose the calibration, the 90 % sets and the weights "
            f"of the canal's posterior; {own['refused']} could not be used. {recipe['members']} networks of {recipe['width']} channels, "
            f"{recipe['epochs']} epochs over their levels, rate {recipe['lr']}, targets: {recipe['targets']}; a series hidden from a level "
            f"in {100 * recipe['drop']:.0f} % of its showings. Scale: {recipe['scale']}.")


def tables(metrics: Body) -> str:
    """All figures as Markdown."""
    test = metrics["test"]
    who = (f"{test['studies']} studies, {metrics['evidence']}; {test['training_images_met']} of them were in training; refused: "
           f"{sum(test['refused'].values())}. Intervals are 95 %, by study.")
    parts = [who, score_table(test), condition_table(test), coverage_table(test), missing_table(test), place_table(test), size_table(test)]
    return "\n\n".join(part for part in parts if part)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _text(figure: Body | None, digits: int = 3, percent: bool = False) -> str:
    """estimate (low to high), or "-" where it cannot be said."""
    if not figure or figure.get("estimate") is None:
        return "-"
    scale, mark = (100, " %") if percent else (1, "")
    values = [figure[name] for name in ("estimate", "low", "high")]
    shown = [f"{scale * value:.{1 if percent else digits}f}" if value is not None else "?" for value in values]
    return f"{shown[0]}{mark} ({shown[1]} to {shown[2]})"


def _number(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def score_table(test: Body) -> str:
    """The official score beside its baselines."""
    score = test["score"]
    words = {"uniform": "uniform", "level_prior": "level-aware prior of the same studies", "ours": "**this bundle**",
             "perfect_reader": "a perfect reader of the noisy labels"}
    rows = [[words[name], *(_number(part[key]) for key in ("total", "canal", "foraminal", "subarticular", "any_severe"))]
            for name in words if (part := score["parts"].get(name))]
    text = _table(("official score, lower is better (labels as read)", "score", "canal", "foraminal", "subarticular", "any severe"), rows)
    way = f"; share of the way from the prior to the perfect reader {_text(score['way'], percent=True)}" if "way" in score else ""
    return text + f"\n\nScore of this bundle {_text(score['ours'], 4)}{way}."


def condition_table(test: Body) -> str:
    """Discrimination, agreement and calibration by condition, on the truth and on labels as read."""
    rows = []
    for name, own in test["conditions"].items():
        for source in ("truth", "read"):
            if source in own:
                part = own[source]
                rows.append([term(name).text, source, f"{part['answers']} / {part['severe']}", _text(part["severe_auroc"]),
                             _text(part["above_mild_auroc"]), _text(part["kappa"], 2), _text(part["balanced_accuracy"], 2),
                             f"{own['ece']['value']:.3f} ({own['ece']['floor']:.3f})" if source == "read" and "ece" in own else ""])
    return _table(("condition", "against", "answers / severe", "severe or not, AUROC", "above mild or not, AUROC", "quadratic kappa",
                   "balanced accuracy", "ECE (its floor)"), rows)


def coverage_table(test: Body) -> str:
    """How often the 90 % sets hold the label as read."""
    rows = [[term(name).text, *(_text(figure, percent=True) for figure in own["coverage"]), _number(own["mean_set"], 2),
             "-" if own["refer"] is None else f"{100 * own['refer']:.0f} %", f"{own['unanswered']} of {own['labelled']}"]
            for name, own in test["conditions"].items()]
    return _table(("90 % sets hold the label as read", "all", *SEVERITY_WORDS, "mean size", "marked to be looked at", "not answered"), rows)


def missing_table(test: Body) -> str:
    """The score with a series taken away."""
    rows = []
    for way, words in WAYS.items():
        own = test["missing"][way]
        rows.append([words, _text(own["score"], 4),
                     *(_number(own["parts"][key]) for key in ("canal", "foraminal", "subarticular", "any_severe")),
                     ", ".join(_number(own["mean_set"][name], 2) for name in own["mean_set"]), str(own["refused"])])
    return _table(("a series missing", "score", "canal", "foraminal", "subarticular", "any severe", "mean set (canal, foramen, recess)",
                   "refused"), rows)


def place_table(test: Body) -> str:
    """Levels and points."""
    levels = test["levels"]
    rows = [["all five levels named right", f"{levels['ordinary']['studies']} studies with five lumbar vertebrae",
             _text(levels["ordinary"]["named_right"], percent=True)],
            ["... a level named wrong", "the same", str(levels["ordinary"]["named_wrong"])],
            ["true names among the alternatives", f"{levels['transitional']['studies']} studies with four or six",
             _text(levels["transitional"]["true_level_inside"], percent=True)]]
    for name, own in test["points"].items():
        if "within_4_mm_of_built" in own:
            rows.append([f"{term(name).text}: point within 4 mm of the built place", f"{own['points']} marked ones",
                         _text(own["within_4_mm_of_built"], percent=True)])
        rows += [[f"{term(name).text}: within 4 mm of the mark, in the plane", f"{own['points']} marks, median {own['median_mm']} mm",
                  _text(own["within_4_mm_in_plane"], percent=True)],
                 ["... and on the same slice or nearer than that to it", "the same", _text(own["within_4_mm"], percent=True)]]
    return _table(("where", "on", "share"), rows)


def size_table(test: Body) -> str:
    """Sizes of the sac."""
    rows = [[MEASURE_WORDS[name][0], str(own["levels"]), f"{own['mean_absolute_error']:.2f} {MEASURE_WORDS[name][1]}",
             f"{own['bias']:+.2f}", f"{own['correlation']:.3f}", _text(own["bar_covers"], percent=True)]
            for name, own in test["sizes"].items()]
    return _table(("size", "levels", "mean absolute error", "bias", "correlation", "the 90 % bar holds it"), rows) if rows else ""
