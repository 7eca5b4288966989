"""The model card of `xray-alignment` and the tables of the README, written from the figures and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Body = Mapping[str, Any]
AGAIN = (
    "spondyl phantom make --layout aasce --subjects 160 --seed 71 --out drawn",
    "spondyl train recipes/xray-alignment.toml --data DATA drawn_data=drawn",
    "spondyl evaluate RUN/bundle --data DATA --out docs/figures/xray-alignment.json",
)
SHAPES = {"vertebra_tilt": ("tilt", " degrees", 1), "height_ratio": ("height ratio", "", 3),
          "lateral_shift": ("lateral shift", " widths", 3)}
LIMITS = (
    "- Nearly every spine of the data set is scoliotic: the figures tell where corners are and how wide curves are, not who is well.\n"
    "- The true angles are computed from the same corners that taught the networks: they are one annotator's, not a second reading. "
    "Readers differ by 4.9 degrees within and 7.2 between readers (95 % limits of agreement, Morrissy 1990).\n"
    "- The films are cut to a strip around the spine; films that show more of the person are looked at twice, closer the second time, and "
    "were not measured.\n"
    "- Error bars carry the spread of each corner through the formula, times a factor that makes nine in ten hold out of fold. They know "
    "nothing of posture, time of day or another reader; those of smaller curves have the largest one's factor and were not checked.\n"
    "- Figures, factors and thresholds are those of single networks on films they had not seen. What answers is the mean of five of each, "
    "which was not measured.\n"
    "- Implants are neither refused nor flagged: rods did not stop the measurement on the few films that have them, and nothing is known "
    "beyond these.\n"
    "- Vertebrae are named by the ends of the column, T1 and L5, as far as they are in view; with other numbers than twelve and five names "
    "are off.\n"
    "- The gate was taught with drawn pictures of other things: real lateral, chest and pelvis films were not at hand.\n"
    "- Millimetres only where the file's spacing holds in the patient; else widths of a vertebra. A side is the patient's only where the "
    "file says which side of the picture is which.\n"
    "- The weights were trained on films that are for research use only."
)


def card(facts: Body, metrics: Body) -> str:
    """card.md of a bundle.

    Args:
        facts: The manifest as plain values.
        metrics: `validation`; `test` once it was measured.
    """
    sections = {
        "What it answers": "Of a frontal radiograph of the whole spine: the corners of each vertebra from T1 to L5, names with a "
        "confidence, Cobb angles with end vertebrae, apex and side, the three angles of the AASCE convention, tilt, height ratio and "
        "lateral shift of each vertebra, T1 beside L5; each with a 90 % interval, the two smaller mid-line angles apart.",
        "What it is for, and what not": "Research and teaching.\n\nNot for: diagnosis, treatment decisions, or any decision about a "
        "patient.",
        "How it was trained": _training(metrics),
        "How it was measured": tables(metrics) if "test" in metrics else "Not measured yet.",
        "Limits": LIMITS,
        "Again (the bundle that ships)": "```\n" + "\n".join(AGAIN) + "\n```",
    }
    head = (f"# {facts['task']} {facts['version']}\n\nResearch software. Not a diagnosis.\n\n**Evidence: {facts['evidence']}.** Trained on "
            f"{facts['trained_on']}. Licence: {facts['licence']}.\nAttribution: {facts['attribution']}.\n")
    return head + "".join(f"\n## {title}\n\n{text}\n" for title, text in sections.items())


def _training(metrics: Body) -> str:
    own = metrics["validation"]
    recipe = own["recipe"]
    digital = f"; a share of {recipe['drawn_share']:g} of what they saw was of the digital spine" if recipe["drawn_data"] else ""
    rows, columns = recipe["film"]
    return (f"{own['films']} films of {own['groups']} groups, {recipe['folds']} folds by group, two networks a fold: a detector of "
            f"vertebrae on the film at {rows} x {columns} pixels ({recipe['detector_epochs']} epochs), and a second look at the corners of "
            f"each vertebra from the film's own pixels ({recipe['corner_epochs']} epochs){digital}. All folds together ship. Films are "
            f"mirrored at test time and left and right exchanged. Scale: {recipe['scale']}.")


def tables(metrics: Body) -> str:
    """All figures as Markdown."""
    test = metrics["test"]
    how = {"out of fold": "each film by the two networks that had not seen its group, settings chosen on the other folds",
           "as served": "by all networks together; none of these films was in training"}[test["judged"]]
    twins = (f" {test['twins']} more are of groups that show an exposure of another fold's group again, and were not judged."
             if test["twins"] else "")
    who = f"{test['films']} films of {test['groups']} groups, {metrics['evidence']}, {how}.{twins} Intervals are 95 %, by group."
    return "\n\n".join((who, main_table(test), _rest(test), gate_table(test["gate"])))


def main_table(test: Body) -> str:
    """What was asked for, and what a jitter of the same size does to the formulas alone."""
    base = test["baseline"]
    rows = [["vertebrae found", _percent(test["found"]), ""], ["false ones a film", _number(test["false_per_film"], 2), ""],
            ["corner error, median, of the vertebra's width", f"{100 * test['corner_error']['median']:.1f} %", ""]]
    for name, words in (("mid_line", "largest angle, mid-lines"), ("cobb", "largest angle, Cobb's")):
        own, noise = test[name], base[name]
        rows += [[f"{words}: mean absolute error", _number(own["mean_absolute_error"], 2), f"{noise['mean_absolute_error']:.2f}"],
                 [f"{words}: bias", _number(own["bias"], 2, sign=True), f"{noise['bias']:+.2f}"],
                 [f"{words}: correlation", _number(own["correlation"], 3), ""],
                 [f"{words}: 90 % intervals that hold", _percent(own["coverage"]), ""]]
    rows.append(["SMAPE of the three angles", _number(test["smape"], 2), ""])
    for cut, own in test["at_least"].items():
        rows.append([f"{cut} degrees or more: AUROC ({own['below']} of {own['films']} films below)", _number(own["auroc"], 3), ""])
    return table(("", "got", "true corners moved by the same median error"), rows)


def _rest(test: Body) -> str:
    names, below, cobb = test["names"], test["said_below"], test["cobb"]
    low, high = cobb["limits_of_agreement"]
    return (f"Angles are in degrees. Largest Cobb angle: median absolute error {cobb['median_absolute_error'][0]:.1f}, 95 % limits of "
            f"agreement {low:.1f} to {high:+.1f}, median half-width of the 90 % interval {cobb['half_width_median']:.1f} (the shorter half "
            f"of intervals hold {100 * cobb['coverage_short_long'][0]:.0f} %, the longer {100 * cobb['coverage_short_long'][1]:.0f} %). "
            f"\"Below 10 degrees on this film\" is said of {below['said']} films, wrongly of {below['wrong']}; {below['below']} are below. "
            f"Of the vertebrae found {100 * names['right']:.1f} % get their name, and names are said of {100 * names['said']:.1f} %, of "
            f"which {100 * names['right_of_said']:.1f} % are right. Of each vertebra found: " + ", ".join(
                f"{SHAPES[name][0]} {own['median_absolute_error']:.{SHAPES[name][2]}f}{SHAPES[name][1]} off in the median, "
                f"{100 * own['coverage']:.0f} % of its intervals hold" for name, own in test["shapes"].items()) + ".")


def gate_table(gate: Body) -> str:
    """What is let in, and what is refused as what it is."""
    rows = [[name.replace("_", " "), str(row["shown"]), str(row["let_in"]), str(row["named"]) if row["named"] else ""]
            for name, row in gate.items()]
    return table(("gate: shown", "how many", "let in", "refused by name"), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def _number(row: Sequence[float | None], digits: int, sign: bool = False) -> str:
    own, low, high = ("-" if value is None else f"{value:{'+' if sign else ''}.{digits}f}" for value in row)
    return f"{own} ({low} to {high})"


def _percent(row: Sequence[float | None]) -> str:
    own, low, high = ("-" if value is None else f"{100 * value:.1f}" for value in row)
    return f"{own} % ({low} to {high})"
