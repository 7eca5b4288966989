"""What a run's networks are taught on and begin with, and what must be the same where it goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lab.films.film_folders import write_dicom, write_vindr
from lab.films.toy_films import toy_cache
from spondyl.core import InputError
from spondyl.core.identity import content_hash
from spondyl.lab.films import run as running
from spondyl.lab.films import verbs
from spondyl.lab.films.batches import is_sure
from spondyl.lab.films.cache import FilmCache
from spondyl.lab.films.fit import FitPlan, build, fit_member
from spondyl.lab.films.pieces import Pieces
from spondyl.lab.films.recipe import FilmRecipe
from spondyl.lab.films.stages import PIECES, began_with, check_start, fit_network, folder_of, learns_on_pieces

NETWORK = "resnet10t_slim"
RECIPE = FilmRecipe(
    task="xray-grade", version="1", layout="grades", licence="MIT", attribution="us", members=(NETWORK,), rows=64, columns=48, stride=8,
    piece_rows=32, piece_columns=32, pieces=1, piece_epochs=1, piece_batch=8, epochs=1, batch=8, jobs=1, average=0.0, place_weight=0.5,
)  # fmt: skip


def without_boxes(cache: FilmCache, keep: int = 0) -> FilmCache:
    """The films with their boxes taken away, but for the first few that have any."""
    left, films = keep, []
    for film in cache.films:
        films.append(film if film.boxes and left > 0 and film.split == "train" else replace(film, boxes=()))
        left -= bool(films[-1].boxes)
    return replace(cache, films=tuple(films))


def rows_of(folder: Path) -> list[dict[str, float]]:
    return list(json.loads((folder / "history.json").read_text()))


def test_films_without_boxes_are_taught_whole_for_as_long(tmp_path: Path):
    cache, said = without_boxes(toy_cache(tmp_path, task="xray-grade")), list[str]()
    folder = fit_network(RECIPE, {"film": cache}, tmp_path / "run", NETWORK, lambda what, *_: said.append(what))
    assert not (folder / PIECES).exists()
    assert len(rows_of(folder)) == 2
    assert any("on whole films alone" in what for what in said)
    last: list[tuple[int, int]] = []
    running._epochs(RECIPE, tmp_path / "run", learns_on_pieces(RECIPE, cache), lambda what, done, of: last.append((done, of)))()
    assert last == [(2, 2)]


def test_films_with_boxes_are_taught_in_pieces_first(tmp_path: Path):
    cache = toy_cache(tmp_path, task="xray-grade")
    folder = fit_network(RECIPE, {"film": cache}, tmp_path / "run", NETWORK)
    assert (len(rows_of(folder / PIECES)), len(rows_of(folder))) == (1, 1)


def test_pieces_are_cut_from_films_that_say_what_is_where(tmp_path: Path):
    cache = without_boxes(toy_cache(tmp_path, 60, task="xray-grade"), keep=4)
    plan = FitPlan(task="xray-grade", network=NETWORK, stride=8, pieces=Pieces(32, 32, 2), batch=4)
    taught = build(plan, cache).splits["train"]
    assert {cache.films[place].target for place in taught} > {0}
    assert sum(bool(cache.films[place].boxes) for place in taught) == 4
    assert all(is_sure(cache.films[place]) for place in taught)
    assert len(taught) < len(cache.places("train"))
    assert len(build(replace(plan, pieces=None), cache).splits["train"]) == len(cache.places("train"))
    known = [batch.taught.known for batch in build(plan, cache).train_dataloader()]
    assert float(torch.cat(known).mean()) > 0.5, "only what is left of discs that are all but cut off is not known"


@pytest.fixture
def begun(tmp_path: Path) -> tuple[FilmCache, Path]:
    """Films, and a run with one finished member."""
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "config.json").write_text(json.dumps({"members": [NETWORK]}))
    cache = toy_cache(tmp_path, task="xray-grade")
    fit_network(replace(RECIPE, piece_rows=0), {"film": cache}, tmp_path / "first", NETWORK)
    return cache, tmp_path / "first"


def test_a_run_says_what_it_began_with(begun: tuple[FilmCache, Path], tmp_path: Path):
    cache, first = begun
    recipe = replace(RECIPE, start=str(first))
    check_start(recipe)
    folder = fit_network(recipe, {"film": cache}, tmp_path / "run", NETWORK)
    told = content_hash((folder_of(first, NETWORK) / "weights.pt").read_bytes())
    assert began_with(recipe, tmp_path / "run") == {"run": "first", "networks": {NETWORK: told}}
    assert began_with(RECIPE, tmp_path / "run") == {}
    own = json.loads((folder / "member.json").read_text())["plan"]["start_sha256"]
    assert own == content_hash((folder / PIECES / "weights.pt").read_bytes())


def test_members_that_did_not_keep_what_they_began_with_are_gone_on_with(begun: tuple[FilmCache, Path], tmp_path: Path):
    cache, first = begun
    recipe = replace(RECIPE, start=str(first))
    folder = fit_network(recipe, {"film": cache}, tmp_path / "run", NETWORK)
    for file in (folder / "member.json", folder / PIECES / "member.json"):
        about = json.loads(file.read_text())
        del about["plan"]["start_sha256"]
        file.write_text(json.dumps(about))
    before = (folder / "weights.pt").stat().st_mtime_ns
    fit_network(recipe, {"film": cache}, tmp_path / "run", NETWORK)
    assert (folder / "weights.pt").stat().st_mtime_ns == before
    assert began_with(recipe, tmp_path / "run")["networks"] == {NETWORK: None}


def test_other_weights_to_begin_with_make_another_member(begun: tuple[FilmCache, Path], tmp_path: Path):
    cache, first = begun
    file = folder_of(first, NETWORK) / "weights.pt"
    plan = FitPlan(task="xray-grade", network=NETWORK, stride=8, epochs=1, batch=8, start=file)
    fit_member(plan, cache, tmp_path / "a")
    weights = torch.load(file, weights_only=True)
    torch.save({name: value + 1 for name, value in weights.items()}, file)
    with pytest.raises(InputError) as caught:
        fit_member(plan, cache, tmp_path / "a")
    assert caught.value.code == "member-differs"


def test_a_run_without_a_finished_member_of_the_kind_is_nothing_to_begin_with(begun: tuple[FilmCache, Path], tmp_path: Path):
    cache, first = begun
    for members, start in (((NETWORK, "mobilenetv4_conv_small_050"), first), ((NETWORK,), tmp_path / "nowhere")):
        with pytest.raises(InputError) as caught:
            check_start(replace(RECIPE, members=members, start=str(start)))
        assert caught.value.code == "start-missing"
        assert caught.value.hint
    (folder_of(first, NETWORK) / "weights.pt").unlink()
    with pytest.raises(InputError, match="no finished member") as caught:
        fit_network(replace(RECIPE, start=str(first)), {"film": cache}, tmp_path / "run", NETWORK)
    assert caught.value.code == "start-missing"


@pytest.mark.parametrize("wrong", [{"batch": 9}, {"piece_batch": 9}, {"detector": "spondyl_slim", "detector_batch": 9}], ids=str)
def test_batches_are_shared_out_evenly(wrong: dict[str, object]):
    recipe = replace(RECIPE, task="xray-lesions", layout="vindr", devices=2)
    with pytest.raises(ValueError, match="multiples of devices"):
        replace(recipe, **wrong)
    assert replace(recipe, piece_rows=0, piece_batch=9, detector_batch=9).devices == 2


def test_the_check_is_made_again_when_files_or_labels_changed(tmp_path: Path):
    write_vindr(tmp_path / "data", 12)
    recipe = replace(RECIPE, task="xray-lesions", layout="vindr", gate_size=32, val_share=0.4)
    checked = tmp_path / "run" / "check" / "data_check.json"

    def check() -> tuple[int, str]:
        films = running.begun(recipe, tmp_path / "data", tmp_path / "run")
        cache = running.open_caches(recipe, films, tmp_path / "run", lambda *_: None)["film"]
        running._check_data(films, cache, checked.parent)
        return checked.stat().st_mtime_ns, checked.read_text()

    first = check()
    assert check() == first
    film = running.begun(recipe, tmp_path / "data", tmp_path / "run").films[0]
    write_dicom(film.path, np.full((44, 33), 7, np.uint16))
    again = check()
    assert again[0] > first[0]
    assert film.name not in json.loads(first[1])["blank"]
    assert film.name in json.loads(again[1])["blank"]


def test_a_curve_goes_on_with_its_own_recipe_and_films_alone(tmp_path: Path):
    write_vindr(tmp_path / "data", 12)
    recipe = replace(RECIPE, task="xray-lesions", layout="vindr", gate_size=32, val_share=0.4)

    def curve(recipe: FilmRecipe) -> list[dict[str, object]]:
        return verbs.curve(recipe, tmp_path / "data", (2,), tmp_path / "keep", lambda *_: None)

    rows = curve(recipe)
    assert [(row["subjects"], row["taught_on"]) for row in rows] == [(2, "pieces")]
    assert curve(recipe) == rows
    with pytest.raises(InputError) as caught:
        curve(replace(recipe, val_share=0.3))
    assert caught.value.code == "run-recipe-differs"
    write_vindr(tmp_path / "data", 14)
    with pytest.raises(InputError) as caught:
        curve(recipe)
    assert caught.value.code == "splits-differ"


def test_a_student_that_begins_with_a_member_learns_on_whole_films_from_its_weights(tmp_path: Path):
    cache, run = toy_cache(tmp_path, task="xray-grade"), tmp_path / "run"
    recipe = replace(RECIPE, student=NETWORK, student_start=NETWORK, student_epochs=1)
    member = fit_network(recipe, {"film": cache}, run, NETWORK)
    np.save(run / "teacher.npy", np.zeros((len(cache.films), 4), np.float32))
    student = fit_network(recipe, {"film": cache}, run, "student")
    assert not (student / PIECES).exists()
    assert json.loads((student / "member.json").read_text())["plan"]["start_sha256"] == content_hash((member / "weights.pt").read_bytes())


@pytest.mark.parametrize("changed", [{"student_start": "nobody"}, {"student": "resnet50"}, {"student": ""}])
def test_a_student_begins_with_a_member_of_its_own_architecture_only(changed: dict[str, str]):
    with pytest.raises(ValueError, match="student_start"):
        replace(RECIPE, **{"student": NETWORK, "student_start": NETWORK, **changed})


def test_a_detector_sees_whole_films_after_the_pieces(tmp_path: Path):
    write_vindr(tmp_path, 10)
    recipe = replace(
        RECIPE, task="xray-lesions", layout="vindr", detector="spondyl_slim", detector_rows=64, detector_columns=64, detector_epochs=1,
        detector_batch=8, detector_whole_epochs=1, val_share=0.3,
    )  # fmt: skip
    films = running.begun(recipe, tmp_path, tmp_path / "run")
    folder = fit_network(recipe, running.open_caches(recipe, films, tmp_path / "run", lambda *_: None), tmp_path / "run", "detector")
    plans = [json.loads((own / "detector.json").read_text())["plan"] for own in (folder / PIECES, folder)]
    assert [bool(plan["pieces"]) for plan in plans] == [True, False]
    assert plans[1]["start"] == "weights.pt"
    first, last = (torch.load(own / "weights.pt", weights_only=True) for own in (folder / PIECES, folder))
    assert first.keys() == last.keys()
    assert plans[1]["lr"] < plans[0]["lr"]
