"""A model card's Markdown as headings, paragraphs, lists and tables: as much of the language as cards use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_MARKS = re.compile(r"\*\*|`|\[([^\]]*)\]\([^)]*\)")
_RULE = re.compile(r"^\|?[\s:|-]+\|?$")


def card_blocks(markdown: str) -> list[dict[str, Any]]:
    """The card in reading order: {kind: "heading", level, text}, {"paragraph", text}, {"list", items}, {"table", rows}.

    A table's rows all have as many cells as its first. Bold, code and link marks are dropped, their words stay.
    """
    blocks: list[dict[str, Any]] = []
    open_block: dict[str, Any] | None = None
    for line in (*markdown.splitlines(), ""):
        piece = _piece(line.strip(), open_block)
        if piece is not open_block and piece is not None:
            blocks.append(piece)
        open_block = piece if piece is not None and piece["kind"] != "heading" else None
    return [_even(block) if block["kind"] == "table" else block for block in blocks if block.get("rows") != []]


def _piece(line: str, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """The block a line belongs to: the open one, grown by it, or a new one; None at an empty line."""
    if not line or line.startswith("```"):
        return None
    kind = before["kind"] if before else ""
    if heading := re.match(r"(#+)\s+(.*)", line):
        return {"kind": "heading", "level": len(heading[1]), "text": _plain(heading[2])}
    if line.startswith("|"):
        rows = [] if _RULE.match(line) else [_cells(line)]
        return _grown(before, "rows", rows) if kind == "table" else {"kind": "table", "rows": rows}
    if line.startswith(("- ", "* ")):
        return _grown(before, "items", [_plain(line[2:])]) if kind == "list" else {"kind": "list", "items": [_plain(line[2:])]}
    if before and kind == "list":
        before["items"][-1] += " " + _plain(line)
        return before
    if before and kind == "paragraph":
        before["text"] += " " + _plain(line)
        return before
    return {"kind": "paragraph", "text": _plain(line)}


def _grown(block: dict[str, Any] | None, name: str, more: Iterable[Any]) -> dict[str, Any]:
    assert block is not None
    block[name].extend(more)
    return block


def _cells(line: str) -> list[str]:
    return [_plain(cell.strip()) for cell in line.strip("|").split("|")]


def _even(table: dict[str, Any]) -> dict[str, Any]:
    wide = len(table["rows"][0])
    return {**table, "rows": [(row + [""] * wide)[:wide] for row in table["rows"]]}


def _plain(text: str) -> str:
    return _MARKS.sub(lambda mark: mark[1] or "", text)
