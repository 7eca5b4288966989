"""Promises of the store: what was acknowledged is there, once, and says nothing of whose it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import weakref
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.core import ImageNote, NotFoundError
from spondyl.core.identity import content_hash
from spondyl.store import KeptFile, draft_of, load_or_create_key, parse_result
from store.make import make_image, make_output, make_study, open_store, take_in


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as opened:
        yield opened


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# Uploads


@settings(max_examples=25, deadline=None)
@given(data=st.binary(min_size=0, max_size=400), cuts=st.lists(st.integers(0, 400), max_size=4))
def test_a_kept_file_holds_what_was_sent_however_it_was_cut(tmp_path_factory, data, cuts):
    folder = tmp_path_factory.mktemp("cut")
    with open_store(folder) as store:
        file = store.incoming()
        places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
        for start, end in pairwise(places):
            file.write(data[start:end])
        (kept,) = store.keep([file])
        assert kept.path.read_bytes() == data
        assert kept.name == content_hash(data)
        assert kept.path.relative_to(folder).as_posix() == f"uploads/{kept.name[:2]}/{kept.name}"


@pytest.mark.parametrize("first", [1, 100, 130, 132, 500])
def test_a_dicom_preamble_is_zeroed_before_it_is_named(store, first):
    data = b"GIF89a".ljust(128, b"x") + b"DICM" + b"the rest" * 20
    file = store.incoming()
    file.write(data[:first])
    file.write(data[first:])
    (kept,) = store.keep([file])
    wanted = bytes(128) + data[128:]
    assert kept.path.read_bytes() == wanted
    assert kept.name == content_hash(wanted)


def test_a_discarded_file_leaves_nothing(store, tmp_path):
    file = store.incoming()
    file.write(b"secret" * 100)
    file.discard()
    assert not [name for name in files_below(tmp_path) if not name.startswith("spondyl.sqlite")]


def test_the_same_bytes_twice_are_one_file_and_one_study(store, tmp_path):
    first, second = take_in(store, b"same"), take_in(store, b"same")
    assert first.id != second.id
    assert first.files == second.files
    assert first.studies == second.studies
    assert store.study_count() == 1
    assert len(files_below(tmp_path / "uploads")) == 1


@pytest.mark.parametrize("name", ["../../etc/passwd", "a" * 63, "A" * 64, "..", "", "/etc/passwd", "a" * 63 + "/"])
def test_nothing_but_a_hash_becomes_a_path(store, name):
    with pytest.raises(ValueError, match="SHA-256"):
        store.upload_path(name)


# Durable before acknowledged


def test_an_accepted_upload_is_there_after_reopening(tmp_path):
    with open_store(tmp_path) as store:
        job = take_in(store, b"bytes")
    with open_store(tmp_path) as store:
        assert store.job(job.id) == job
        assert store.unfinished_jobs() == (job.id,)
        assert store.upload_path(job.files[0]).read_bytes() == b"bytes"
        assert store.files_of(job.studies) == job.files


@pytest.mark.parametrize("statement", ["INSERT INTO files", "INSERT INTO jobs", "INSERT INTO audit"])
def test_dying_between_rename_and_commit_leaves_no_half_study_and_the_upload_can_be_repeated(tmp_path, statement):
    script = f"""
import os, signal
from pathlib import Path
from sqlalchemy import Engine, event
from store.make import open_store, take_in
store = open_store(Path({str(tmp_path)!r}))
@event.listens_for(Engine, "before_cursor_execute")
def die(connection, cursor, text, *rest):
    if text.startswith({statement!r}):
        os.kill(os.getpid(), signal.SIGKILL)
take_in(store, b"bytes")
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    died = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    with open_store(tmp_path) as store:
        assert files_below(tmp_path / "uploads"), "it died before the rename"
        assert store.study_count() == 0
        assert store.unfinished_jobs() == ()
        job = take_in(store, b"bytes")
        assert store.unfinished_jobs() == (job.id,)
        assert store.upload_path(job.files[0]).read_bytes() == b"bytes"


def test_what_was_never_acknowledged_is_swept_and_the_rest_stays(store, tmp_path):
    job = take_in(store, b"accepted")
    file = store.incoming()
    file.write(b"orphan")
    (orphan,) = store.keep([file])
    study = make_study("saved")
    store.save(study, make_output(study))
    assert store.sweep(older_than_s=3600) == 0
    assert orphan.path.exists(), "a young file may belong to an upload in progress"
    assert store.sweep(older_than_s=-1) == 1
    assert not orphan.path.exists()
    assert store.upload_path(job.files[0]).exists()
    assert store.maps(store.result(study.key, "mri-discs"))
    assert store.image(study.key, study.images[0].id).shape == (20, 12)


def test_sqlite_keeps_the_promise_it_was_asked_for(store):
    from spondyl.store.engine import reading

    with reading(store._engine) as connection:
        values = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


# Jobs


def test_a_job_moves_forward_and_tells_each_step(store):
    job = take_in(store, b"x")
    store.move_job(job.id, "running", "read", 0.1)
    store.move_job(job.id, "running", "grade", 0.5)
    store.move_job(job.id, "done", "finished", 1.0)
    steps = [(event.seq, event.state, event.stage) for event in store.job_events(job.id)]
    assert steps == [(1, "queued", "queued"), (2, "running", "read"), (3, "running", "grade"), (4, "done", "finished")]
    assert [event.seq for event in store.job_events(job.id, after=2)] == [3, 4]
    assert store.unfinished_jobs() == ()


def test_a_finished_job_stays_as_it_is(store):
    job = take_in(store, b"x")
    assert store.move_job(job.id, "failed", "finished", 1.0, {"code": "c", "message": "m", "hint": "h"})
    assert not store.move_job(job.id, "running", "read", 0.1)
    assert store.job(job.id).error == {"code": "c", "message": "m", "hint": "h"}
    assert len(store.job_events(job.id)) == 2


def test_attempts_are_counted_and_a_planned_stop_does_not_count(store):
    job = take_in(store, b"x")
    assert [store.begin_job(job.id), store.begin_job(job.id)] == [1, 2]
    store.release_job(job.id)
    assert store.begin_job(job.id) == 2
    assert store.waiting() == {"queued": 1, "running": 0}


def test_a_new_answer_forgives_the_attempts_before_it_and_an_old_or_failed_one_does_not(store):
    job, study = take_in(store, b"x"), make_study()
    for _ in range(3):
        store.begin_job(job.id)
    store.save(study, make_output(study, status="failed"), job_id=job.id)
    assert store.job(job.id).attempts == 3
    store.save(study, make_output(study), job_id=job.id)
    assert store.job(job.id).attempts == 1, "the attempt that goes on now"
    store.begin_job(job.id)
    store.save(study, make_output(study), job_id=job.id)
    assert store.job(job.id).attempts == 2


def test_what_is_noticed_later_is_added_to_what_was_skipped_once(store):
    job = take_in(store, b"x")
    row = {"file": None, "code": "uid-conflict", "message": "m", "hint": "h"}
    store.remark(job.id, [row])
    store.remark(job.id, [row])
    assert store.job(job.id).skipped == (row,)


@pytest.mark.parametrize("ask", [lambda s: s.job("x"), lambda s: s.study("x"), lambda s: s.result("x", "y"), lambda s: s.results("x"),
                                 lambda s: s.image("x", "y")])
def test_what_is_not_there_is_said_to_be_unknown(store, ask):
    with pytest.raises(NotFoundError, match="no "):
        ask(store)


# Results


def test_a_result_is_kept_to_the_byte(store):
    study = make_study()
    output = make_output(study)
    assert store.save(study, output)
    assert store.result(study.key, "mri-discs").json == output.result.to_json()


def test_a_result_read_back_is_the_result(store):
    study = make_study()
    result = make_output(study).result
    assert parse_result(result.to_json()).to_json() == result.to_json()
    refused = make_output(study, status="refused").result
    assert parse_result(refused.to_json()) == refused


def test_another_schema_is_not_taken_for_ours():
    with pytest.raises(ValueError, match="result/2"):
        parse_result('{"schema": "spondyl.result/2"}')


def test_the_same_answer_is_kept_once_whatever_its_timings(store):
    study = make_study()
    assert store.save(study, make_output(study, total_ms=1.0))
    assert not store.save(study, make_output(study, total_ms=2.0))
    assert parse_result(store.result(study.key, "mri-discs").json).timings_ms == {"total": 1.0}


def test_new_weights_give_a_new_answer_and_the_latest_is_shown(store):
    study = make_study()
    store.save(study, make_output(study, bundle="a" * 64))
    assert store.save(study, make_output(study, bundle="b" * 64))
    assert '"' + "b" * 64 in store.result(study.key, "mri-discs").json
    assert store.save(study, make_output(study, bundle="a" * 64)), "going back to the old weights makes their answer the latest again"
    assert '"' + "a" * 64 in store.result(study.key, "mri-discs").json
    assert len(store.results(study.key)) == 1


def test_more_images_give_a_new_answer(store):
    small, large = make_study("one", make_image(0.1)), make_study("one", make_image(0.1), make_image(0.9))
    store.save(small, make_output(small))
    assert store.save(large, make_output(large))
    assert store.study(small.key).image_count == 2


def test_a_part_of_a_study_that_comes_again_does_not_replace_the_whole_answer(store):
    first, second = make_image(0.2), make_image(0.7)
    whole = make_study("one", first, second)
    output = make_output(whole)
    notes = tuple(ImageNote(i.id, *i.shape, i.spacing_mm, i.view, i.sequence) for i in (first, second))
    store.save(whole, replace(output, result=replace(output.result, images=notes)))
    part = make_study("one", first)
    assert store.save(part, make_output(part)) is False
    assert len(json.loads(store.result(whole.key, "mri-discs").json)["images"]) == 2
    assert store.save(part, make_output(part, bundle="b" * 64)) is True


def test_a_failed_answer_gives_way_to_the_next(store):
    study = make_study()
    assert store.save(study, make_output(study, status="failed"))
    assert store.save(study, make_output(study))
    assert store.study(study.key).results == (("mri-discs", "done"),)


def test_pictures_and_heat_maps_come_back(store):
    study = make_study()
    output = make_output(study)
    store.save(study, output)
    image = store.image(study.key, study.images[0].id)
    assert np.abs(image.pixels - study.images[0].pixels).max() < 1e-6
    (heat,) = store.maps(store.result(study.key, "mri-discs"))
    assert np.array_equal(heat.values, output.maps[0].values)
    assert np.array_equal(heat.to_image, output.maps[0].to_image)
    assert (heat.finding, heat.level_from_bottom, heat.side, heat.image) == ("pfirrmann_grade", 2, None, image.id)


def test_studies_are_listed_newest_first_with_their_answers(store):
    for name in ("old", "new"):
        study = make_study(name)
        store.save(study, make_output(study))
    rows = store.studies()
    assert [row.key for row in rows] == [make_study("new").key, make_study("old").key]
    assert all(row.results == (("mri-discs", "done"),) for row in rows)
    assert len(store.studies(limit=1, offset=1)) == 1


def test_the_audit_says_who_did_what_and_never_to_whom(store):
    job = take_in(store, b"x")
    store.move_job(job.id, "done", "finished", 1.0)
    study = make_study()
    store.save(study, make_output(study))
    assert store.audit() == (("api", "upload", job.id, "accepted"), ("worker", "analyse", job.id, "done"),
                             ("analysis", "save mri-discs", study.key, "done"))


def test_parts_of_a_study_add_up_and_strangers_do_not():
    parts = [draft_of(make_study("one", make_image(level)), (str(level),)) for level in (0.1, 0.2, 0.1)]
    whole = parts[0] + parts[1] + parts[2]
    assert len(whole.images) == 2
    assert whole.files == ("0.1", "0.2")
    with pytest.raises(ValueError, match="two studies"):
        parts[0] + draft_of(make_study("two"))


def test_a_study_that_waits_to_be_accepted_holds_no_pixels(store, tmp_path):
    study = make_study("large", make_image())
    pixels = weakref.ref(study.images[0].pixels)
    draft = store.draft(study)
    del study
    assert pixels() is None
    (packed,) = (tmp_path / "incoming").iterdir()
    job = take_in(store, b"x")
    store.accept([KeptFile(job.files[0], 1, store.upload_path(job.files[0]))], [draft], tasks=["mri-discs"])
    assert not packed.exists()
    assert store.image(draft.key, draft.preview.id).shape == (20, 12)


# Migrations


def test_the_migrations_make_the_tables_of_the_schema(store):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from spondyl.store.engine import reading
    from spondyl.store.schema import metadata

    with reading(store._engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_store_that_is_opened_twice_at_once_is_whole(tmp_path):
    load_or_create_key(tmp_path)
    script = f"from pathlib import Path; from store.make import open_store; open_store(Path({str(tmp_path)!r})).studies()"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    starts = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(3)]
    assert [start.wait() for start in starts] == [0, 0, 0]
