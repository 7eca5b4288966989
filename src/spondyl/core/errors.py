"""Every error this package raises on purpose.

    SpondylError
    |-- InputError          the caller can fix it: CLI exit 2, HTTP 4xx
    |   `-- Refusal         readable, but not something this task was measured on
    |-- NotFoundError       no such study, job, task or bundle: CLI exit 2, HTTP 404
    `-- BundleError         a bundle is damaged, incomplete or not allowed here: ours to fix, exit 1
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SpondylError(Exception):
    """A failure that has a code, a sentence with what was seen, and a hint with what to do.

    Attributes:
        code: Stable, lower case, hyphenated; looked up in docs/reference/errors.md.
        message: What was seen and what was wanted, in one sentence. Never a name, id, birth date, UID or path.
        hint: What the caller can do now, or an empty string.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[SpondylError], tuple[str, str, str]]:
        return (type(self), (self.code, self.message, self.hint))

    def as_dict(self) -> dict[str, str]:
        """`{code, message, hint}`: the body that REST answers with."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class InputError(SpondylError):
    """The caller can fix it."""


class Refusal(InputError):
    """The image was read, but the task has no measured evidence for such an image."""


class NotFoundError(SpondylError):
    """What was asked for by name or id is not here."""


class BundleError(SpondylError):
    """A bundle cannot be used as it is."""


def describe_unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """A sentence that lets the reader fix a misspelling without opening the docs."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"No {kind} is called {name!r}.{hint} Known: {', '.join(names) or 'none'}."
