"""From exceptions to words on stderr and an exit code: 0 done, 2 the caller can fix it, 1 our failure."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

from spondyl.core import InputError, NotFoundError, SpondylError

DONE, FAILURE, FIXABLE = 0, 1, 2
LABORATORY_LIBRARIES = ("torch", "torchvision", "timm", "lightning", "torchmetrics", "sklearn", "scipy", "SimpleITK")

log = logging.getLogger(__name__)


def tell(error: BaseException) -> int:
    """Say on stderr what happened and what to do, and return the exit code.

    The text of an unexpected exception may carry a name or a path, so only its type and place are shown.
    """
    if isinstance(error, SpondylError):
        sys.stderr.write(sentence(error))
        return FIXABLE if isinstance(error, InputError | NotFoundError) else FAILURE
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.write("Stopped.\n")
        return FAILURE
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in LABORATORY_LIBRARIES:
        sys.stderr.write(
            f"[laboratory-missing] This verb needs {error.name}, which is not installed.\n  Install it: pip install 'spondyl[lab]'\n"
        )
        return FIXABLE
    frames = [f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}\n" for frame in traceback.extract_tb(error.__traceback__)]
    missing = f" ({error.name})" if isinstance(error, ImportError) and error.name else ""
    sys.stderr.write(f"[internal-error] Spondyl failed with {type(error).__name__}{missing}. Please report this with the lines below.\n")
    sys.stderr.writelines(frames[-6:])
    return FAILURE


def sentence(error: SpondylError) -> str:
    """`[code] Message.` and the hint below it."""
    message = error.message[:1].upper() + error.message[1:]
    hint = f"  {error.hint}\n" if error.hint else ""
    return f"[{error.code}] {message.rstrip('.')}.\n{hint}"
