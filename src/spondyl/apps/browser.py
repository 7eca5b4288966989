"""Open the page once the server answers, where there is a browser to open it in."""

from __future__ import annotations

import os
import sys
import threading
import time
import urllib.request
import webbrowser
from urllib.error import URLError

PATIENCE_S = 60.0


def has_display() -> bool:
    """Whether a browser could show something: always on macOS and Windows, elsewhere where a display is set."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_when_up(host: str, port: int) -> None:
    """Wait in the background until the server answers, then open its page. Does nothing without a display or a fixed port."""
    if has_display() and port:
        shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host
        threading.Thread(target=_open, args=(f"http://{shown}:{port}",), daemon=True).start()


def _open(address: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):
                break
        except (URLError, OSError):
            time.sleep(0.3)
    else:
        return
    webbrowser.open(address)
