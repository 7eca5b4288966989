"""The laboratory's verbs on the command line: listed always, loaded only when one is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

LABORATORY = "spondyl.apps.lab_cli"
"""Module of the Typer app that holds the verbs below. Loaded by name, so that the clinic never imports the laboratory."""

LAB_VERBS = {
    "phantom": "Make studies of the digital spine.",
    "train": "Check the data, train the networks of a recipe, measure them and pack the bundle.",
    "evaluate": "Measure a bundle with the engine that serves it: official scores with intervals.",
    "curve": "Learning curve: the recipe's first member taught by more and more subjects, measured on validation.",
    "detectors": "Train detectors side by side as a recipe trains its own, and compare them on validation.",
    "trust": "Ask a radiograph bundle about digital patients with and without their lesions: does the map point, does the answer follow?",
    "realism": "Measure how alike the digital spine and patients are to networks.",
    "export": "Copy the bundle of a finished run and check every file of it.",
}
"""First sentence of help of each laboratory verb."""


class LazyGroup(TyperGroup):
    """A group whose laboratory verbs are placeholders until one of them is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that was typed; a laboratory verb is replaced by the real one."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, laboratory_verb(name) if name in LAB_VERBS else command, rest


def laboratory_verb(name: str) -> Any:
    """The real command behind a placeholder, from the laboratory.

    Raises:
        NotFoundError: If the laboratory of this build has no such verb.
    """
    group: Any = typer.main.get_command(import_module(LABORATORY).app)
    if name not in group.commands:
        from spondyl.core import NotFoundError

        raise NotFoundError("unknown-verb", f"the laboratory of this build has no verb {name!r}", "`spondyl info` shows the version")
    return group.commands[name]


def placeholder(name: str) -> Callable[[], None]:
    """A command that only stands in the list."""

    def stand_in() -> None:
        raise AssertionError(f"{name} is resolved by LazyGroup")

    stand_in.__doc__ = LAB_VERBS[name]
    return stand_in
