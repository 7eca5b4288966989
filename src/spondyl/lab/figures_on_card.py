"""Figures of `evaluate` put onto the card of the bundle that they were measured on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from spondyl.core import InputError
from spondyl.inference import Bundle, write_bundle

Card = Callable[[Mapping[str, Any], Mapping[str, Any]], str]
"""card.md from the manifest as plain values and the metrics."""


def with_figures(bundle: Bundle, figures: Mapping[str, Any], out: Path, card: Card) -> Bundle:
    """The bundle with the figures on its card and among its metrics, in a new folder.

    Raises:
        InputError: `figures-of-another-bundle` if they were measured on another bundle.
    """
    if figures.get("bundle", {}).get("sha256") != bundle.sha256:
        raise InputError("figures-of-another-bundle", "the figures were measured on another bundle", "Measure this one: spondyl evaluate")
    metrics = {**bundle.metrics, "test": figures["test"]}
    manifest = replace(bundle.manifest, metrics=metrics)
    contents = {name: bundle.read(name) for name in bundle.manifest.files if name != "card.md"}
    return write_bundle(out, manifest, {**contents, "card.md": card(manifest.as_dict(), metrics).encode()})
