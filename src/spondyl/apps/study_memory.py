"""Studies between the upload that read them and their analysis, so that files are not decoded twice."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

from spondyl.core import Study


class StudyMemory:
    """Studies just read, while they wait; the oldest go when their pixels pass the budget. Safe between threads."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._held: OrderedDict[str, tuple[frozenset[str], Study]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, study: Study, sources: Iterable[str]) -> None:
        """Hold a study that was read from these files."""
        if _bytes(study) > self._budget:
            return
        with self._lock:
            self._held[study.key] = (frozenset(sources), study)
            while self._held and sum(_bytes(held) for _, held in self._held.values()) > self._budget:
                self._held.popitem(last=False)

    def get(self, key: str, sources: Iterable[str]) -> Study | None:
        """The study, if it is held and was read from just these files."""
        with self._lock:
            held = self._held.get(key)
        return held[1] if held is not None and held[0] == frozenset(sources) else None

    def drop(self, key: str) -> None:
        """Forget a study that was analysed."""
        with self._lock:
            self._held.pop(key, None)


def _bytes(study: Study) -> int:
    return sum(image.pixels.nbytes for image in study.images)
