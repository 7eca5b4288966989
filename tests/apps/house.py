"""A house with no weights: the brightness task and a shelf that opens nothing, plugged in where the real ones are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from doubles import BrightnessTask
from spondyl.apps import cli, wiring
from spondyl.core import BundleNote, Image, Study, TaskOutput
from spondyl.reports import slice_png
from spondyl.tasks.port import OnStage, Selection

NOTE = BundleNote("brightness", "0", "0" * 64, "in-silico", "nothing", "MIT")


@dataclass(frozen=True)
class EmptyShelf:
    """Opens an engine with a name and nothing to run."""

    bundled: tuple[str, ...] = ("brightness", "fragile")

    def names(self) -> tuple[str, ...]:
        return self.bundled

    def open(self, task: str) -> SimpleNamespace:
        assert task in self.bundled
        manifest = SimpleNamespace(research_only=False)
        bundle = SimpleNamespace(note=NOTE, manifest=manifest, sha256=NOTE.sha256, card="# The brightness card\n")
        return SimpleNamespace(bundle=bundle, software={"spondyl": "test", "backend": "none", "precision": "f32"})


class FragileTask(BrightnessTask):
    """Breaks on bright pictures, with a name in the message."""

    name = "fragile"

    def run(self, study: Study, selection: Selection, engine: object, on_stage: OnStage) -> TaskOutput:
        if selection.images[0].pixels.mean() > 0.5:
            raise RuntimeError("Jane^Doe 1970-01-01")
        return super().run(study, selection, engine, on_stage)


@dataclass(frozen=True)
class Said:
    """What one call of the program answered."""

    code: int
    out: str
    err: str


@dataclass
class House:
    """Runs the command line in this process, on a data folder of its own."""

    folder: Path
    data: Path
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    seen: list[str] = field(default_factory=list)

    def say(self, *arguments: object) -> Said:
        """Exit code, stdout and stderr of `spondyl ARGUMENTS`."""
        self.patch.setattr(sys, "argv", ["spondyl", *map(str, arguments)])
        self.capture.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = self.capture.readouterr()
        return Said(int(stop.value.code or 0), out, err)

    def picture(self, name: str, brightness: float = 0.4, seed: int = 0) -> Path:
        """A png of 40 x 30 pixels that is this bright on average."""
        noise = np.random.default_rng(seed).uniform(-0.1, 0.1, (40, 30)) if brightness else np.zeros((40, 30))
        path = self.folder / name
        path.write_bytes(slice_png(Image("x", (brightness + noise).astype(np.float32))))
        return path


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> House:
    """The command line with the brightness task as its only task."""
    data = tmp_path / "home" / "spondyl"
    monkeypatch.setenv("SPONDYL_DATA", str(data))
    monkeypatch.setenv("SPONDYL_READERS", "1")
    plug(monkeypatch, [BrightnessTask()])
    folder = tmp_path / "pictures"
    folder.mkdir()
    return House(folder, data, capfd, monkeypatch)


def plug(monkeypatch: pytest.MonkeyPatch, tasks: Sequence[BrightnessTask]) -> None:
    """Make these the tasks of the house."""
    monkeypatch.setattr(wiring, "tasks", lambda reference="": {task.name: task for task in tasks})
    monkeypatch.setattr(wiring, "shelf", lambda settings: EmptyShelf())
