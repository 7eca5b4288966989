"""What a caller says of the person fills what the file does not say."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.core import UNTOLD, Image, InputError, Person, Series, Study


def study(sex: str | None = None, age_years: float | None = None) -> Study:
    return Study("k", (Series("s", "", (Image("i", np.zeros((2, 2), np.float32)),)),), sex=sex, age_years=age_years)


@pytest.mark.parametrize(("age", "sex", "person"), [
    ("", "", UNTOLD), ("63", "F", Person("F", 63.0)), (" 71.56 ", "m", Person("M", 71.6)), ("0", "", Person(None, 0.0)),
    ("104", "", Person(None, 90.0)),
])
def test_words_become_a_person(age: str, sex: str, person: Person):
    assert Person.read(age=age, sex=sex) == person


@pytest.mark.parametrize(("age", "sex", "field"), [
    ("sixty", "", "age"), ("-1", "", "age"), ("120.5", "", "age"), ("nan", "", "age"), ("inf", "", "age"), ("63 y", "", "age"),
    ("", "woman", "sex"), ("", "O", "sex"),
])
def test_what_is_no_age_or_sex_is_refused_by_name(age: str, sex: str, field: str):
    with pytest.raises(InputError, match=f"`{field}`") as refused:
        Person.read(age=age, sex=sex)
    assert refused.value.code == "bad-field"
    assert refused.value.hint


def test_a_person_that_cannot_be_is_not_built():
    for values in ({"sex": "X"}, {"age_years": -1.0}, {"age_years": 91.0}):
        with pytest.raises(ValueError, match="no such person"):
            Person(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("said", "filled"), [
    ((None, None), ("F", 63.0)), (("M", None), ("M", 63.0)), ((None, 0.0), ("F", 0.0)), (("O", 71.0), ("O", 71.0)),
])
def test_only_what_the_file_does_not_say_is_filled(said: tuple[str | None, float | None], filled: tuple[str, float]):
    after = Person("F", 63.0).fill(study(*said))
    assert (after.sex, after.age_years) == filled
    assert UNTOLD.fill(study(*said)).sex == said[0]
