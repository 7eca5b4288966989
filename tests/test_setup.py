"""The set-up: pins that agree with pyproject.toml, no addresses, and a rule for what may be skipped."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from conftest import require

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINS = sorted((ROOT / "requirements").glob("*.txt"))


def name_of(requirement: str) -> str:
    """The normalised name of a requirement (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


def pinned(path: Path) -> dict[str, set[str]]:
    """Name -> versions; several where they differ between Python versions."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE):
        found.setdefault(name_of(name), set()).add(version)
    return found


def test_everything_asked_for_is_pinned() -> None:
    serve, lab = pinned(ROOT / "requirements" / "serve.txt"), pinned(ROOT / "requirements" / "lab.txt")
    asked = PROJECT["project"]["dependencies"]
    extra = [*PROJECT["project"]["optional-dependencies"]["lab"], *PROJECT["dependency-groups"]["dev"]]
    assert {name_of(item) for item in asked} <= set(serve)
    assert {name_of(item) for item in (*asked, *extra)} <= set(lab)


def test_what_serves_is_the_same_in_both_environments() -> None:
    serve, lab = pinned(ROOT / "requirements" / "serve.txt"), pinned(ROOT / "requirements" / "lab.txt")
    assert {name: lab.get(name) for name in serve} == serve


def test_what_serves_has_no_torch() -> None:
    assert {"torch", "torchvision", "lightning", "timm"}.isdisjoint(pinned(ROOT / "requirements" / "serve.txt"))


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_every_pin_has_a_hash_and_no_file_has_an_address(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    for block in re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip()):
        assert "--hash=sha256:" in block


def test_a_missing_thing_skips_unless_it_was_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPONDYL_REQUIRE", raising=False)
    require("packages", True, "a program")
    with pytest.raises(pytest.skip.Exception, match="a program is not here"):
        require("packages", False, "a program")
    monkeypatch.setenv("SPONDYL_REQUIRE", "data,packages")
    with pytest.raises(pytest.fail.Exception, match="a program is not here"):
        require("packages", False, "a program")
