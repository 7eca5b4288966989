"""Open a page in a browser, where there is one to open it in."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser


def has_display() -> bool:
    """Whether a browser could show something: always on macOS and Windows, elsewhere where a display is set."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_page(address: str) -> bool:
    """Open the address in the background, so that a slow browser holds nothing up. False where there is no display."""
    if not has_display():
        return False
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    return True
