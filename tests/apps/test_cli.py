"""The program as a whole: help, names, exit codes, what it says of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from apps.house import House, house
from spondyl import __version__
from spondyl.apps.exits import tell
from spondyl.apps.lazy import LAB_VERBS, LABORATORY
from spondyl.core import BundleError, InputError, NotFoundError, Refusal, SpondylError, vocabulary

__all__ = ["house"]


def test_help_lists_every_verb_and_says_what_this_is_not(house: House):
    said = house.say("--help")
    assert said.code == 0
    for verb in ("analyze", "serve", "info", "doctor", *LAB_VERBS):
        assert f"\n  {verb} " in said.out
    assert "Not a diagnosis" in said.out


@pytest.mark.parametrize("verb", ["analyze", "serve", "info", "doctor"])
def test_every_verb_shows_an_example(house: House, verb: str):
    assert f"Example: spondyl {verb}" in house.say(verb, "--help").out


def test_version_is_the_package_version_and_the_citation_and_the_changelog_agree(house: House):
    assert house.say("--version").out.strip() == __version__
    root = Path(__file__).parents[2]
    assert f"\nversion: {__version__}\n" in (root / "CITATION.cff").read_text()
    assert f"\n## {__version__} - " in (root / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(("words", "hint"), [(["analise", "x"], "analyze"), (["analyze", "x", "--tsk", "y"], "--task")])
def test_a_misspelt_verb_or_option_is_met_with_the_nearest_one(house: House, words: list[str], hint: str):
    said = house.say(*words)
    assert said.code == 2
    assert hint in said.err


def test_a_misspelt_setting_is_met_with_the_nearest_one(house: House):
    house.patch.setenv("SPONDYL_BACKENDS", "openvino")
    said = house.say("info")
    assert said.code == 2
    assert "Did you mean 'SPONDYL_BACKEND'?" in said.err


def test_a_setting_out_of_range_is_named(house: House):
    said = house.say("serve", "--port", "99999")
    assert said.code == 2
    assert "Port cannot be 99999" in said.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("a", "b"), 2), (Refusal("a", "b"), 2), (NotFoundError("a", "b"), 2), (BundleError("a", "b"), 1),
        (SpondylError("a", "b"), 1), (RuntimeError("b"), 1), (KeyboardInterrupt(), 1), (ModuleNotFoundError("b", name="torch.nn"), 2),
        (ModuleNotFoundError("b", name="json2"), 1),
    ],
)
def test_the_exit_code_says_who_can_mend_it(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]):
    assert tell(error) == code
    assert capsys.readouterr().err


def test_known_errors_show_code_message_and_hint(capsys: pytest.CaptureFixture[str]):
    tell(InputError("file-empty", "the file has no bytes", "Copy it again"))
    assert capsys.readouterr().err == "[file-empty] The file has no bytes.\n  Copy it again\n"


def test_unknown_errors_show_where_and_not_what(capsys: pytest.CaptureFixture[str]):
    try:
        raise RuntimeError("Jane^Doe")
    except RuntimeError as error:
        tell(error)
    said = capsys.readouterr().err
    assert "RuntimeError" in said
    assert "test_cli.py" in said
    assert "Doe" not in said


def test_a_missing_laboratory_is_met_with_the_install_line(capsys: pytest.CaptureFixture[str]):
    tell(ModuleNotFoundError("b", name="torch"))
    assert "pip install 'spondyl[lab]'" in capsys.readouterr().err


def test_the_laboratorys_verbs_are_the_ones_that_help_promises():
    group = typer.main.get_command(import_module(LABORATORY).app)
    assert set(group.commands) == set(LAB_VERBS)


@pytest.mark.parametrize("verb", LAB_VERBS)
def test_help_of_a_laboratory_verb_comes_from_the_laboratory(house: House, verb: str):
    said = house.say(verb, "--help")
    assert said.code == 0
    assert f"Usage: spondyl {verb}" in said.out
    assert LAB_VERBS[verb] in " ".join(said.out.split())


def test_info_lists_what_there_is(house: House):
    body = json.loads(house.say("info", "--json").out)
    assert body["tasks"] == ["brightness"]
    assert list(body["findings"]) == list(vocabulary())
    assert body["versions"]["numpy"]
    text = house.say("info").out
    assert all(name in text for name in ("brightness", *vocabulary()))


def test_info_names_bundles_without_opening_them(house: House):
    folder = house.folder / "bundles" / "mine"
    folder.mkdir(parents=True)
    (folder / "bundle.json").write_text(json.dumps({"name": "mine", "task": "brightness", "version": "9", "evidence": "real"}))
    rows = json.loads(house.say("info", "--json", "--bundles", folder.parent).out)["bundles"]
    assert rows[0] | {"name": "mine", "version": "9", "evidence": "real", "origin": "own"} == rows[0]


def test_info_loads_no_runtime_and_no_codec():
    code = "import sys; from spondyl.apps import inventory, options; inventory.inventory(options.settings_from({})); print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout.split())
    assert loaded.isdisjoint({"openvino", "onnxruntime", "onnx", "pydicom", "imagecodecs", "torch", "sqlalchemy", "dbos", "fastapi"})


def test_doctor_finds_a_sound_house_sound(house: House):
    said = house.say("doctor", "--json")
    body = json.loads(said.out)
    outcomes = {check["name"]: check["outcome"] for check in body["checks"]}
    assert outcomes | {"decoders": "fine", "reader": "fine", "openvino": "fine", "onnxruntime": "fine", "bundle brightness": "fine",
                       "data folder": "fine"} == outcomes
    assert {"processor", "torch"} <= set(outcomes)


def test_doctor_says_what_is_broken_and_goes_on(house: House):
    (house.folder / "file").write_text("")
    said = house.say("doctor", "--json", "--data", house.folder / "file" / "data")
    checks = {check["name"]: check for check in json.loads(said.out)["checks"]}
    assert said.code == 1
    assert checks["data folder"]["outcome"] == "broken"
    assert checks["data folder"]["hint"]
    assert "processor" in checks
