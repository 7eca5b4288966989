"""Pieces of a self-contained HTML page: text is escaped here and nowhere else, pictures are part of the page, nothing is fetched."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from spondyl.lab.films.drawing import Drawing

LONGEST_LIST = 40
"""Rows of a list in a JSON file that are shown; the rest is counted."""


def document(title: str, body: str) -> str:
    """A whole page. Its policy forbids scripts and anything from outside, also to what data files may have slipped in."""
    style = files("spondyl.lab.films").joinpath("run_page.css").read_text("utf-8")
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def section(title: str, body: str) -> str:
    """A part of the page with its heading; an empty one says that it is still to come."""
    return f'<section id="{anchor(title)}">\n<h2>{escape(title)}</h2>\n{body or quiet("Not there yet.")}\n</section>'


def anchor(title: str) -> str:
    """What a link to a section points at.

    Example:
        >>> anchor("Best and worst cases")
        'best-and-worst-cases'
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def quiet(text: str) -> str:
    """A remark."""
    return f'<p class="quiet">{escape(text)}</p>'


def heading(text: str, level: int = 3) -> str:
    """A heading within a section."""
    return f"<h{level}>{escape(text)}</h{level}>"


def drawing(drawn: Drawing | None) -> str:
    """A figure of the laboratory as part of the page; nothing where there is none."""
    return "" if drawn is None else picture(drawn.svg, "image/svg+xml", drawn.alt, drawn.caption)


def picture(data: bytes, kind: str, alt: str, caption: str = "") -> str:
    """A picture, its words for those who do not see it, and its caption."""
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img src="data:{kind};base64,{b64encode(data).decode()}" alt="{escape(alt)}">{words}</figure>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """A table whose first column names its rows; cells are escaped."""
    if not rows:
        return ""
    top = "".join(f'<th scope="col">{inline(cell)}</th>' for cell in head)
    lines = [f'<tr><th scope="row">{inline(row[0])}</th>{"".join(map(_cell, row[1:]))}</tr>' for row in rows]
    words = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{words}<thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _cell(text: str) -> str:
    """A cell; figures are not broken, and the verdicts of the aims stand out."""
    if re.match(r"[-+]?\d|at (least|most)", text):
        return f'<td class="figure">{inline(text)}</td>'
    first = text.partition(",")[0].partition(" (")[0]
    return f'<td class="{first}">{inline(text)}</td>' if first in ("met", "missed") else f"<td>{inline(text)}</td>"


def inline(text: str) -> str:
    """Escaped text with the marks of Markdown that stand within a line: bold, code."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)


def markdown(text: str, deeper: int = 1) -> str:
    """The Markdown that our cards are written in, as HTML: headings, paragraphs, lists, tables, fenced blocks.

    Args:
        deeper: By how much headings sink, so that the card's own title is below the page's.
    """
    made, block, fenced = [], list[str](), False
    for line in [*text.splitlines(), ""]:
        if line.startswith("```"):
            made.append(_block(block, deeper) if not fenced else f"<pre>{escape(chr(10).join(block))}</pre>")
            block, fenced = [], not fenced
        elif fenced or line.strip():
            block.append(line)
        else:
            made.append(_block(block, deeper))
            block = []
    return "\n".join(piece for piece in made if piece)


def _block(lines: Sequence[str], deeper: int) -> str:
    """Lines between two empty ones."""
    if not lines:
        return ""
    if mark := re.match(r"(#{1,4}) (.*)", lines[0]):
        return heading(mark[2], min(len(mark[1]) + deeper, 6)) + _block(lines[1:], deeper)
    if all(line.startswith("|") for line in lines):
        cells = [[cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]] for line in lines]
        return table(cells[0], [row for row in cells[1:] if not all(re.fullmatch(r":?-{3,}:?", cell) for cell in row)])
    if all(line.startswith(("- ", "  ")) for line in lines):
        return "<ul>" + "".join(f"<li>{inline(item)}</li>" for item in re.split(r"(?:^|\n)- ", "\n".join(lines))[1:]) + "</ul>"
    return f"<p>{inline(' '.join(line.strip() for line in lines))}</p>"


def facts(value: Any, level: int = 3) -> str:
    """What a JSON file holds, as tables and lists: for parts whose exact shape this page need not know."""
    if isinstance(value, Mapping):
        return _mapping(value, level)
    if isinstance(value, (list, tuple)):
        return _list(value)
    return f"<p>{escape(plain(value))}</p>"


def plain(value: Any) -> str:
    """A scalar, or a short list of them, as text.

    Example:
        >>> plain(0.123456), plain(None), plain([1, "a"])
        ('0.123', '-', '1, a')
    """
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value)
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) and not value.is_integer() else str(value)


def _mapping(value: Mapping[str, Any], level: int) -> str:
    simple = {key: item for key, item in value.items() if _simple(item)}
    made = table(("", ""), [(_words(key), plain(item)) for key, item in simple.items()])
    for key, item in value.items():
        if key not in simple and item:
            made += heading(_words(key), level) + (_grid(item) if _is_grid(item) else facts(item, min(level + 1, 6)))
    return made


def _list(items: Sequence[Any]) -> str:
    shown, more = items[:LONGEST_LIST], len(items) - LONGEST_LIST
    rest = quiet(f"and {more} more") if more > 0 else ""
    if all(isinstance(item, Mapping) for item in shown):
        names = list(dict.fromkeys(key for item in shown for key in item))
        return table([_words(name) for name in names], [[plain(item.get(name)) for name in names] for item in shown]) + rest
    return "<ul>" + "".join(f"<li>{escape(plain(item))}</li>" for item in shown) + "</ul>" + rest


def _grid(value: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(key for row in value.values() for key in row))
    return table(("", *map(_words, names)), [(_words(key), *(plain(row.get(name)) for name in names)) for key, row in value.items()])


def _is_grid(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(row, Mapping) and all(map(_simple, row.values())) for row in value.values())


def _simple(value: Any) -> bool:
    """Whether it fits into a cell: a scalar, or a few numbers."""
    if isinstance(value, (list, tuple)):
        return 0 < len(value) <= 8 and not any(isinstance(item, (Mapping, list, tuple, str)) for item in value)
    return not isinstance(value, Mapping)


def _words(key: str) -> str:
    return str(key).replace("_", " ")
