"""The notebooks in examples/ run from the first cell to the last, and are kept without their outputs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

from conftest import ROOT

EXAMPLES = ROOT / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
KERNEL = "spondyl-tests"
FIRST_TIME = "building the font cache"
"""What matplotlib says once in a new home, on a slow machine."""


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> KernelSpecManager:
    """Knows one kernel: this interpreter, whatever kernels the machine has."""
    folder = tmp_path_factory.mktemp("kernels")
    write_kernel_spec(str(folder / KERNEL), overrides={"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]})
    return KernelSpecManager(kernel_dirs=[str(folder)], ensure_native_kernel=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where jupyter and matplotlib keep what they need: not in the home of whoever runs the tests."""
    return tmp_path_factory.mktemp("home")


def said(cell: nbformat.NotebookNode) -> str:
    """What a cell printed or answered, as text."""
    return "".join(str(row.get("text", "") or row.get("data", {}).get("text/plain", "")) for row in cell.get("outputs", ()))


def pictures(book: nbformat.NotebookNode) -> int:
    return sum("image/png" in row.get("data", {}) for cell in book.cells for row in cell.get("outputs", ()))


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["explain_a_prediction", "explore_a_data_set", "train_and_ensemble"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_clean(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert all(not cell.outputs and cell.execution_count is None for cell in book.cells if cell.cell_type == "code")
    text = path.read_text("utf-8")
    assert "in-silico" in text
    assert not re.search(r"(?<![\w.])/(?:work|tmp|home|root)\b", text)
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)\)", "".join(cell.source for cell in book.cells if cell.cell_type == "markdown")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")  # of jupyter's own machinery; the kernel is another process
def test_a_notebook_runs_from_first_cell_to_last(
    path: Path, kernels: KernelSpecManager, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(home / name.lower()))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    book = nbformat.read(path, as_version=4)
    manager = AsyncKernelManager(kernel_name=KERNEL, kernel_spec_manager=kernels)
    NotebookClient(book, km=manager, timeout=600, kernel_name=KERNEL, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [row for cell in book.cells for row in cell.get("outputs", ())]
    assert [row for row in outputs if row.output_type == "error"] == []
    assert [row.text for row in outputs if row.get("name") == "stderr" and FIRST_TIME not in row.text] == []
    assert pictures(book) >= 1
    if path.stem == "explain_a_prediction":
        asked = [said(cell) for cell in book.cells if said(cell).startswith("the patient:")]
        assert re.search(r"the patient: 0\.\d\d\nplacebo: 0\.\d\d\nwithout the lesions: 0\.\d\d", asked[0])
    if path.stem == "train_and_ensemble":
        weights = [float(row) for cell in book.cells for row in re.findall(r"weight ([\d.]+)", said(cell))]
        assert len(weights) == 2
        assert sum(weights) == pytest.approx(1.0, abs=0.011)
    if path.stem == "explore_a_data_set":
        counted = [re.findall(r"^(train|val|test): (\d+) films", said(cell), re.MULTILINE) for cell in book.cells]
        assert [split for split, films in next(filter(None, counted)) if int(films)] == ["train", "val", "test"]
