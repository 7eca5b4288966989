"""Resident memory of a server that has answered 200 uploads, with its reading processes."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.samples import NotMeasuredError, spondyl, write_variant
from bench.table import Row, at_most

ANALYSES = 200
TARGET_MB = 700.0
GROWTH_MB = 30.0
"""More than this from half-way to the end counts as growing."""
PATIENCE_S = 120.0


def server_memory(file: Path, folder: Path, bundles: Path | None = None) -> list[Row]:
    """Rows: resident memory of the server and its children after ANALYSES studies, and what it grew by in the second half.

    Raises:
        NotMeasuredError: If the server does not start, or a job does not end.
    """
    port = _free_port()
    place = ["--bundles", str(bundles)] if bundles else []
    with (folder / "server.log").open("wb") as log:
        command = spondyl("serve", "--port", str(port), "--data", str(folder / "data"), *place)
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            return _drive(server, f"http://127.0.0.1:{port}", file, folder)
        finally:
            server.terminate()
            server.wait(timeout=60)


def _drive(server: subprocess.Popen[bytes], address: str, file: Path, folder: Path) -> list[Row]:
    import httpx

    with httpx.Client(base_url=address, timeout=PATIENCE_S) as client:
        _wait_for_health(client, server)
        sizes, statuses, began = [], [], time.perf_counter()
        for number in range(ANALYSES):
            variant = folder / "slice.dcm"
            write_variant(file, variant, number)
            statuses.append(_analyse(client, variant))
            if number == 0 and statuses[0] != "done":
                raise NotMeasuredError("the first job failed: is there a bundle?")
            if number + 1 in (10, ANALYSES // 2, ANALYSES):
                sizes.append(resident_mb(server.pid))
    each = (time.perf_counter() - began) / ANALYSES * 1000
    first, half, last = sizes
    done = sum(status == "done" for status in statuses)
    note = f"{first:.0f} after 10, {half:.0f} after {ANALYSES // 2}; {done} jobs done, {each:.0f} ms each with upload and waiting"
    return [
        at_most(f"server and children after {ANALYSES} analyses", last, TARGET_MB, "MB", note),
        at_most("its growth in the second half", last - half, GROWTH_MB, "MB"),
    ]


def resident_mb(pid: int) -> float:
    """Resident memory of a process and its children; pages that they share are counted once (PSS) where the system tells."""
    import psutil

    parent = psutil.Process(pid)
    total = 0
    for process in (parent, *parent.children(recursive=True)):
        try:
            seen = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        total += getattr(seen, "pss", 0) or seen.rss
    return total / 2**20


def _analyse(client: Any, file: Path) -> str:
    answer = client.post("/api/v1/studies", files={"files": (file.name, file.read_bytes())})
    if answer.status_code != 202:
        raise NotMeasuredError(f"an upload was answered with {answer.status_code}: {answer.text[:200]}")
    body = answer.json()
    job = body.get("job") or body.get("id")
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        state = client.get(f"/api/v1/jobs/{job['id'] if isinstance(job, dict) else job}").json()
        if state.get("state") in ("done", "failed"):
            return str(state["state"])
        time.sleep(0.02)
    raise NotMeasuredError("a job did not end in time")


def _wait_for_health(client: Any, server: subprocess.Popen[bytes]) -> None:
    import httpx

    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise NotMeasuredError("the server does not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
