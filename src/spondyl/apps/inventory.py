"""`spondyl info`: what this installation can do, from files and metadata alone; no runtime, codec or torch is loaded."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from spondyl import __version__
from spondyl.apps import wiring
from spondyl.apps.lazy import LAB_VERBS
from spondyl.apps.settings import Settings
from spondyl.core import vocabulary
from spondyl.core.result import DISCLAIMER, SCHEMA

LIBRARIES = (
    "numpy", "pydicom", "pillow", "imagecodecs", "pylibjpeg-openjpeg", "pyjpegls", "openvino", "onnxruntime", "sqlalchemy", "dbos",
    "fastapi",
)
LABORATORY = ("torch",)
CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")
"""Instructions that make networks fast."""
OUTPUTS = {
    "result.json": f"the answer ({SCHEMA})",
    "annotated.png": "the picture with levels, grades, evidence and warnings; annotated-2.png and so on of further films",
    "findings.csv": "one line a finding, measurement and warning",
}


def inventory(settings: Settings) -> dict[str, Any]:
    """Everything `spondyl info --json` prints."""
    return {
        "spondyl": __version__,
        "disclaimer": DISCLAIMER,
        "tasks": list(wiring.tasks()),
        "bundles": list(bundles(settings)),
        "findings": {name: {"text": term.text, "values": list(term.keys), "where": term.where} for name, term in vocabulary().items()},
        "outputs": OUTPUTS,
        "laboratory_verbs": LAB_VERBS,
        "settings": {name: str(value) for name, value in settings if name != "database"},
        "versions": {"python": platform.python_version(), **versions((*LIBRARIES, *LABORATORY))},
        "machine": {"system": platform.system(), "machine": platform.machine(), "cores": os.cpu_count(),
                    "instructions": [flag for flag in CPU_FLAGS if flag in cpu_flags()]},
    }


def bundles(settings: Settings) -> Iterator[dict[str, Any]]:
    """Name, version, task, evidence and origin of each bundle, the caller's own first, then those that ship."""
    shipped = Path(str(files("spondyl"))) / "bundles"
    for origin, folder in (("own", settings.bundle_dir), ("shipped", shipped)):
        for path in sorted(folder.glob("*/bundle.json")):
            yield {**_summary(path), "origin": origin}


def versions(names: tuple[str, ...]) -> dict[str, str | None]:
    """Installed version of each library, None where it is absent. Reads metadata; imports nothing."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def cpu_flags(path: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Instruction sets as Linux names them; empty elsewhere."""
    if not path.exists():
        return frozenset()
    lines = (line for line in path.read_text().splitlines() if line.startswith(("flags", "Features")))
    return frozenset(next(lines, ":").partition(":")[2].split())


def as_text(contents: Mapping[str, Any]) -> str:
    """The same for a person."""
    lines = [f"Spondyl {contents['spondyl']}   {contents['disclaimer']}", "", "Tasks"]
    ready = {row["task"] for row in contents["bundles"]}
    lines += [f"  {name}" if name in ready else f"  {name}  no bundle" for name in contents["tasks"]]
    lines += ["Bundles"]
    lines += [
        f"  {row['name']} {row['version']}  task {row['task']}, evidence {row['evidence']}, {row['origin']}  {row['licence']}"
        for row in contents["bundles"]
    ] or ["  none: train one, or give --bundles DIR"]
    lines += ["Findings"]
    lines += [f"  {name}: {row['text']} ({', '.join(row['values'])})" for name, row in contents["findings"].items()]
    lines += ["Outputs"]
    lines += [f"  {name}: {text}" for name, text in contents["outputs"].items()]
    lines += ["Versions", "  " + ", ".join(f"{name} {number or 'absent'}" for name, number in contents["versions"].items())]
    machine = contents["machine"]
    lines += ["Machine", f"  {machine['system']} {machine['machine']}, {machine['cores']} cores, {', '.join(machine['instructions'])}"]
    lines += ["Settings"]
    lines += [f"  {name} = {value}" for name, value in contents["settings"].items()]
    return "\n".join(lines)


def _summary(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        body = {}
    fields = ("name", "version", "task", "evidence", "trained_on", "licence")
    return {name: str(body.get(name, "unreadable")) for name in fields}
