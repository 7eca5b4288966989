"""From command line options and the environment to one settings object, with a sentence where something does not fit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from spondyl.apps.settings import Settings
from spondyl.core import InputError
from spondyl.core.errors import describe_unknown

PREFIX = "SPONDYL_"
NOT_SETTINGS = ("SPONDYL_REQUIRE",)
"""Variables with our prefix that steer the tests."""


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Settings from options first, then from SPONDYL_* variables, then the defaults.

    Raises:
        InputError: If a value is not allowed, or a SPONDYL_* variable is not a setting (most likely misspelt).
    """
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper() not in (*known, *NOT_SETTINGS):
            raise InputError("unknown-setting", describe_unknown("setting", name, known), "`spondyl info` lists the settings")
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(
            "bad-setting", f"{name} cannot be {first['input']!r}: {first['msg']}", "docs/reference/settings.md lists what is allowed"
        ) from None
