"""result.json: valid once built, the same answer in the same bytes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.core import BundleNote, Finding, ImageNote, Measurement, NotFoundError, Notice, StudyResult
from spondyl.core.result import DISCLAIMER

GRADES = {"1": 0.0, "2": 0.02, "3": 0.2, "4": 0.7, "5": 0.08}
BUNDLE = BundleNote("mri-discs", "1", "0" * 64, "in-silico", "digital spine", "MIT")
FINDING = Finding("pfirrmann_grade", 4, GRADES, level="L4/L5", level_from_bottom=2, level_confidence=0.97, set=(3, 4),
                  members={"a": GRADES}, image="i" * 32, box=(10.0, 20.0, 60.0, 50.0), explanation="cam")


def result(**changes: object) -> StudyResult:
    own = StudyResult("mri-discs", "done", {"key": "k" * 20, "modality": "MR"}, BUNDLE, {"spondyl": "0"},
                      images=(ImageNote("i" * 32, 4, 5, (0.5, 0.5), "sagittal", "t2"),), findings=(FINDING,),
                      measurements=(Measurement("disc_height", 7.91234567, "mm", "how", points=((1.0, 2.0), (3.0, 4.0))),),
                      warnings=(Notice("spacing-unknown", "no millimetres"),), timings_ms={"total": 4.0})
    return replace(own, **changes)


def test_the_json_has_the_documented_fields_and_the_disclaimer():
    body = json.loads(result().to_json())
    assert body["schema"] == "spondyl.result/1"
    assert body["disclaimer"] == DISCLAIMER
    assert set(body) == {"schema", "disclaimer", "task", "status", "refusal", "study", "bundle", "software", "images", "findings",
                         "measurements", "curves", "warnings", "timings_ms"}
    assert body["findings"][0]["probabilities"] == GRADES
    assert body["findings"][0]["set"] == [3, 4]
    assert body["measurements"][0]["value"] == 7.9123


def test_numpy_numbers_are_written_as_plain_ones():
    plain = result()
    own = Finding("pfirrmann_grade", np.int64(4), {k: np.float32(v) for k, v in GRADES.items()}, level="L4/L5", level_from_bottom=2,  # type: ignore[arg-type]
                  level_confidence=np.float64(0.97), set=(np.int64(3), np.int64(4)), refer=np.bool_(False), members={"a": GRADES},  # type: ignore[arg-type]
                  image="i" * 32, box=(np.float32(10.0), 20.0, 60.0, 50.0), explanation="cam")
    assert result(findings=(own,)).to_json() == plain.to_json()


@given(st.floats(0, 1), st.floats(-1e-5, 1e-5))
@settings(max_examples=50, deadline=None)
def test_numbers_are_rounded_to_four_decimals_and_zero_has_no_sign(value: float, near_zero: float):
    own = Measurement("disc_height", value, "mm", "how", error=near_zero)
    row = json.loads(result(measurements=(own,)).to_json())["measurements"][0]
    assert row["value"] == pytest.approx(value, abs=5.1e-5)
    assert len(repr(row["value"]).partition(".")[2]) <= 6
    assert repr(row["error"]) == "0.0"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float32("nan")])
def test_a_number_that_json_does_not_have_is_refused(bad: float):
    with pytest.raises(ValueError, match="JSON"):
        result(measurements=(Measurement("disc_height", bad, "mm", "how"),)).to_json()


def test_the_same_answer_is_the_same_bytes_timings_apart():
    slow = result(timings_ms={"gate": 3.0, "total": 900.0})
    assert slow.to_json() != result().to_json()
    assert slow.without_timings().to_json() == result().without_timings().to_json()
    assert result().to_json() == result().to_json()


@pytest.mark.parametrize(
    ("status", "refusal"),
    [("done", {"code": "c", "message": "m", "hint": ""}), ("refused", None), ("failed", None), ("finished", None)],
)
def test_a_refusal_goes_with_every_status_but_done_and_with_no_other_word(status: str, refusal: dict[str, str] | None):
    with pytest.raises(ValueError, match=r"status|refusal"):
        result(status=status, refusal=refusal)


@pytest.mark.parametrize(
    "changes",
    [
        {"value": 6},
        {"value": "present"},
        {"probabilities": {"1": 1.0}},
        {"probabilities": dict(reversed(GRADES.items()))},
        {"probabilities_weighted": {"absent": 0.5, "present": 0.5}},
    ],
)
def test_a_finding_outside_the_vocabulary_cannot_be_built(changes: dict[str, object]):
    with pytest.raises(ValueError, match="pfirrmann_grade"):
        replace(FINDING, **changes)


def test_a_finding_nobody_knows_cannot_be_built():
    with pytest.raises(NotFoundError, match="Did you mean 'disc_bulging'"):
        Finding("disc_bulgin", "absent", None)


def test_what_is_not_said_is_null():
    row = json.loads(result(findings=(Finding("pfirrmann_grade", None, None),)).to_json())["findings"][0]
    assert row["value"] is None
    assert row["probabilities"] is None
    assert row["level"] is None
