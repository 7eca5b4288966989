"""The one function that every door calls: a refusal is an answer, another error is not."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from doubles import BrightnessTask
from spondyl.core import BundleNote, Study, TaskOutput
from spondyl.tasks.port import OnStage, Selection, process_study, tasks_by_name
from tasks.spines import image, pixels_of, study

NOTE = BundleNote("brightness", "0", "0" * 64, "in-silico", "nothing", "MIT")


class OneEngine:
    """A shelf with one engine that has a name and nothing to run."""

    def __init__(self, research_only: bool = False) -> None:
        self.manifest = SimpleNamespace(research_only=research_only)

    def open(self, task: str) -> SimpleNamespace:
        return SimpleNamespace(bundle=SimpleNamespace(note=NOTE, manifest=self.manifest), software={"spondyl": "test"})


class Broken(BrightnessTask):
    def run(self, study: Study, selection: Selection, engine: object, on_stage: OnStage) -> TaskOutput:
        raise RuntimeError("a defect of ours")


SHELF: object = OneEngine()


def test_a_study_goes_through_a_task_and_its_stages_are_announced():
    stages: list[str] = []
    output = process_study(study(image(pixels_of(0))), BrightnessTask(), SHELF, stages.append)  # type: ignore[arg-type]
    assert output.result.status == "done"
    assert stages[0] == "select"
    assert output.result.timings_ms["total"] >= 0


@pytest.mark.parametrize("research_only", [False, True])
def test_weights_for_research_only_say_so_with_every_answer(research_only: bool):
    shelf: object = OneEngine(research_only)
    output = process_study(study(image(pixels_of(0))), BrightnessTask(), shelf)  # type: ignore[arg-type]
    assert ("research-only-weights" in [warning.code for warning in output.result.warnings]) == research_only


def test_a_refusal_is_a_result_that_names_the_bundle_and_the_reason():
    output = process_study(study(image(np.zeros((200, 100)))), BrightnessTask(), SHELF)  # type: ignore[arg-type]
    body = json.loads(output.result.to_json())
    assert body["status"] == "refused"
    assert body["refusal"]["code"] == "all-black"
    assert body["bundle"]["name"] == "brightness"
    assert body["study"] == {"key": "k" * 20, "modality": "MR"}
    assert body["findings"] == []
    assert output.maps == ()


def test_any_other_error_is_the_caller_s_to_report():
    with pytest.raises(RuntimeError, match="a defect of ours"):
        process_study(study(image(pixels_of(0))), Broken(), SHELF)  # type: ignore[arg-type]


def test_two_tasks_cannot_share_a_name():
    assert list(tasks_by_name([BrightnessTask()])) == ["brightness"]
    with pytest.raises(ValueError, match="two tasks are called 'brightness'"):
        tasks_by_name([BrightnessTask(), BrightnessTask()])
