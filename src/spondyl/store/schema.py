"""The tables. Portable SQL: SQLite by default, Postgres by URL. No column has room for an identity.

Changes here need a migration of the same shape in `migrations/versions`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

files = Table(
    "files", metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("received_at", Double, nullable=False),
)

studies = Table(
    "studies", metadata,
    Column("key", String(20), primary_key=True),
    Column("modality", String(16), nullable=False),
    Column("series_count", Integer, nullable=False),
    Column("image_count", Integer, nullable=False),
    Column("preview", String(32)),
    Column("created_at", Double, nullable=False),
)

study_files = Table(
    "study_files", metadata,
    Column("study_key", ForeignKey("studies.key"), primary_key=True),
    Column("sha256", ForeignKey("files.sha256"), primary_key=True),
)

jobs = Table(
    "jobs", metadata,
    Column("id", String(32), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("stage", String(64), nullable=False),
    Column("progress", Double, nullable=False),
    Column("tasks", Text, nullable=False),
    Column("pair", Boolean, nullable=False),
    Column("skipped", Text, nullable=False),
    Column("error", Text),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("sex", String(1)),
    Column("age_years", Double),
)
Index("ix_jobs_state", jobs.c.state)

job_files = Table(
    "job_files", metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("sha256", ForeignKey("files.sha256"), nullable=False),
)

job_studies = Table(
    "job_studies", metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("study_key", ForeignKey("studies.key"), nullable=False),
)

job_events = Table(
    "job_events", metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("stage", String(64), nullable=False),
    Column("progress", Double, nullable=False),
)

results = Table(
    "results", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("study_key", ForeignKey("studies.key"), nullable=False),
    Column("task", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("json", Text, nullable=False),
    Column("bundle_sha256", String(64), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("maps", String(64)),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("study_key", "task", "fingerprint", name="uq_results_answer"),
)

heat_maps = Table(
    "heat_maps", metadata,
    Column("result_id", ForeignKey("results.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("finding", String(64), nullable=False),
    Column("level_from_bottom", Integer),
    Column("side", String(8)),
    Column("image", String(32), nullable=False),
)

images = Table(
    "images", metadata,
    Column("study_key", ForeignKey("studies.key"), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("artefact", String(64), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("columns", Integer, nullable=False),
)

audit = Table(
    "audit", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("who", String(32), nullable=False),
    Column("what", String(64), nullable=False),
    Column("object", String(128), nullable=False),
    Column("outcome", String(64), nullable=False),
)
