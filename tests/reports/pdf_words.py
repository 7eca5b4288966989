"""The words of a PDF, read back through each font's own table of characters."""

from __future__ import annotations

import re
import zlib


def pdf_words(data: bytes) -> str:
    """All words of all pages, in the order they were drawn, with the spaces that were drawn."""
    objects = {int(number): body for number, body in re.findall(rb"(?:^|\n)(\d+) 0 obj\s(.*?)endobj", data, re.DOTALL)}
    fonts = {name: _characters(_stream(objects[int(_found(rb"/ToUnicode (\d+) 0 R", objects[int(number)]))]))
             for body in objects.values() for table in re.findall(rb"/Font\s*<<(.*?)>>", body, re.DOTALL)
             for name, number in re.findall(rb"/(\w+) (\d+) 0 R", table)}
    pages = [body for body in objects.values() if re.search(rb"/Type\s*/Page\b", body)]
    return "".join(_page(_stream(objects[int(_found(rb"/Contents (\d+) 0 R", page))]), fonts) for page in pages)


def page_count(data: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", data))


def _page(content: bytes, fonts: dict[bytes, dict[int, str]]) -> str:
    words, font = "", {}
    string = rb"\(((?:\\.|[^\\()]|\((?:\\.|[^\\()]|\((?:\\.|[^\\()])*\))*\))*)\)"  # brackets in pairs stand unescaped
    drawn = b"".join(re.findall(rb"\bBT\b.*?\bET\b", content, re.DOTALL))
    for name, shown in re.findall(rb"/(f\d+) [\d.]+ Tf|" + string, drawn, re.DOTALL):
        if name:
            font = fonts[name]
        codes = re.sub(rb"\\([0-7]{1,3}|.)", _escaped, shown, flags=re.DOTALL)
        words += "".join(font[int.from_bytes(codes[at : at + 2])] for at in range(0, len(codes), 2))
    return words + "\n"


def _escaped(mark: re.Match[bytes]) -> bytes:
    """A character of a PDF string after its backslash."""
    if mark[1].isdigit():
        return bytes([int(mark[1], 8)])
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}.get(mark[1], mark[1])


def _characters(table: bytes) -> dict[int, str]:
    """Glyph -> text, from the `bfchar` and `bfrange` parts of a ToUnicode table."""
    known = {}
    for part in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.DOTALL):
        for code, text in re.findall(rb"<([0-9a-fA-F]+)>\s*<([0-9a-fA-F]+)>", part):
            known[int(code, 16)] = bytes.fromhex(text.decode()).decode("utf-16-be")
    return known


def _stream(body: bytes) -> bytes:
    raw = body[body.index(b"stream") + 6 : body.rindex(b"endstream")].lstrip(b"\r\n")
    return zlib.decompress(raw) if b"FlateDecode" in body else raw


def _found(pattern: bytes, text: bytes) -> bytes:
    found = re.search(pattern, text)
    assert found is not None, pattern
    return found[1]
