"""index.html of a run: everything that a person must see before believing a bundle, in one file that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from spondyl.core.result import DISCLAIMER
from spondyl.lab.films import figures
from spondyl.lab.films.check_parts import as_metrics, check_parts
from spondyl.lab.films.page_parts import anchor, document, drawing, facts, heading, markdown, picture, plain, quiet, section, table
from spondyl.lab.films.score_tables import aims_table, data_table, tables
from spondyl.lab.films.words import EVIDENCE, number, part, rows_of, score_text, score_words

Body = Mapping[str, Any]
PICTURE_BYTES = 2_800_000
"""Photographic pictures on a page, all together, so that with their 4/3 of base64 and the drawings it stays under 5 MB."""
NETWORKS = ("student", "detector", "gate")


class _Pictures:
    """PNG files of a run, as far as the page has room for them."""

    def __init__(self, run: Path) -> None:
        self.run, self.left, self.left_out = run.resolve(), PICTURE_BYTES, 0

    def show(self, name: Any, alt: str, caption: str = "") -> str:
        """The picture at a path relative to the run; words alone where it is absent, outside the run, or too much."""
        path = (self.run / str(name)).resolve()
        words = f"<figure><figcaption>{escape(caption or alt)}</figcaption></figure>"
        if not name or path.suffix != ".png" or not path.is_relative_to(self.run) or not path.is_file():
            return words
        data = path.read_bytes()
        if len(data) > self.left:
            self.left_out += 1
            return words
        self.left -= len(data)
        return picture(data, "image/png", alt, caption)


def write_run_page(run: Path) -> Path:
    """index.html of a run folder, finished or not: it shows what is there and says what is still to come. Returns its path.

    Read are config.json, metrics.json, check/data_check.json with the pictures beside it, the history.json of each network,
    bundle/bundle.json and bundle/card.md. A file that cannot be read counts as absent. The same files give the same bytes.
    """
    metrics, config = _json(run / "metrics.json"), _json(run / "config.json")
    manifest = _json(run / "bundle" / "bundle.json")
    evidence = str(metrics.get("evidence") or manifest.get("evidence") or config.get("evidence") or "")
    gate = part(metrics, "gate") or _json(run / "gate" / "figures.json")
    metrics = {**metrics, "gate": gate, "task": metrics.get("task") or config.get("task"), "evidence": evidence}
    shown = _Pictures(run)
    parts = {
        "Aims and figures": markdown(aims_table(metrics)),
        "Data check": _data(run, metrics, shown),
        "Learning": _learning(run, metrics),
        "Choices on validation": _validation(metrics),
        "Test": _test(metrics),
        "Best and worst cases": _cases(metrics, shown),
        "Trust tests": _trust(metrics),
        "Card": _card(run),
        "Recipe": _recipe(config),
    }
    page = _head(metrics, evidence, tuple(parts)) + "\n".join(section(title, body) for title, body in parts.items())
    if shown.left_out:
        page += quiet(f"{shown.left_out} pictures are left out to keep this page small; they lie in the run's folder.")
    target = run / "index.html"
    half_done = run / "index.html.part"
    half_done.write_text(document(f"Run: {metrics['task'] or 'unknown task'}", _top() + f"<main>\n{page}\n</main>"), "utf-8")
    half_done.replace(target)
    return target


def _json(path: Path) -> Body:
    try:
        body = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return body if isinstance(body, Mapping) else {"rows": body}


def _top() -> str:
    return f'<header class="top"><span class="brand">Spondyl</span><p class="disclaimer">{escape(DISCLAIMER)}</p></header>\n'


def _head(metrics: Body, evidence: str, titles: Sequence[str]) -> str:
    name = " ".join(str(metrics[key]) for key in ("task", "version") if metrics.get(key))
    words = EVIDENCE.get(evidence, "Nothing says yet on what this run was trained.")
    links = "".join(f'<li><a href="#{anchor(title)}">{escape(title)}</a></li>' for title in titles)
    unfinished = "" if part(metrics, "test") else quiet("This run is not finished: what is missing below is still to come.")
    kind = " in-silico" if evidence == "in-silico" else ""
    return (f'<h1>{escape(name or "Run")}</h1>\n<p><span class="badge{kind}">{escape(words)}</span></p>\n{unfinished}'
            f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n')


def _data(run: Path, metrics: Body, shown: _Pictures) -> str:
    check = _json(run / "check" / "data_check.json")
    data = {"data": part(metrics, "data") or as_metrics(check)}
    made = drawing(figures.class_balance(data)) + ("" if check else markdown(data_table(data)))
    made += "".join(f"<p>{escape(str(notice))}</p>" for notice in part(data, "data").get("notices") or ())
    if check:
        made += heading("What the check found") + check_parts(check)
    for path in sorted((run / "check").glob("*.png")):
        name = path.stem.replace("_", " ").replace("-", " ")
        made += shown.show(path.relative_to(run), f"Pictures of the data check: {name}", name)
    return made


def _learning(run: Path, metrics: Body) -> str:
    histories = {name: rows_of(rows) for name, rows in part(metrics, "history").items()}
    folders = [*sorted(path for path in (run / "members").glob("*") if path.is_dir()), *(run / name for name in NETWORKS)]
    drawn = {}
    for folder in folders:
        drawn[f"{_called(folder.name, metrics)}, first on pieces of films"] = _history(folder / "pieces")
        drawn[_called(folder.name, metrics)] = histories.pop(folder.name, []) or _history(folder)
    drawn |= {_called(name, metrics): rows for name, rows in histories.items()}
    made = "".join(drawing(figures.learning(name, rows)) for name, rows in drawn.items())
    return made + drawing(figures.learning_curve(metrics))


def _history(folder: Path) -> list[Body]:
    """Rows of history.json of one network: a list, or the first list in it."""
    return next((rows for rows in map(rows_of, _json(folder / "history.json").values()) if rows), [])


def _called(name: str, metrics: Body) -> str:
    architecture = part(metrics, "networks").get(name)
    return f"{name} ({architecture})" if architecture and architecture != name else name


def _validation(metrics: Body) -> str:
    own = part(metrics, "validation")
    if not own:
        return ""
    made = drawing(figures.member_weights(metrics))
    members = {name: part(row) for name, row in part(own, "members").items()}
    names = list(dict.fromkeys(key for row in members.values() for key in row))
    made += table(("network, on validation", *map(score_words, names)),
                  [(_called(name, metrics), *(score_text(key, row.get(key)) for key in names)) for name, row in members.items()])
    scores = [(score_words(key), score_text(key, row)) for key, row in part(own, "scores").items()]
    made += table(("on validation", "figure (95 %)"), scores)
    rest = {key: value for key, value in own.items() if key not in ("members", "scores", "weights")}
    return made + heading("What was frozen") + facts(rest, 4)


def _test(metrics: Body) -> str:
    test = part(metrics, "test")
    if not test:
        return ""
    drawings = (figures.roc, figures.precision_recall, figures.reliability, figures.confusion_matrix, figures.classes)
    counts = [f"{round(number(test[key])):,} {key}" for key in ("films", "studies", "refused") if number(test.get(key)) >= 0]
    shown = {key: value for key, value in metrics.items() if key not in ("task", "trust")}
    return "".join([
        quiet("Through the task as it is served: " + ", ".join(counts)), *(drawing(draw(metrics)) for draw in drawings),
        markdown(tables(shown)), _software(metrics),
    ])


def _software(metrics: Body) -> str:
    told = ", ".join(f"{key} {plain(value)}" for key, value in part(metrics, "test", "software").items())
    return quiet(f"Measured with {told}.") if told else ""


def _cases(metrics: Body, shown: _Pictures) -> str:
    made = ""
    for kind, words in (("best", "Right and most confident"), ("worst", "Wrong and most confident")):
        rows = rows_of(part(metrics, "test", "cases").get(kind))
        if rows:
            made += heading(words) + '<div class="cases">' + "".join(_case(row, shown) for row in rows) + "</div>"
    return made


def _case(row: Body, shown: _Pictures) -> str:
    said, truth = plain(row.get("said")), plain(row.get("target"))
    told = f"truth {truth}" + (f", answer {said}" if row.get("said") is not None else "")
    told += f", probability {number(row.get('probability')):.2f}" if row.get("probability") is not None else ""
    name = plain(row.get("name"))
    return shown.show(row.get("picture"), f"Film {name} and its heat map: {told}", f"{name}: {told}")


def _trust(metrics: Body) -> str:
    trust = part(metrics, "trust")
    return drawing(figures.trust_tests(metrics)) + markdown(tables({"trust": trust})) if trust else ""


def _card(run: Path) -> str:
    path = run / "bundle" / "card.md"
    return markdown(path.read_text("utf-8"), 2) if path.is_file() else ""


def _recipe(config: Body) -> str:
    """The keys of the recipe; of a folder on this machine only its name."""
    rows = [(key, Path(value).name if isinstance(value, str) and Path(value).is_absolute() else plain(value))
            for key, value in config.items() if not isinstance(value, Mapping)]
    return table(("key", "value"), rows)
