"""Making cohorts: whole subjects or none, the same bytes whoever makes them, and going on after a stop."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from datasets.cohorts import FLAT, SEED, SMALL, Cohorts, cohorts, contents, profile_of
from spondyl.apps.lab_cli import app
from spondyl.core import InputError
from spondyl.datasets import miniatures, sources
from spondyl.datasets.cohort import draw_member
from spondyl.datasets.judging import judging_cohort, judging_names
from spondyl.datasets.making.keeping import disk_errors, move_in, write_whole
from spondyl.datasets.making.order import make_order
from spondyl.datasets.making.order import profile_of as profile_in
from spondyl.datasets.making.run import MOST_SUBJECTS

__all__ = ["cohorts"]

UNTABLED = ("series.csv", "gradings.csv", "disc_boxes.csv")


def make(root: Path, subjects: int, **options: object) -> None:
    miniatures.make(FLAT, root, subjects, SEED, profile=profile_of(FLAT), scale=SMALL, **options)  # type: ignore[arg-type]


def test_a_stopped_run_goes_on_and_ends_with_the_bytes_of_a_run_in_one_go(cohorts: Cohorts, tmp_path: Path):
    done: list[int] = []
    make(tmp_path / "out", 1)
    make(tmp_path / "out", 2, resume=True, on_subject=done.append)
    assert done == [1, 2]
    assert contents(tmp_path / "out") == contents(cohorts[FLAT])


def test_a_subject_does_not_depend_on_how_many_there_are(cohorts: Cohorts, tmp_path: Path):
    make(tmp_path / "one", 1)
    whole = contents(cohorts[FLAT])
    alone = contents(tmp_path / "one")
    assert {name for name in alone if name not in whole} == set()
    assert all(whole[name] == data for name, data in alone.items() if name not in UNTABLED)


@pytest.mark.parametrize("layout", [FLAT, "dxa"])
def test_one_worker_and_two_write_the_same_bytes(layout: str, cohorts: Cohorts, tmp_path: Path):
    done: list[int] = []
    miniatures.make(layout, tmp_path / "two", 2, SEED, profile=profile_of(layout), scale=SMALL, workers=2, on_subject=done.append)
    assert done == [1, 2]
    assert contents(tmp_path / "two") == contents(cohorts[layout])


def growing_seed() -> int:
    """A seed whose second subject has pictures more than twice as large as the first one's."""

    def size(seed: int, index: int) -> int:
        scan = draw_member(seed, "train", index, profile_of(FLAT)).scans["t2"]
        return scan.rows * scan.columns

    return next(seed for seed in range(1000) if 2.5 * size(seed, 0) < size(seed, 1) < 250_000)


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """The kernel refuses to let any file grow beyond that size: what a quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, previous)


def test_a_full_disk_leaves_whole_subjects_and_the_run_goes_on_later(tmp_path: Path):
    seed = growing_seed()
    made = {name: tmp_path / name for name in ("whole", "full")}
    miniatures.make(FLAT, made["whole"], 3, seed, profile=profile_of(FLAT))
    whole = contents(made["whole"])
    fits = max(len(data) for name, data in whole.items() if name.startswith(("images/1_", "subjects/0000")))
    with files_at_most(fits + 1000), pytest.raises(InputError, match="full") as caught:
        miniatures.make(FLAT, made["full"], 3, seed, profile=profile_of(FLAT))
    assert caught.value.code == "output-disk-full"
    assert "--resume" in caught.value.hint
    left = contents(made["full"])
    kept = {name for name in left if name.startswith(("subjects/", "images/"))}
    assert kept == {"subjects/0000.json", "images/1_t1.png", "images/1_t2.png"}
    assert all(whole[name] == data for name, data in left.items() if name not in UNTABLED)
    assert len(list(sources.open_source(FLAT, made["full"]))) == 2
    miniatures.make(FLAT, made["full"], 3, seed, profile=profile_of(FLAT), resume=True)
    assert contents(made["full"]) == whole


def test_files_that_cannot_all_be_moved_are_all_taken_back(tmp_path: Path):
    for name in ("a", "b/c", "z"):
        (tmp_path / "draft" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "draft" / name).write_text(name)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "b").write_text("a file where a folder is wanted")
    with pytest.raises(InputError, match="cannot be written") as caught, disk_errors():
        move_in(tmp_path / "draft", tmp_path / "root", last="z")
    assert caught.value.code == "output-not-writable"
    assert list(contents(tmp_path / "root")) == ["b"]


def test_a_table_is_replaced_whole_or_stays_as_it_was(tmp_path: Path):
    write_whole(tmp_path / "t.csv", "short\n")
    with files_at_most(100), pytest.raises(OSError, match="too large"):
        write_whole(tmp_path / "t.csv", "long\n" * 1000)
    assert contents(tmp_path) == {"t.csv": b"short\n"}


def test_a_terminal_sees_the_rate_and_the_time_left_and_a_pipe_only_the_result(tmp_path: Path):
    command = [sys.executable, "-c", "from spondyl.apps.cli import main; main()", "phantom", "make", "--layout", FLAT, "--subjects", "3",
               "--seed", str(SEED), "--json", "--out", str(tmp_path / "out")]
    watching, shown = pty.openpty()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=shown, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"}, timeout=120)
    os.close(shown)
    text = b""
    with suppress(OSError), os.fdopen(watching, "rb", buffering=0) as stream:
        while chunk := stream.read(4096):
            text += chunk
    assert done.returncode == 0
    assert json.loads(done.stdout)["subjects"] == 3
    words = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", text).decode()
    assert "Making subjects" in words
    assert re.search(r"\d\.\d (subjects/s|s/subject) +\d:\d\d:\d\d", words)


@pytest.mark.parametrize(("workers", "number"), [(1, signal.SIGTERM), (2, signal.SIGINT)])
def test_a_signal_stops_the_verb_and_leaves_whole_subjects(workers: int, number: int, tmp_path: Path):
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a shell's background jobs ignore it
    command = [sys.executable, "-c", f"{listen}; from spondyl.apps.cli import main; main()", "phantom", "make", "--layout", FLAT,
               "--subjects", "400", "--seed", str(SEED), "--workers", str(workers), "--out", str(tmp_path / "out")]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "out" / "subjects").glob("*.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        program.send_signal(number)
        said = program.communicate(timeout=60)[1]
    finally:
        program.kill()
        program.communicate()
    assert program.returncode == 130, said
    assert "Traceback" not in said
    whole = {path.stem for path in (tmp_path / "out" / "subjects").glob("*.json")}
    assert 0 < len(whole) < 400
    assert f"{len(whole)} of 400 subjects are whole" in said
    slices = list(sources.open_source(FLAT, tmp_path / "out"))
    assert {int(one.patient) - 1 for one in slices} == {int(stem) for stem in whole}
    assert not list((tmp_path / "out").glob(".part-*"))


def test_a_full_folder_or_another_cohort_is_not_written_over(cohorts: Cohorts, tmp_path: Path):
    with pytest.raises(InputError) as caught:
        make(cohorts[FLAT], 1)
    assert caught.value.code == "output-not-empty"
    for change in ({"seed": SEED + 1}, {"profile": "healthy"}, {"role": "test"}, {"sets": ["spur=1.5"]}):
        settings = {"seed": SEED, "profile": profile_of(FLAT), "scale": SMALL, **change}
        with pytest.raises(InputError) as caught:
            miniatures.make(FLAT, cohorts[FLAT], 1, resume=True, **settings)  # type: ignore[arg-type]
        assert caught.value.code == "output-other-cohort"


def test_a_cohort_drawn_by_another_version_is_not_gone_on_with(tmp_path: Path):
    make(tmp_path / "out", 1)
    note = tmp_path / "out" / "subjects" / "0000.json"
    body = json.loads(note.read_text())
    body["spec"]["age_years"] += 1
    note.write_text(json.dumps(body))
    with pytest.raises(InputError, match="another version") as caught:
        make(tmp_path / "out", 2, resume=True)
    assert caught.value.code == "output-other-cohort"


@pytest.mark.parametrize(("options", "code"), [
    ({"subjects": 0}, "subjects-out-of-range"), ({"subjects": MOST_SUBJECTS + 1}, "subjects-out-of-range"),
    ({"workers": 0}, "workers-out-of-range"), ({"wild": True}, "layout-lacks-form"), ({"labels": "read"}, "layout-lacks-form"),
    ({"style": "eval"}, "layout-lacks-form"), ({"layout": "rsna2024", "wild": True}, "layout-lacks-form"),
    ({"role": "trian"}, "unknown-role"),
    ({"profile": "symptomatc"}, "unknown-profile"), ({"labels": "true"}, "unknown-labels"), ({"style": "evil"}, "unknown-style"),
    ({"layout": "dicm"}, "unknown-layout"), ({"sets": ["implnat=0.2"]}, "unknown-setting"), ({"sets": ["implant"]}, "setting-invalid"),
    ({"sets": ["implant=much"]}, "setting-invalid"),
])
def test_what_cannot_be_made_is_refused_before_anything_is_written(options: dict[str, object], code: str, tmp_path: Path):
    settings: dict[str, object] = {"layout": FLAT, "subjects": 1, "seed": SEED, **options}
    layout, subjects, seed = (settings.pop(name) for name in ("layout", "subjects", "seed"))
    with pytest.raises(InputError) as caught:
        miniatures.make(layout, tmp_path / "out", subjects, seed, **settings)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert not (tmp_path / "out" / "images").exists()


def test_settings_change_the_profile_and_the_scale():
    order = make_order("vindr", 1, miniatures.LAYOUTS, ["implant=0.5", "fine_mm=1.4", "slices=5", "vertebrae=17"], profile="vindr")
    assert (profile_in(order).implant, profile_in(order).vertebrae) == (0.5, 17)
    assert (order.scale.fine_mm, order.scale.slices) == (1.4, 5)


@pytest.mark.parametrize("text", [f"{name}={value}" for name in ("fine_mm", "trunk_mm", "film_mm", "matrix_mm")
                                  for value in ("-1", "0.01", "40", "nan", "inf")] + ["slices=-1"])
def test_a_scale_at_which_nothing_can_be_shown_is_refused(text: str):
    with pytest.raises(InputError) as caught:
        make_order("vindr", 1, miniatures.LAYOUTS, [text])
    assert caught.value.code == "setting-invalid"
    assert text.split("=")[0] in caught.value.message


@pytest.mark.parametrize(("profile", "sets"), [("vindr", {"osteopenia": 0.3, "osteoporosis": 0.3}),
                                               ("transitional", {"four_lumbar": 1.0, "six_lumbar": 0.0})])
def test_two_settings_that_are_right_only_together_are_taken_together(profile: str, sets: dict[str, float]):
    order = make_order("vindr", 1, miniatures.LAYOUTS, [f"{name}={value}" for name, value in sets.items()], profile=profile)
    assert {name: getattr(profile_in(order), name) for name in sets} == sets


def test_rates_that_are_too_much_together_are_told_with_their_numbers():
    with pytest.raises(InputError) as caught:
        make_order("vindr", 1, miniatures.LAYOUTS, ["four_lumbar=0.75", "six_lumbar=0.5"])
    assert caught.value.code == "phantom-profile-invalid"
    assert "four_lumbar is 0.75, six_lumbar is 0.5" in caught.value.message
    assert "grade_shift" not in caught.value.message


@pytest.mark.parametrize("name", judging_names())
def test_a_judging_cohort_is_made_of_the_people_it_was_committed_with(name: str):
    cohort = judging_cohort(name)
    order, count = miniatures.judging_order(name)
    assert (order.layout, order.style, order.labels, order.wild, count) == (
        cohort.layout, cohort.style, cohort.labels, cohort.wild, cohort.subjects)
    assert order.subject(order.rng(3)) == cohort.subject(3)
    assert miniatures.layout_named(order.layout).draw(order, 3).spec == cohort.subject(3)


def test_a_judging_cohort_is_coarser_where_that_is_asked_and_never_of_other_people():
    plain, _ = miniatures.judging_order("xray_grade_eval")
    coarse, _ = miniatures.judging_order("xray_grade_eval", sets=["film_mm=0.3", "fine_mm=1.0"])
    assert (coarse.scale.film_mm, coarse.scale.fine_mm) == (0.3, 1.0)
    assert coarse.subject(coarse.rng(2)) == plain.subject(plain.rng(2))
    with pytest.raises(InputError, match="grade_shift would change who is in xray_grade_eval") as caught:
        miniatures.judging_order("xray_grade_eval", sets=["film_mm=0.3", "grade_shift=1"])
    assert caught.value.code == "judging-cohort-fixed"
    with pytest.raises(InputError, match="film_mm lies in"):
        miniatures.judging_order("xray_grade_eval", sets=["film_mm=30"])


def test_the_verb_makes_the_first_subjects_of_a_judging_cohort(tmp_path: Path):
    """At full size: what a person gets who types it."""
    arguments = ["phantom", "make", "--judging", "dxa_eval", "--subjects", "1", "--out", str(tmp_path / "out"), "--json"]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == 0, said.output
    body = json.loads(said.stdout)
    assert (body["layout"], body["role"], body["style"], body["subjects"]) == ("dxa", "test", "eval", 1)
    assert len(list((tmp_path / "out" / "test").rglob("*.png"))) == 1
    wrong = CliRunner().invoke(app, ["phantom", "make", "--layout", "dxa", "--subjects", "1", "--out", str(tmp_path / "no")])
    assert isinstance(wrong.exception, InputError)
    assert wrong.exception.code == "seed-missing"


def test_roles_of_one_seed_share_no_subject():
    how = miniatures.layout_named("vindr")
    mixed = make_order("vindr", 4, miniatures.LAYOUTS, profile="vindr", pattern=how.pattern)
    fixed = {role: make_order("vindr", 4, miniatures.LAYOUTS, profile="vindr", role=role) for role in ("train", "val", "test", "twin")}
    drawn = [order.subject(order.rng(k)) for order in fixed.values() for k in range(3)]
    assert len(set(drawn)) == len(drawn)
    assert {mixed.role_of(k) for k in range(10)} == {"train", "test"}
    tested = next(k for k in range(10) if mixed.role_of(k) == "test")
    assert mixed.subject(mixed.rng(tested)) == fixed["test"].subject(fixed["test"].rng(tested))


def test_cohorts_that_differ_in_anything_share_no_identifier():
    wishes = [("rsna2024", 1, (), "train"), ("dicom", 1, (), "train"), ("dicom", 1, (), "eval"), ("dicom", 1, ("implant=0.2",), "train"),
              ("dicom", 2, (), "train"), ("dicom", 1, ("fine_mm=1.0",), "train")]
    orders = [make_order(layout, seed, miniatures.LAYOUTS, sets, style=style) for layout, seed, sets, style in wishes]
    owners = [order.owner(index) for order in orders for index in range(3)]
    assert len(set(owners)) == len(owners)
