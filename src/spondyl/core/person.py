"""What a caller says of the person in the pictures, for files that do not say it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from spondyl.core.errors import InputError
from spondyl.core.study import Study

SEXES = ("F", "M")
OLDEST_YEARS, CAP_YEARS = 120.0, 90.0


@dataclass(frozen=True, slots=True)
class Person:
    """Sex and age as the caller gave them.

    Attributes:
        sex: "F", "M" or None.
        age_years: 0 to 90, or None; who is older is 90, as files are read (older ages can identify).
    """

    sex: str | None = None
    age_years: float | None = None

    def __post_init__(self) -> None:
        if self.sex not in (None, *SEXES) or (self.age_years is not None and not 0 <= self.age_years <= CAP_YEARS):
            raise ValueError(f"no such person: {self}")

    @classmethod
    def read(cls, *, age: str = "", sex: str = "") -> Person:
        """From the words of a form or a command line; empty is not said.

        Raises:
            InputError: `bad-field`, if the age is not a number of years or the sex is neither F nor M.
        """
        years = _years(age.strip())
        letter = sex.strip().upper()
        if letter not in ("", *SEXES):
            raise InputError("bad-field", "the field `sex` is neither F nor M", "Send F or M, or leave it out")
        return cls(letter or None, years)

    def fill(self, study: Study) -> Study:
        """The study with what its files do not say; what a file says stays."""
        sex = study.sex if study.sex is not None else self.sex
        age_years = study.age_years if study.age_years is not None else self.age_years
        return replace(study, sex=sex, age_years=age_years)


UNTOLD = Person()
"""Nothing was said."""


def _years(text: str) -> float | None:
    try:
        years = float(text) if text else None
    except ValueError:
        years = math.nan
    if years is not None and not 0 <= years <= OLDEST_YEARS:  # not a number is in no range
        raise InputError("bad-field", f"the field `age` is not a number of years from 0 to {OLDEST_YEARS:g}", "Send 63, or leave it out")
    return None if years is None else round(min(years, CAP_YEARS), 1)
