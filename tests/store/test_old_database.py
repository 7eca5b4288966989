"""A database that an earlier build wrote is brought up to date on opening, and what it holds stays."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from spondyl.core import UNTOLD
from spondyl.store import engine
from store.make import open_store, take_in


def test_jobs_of_before_say_nothing_of_the_person(tmp_path: Path):
    with open_store(tmp_path) as store:
        job = take_in(store, b"an upload")
    old = create_engine(f"sqlite:///{tmp_path / 'spondyl.sqlite'}")
    with old.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        assert "age_years" not in {row[1] for row in connection.execute(text("PRAGMA table_info(jobs)"))}
    old.dispose()
    with open_store(tmp_path) as store:
        assert store.job(job.id).person == UNTOLD
        assert store.job(job.id).files == job.files
