"""Figures of a run, one function a picture: each takes a part of metrics.json and gives a `Drawing`, or None where there is nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator

from spondyl.lab.films.drawing import ACCENT, AMBER, DASHES, INK, LINE, SERIES, SOFT, Drawing, sheet
from spondyl.lab.films.score_tables import TRUST, confusion, curve_rows, targets
from spondyl.lab.films.words import SPLITS, figure_text, interval_of, number, part, rows_of, score_words
from spondyl.metrics.intervals import Interval, wilson_interval

Body = Mapping[str, Any]
BESIDE = ("epoch", "seconds", "films_per_second", "lr", "learning_rate", "batch", "phase", "step")
"""Numbers of an epoch that are no result."""


def learning(name: str, history: Sequence[Body]) -> Drawing | None:
    """Losses on the left, figures on validation on the right, by epoch."""
    rows = [_flat(row) for row in history]
    names = list(dict.fromkeys(key for row in rows for key in row if key not in BESIDE))
    losses = [key for key in names if "loss" in key]
    figures = [key for key in names if key not in losses]
    if not rows or not names:
        return None
    epochs = [row.get("epoch", float(place)) for place, row in enumerate(rows, start=1)]
    with sheet(5.1, 2.3, 1, 2) as drawn:
        for axis, keys, words in ((drawn.axes[0, 0], losses, "loss"), (drawn.axes[0, 1], figures, "validation")):
            for place, key in enumerate(keys):
                known = [(epoch, row[key]) for epoch, row in zip(epochs, rows, strict=True) if key in row]
                axis.plot([epoch for epoch, _ in known], [value for _, value in known], color=SERIES[place % len(SERIES)],
                          ls=DASHES[place % 4], marker=".", ms=3, label=score_words(key))
            axis.set(title=words, xlabel="epoch")
            axis.xaxis.set_major_locator(FixedLocator(epochs) if len(epochs) < 5 else MaxNLocator(4, integer=True))
            axis.xaxis.set_major_formatter("{x:.0f}")
            if keys:
                axis.legend()
    ends = ", ".join(f"{score_words(key)} {rows[-1][key]:.3f}" for key in names if key in rows[-1])
    long = "1 epoch" if len(rows) == 1 else f"{len(rows)} epochs"
    return drawn.as_drawing(f"Learning curves of {name}: {long}; at the last {ends}", f"{name}: {long}.")


def roc(metrics: Body) -> Drawing | None:
    """Sensitivity against false positives, with its band and the chosen threshold where they are known."""
    curve, scores = part(metrics, "test", "roc"), part(metrics, "test", "scores")
    x, y = _numbers(curve.get("fpr")), _numbers(curve.get("tpr"))
    if not len(x) or len(x) != len(y):
        return None
    with sheet(3.6, 3.5) as drawn:
        axis = drawn.axes[0, 0]
        _band(axis, x, curve)
        axis.plot(x, y, color=ACCENT)
        axis.plot([0, 1], [0, 1], color=SOFT, ls=":", lw=1)
        hit, spared = interval_of(scores.get("sensitivity")), interval_of(scores.get("specificity"))
        if hit and spared:
            axis.plot([1 - spared.estimate], [hit.estimate], "o", color=AMBER, mec=INK, label="frozen threshold")
            axis.legend(loc="lower right")
        axis.set(title=f"ROC, AUROC {figure_text(scores.get('auroc'))}", xlabel="1 - specificity", ylabel="sensitivity", **_UNIT)
    return drawn.as_drawing(f"ROC curve of the test split; AUROC {figure_text(scores.get('auroc'))}", "Dotted: guessing.")


def precision_recall(metrics: Body) -> Drawing | None:
    """Precision against recall, with the prevalence as what guessing gives."""
    curve = part(metrics, "test", "pr")
    x, y = _numbers(curve.get("recall")), _numbers(curve.get("precision"))
    if not len(x) or len(x) != len(y):
        return None
    prevalence = number(curve.get("prevalence"))
    with sheet(3.6, 3.5) as drawn:
        axis = drawn.axes[0, 0]
        _band(axis, x, curve)
        axis.plot(x, y, color=ACCENT, marker="" if len(x) > 2 else "o")
        if np.isfinite(prevalence):
            axis.axhline(prevalence, color=SOFT, ls=":", lw=1)
        axis.set(title="Precision and recall", xlabel="recall", ylabel="precision", **_UNIT)
    said = f"; the prevalence is {prevalence:.2f}" if np.isfinite(prevalence) else ""
    return drawn.as_drawing(f"Precision falls from {y[np.argmin(x)]:.2f} to {y[np.argmax(x)]:.2f} as recall grows{said}",
                            "Dotted: the prevalence, which is what guessing gives.")


def reliability(metrics: Body) -> Drawing | None:
    """What happened against what was said, with counts below; ECE beside its floor."""
    own = part(metrics, "test").get("reliability")
    bins = [row for row in rows_of(own if own is not None and not isinstance(own, Mapping) else part(own).get("bins"))
            if number(row.get("count")) > 0]
    if not bins:
        return None
    scores = part(metrics, "test", "scores")
    said = np.array([number(row.get("mean")) for row in bins])
    seen = np.array([number(row.get("rate")) for row in bins])
    counts = np.array([number(row.get("count")) for row in bins])
    around = [wilson_interval(share, count) for share, count in zip(seen, counts, strict=True)]
    with sheet(3.6, 4.2, 2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1)}) as drawn:
        upper, lower = drawn.axes[:, 0]
        upper.plot([0, 1], [0, 1], color=SOFT, ls=":", lw=1)
        upper.errorbar(said, seen, yerr=_around(around), fmt="o-", color=ACCENT, ms=4, lw=1, elinewidth=1)
        said_by = [f"{words} {figure_text(scores.get(name))}" for name, words in (("ece", "ECE"), ("ece_floor", "its floor"))]
        upper.set(title="\n".join(said_by), ylabel="observed share", **_UNIT)
        wide = [max(number(row.get("high")) - number(row.get("low")), 0.02) for row in bins]
        lower.bar([(number(row.get("low")) + number(row.get("high"))) / 2 for row in bins], counts, width=np.array(wide) * 0.9, color=LINE,
                  edgecolor=SOFT, lw=0.5)
        lower.set(xlabel="predicted probability", ylabel="films")
    worst = int(np.argmax(np.abs(said - seen)))
    return drawn.as_drawing(
        f"Reliability: {int(counts.sum())} films in {len(bins)} bins; the widest gap is at {said[worst]:.2f} said, {seen[worst]:.2f} seen",
        "Bars: 95 % intervals of the observed share. On the dotted line probabilities mean what they say.",
    )


def confusion_matrix(metrics: Body) -> Drawing | None:
    """Counts, shaded by the share of the true label."""
    counts = np.array(confusion(metrics), float)
    if not counts.size:
        return None
    names = targets(metrics, len(counts))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 1.6 + 0.62 * len(counts)
    with sheet(side + 0.4, side) as drawn:
        axis = drawn.axes[0, 0]
        axis.grid(False)
        axis.imshow(shares, cmap=_shades(), vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            axis.text(column, row, f"{int(counts[row, column])}\n{100 * share:.0f} %", ha="center", va="center", fontsize=8,
                      color="white" if share > 0.55 else INK)
        places = range(len(names))
        axis.set(xticks=places, yticks=places, xticklabels=names, yticklabels=names, xlabel="answer", ylabel="truth", title="Confusion")
    told = "; ".join(f"{name}: {100 * shares[place, place]:.0f} % right" for place, name in enumerate(names))
    return drawn.as_drawing(f"Confusion matrix. {told}", "Counts, and the share of the row.")


def classes(metrics: Body) -> Drawing | None:
    """AP at IoU 0.5 of each class of box, with the number of boxes."""
    rows = {name: (known, number(row.get("boxes"))) for name, row in part(metrics, "test", "classes").items()
            if isinstance(row, Mapping) and (known := interval_of(row))}
    return bars("AP at IoU 0.5", {_counted(name, count): known for name, (known, count) in rows.items()})


def member_weights(metrics: Body) -> Drawing | None:
    """Weights of the ensemble, from the heaviest."""
    weights = {name: known for name, value in part(metrics, "validation", "weights").items() if (known := interval_of(value))}
    ordered = dict(sorted(weights.items(), key=lambda row: -row[1].estimate))
    return bars("Weight in the ensemble", ordered)


def trust_tests(metrics: Body) -> Drawing | None:
    """Shares of the trust tests beside their baselines."""
    shares = ("pointing", "pointing_centre", "pointing_area", "twins_fall", "placebo", "reverse_rise")
    trust = part(metrics, "trust")
    rows = {TRUST[name].removeprefix("... "): known for name in shares if (known := interval_of(trust.get(name)))}
    return bars("Trust tests, share", rows)


def learning_curve(metrics: Body) -> Drawing | None:
    """Figures against the number of subjects that were learned from."""
    rows = [row for row in curve_rows(metrics) if number(row["subjects"]) > 0]
    names = list(dict.fromkeys(name for row in rows for name in row["figures"] if "loss" not in name))
    if len(rows) < 2 or not names:
        return None
    with sheet(4.6, 3.0) as drawn:
        axis = drawn.axes[0, 0]
        for place, name in enumerate(names):
            known = [(number(row["subjects"]), interval_of(row["figures"].get(name))) for row in rows]
            points = [(subjects, value) for subjects, value in known if value]
            axis.errorbar([at for at, _ in points], [value.estimate for _, value in points], yerr=_around([value for _, value in points]),
                          fmt="o" + DASHES[place % 4], color=SERIES[place % len(SERIES)], ms=4, capsize=2, label=score_words(name))
        places = [number(row["subjects"]) for row in rows]
        axis.set_xscale("log")
        axis.set_xticks(places, [f"{round(at):,}" for at in places])
        axis.minorticks_off()
        axis.set(title="Learning curve", xlabel="subjects")
        axis.legend()
    last = ", ".join(f"{score_words(name)} {figure_text(rows[-1]['figures'].get(name))}" for name in names)
    return drawn.as_drawing(f"Learning curve over {places[0]:.0f} to {places[-1]:.0f} subjects; with the most: {last}",
                            "Learning curve: what more subjects bring.")


def class_balance(metrics: Body) -> Drawing | None:
    """Films of each label in each split."""
    splits = {name: part(own, "targets") for name, own in part(metrics, "data", "splits").items() if part(own, "targets")}
    names = list(dict.fromkeys(key for own in splits.values() for key in own))
    if not names:
        return None
    with sheet(5.4, 2.6) as drawn:
        axis = drawn.axes[0, 0]
        for place, (split, own) in enumerate(splits.items()):
            at = np.arange(len(names)) + (place - (len(splits) - 1) / 2) * 0.8 / len(splits)
            axis.bar(at, [np.nan_to_num(number(own.get(name))) for name in names], width=0.75 / len(splits), label=SPLITS.get(split, split),
                     color=SERIES[place % len(SERIES)])
        axis.set_xticks(range(len(names)), [name.replace("_", " ") for name in names])
        axis.set(title="Films of each label", ylabel="films")
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    told = "; ".join(f"{SPLITS.get(split, split)}: {', '.join(f'{name} {own.get(name, 0)}' for name in names)}"
                     for split, own in splits.items())
    return drawn.as_drawing(f"Films of each label. {told}")


def bars(title: str, rows: Mapping[str, Interval]) -> Drawing | None:
    """Horizontal bars from 0 to 1 with intervals and their numbers."""
    if not rows:
        return None
    with sheet(7.0, 0.7 + 0.34 * len(rows)) as drawn:
        axis = drawn.axes[0, 0]
        places = np.arange(len(rows))[::-1]
        known = list(rows.values())
        axis.barh(places, [row.estimate for row in known], height=0.6, color=ACCENT, alpha=0.35)
        axis.errorbar([row.estimate for row in known], places, xerr=_around(known), fmt="o", color=ACCENT, ms=3, elinewidth=1.2, capsize=2)
        for place, row in zip(places, known, strict=True):
            axis.text(1.02, place, f"{row.estimate:.2f}", va="center", fontsize=8, transform=axis.get_yaxis_transform())
        axis.set_yticks(places, list(rows))
        axis.grid(False, axis="y")
        axis.set(title=title, xlim=(0, 1))
    told = "; ".join(f"{name} {figure_text((row.estimate, row.low, row.high))}" for name, row in rows.items())
    return drawn.as_drawing(f"{title}. {told}")


_UNIT = {"xlim": (-0.02, 1.02), "ylim": (-0.02, 1.02)}


def _flat(row: Body) -> dict[str, float]:
    """Numbers of an epoch by name; parts of a loss, which come as a mapping, are losses too. Lists are left out."""
    parts = {f"{name} loss" if "loss" in outer else name: value
             for outer, own in row.items() if isinstance(own, Mapping) for name, value in own.items()}
    known = {name: number(value) for name, value in {**parts, **row}.items()}
    return {name: value for name, value in known.items() if np.isfinite(value)}


def _numbers(values: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([number(value) for value in values], np.float64) if isinstance(values, (list, tuple)) else np.zeros(0)


def _band(axis: Any, x: np.ndarray[Any, np.dtype[np.float64]], curve: Body) -> None:
    low, high = _numbers(curve.get("low")), _numbers(curve.get("high"))
    if len(low) == len(high) == len(x):
        axis.fill_between(x, low, high, color=ACCENT, alpha=0.18, lw=0, label="95 %")


def _around(known: Sequence[Interval]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Lengths below and above each estimate, (2, n); 0 where an end is not known."""
    ends = [(row.estimate - row.low, row.high - row.estimate) for row in known]
    return np.clip(np.nan_to_num(np.array(ends, np.float64).reshape(-1, 2).T), 0, None)


def _counted(name: str, count: float) -> str:
    return name.replace("_", " ") + (f" (n = {count:.0f})" if np.isfinite(count) else "")


def _shades() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("teal", ["#ffffff", ACCENT])
