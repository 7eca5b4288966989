"""Writes the generated parts of README.md and docs/reference: whatever stands between `<!-- generated: NAME -->` and `<!-- end -->`.

    python docs/generate.py           write the pages (also: make docs)
    python docs/generate.py --check   exit 1 if a page is out of date

The words around the tables are written by hand and stay.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "spondyl"
PAGES = ROOT / "docs" / "reference"
FIGURES = ROOT / "docs" / "figures" / "mri-discs.json"
DENSITY = ROOT / "docs" / "figures" / "dxa-osteoporosis.json"
ALIGNMENT = ROOT / "docs" / "figures" / "xray-alignment.json"
STENOSIS = ROOT / "docs" / "figures" / "mri-stenosis.json"
FILM_SYSTEMS = ("xray-lesions", "xray-grade")
REALISM = ROOT / "docs" / "figures" / "realism.json"
SPEED = ROOT / "docs" / "figures" / "bench.txt"
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    cells = [header, ("---",) * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |\n" for row in cells)


def cli() -> str:
    """`--help` of the program and of each verb."""
    from typer.main import get_command
    from typer.testing import CliRunner

    from spondyl.apps.cli import app
    from spondyl.apps.lazy import LAB_VERBS, LABORATORY

    runner = CliRunner()
    laboratory: Any = get_command(importlib.import_module(LABORATORY).app)
    program: Any = get_command(app)
    clinic = [name for name in program.commands if name not in LAB_VERBS]
    parts = []
    for verb in ([], *([name] for name in clinic), *_verbs(laboratory)):
        shown = runner.invoke(app, [*verb, "--help"], prog_name="spondyl", terminal_width=110)
        if shown.exit_code != 0:
            raise RuntimeError(f"spondyl {' '.join(verb)} --help failed: {shown.exception!r}")
        parts.append(f"### spondyl {' '.join(verb)}".rstrip() + f"\n\n```text\n{shown.output.strip()}\n```\n")
    return "\n".join(parts)


def _verbs(group: Any) -> list[list[str]]:
    """Paths to every command of a group that does something itself."""
    paths = []
    for name, command in group.commands.items():
        paths += [[name, *rest] for rest in _verbs(command)] if hasattr(command, "commands") else [[name]]
    return paths


def settings() -> str:
    """Every setting with its variable and default."""
    from spondyl.apps.settings import Settings

    rows = []
    for name, field in Settings.model_fields.items():
        default = "`$XDG_DATA_HOME/spondyl`, else `~/.local/share/spondyl`" if name == "data" else f"`{field.default!r}`"
        rows.append((f"`SPONDYL_{name.upper()}`", default, field.description or ""))
    return table(("variable", "default", "what it sets"), rows)


def findings() -> str:
    """The vocabulary."""
    from spondyl.core import vocabulary

    rows = [
        (f"`{name}`", term.text, ", ".join(f"`{key}`" for key in term.keys), term.where, f"`{term.cut}`", "yes" if term.sides else "no")
        for name, term in vocabulary().items()
    ]
    return table(("finding", "in words", "values", "its level names a", "`refer` cuts before", "left and right"), rows)


def result_json() -> str:
    """The fields of each object in result.json, from the dataclasses that make it."""
    from spondyl.core import BundleNote, Finding, ImageNote, Measurement, Notice, StudyResult

    parts = []
    for title, kind in (
        ("The result", StudyResult), ("`findings[]`", Finding), ("`measurements[]`", Measurement), ("`images[]`", ImageNote),
        ("`bundle`", BundleNote), ("`warnings[]`", Notice),
    ):
        doc = kind.__doc__ or ""
        meanings = attributes(doc)
        rows = [(f"`{field.name}`", json_type(str(field.type)), meanings.get(field.name, "")) for field in dataclasses.fields(kind)]
        parts.append(f"### {title}\n\n{doc.strip().splitlines()[0]}\n\n{table(('field', 'type', 'meaning'), rows)}")
    return "\n".join(parts)


def json_type(annotation: str) -> str:
    """A Python annotation as JSON knows it."""
    names = {"Mapping": "object", "tuple": "array", "str": "string", "int": "integer", "float": "number", "bool": "boolean", "None": "null"}
    outer = re.sub(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]", "", annotation)
    return " or ".join(names.get(part.strip(), "object") for part in outer.split("|"))


def attributes(doc: str) -> dict[str, str]:
    """Meaning of each name in an "Attributes:" section."""
    section = doc.partition("Attributes:\n")[2]
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=        \w)", "\n" + section):
        names, _, text = entry.strip().partition(": ")
        found.update({name.strip(): " ".join(text.split()) for name in names.split(",")})
    return found


def rest() -> str:
    """Routes from the OpenAPI description."""
    rows = []
    for path, methods in openapi()["paths"].items():
        for method, route in methods.items():
            words = route.get("description") or route.get("summary", "")
            rows.append((f"`{method.upper()} {path}`", words.partition("\n\n")[0], ", ".join(route["responses"])))
    return table(("route", "what it does", "answers"), rows)


def openapi() -> dict[str, Any]:
    """The description that the server gives of itself."""
    from spondyl.apps import wiring
    from spondyl.apps.api import create_app
    from spondyl.apps.settings import Settings
    from spondyl.store import Store

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder))
        with Store(settings.database_url, settings.data) as store, wiring.reader(settings, bytes(32)) as reader:
            app = create_app(settings, tasks={}, shelf=wiring.shelf(settings), reader=reader, store=store)
            description: dict[str, Any] = app.openapi()
    return description


@dataclasses.dataclass(frozen=True, order=True)
class Code:
    """One code in the source: what raises it, in which room, with which words."""

    code: str
    kind: str
    room: str
    message: str
    hint: str


KINDS = {
    "InputError": "caller", "Refusal": "refused", "NotFoundError": "not found", "BundleError": "ours", "SpondylError": "ours",
    "UnansweredError": "caller",
    "Skipped": "skipped", "Notice": "warning",
}


def codes() -> list[Code]:
    """Every code that the source passes as a literal to an error, a refusal, a skipped row or a warning, or has in a table of REFUSALS.

    Refusals and warnings with each of their sentences, since tasks share codes; the others with the first one.
    """
    found: dict[tuple[str, str, str], Code] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        for code in _codes_in(ast.parse(path.read_text("utf-8")), room):
            found.setdefault((code.code, code.kind, code.message if code.kind in ("refused", "warning") else ""), code)
    return sorted(found.values())


def _codes_in(tree: ast.AST, room: str) -> Iterator[Code]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
            arguments = node.args[1:] if name == "Skipped" else node.args
            if name in KINDS and arguments and isinstance(arguments[0], ast.Constant) and isinstance(arguments[0].value, str):
                texts = [text(argument) for argument in arguments[1:3]]
                yield Code(arguments[0].value, KINDS[name], room, *[*texts, "", ""][:2])
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and ast.unparse(node.targets[0]) == "REFUSALS":
            for row in node.value.values:
                if isinstance(row, ast.Tuple):
                    yield Code(text(row.elts[0]), "refused", room, text(row.elts[1]), text(row.elts[2]))
        if isinstance(node, ast.Dict):
            pairs = {key.value: value for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant)}
            code = pairs.get("code")
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield Code(code.value, "answer", room, *(text(pairs[name]) if name in pairs else "" for name in ("message", "hint")))


def text(node: ast.expr) -> str:
    """The words of a literal; what is filled in at run time is shown as an ellipsis."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text(node.left) + text(node.right)
    return "…"


def errors() -> str:
    """Every code, who can mend it, and the words that come with it."""
    rows = [(f"`{row.code}`", row.kind, row.room, row.message, row.hint) for row in codes()]
    return table(("code", "kind", "room", "what was seen", "what to do"), rows)


def figures() -> str:
    """The figures that `spondyl evaluate` wrote, as tables; a film system that was not measured has none."""
    from spondyl.lab.mri_discs.card import tables

    others = (alignment_figures(), stenosis_figures(), density_figures(), *map(film_figures, FILM_SYSTEMS))
    return tables(json.loads(FIGURES.read_text("utf-8"))) + "\n" + "".join(others)


def density_figures(file: Path = DENSITY) -> str:
    """Heading and tables of `dxa-osteoporosis`, or nothing where its figures are absent."""
    from spondyl.lab.dxa.card import tables

    if not file.exists():
        return ""
    return f"\n### dxa-osteoporosis (in-silico)\n\n{tables(json.loads(file.read_text('utf-8')))}\n"


def alignment_figures(file: Path = ALIGNMENT) -> str:
    """Heading and tables of `xray-alignment`, or nothing where its figures are absent."""
    from spondyl.lab.alignment.card import tables

    if not file.is_file():
        return ""
    return f"\n### xray-alignment (real)\n\n{tables(json.loads(file.read_text('utf-8')))}\n"


def stenosis_figures(file: Path = STENOSIS) -> str:
    """Heading and tables of `mri-stenosis`, or nothing where its figures are absent."""
    from spondyl.lab.mri_stenosis.card import tables

    if not file.is_file():
        return ""
    return f"\n### mri-stenosis (in-silico)\n\n{tables(json.loads(file.read_text('utf-8')))}\n"


def film_figures(task: str, folder: Path = FIGURES.parent) -> str:
    """Heading and tables of one film system, or nothing where its figures are absent."""
    from spondyl.lab.films.score_tables import summary

    file = folder / f"{task}.json"
    if not file.is_file():
        return ""
    metrics = json.loads(file.read_text("utf-8"))
    said = " (in-silico)" if metrics.get("evidence") == "in-silico" else ""
    return f"\n### {task}{said}\n\n{summary({**metrics, 'task': task})}\n"


def speed() -> str:
    """The table that `make bench` printed last."""
    return f"```text\n{SPEED.read_text('utf-8')}```\n"


def realism() -> str:
    """How alike the digital spine and patients are to networks: what `spondyl realism` wrote."""
    from spondyl.lab.mri_discs.realism_tables import tables

    return tables(json.loads(REALISM.read_text("utf-8")))


BLOCKS: dict[str, Callable[[], str]] = {
    "cli": cli, "settings": settings, "findings": findings, "result_json": result_json, "rest": rest, "errors": errors,
    "figures": figures, "speed": speed, "realism": realism,
}


def filled(page: str) -> str:
    """The page with its generated blocks made anew."""
    return BLOCK.sub(lambda match: f"{match[1]}\n{BLOCKS[match[2]]()}\n{match[3]}", page)


def main() -> int:
    """Write the pages, or with --check say which are out of date."""
    pages = (ROOT / "README.md", ROOT / "docs" / "explanation" / "digital-spine.md", *sorted(PAGES.glob("*.md")))
    stale = [path for path in pages if filled(path.read_text("utf-8")) != path.read_text("utf-8")]
    for path in stale:
        if "--check" in sys.argv:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: make docs\n")
        else:
            path.write_text(filled(path.read_text("utf-8")), "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
