"""`spondyl doctor`: does this installation work here? Each check says what it saw and what to do; one that breaks stops no other."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.apps import inventory, wiring
from spondyl.apps.settings import Settings
from spondyl.core import Image, NotFoundError, SpondylError

FINE, ABSENT, BROKEN = "fine", "absent", "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found: outcome "fine", "absent" (works without it) or "broken"."""

    name: str
    outcome: str
    seen: str
    hint: str = ""

    def as_dict(self) -> dict[str, str]:
        """{name, outcome, seen, hint}."""
        return asdict(self)


def examine(settings: Settings) -> list[Check]:
    """Every check, in order."""
    looks: tuple[tuple[str, Callable[[Settings], Check | list[Check]]], ...] = (
        ("decoders", decoders), ("reader", reader), ("runtimes", runtimes), ("bundles", bundles),
        ("data folder", data_folder), ("processor", processor), ("torch", torch),
    )
    found: list[Check] = []
    for name, look in looks:
        try:
            checks = look(settings)
        except SpondylError as error:
            checks = Check(name, BROKEN, f"[{error.code}] {error.message}", error.hint)
        except Exception as error:  # a check that breaks is a finding
            checks = Check(name, BROKEN, wiring.where(error), "Install Spondyl again; report it if that does not help")
        found += checks if isinstance(checks, list) else [checks]
    return found


def decoders(settings: Settings) -> Check:
    """Whether every pixel codec is here, and of which version."""
    from spondyl.dicom import decoders as versions

    found = versions()
    missing = [name for name, number in found.items() if number == "missing"]
    if missing:
        return Check("decoders", BROKEN, f"missing: {', '.join(missing)}", "Install imagecodecs again: its build lacks them")
    return Check("decoders", FINE, ", ".join(f"{name} ({number})" for name, number in found.items()))


def reader(settings: Settings) -> Check:
    """Whether a worker process starts and gives a picture back as it was."""
    from spondyl.dicom import Source
    from spondyl.reports import slice_png

    pixels = (np.indices((48, 64)).sum(axis=0) / 110).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder, wiring.reader(settings, secrets.token_bytes(32)) as opened:
        path = Path(folder) / "check.png"
        path.write_bytes(slice_png(Image("check", pixels)))
        report = opened.read([Source(path, "check.png")])
    if not report.studies:
        row = report.skipped[0]
        return Check("reader", BROKEN, f"[{row.code}] {row.message}", row.hint)
    error = float(np.abs(report.studies[0].images[0].pixels - pixels).max())
    if error > 0.01:
        return Check("reader", BROKEN, f"a test picture came back changed by {error:.2f}", "Report this")
    return Check("reader", FINE, f"{settings.readers} worker processes; a test picture came back as it was")


def runtimes(settings: Settings) -> list[Check]:
    """Whether each network runtime gives the right answer to a tiny network."""
    from spondyl.inference.selfcheck import check_backends

    numbers = inventory.versions(("openvino", "onnxruntime"))
    return [
        Check(name, BROKEN, problem, f"Set SPONDYL_BACKEND to another runtime, or install {name} again")
        if problem
        else Check(name, FINE, f"{numbers.get(name)}; a tiny network gave the right answer")
        for name, problem in check_backends().items()
    ]


def bundles(settings: Settings) -> list[Check]:
    """Whether the bundle of each task is here and undamaged."""
    shelf = wiring.shelf(settings)
    checks = []
    for name in wiring.tasks():
        try:
            engine = shelf.open(name)
        except NotFoundError as error:
            outcome = ABSENT if shelf.names() else BROKEN
            checks.append(Check(f"bundle {name}", outcome, f"[{error.code}] {error.message}", error.hint))
            continue
        except SpondylError as error:
            checks.append(Check(f"bundle {name}", BROKEN, f"[{error.code}] {error.message}", error.hint))
            continue
        note, software = engine.bundle.note, engine.software
        seen = f"{note.version}, evidence {note.evidence}; checksums agree; {software['backend']}, {software['precision']}"
        checks.append(Check(f"bundle {name}", FINE, seen))
    return checks


def data_folder(settings: Settings) -> Check:
    """Whether the data folder, or the nearest folder above it that exists, can be written."""
    nearest = next(folder for folder in (settings.data, *settings.data.resolve().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        return Check("data folder", BROKEN, f"{nearest} cannot be written", "Give --data DIR or set SPONDYL_DATA")
    return Check("data folder", FINE, f"{settings.data}" + ("" if nearest == settings.data else " (will be made when something is kept)"))


def processor(settings: Settings) -> Check:
    """Cores and the instructions that make the networks fast."""
    flags = inventory.cpu_flags()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = [flag for flag in inventory.CPU_FLAGS if flag in flags]
    words = ", ".join(found) if found else "no vector flags known"
    return Check("processor", FINE if "avx2" in found or not flags else ABSENT, f"{cores} cores; {words}")


def torch(settings: Settings) -> Check:
    """Whether torch stayed out of this process: its threads and the runtime's slow each other."""
    if "torch" in sys.modules:
        return Check("torch", BROKEN, "torch was loaded into the serving process", "Report this")
    return Check("torch", FINE, "not loaded")


def as_text(checks: Sequence[Check]) -> str:
    """One line a check for a person, with what to do where something is broken."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{check.outcome:7} {check.name:{width}}  {check.seen}")
        if check.hint and check.outcome != FINE:
            lines.append(f"{'':7} {'':{width}}  {check.hint}")
    return "\n".join(lines)


def summary(checks: Sequence[Check]) -> dict[str, Any]:
    """{checks, broken}: what `spondyl doctor --json` prints."""
    return {"checks": [check.as_dict() for check in checks], "broken": sum(check.outcome == BROKEN for check in checks)}
