"""Training recipes: one flat TOML file a released model, with `key=value` on top."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from spondyl.core.errors import InputError, describe_unknown

R = TypeVar("R")


def read_recipe(kind: type[R], path: Path, overrides: Sequence[str] = ()) -> R:
    """The recipe in a TOML file, as the frozen dataclass `kind`.

    Args:
        kind: Its fields are the known keys; a field without a default must be given.
        path: Of the file.
        overrides: "key=value", read as TOML values, or as text where they are not.

    Raises:
        InputError: Unreadable file, unknown or missing key, wrong type.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            "recipe-unreadable", f"the recipe cannot be read: {type(error).__name__}", "Name a TOML file in recipes/"
        ) from None
    for text in overrides:
        key, sep, value = text.partition("=")
        if not sep:
            raise InputError("recipe-override", f"{text!r} is not of the form key=value", "Write for example grader_epochs=40")
        table[key.strip()] = _value(value.strip())
    return _checked(kind, table)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def _checked(kind: type[R], table: Mapping[str, Any]) -> R:
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]  # recipes are dataclasses
    for key in table:
        if key not in known:
            raise InputError("recipe-key", describe_unknown("key of this recipe", key, known), "Correct the recipe")
    try:
        return kind(**table)
    except (TypeError, ValueError) as error:
        raise InputError("recipe-value", f"the recipe is incomplete or wrong: {error}", "Correct the recipe") from None


def check_config(recipe: Any, file: Path, free: Sequence[str] = ("jobs",)) -> None:
    """Let a run go on only with the recipe that it began with, which its config.json holds; the `free` keys may change.

    Raises:
        InputError: `run-recipe-differs`.
    """
    if not file.exists():
        return
    before, now = json.loads(file.read_text("utf-8")), json.loads(json.dumps(asdict(recipe)))
    changed = sorted(key for key in now if key not in free and before.get(key) != now[key])
    if changed:
        said = f"the run was begun with another {', '.join(changed)}"
        raise InputError("run-recipe-differs", said, "Go on with the recipe in its config.json, or begin a new run without --resume")


def kept_recipe(kind: type[R], run: Path) -> R:
    """The recipe a run was trained with, from its config.json.

    Raises:
        InputError: `run-unreadable`.
    """
    try:
        table = json.loads((run / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        said = f"the run has no readable config.json: {type(error).__name__}"
        raise InputError("run-unreadable", said, "Name a folder under runs/") from None
    return kind(**{field.name: table[field.name] for field in fields(kind) if field.name in table})  # type: ignore[arg-type]  # as above
