"""The wheel, installed where there is nothing else: what a user gets. Slow, and it needs the package registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True, timeout=300)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel and its pinned dependencies, without development tools."""
    environment = tmp_path_factory.mktemp("clean")
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], check=True, timeout=120)
    python = environment / "bin" / "python"
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", python, "-c", ROOT / "requirements" / "serve.txt", wheel], check=True, timeout=600
    )
    return environment / "bin"


def run(installed: Path, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A program of the clean environment, with none of our variables and nothing of the repository on the path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SPONDYL_", "PYTHON"))}
    clean["XDG_DATA_HOME"] = str(cwd)
    program, *rest = map(str, arguments)
    return subprocess.run([str(installed / program), *rest], capture_output=True, text=True, cwd=cwd, env=clean, timeout=300, check=False)


def test_the_wheel_carries_what_serving_needs_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tracked = subprocess.run(["git", "ls-files", "src/spondyl"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert {name.removeprefix("src/") for name in tracked} <= set(names)
    assert all(name.startswith(("spondyl/", "spondyl-")) for name in names)


def test_no_file_of_the_wheel_is_a_pickle(wheel: Path) -> None:
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith((".pt", ".pth", ".pkl", ".ckpt", ".npy"))]


def test_help_and_info_work_without_development_tools(installed: Path, tmp_path: Path) -> None:
    assert "analyze" in run(installed, "spondyl", "--help", cwd=tmp_path).stdout
    body = json.loads(run(installed, "spondyl", "info", "--json", cwd=tmp_path).stdout)
    assert body["tasks"] == ["mri-discs"]
    assert body["versions"]["torch"] is None


def test_doctor_finds_nothing_broken(installed: Path, tmp_path: Path) -> None:
    said = run(installed, "spondyl", "doctor", "--json", cwd=tmp_path)
    assert [check for check in json.loads(said.stdout)["checks"] if check["outcome"] == "broken"] == []
    assert said.returncode == 0


def test_a_study_of_the_digital_spine_is_made_and_graded(installed: Path, tmp_path: Path) -> None:
    made = run(installed, "spondyl", "phantom", "make", "--layout", "dicom", "--subjects", 1, "--seed", 1, "--out", "made", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    said = run(installed, "spondyl", "analyze", "made", "--out", "out", "--json", cwd=tmp_path)
    assert [result["task"] for result in json.loads(said.stdout)["studies"]] == ["mri-discs"]
    assert (tmp_path / "out" / "index.csv").exists()


def test_training_asks_for_the_laboratory(installed: Path, tmp_path: Path) -> None:
    said = run(installed, "spondyl", "train", ROOT / "recipes" / "mri-discs.toml", "--data", tmp_path, cwd=tmp_path)
    assert said.returncode == 2
    assert "spondyl[lab]" in said.stderr
