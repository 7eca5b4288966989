"""The figures of a film system as Markdown tables: for its card, for the terminal and for the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spondyl.lab.films.aims import aims
from spondyl.lab.films.words import SPLITS, figure_text, interval_of, many, number, part, rows_of, score_text, score_words

Body = Mapping[str, Any]
Row = Sequence[str]
TRUST = {
    "pointing": "the map's peak lies in the lesion's box, or half a map cell beside it",
    "pointing_strict": "... in the box itself",
    "pointing_one_box_strict": "films with exactly one box: the map's peak lies in the box itself",
    "pointing_one_box": "... or half a map cell beside it",
    "pointing_centre": "... of a map that always points at the best fixed place (baseline)",
    "pointing_area": "... of a peak anywhere (baseline)",
    "twins_fall": "lesion taken away: the answer falls beyond the placebo's change",
    "twins_fall_any": "... or falls at all",
    "placebo": "placebo twin, other noise only: falls at least as far (baseline)",
    "reverse_rise": "lesion given: the answer rises beyond the placebo's change",
    "reverse_rise_any": "... or rises at all",
}
"""Shares of the trust tests, in the order in which they are shown."""
JUDGED = 1000
"""Subjects, at least, of the cohort that the aims are asked of."""
PLACEBO = {"median": "median", "q95": "95 % quantile"}


def tables(metrics: Body) -> str:
    """Everything that was measured, as Markdown tables; what is absent from `metrics` is left out."""
    makers = (aims_table, scores_table, classes_table, confusion_table, grade_table, coverage_table, members_table, curve_table,
              trust_table, gate_table)
    return "\n\n".join(made for made in (make(metrics) for make in makers) if made)


def summary(metrics: Body) -> str:
    """Who was measured, the aims, the scores beside their baselines, each class, the learning curve and the trust tests."""
    makers = (who, aims_table, scores_table, classes_table, curve_table, trust_table)
    return "\n\n".join(made for made in (make(metrics) for make in makers) if made)


def who(metrics: Body) -> str:
    """The cohorts, and the share of each label in the test split, without which no figure can be read; nothing where none is known."""
    name, where = ("digital spine (in-silico)" if said else "cohort" for said in (_silico(metrics), _judged(metrics)))
    learned, judged = _cohort(part(metrics, "data", "cohort")), _cohort(part(metrics, "test", "cohort"))
    also = _cohort(part(metrics, "data", "also"))
    shares = _prevalence(metrics)
    told = (
        f"Learned from the {name}: {learned}." if learned else "", f"Learned from it, too: {also}." if also else "",
        f"Measured on the {where}: {judged}." if judged else "",
        f"Prevalence in the test split: {shares}." if shares else "",
    )
    return " ".join(text for text in told if text)


def _cohort(own: Body) -> str:
    known = {key: value for key, value in own.items() if isinstance(value, (str, int, float)) and value != "" and key != "evidence"}
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in known.items())


def _prevalence(metrics: Body) -> str:
    """Share of each true label: of what was judged, else of the films that the split holds."""
    rows = confusion(metrics)
    counts = dict(zip(targets(metrics, len(rows)), map(sum, rows), strict=True))
    if not rows:
        counts = {str(label): round(number(count)) for label, count in part(metrics, "data", "splits", "test", "targets").items()}
    whole = sum(counts.values())
    return ", ".join(f"{label.replace('_', ' ')} {100 * count / whole:.1f} %" for label, count in counts.items()) if whole > 0 else ""


def table(head: Row, rows: Sequence[Row]) -> str:
    """A Markdown table, or nothing where there are no rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines)


def aims_table(metrics: Body) -> str:
    """The aims, the figures, and met or missed."""
    known = aims(metrics)
    if not part(metrics, "test"):
        return ""
    rows = [(aim.words, aim.bound_text, aim.figure_text, aim.verdict + (f" ({aim.remark})" if aim.remark else "")) for aim in known]
    made = table((f"aim{_judged(metrics)}", "asked for", "figure (95 %)", "verdict"), rows)
    return "\n\n".join(text for text in (made, judging_remark(metrics)) if text)


def judging_remark(metrics: Body) -> str:
    """That the aims are asked of a large cohort, where what was measured is a run's own split, or fewer subjects; else nothing."""
    test = part(metrics, "test")
    seen, own = number(test.get("groups")), "cohort" not in test
    if not (own or seen < JUDGED):
        return ""
    count = f"{_count(seen)} {_unit(metrics)}" if seen == seen else "films"
    split = " of the run's own test split" if own else ""
    return f"The aims are asked of the judging cohort of at least {JUDGED:,} subjects; these figures are of {count}{split}."


def measured_on(metrics: Body) -> str:
    """How many films, studies and groups of which split of which cohort were measured."""
    test = part(metrics, "test")
    named = {"films": "films", "studies": "studies", "groups": _unit(metrics)}
    counts = [f"{_count(test[key])} {words}" for key, words in named.items() if interval_of(test.get(key))]
    if len(counts) == 3 and named["groups"] == "studies":
        counts.pop()
    split = f"split {test.get('split', 'test')}"
    cohort = part(test, "cohort") or part(metrics, "data", "cohort")
    kind = [f"{key} {cohort[key]}" for key in ("profile", "style") if cohort.get(key)]
    return f"Measured: {', '.join([*counts, split, *kind])}." if counts else ""


def scores_table(metrics: Body) -> str:
    """Every score of the test split, each trivial baseline beside it."""
    scores, baselines = part(metrics, "test", "scores"), part(metrics, "test", "baselines")
    rows = [(score_words(name), score_text(name, scores[name]), *(_beside(row, name) for row in baselines.values())) for name in scores]
    split = str(part(metrics, "test").get("split", "test"))
    head = (f"{SPLITS.get(split, split)} split{_judged(metrics)}", "figure (95 %)", *(str(name).replace("_", " ") for name in baselines))
    return "\n\n".join(text for text in (measured_on(metrics), table(head, rows)) if text) if rows else ""


def classes_table(metrics: Body) -> str:
    """AP at IoU 0.5 of each class of box."""
    rows = [(name.replace("_", " "), _count(row.get("boxes")), figure_text(row) if row.get("boxes") != 0 else "does not occur")
            for name, row in part(metrics, "test", "classes").items() if isinstance(row, Mapping)]
    return table((f"lesion{_judged(metrics)}", "boxes", "AP at IoU 0.5 (95 %)"), rows)


def confusion_table(metrics: Body) -> str:
    """How often each label was answered with which; one row a true label."""
    counts = confusion(metrics)
    names = targets(metrics, len(counts))
    rows = [(name, *(str(cell) for cell in row), str(sum(row))) for name, row in zip(names, counts, strict=True)]
    return table((f"truth in rows, answer in columns{_judged(metrics)}", *names, "all"), rows)


def grade_table(metrics: Body) -> str:
    """Share of each true grade that was answered right."""
    rows = [(name, figure_text(row, percent=True)) for name, row in part(metrics, "test", "class_accuracy").items()]
    return table((f"true grade{_judged(metrics)}", "answered right (95 %)"), rows)


def coverage_table(metrics: Body) -> str:
    """How often the 90 % sets hold the truth, by true label, and whether that can be 90 %."""
    rows = [(name.replace("_", " "), figure_text(row, percent=True), _keeps_promise(row))
            for name, row in part(metrics, "test", "coverage").items()]
    return table((f"90 % sets hold the truth{_judged(metrics)}", "share (95 %)", "promise of 90 %"), rows)


def _keeps_promise(row: Any) -> str:
    known = interval_of(row)
    if known is None or known.low != known.low:
        return "-"
    return "kept" if known.contains(0.9) else "missed" if known.high < 0.9 else "more than kept"


def gate_table(metrics: Body) -> str:
    """What the gate refuses wrongly and lets in wrongly."""
    own = part(metrics, "gate")
    refused = [("upright films refused", "validation films", own.get("false_refusals"))]
    let_in = [(f"films {name.replace('_', ' ')} let in", "validation films", row) for name, row in part(own, "let_in").items()]
    views = [("view told rightly", "films that pass", own.get("views"))]
    other = part(own, "wrong_acceptances")
    others = [("other pictures let in", ", ".join(part(other, "kinds")).replace("_", " ") or "drawn", other.get("all"))]
    rows = [(words, on, figure_text(row, percent=True)) for words, on, row in (*refused, *let_in, *views, *others) if interval_of(row)]
    return table((f"gate{_silico(metrics)}", "on", "share (95 %)"), rows)


def members_table(metrics: Body) -> str:
    """Each network alone: what it is, its weight, its figures; and the paired comparisons."""
    members, weights = part(metrics, "test", "members"), part(metrics, "validation", "weights")
    names = list(dict.fromkeys(score for row in members.values() for score in part(row)))
    networks = part(metrics, "networks")
    rows = [(name, str(networks.get(name, "")) or "-", _weight(weights.get(name)), *(score_text(key, part(row).get(key)) for key in names))
            for name, row in members.items()]
    made = table((f"network alone{_judged(metrics)}", "architecture", "weight", *map(score_words, names)), rows)
    paired = [(name.replace("_", " ") + _whose(row), figure_text(row, signed=True))
              for name, row in part(metrics, "test", "paired").items() if isinstance(row, Mapping)]
    return "\n\n".join(part_ for part_ in (made, table((f"paired difference{_judged(metrics)}", "figure (95 %)"), paired)) if part_)


def curve_table(metrics: Body) -> str:
    """What more subjects bring: the learning curve."""
    rows = curve_rows(metrics)
    names = list(dict.fromkeys(name for row in rows for name in row["figures"]))
    lines = [(_count(row["subjects"]), _count(row["films"]), *(score_text(name, row["figures"].get(name)) for name in names))
             for row in rows]
    return table((f"learning curve{_silico(metrics)}: subjects", "films", *map(score_words, names)), lines)


def trust_table(metrics: Body) -> str:
    """What digital patients say about the explanation, with how many there were."""
    trust = part(metrics, "trust")
    rows = [(words, figure_text(trust[name], percent=True)) for name, words in TRUST.items() if interval_of(trust.get(name))]
    for kind, own in part(trust, "twins_fall_kinds").items():
        if interval_of(part(own).get("fall")):
            words = f"lesion taken away, {kind} ({_count(own.get('pairs'))} pairs): falls beyond the placebo's change"
            rows.append((words, figure_text(own["fall"], percent=True)))
    change = part(trust, "placebo_change")
    rows += [(f"placebo twins move by, {words}", figure_text(change[key]))
             for key, words in PLACEBO.items() if interval_of(change.get(key))]
    rows += [(f"rank correlation with the maps of random weights, {depth}", figure_text(row))
             for depth, row in part(trust, "randomised").items() if interval_of(row)]
    made = table(("trust tests on digital patients (in-silico)", "figure (95 %)"), rows)
    counts = ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in trust.items() if isinstance(value, int))
    return "\n\n".join(text for text in (made, f"Counts: {counts}." if counts else "") if text)


def data_table(metrics: Body) -> str:
    """Films, groups and labels of each split."""
    splits = part(metrics, "data", "splits")
    group = many(str(part(metrics, "data").get("grouped_by", "group")))
    rows = []
    for name, own in splits.items():
        told = [", ".join(f"{key.replace('_', ' ')} {_count(count)}" for key, count in part(own, kind).items())
                for kind in ("targets", "views", "boxes")]
        rows.append((SPLITS.get(name, name), _count(own.get("films")), _count(own.get("groups")), *(text or "-" for text in told)))
    return table(("split", "films", group, "labels", "views", "boxes"), rows)


def confusion(metrics: Body) -> list[list[int]]:
    """The confusion matrix of the test split, or no rows where there is none that is square."""
    rows = part(metrics, "test").get("confusion")
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == len(rows) for row in rows):
        return []
    return [[round(number(cell)) if number(cell) == number(cell) else 0 for cell in row] for row in rows]


def targets(metrics: Body, count: int) -> list[str]:
    """Names of `count` labels: as the file says, else numbers."""
    names = part(metrics, "test").get("targets")
    return [str(name) for name in names] if isinstance(names, list) and len(names) == count else [str(label) for label in range(count)]


def curve_rows(metrics: Body) -> list[dict[str, Any]]:
    """Rows of the learning curve as {subjects, films, figures}, from the fewest subjects up."""
    rows = []
    for row in rows_of(metrics.get("curve")):
        own = {**row, **part(row, "figures"), **part(row, "scores"), **part(row, "val")}
        figures = {key: value for key, value in own.items() if key in own and _is_figure(key, value)}
        rows.append({"subjects": row.get("subjects"), "films": row.get("films"), "figures": figures})
    return sorted(rows, key=lambda row: number(row["subjects"]))


def _is_figure(name: str, value: Any) -> bool:
    beside = ("subjects", "films", "epoch", "epochs", "seconds", "films_per_second", "seed", "size", "lr")
    return name not in beside and interval_of(value) is not None


def _beside(row: Any, name: str) -> str:
    """A baseline's figure for this score; one without names of scores stands for the first that it could be."""
    if isinstance(row, Mapping) and "estimate" not in row:
        return score_text(name, row[name]) if name in row else "-"
    return figure_text(row) if name in ("auroc", "balanced_accuracy") else "-"


def _unit(metrics: Body) -> str:
    return many(str(part(metrics, "data").get("grouped_by", "subject")))


def _whose(row: Body) -> str:
    told = [str(row[key]) if key == "member" else score_words(str(row[key])) for key in ("score", "member") if row.get(key)]
    return f" ({', '.join(told)})" if told else ""


def _weight(value: Any) -> str:
    return "-" if interval_of(value) is None else f"{number(value):.2f}"


def _count(value: Any) -> str:
    return f"{round(number(value)):,}" if number(value) == number(value) else "-"


def _judged(metrics: Body) -> str:
    """" (in-silico)" where the films that were measured are, whatever the bundle learned from."""
    return _silico({"evidence": part(metrics, "test").get("evidence", metrics.get("evidence"))})


def _silico(metrics: Body) -> str:
    return " (in-silico)" if metrics.get("evidence") == "in-silico" else ""


