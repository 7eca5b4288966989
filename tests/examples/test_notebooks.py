"""The notebooks in examples/ run from the first cell to the last, and are kept without their outputs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from conftest import ROOT
from spondyl.inference import Shelf

EXAMPLES = ROOT / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where jupyter and matplotlib keep what they need: not in the home of whoever runs the tests."""
    return tmp_path_factory.mktemp("home")


def said(cell: nbformat.NotebookNode) -> str:
    """What a cell printed."""
    return "".join(row.text for row in cell.get("outputs", ()) if row.get("name") == "stdout")


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
def test_a_notebook_runs_from_first_cell_to_last(path: Path, home: Path, tmp_path: Path) -> None:
    command = [sys.executable, Path(__file__).with_name("run_notebook.py"), path, tmp_path / "result.ipynb", home]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    book = nbformat.read(tmp_path / "result.ipynb", as_version=4)
    outputs = [row for cell in book.cells for row in cell.get("outputs", ())]
    assert [row for row in outputs if row.output_type == "error"] == []
    assert pictures(book) >= 1
    if path.stem == "explain_a_prediction":
        printed = "".join(map(said, book.cells))
        before, without = (float(re.findall(rf"^{who}: ([01]\.\d\d)$", printed, re.MULTILINE)[0])
                           for who in ("the patient", "without the lesions"))
        assert before > without or "xray-lesions" not in Shelf().names()
    if path.stem == "train_and_ensemble":
        weights = [float(row) for cell in book.cells for row in re.findall(r"weight ([\d.]+)", said(cell))]
        assert len(weights) == 2
        assert sum(weights) == pytest.approx(1.0, abs=0.011)
    if path.stem == "explore_a_data_set":
        counted = [re.findall(r"^(train|val|test): (\d+) films", said(cell), re.MULTILINE) for cell in book.cells]
        assert [split for split, films in next(filter(None, counted)) if int(films)] == ["train", "val", "test"]
