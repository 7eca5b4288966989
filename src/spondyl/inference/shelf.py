"""Where bundles are found: the caller's own folders first, those that ship last."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from threading import Lock

from spondyl.core import BundleError, NotFoundError
from spondyl.core.errors import describe_unknown
from spondyl.inference.backends import Backend, open_backend
from spondyl.inference.bundle import Bundle, read_bundle
from spondyl.inference.engine import Engine
from spondyl.inference.manifest import MANIFEST_FILE


class Shelf:
    """Finds the bundle for a task, and keeps its engine open. Safe to share between threads.

    A folder may be a bundle, or hold bundles as subfolders; one that does not exist is empty.
    """

    def __init__(self, folders: Iterable[Path] = (), backend: str = "auto", precision: str = "auto", threads: int = 0) -> None:
        """Say where to look; nothing is read and no runtime is loaded yet."""
        self._folders = [Path(folder) for folder in folders]
        self._backend_name, self._precision, self._threads = backend, precision, threads
        self._lock = Lock()
        self._engines: dict[str, Engine] = {}
        self._backend: Backend | None = None

    def names(self) -> tuple[str, ...]:
        """Tasks that have a bundle, sorted. Only `bundle.json` is looked at."""
        return tuple(sorted({task for folder in self._everywhere() for task in _tasks(folder)}))

    def bundle(self, task: str) -> Bundle:
        """The bundle that `open` would use, verified, with no runtime loaded.

        Raises:
            NotFoundError: If no folder has a bundle for the task; the sentence offers the nearest.
            BundleError: If it is damaged, or one folder holds two for the task.
        """
        for folder in self._everywhere():
            found = _tasks(folder).get(task, [])
            if len(found) > 1:
                seen = ", ".join(path.name for path in found)
                raise BundleError("bundle-ambiguous", f"one folder holds {len(found)} bundles for {task!r}: {seen}", "Keep one of them")
            if found:
                return read_bundle(found[0])
        said = describe_unknown("task with a bundle", task, self.names())
        raise NotFoundError("unknown-task", said, "Name the folder that holds its bundle")

    def open(self, task: str) -> Engine:
        """The engine for a task, opened once.

        Raises:
            NotFoundError, BundleError: As `bundle`.
            InputError: If the runtime asked for is unknown or not installed.
        """
        with self._lock:
            if task not in self._engines:
                bundle = self.bundle(task)
                self._backend = self._backend or open_backend(self._backend_name)
                self._engines[task] = Engine(bundle, self._backend, self._precision, self._threads)
            return self._engines[task]

    def _everywhere(self) -> list[Path]:
        return [*self._folders, shipped_bundles()]


def shipped_bundles() -> Path:
    """The folder of the bundles that come with the package; it may not exist."""
    return Path(str(files("spondyl") / "bundles"))


def _tasks(folder: Path) -> dict[str, list[Path]]:
    """Task -> folders that say they are a bundle for it. One that cannot be read goes by its folder's name."""
    candidates = [folder, *sorted(folder.iterdir())] if folder.is_dir() else []
    table: dict[str, list[Path]] = {}
    for path in candidates:
        if (path / MANIFEST_FILE).is_file():
            table.setdefault(_task_of(path), []).append(path)
    return table


def _task_of(path: Path) -> str:
    try:
        body = json.loads((path / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError):
        return path.name
    task = body.get("task") if isinstance(body, dict) else None
    return task if isinstance(task, str) else path.name
