"""Names for the discs of a located slice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spondyl.tasks.mri_discs.chain import first_gap
from spondyl.tasks.mri_discs.levels import LevelName, lowest_probability, name_disc
from spondyl.tasks.mri_discs.reading import Located


def level_names(part: Located, settings: Mapping[str, Any]) -> list[LevelName]:
    """Names of the discs of a slice, from the bottom up; above a gap in the chain they are in doubt."""
    own = settings["levels"]
    on_sacrum = lowest_probability(part.discs[0].lowest, own["on_sacrum"])
    gap = first_gap(part.discs)
    doubt = len(part.discs) if gap is None else gap
    return [name_disc(i + 1, on_sacrum, own["lumbar"], own["least"], missed=i >= doubt) for i in range(len(part.discs))]
