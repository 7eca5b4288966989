"""`spondyl serve` and what opens its page."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from spondyl.apps import browser


def test_serve_says_where_it_listens_answers_and_stops_when_told(tmp_path: Path):
    program = Path(sys.executable).with_name("spondyl")
    environment = {**os.environ, "SPONDYL_READERS": "1"}
    command = [program, "serve", "--port", "0", "--data", tmp_path / "data"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            said = server.stdout.readline()
            assert said.startswith("Spondyl listens on http://127.0.0.1:")
            address = said.split()[-1]
            names = httpx.get(f"{address}/health", timeout=60).json()["tasks"]
            assert names == ["mri-discs", "mri-stenosis", "xray-lesions", "xray-grade", "dxa-osteoporosis", "xray-alignment"]
            assert "Not a diagnosis" in httpx.get(address, timeout=60).text
        finally:
            server.send_signal(signal.SIGTERM)
            began = time.monotonic()
            server.wait(60)
    assert time.monotonic() - began < 60
    assert (tmp_path / "data" / "key").stat().st_mode & 0o077 == 0


def test_a_port_that_is_taken_is_something_the_caller_can_fix(tmp_path: Path):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        program = Path(sys.executable).with_name("spondyl")
        command = [program, "serve", "--port", port, "--data", tmp_path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "address-in-use" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_no_browser_is_opened_where_nobody_could_see_it(monkeypatch: pytest.MonkeyPatch):
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not browser.open_page("http://127.0.0.1:1")
    monkeypatch.setenv("DISPLAY", ":0")
    assert browser.open_page("http://127.0.0.1:1")
    end = time.monotonic() + 10
    while not opened and time.monotonic() < end:
        time.sleep(0.01)
    assert opened == ["http://127.0.0.1:1"]
