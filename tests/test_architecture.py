"""The rooms, and the contracts between them: each is shown once to bite."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "spondyl"
CONTRACTS = [contract["name"] for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]]

VIOLATIONS = {
    "Imports run down": ("core/planted.py", "import spondyl.reports"),
    "The clinic does not carry the laboratory": ("tasks/planted.py", "import spondyl.models"),
    "The laboratory's verbs are loaded by name": ("apps/planted.py", "import spondyl.apps.lab_cli"),
    "DICOM is read in dicom and written in datasets": ("reports/planted.py", "import pydicom"),
    "Codecs live in dicom": ("store/planted.py", "import imagecodecs"),
    "Pictures are read and drawn in dicom, reports and datasets": ("apps/planted.py", "from PIL import Image"),
    "Reports are typeset in reports": ("apps/planted.py", "import typst"),
    "SQL lives in store": ("apps/planted.py", "import sqlalchemy"),
    "Network runtimes live in inference": ("tasks/planted.py", "def run():\n    import openvino"),
    "Graphs are read in inference and written in lab": ("models/planted.py", "import onnx"),
    "Doors live in apps": ("store/planted.py", "from fastapi import FastAPI"),
    "Learning libraries live in the laboratory": ("inference/planted.py", "import torch"),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the package and of the contracts."""
    shutil.copytree(PACKAGE, tmp_path / "spondyl", ignore=shutil.ignore_patterns("__pycache__", "*.onnx"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path) -> tuple[int, dict[str, str]]:
    """Exit code of lint-imports in that tree, and what it says of each contract."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=tree, capture_output=True, text=True, timeout=120, check=False)
    verdicts = re.findall(r"^(.+?) (KEPT|BROKEN)\b", done.stdout, re.MULTILINE)
    assert done.returncode == 0 or verdicts or "layer" in done.stdout, done.stdout + done.stderr
    return done.returncode, {name.strip(): verdict for name, verdict in verdicts}


def test_the_tree_keeps_every_contract(tree: Path) -> None:
    code, verdicts = lint(tree)
    assert verdicts == dict.fromkeys(CONTRACTS, "KEPT")
    assert code == 0


def test_every_contract_has_a_violation_to_prove_it() -> None:
    assert list(VIOLATIONS) == CONTRACTS


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_violation_breaks_its_contract(contract: str, tree: Path) -> None:
    path, code = VIOLATIONS[contract]
    (tree / "spondyl" / path).write_text(code + "\n")
    exit_code, verdicts = lint(tree)
    assert verdicts[contract] == "BROKEN"
    assert exit_code == 1


def test_the_clinic_cannot_reach_the_laboratory_through_its_verbs(tree: Path) -> None:
    (tree / "spondyl" / "apps" / "lab_cli.py").write_text("import spondyl.lab\n")
    (tree / "spondyl" / "apps" / "planted.py").write_text("import spondyl.apps.lab_cli\n")
    assert lint(tree)[0] == 1


def test_a_room_outside_the_table_fails_the_build(tree: Path) -> None:
    (tree / "spondyl" / "utils").mkdir()
    (tree / "spondyl" / "utils" / "__init__.py").write_text("")
    assert lint(tree)[0] != 0


def test_the_rooms_are_those_of_the_architecture_page() -> None:
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE)
    table = {room for row in rows for room in re.findall(r"`(\w+)`", row)}
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == table


def test_no_room_is_called_utils_common_or_helpers() -> None:
    names = {path.stem for path in PACKAGE.rglob("*.py")} | {path.name for path in PACKAGE.rglob("*") if path.is_dir()}
    assert names.isdisjoint({"utils", "util", "common", "helpers", "misc"})


SERVING = ["spondyl.apps.cli", "spondyl.apps.analyze", "spondyl.apps.doctor", "spondyl.apps.api", "spondyl.apps.worker"]


@pytest.mark.parametrize("module", SERVING)
def test_serving_loads_no_torch(module: str) -> None:
    code = f"import sys, {module}; from spondyl.apps import wiring; wiring.tasks(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, spondyl.apps.cli; print(*sorted(sys.modules))"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout.split())
    assert loaded.isdisjoint({"numpy", "pydicom", "openvino", "onnxruntime", "pydantic", "fastapi", "sqlalchemy", "PIL", "torch"})
