"""From exceptions to HTTP: `{code, message, hint}` everywhere, never a stack trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spondyl.core import InputError, NotFoundError, SpondylError

STATUS_BY_CODE = {
    "file-too-large": 413,
    "upload-too-large": 413,
    "archive-too-large": 413,
    "archive-too-many-files": 413,
    "too-many-files": 413,
    "not-multipart": 415,
    "host-not-allowed": 400,
    "cross-site": 403,
    "server-busy": 503,
    "unknown-task": 422,
}
"""Where the code says more than the kind of error does."""


class UnreadableUploadError(InputError):
    """Nothing of an upload could be read. `skipped` says why, file by file, in the caller's own names."""

    def __init__(self, code: str, message: str, hint: str, skipped: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(code, message, hint)
        self.skipped = tuple(skipped)

    def as_dict(self) -> dict[str, Any]:
        """`{code, message, hint, skipped}`."""
        return {**super().as_dict(), "skipped": [dict(row) for row in self.skipped]}


class UnansweredError(InputError):
    """A picture was read and kept, but there is no answer about it. `result` is the address of the result.json that says why."""

    def __init__(self, code: str, message: str, hint: str, result: str) -> None:
        super().__init__(code, message, hint)
        self.result = result

    def as_dict(self) -> dict[str, Any]:
        """`{code, message, hint, result}`."""
        return {**super().as_dict(), "result": self.result}


def status_of(error: SpondylError) -> int:
    """The HTTP status: what the caller can fix is 4xx, what is ours is 500."""
    if error.code in STATUS_BY_CODE:
        return STATUS_BY_CODE[error.code]
    if isinstance(error, InputError):
        return 422
    return 404 if isinstance(error, NotFoundError) else 500
