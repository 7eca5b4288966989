"""Files of figures that a run and the verbs read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spondyl.core import InputError


def read_figures(file: Path) -> dict[str, Any]:
    """The JSON object of a file of figures.

    Raises:
        InputError: `figures-unreadable`.
    """
    try:
        body = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("figures-unreadable", f"the file of figures cannot be read: {type(error).__name__}", "Name another file") from None
    if not isinstance(body, dict):
        raise InputError("figures-unreadable", "the file of figures is no JSON object", "Name another file")
    return body
