"""Calibrated probabilities of all discs of a study, for one view of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.tasks.mri_discs.answers import QUESTIONS, calibrated, mean_logits
from spondyl.tasks.mri_discs.reading import Graded

Table = Mapping[str, NDArray[np.float64]]


class Calibrated:
    """What the ensemble and each member say of n discs, in probabilities.

    Attributes:
        settings: Of the view.
        together: By question, (n, keys); questions that this view cannot answer are left out.
        members: The same for each member.
    """

    def __init__(self, graded: Graded, settings: Mapping[str, Any], numbers: Sequence[int]) -> None:
        """`numbers`: of the discs from the bottom, 0 where not known."""
        self.settings = settings
        self._asked = [question for question in QUESTIONS if question not in settings.get("not_said", ())]
        self.together = self._table(mean_logits(list(graded.logits.values())), numbers)
        self.members = {name: self._table(part, numbers) for name, part in graded.logits.items()}

    def _table(self, logits: NDArray[np.floating[Any]], numbers: Sequence[int]) -> Table:
        return {question: calibrated(logits, question, self.settings["calibration"], numbers) for question in self._asked}
