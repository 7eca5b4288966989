"""One frozen settings object, read once at the door and passed down as plain arguments."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_data_dir() -> Path:
    """The data folder where none is named: $XDG_DATA_HOME/spondyl, or ~/.local/share/spondyl."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "spondyl"


class Settings(BaseSettings):
    """Everything that can be set, from arguments first and then from SPONDYL_* variables."""

    model_config = SettingsConfigDict(env_prefix="SPONDYL_", frozen=True, extra="forbid")

    data: Path = Field(default_factory=default_data_dir, description="Data folder: uploads, results, database, pseudonym key")
    database: str = Field(default="", description="Database URL; empty means SQLite in the data folder")
    bundles: Path | None = Field(default=None, description="Folder with your own bundles; default: bundles/ in the data folder")
    host: str = Field(default="127.0.0.1", description="Address the server listens on")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the server listens on; 0 picks a free one")
    backend: str = Field(default="auto", description="auto, openvino or onnxruntime")
    precision: str = Field(default="auto", description="auto, f32 or bf16; a bundle may allow less than is asked")
    threads: int = Field(default=0, ge=0, description="Threads of the network runtime; 0 means every core")
    readers: int = Field(default=2, ge=1, description="Worker processes that decode files")
    max_file_mb: int = Field(default=64, ge=1, description="Largest file read, in MB")
    max_archive_mb: int = Field(default=512, ge=1, description="Largest archive, expanded, in MB")
    max_archive_files: int = Field(default=20000, ge=1, description="Most files read from one archive or upload")
    max_read_mb: int = Field(default=4096, ge=1, description="Most pixels that one read of files holds, decoded, in MB")
    bmd_reference: str = Field(default="", description="Whom T-scores compare with where density is measured; empty: NHANES women")
    decode_timeout_s: float = Field(default=20.0, gt=0, description="Longest one file may take to decode")

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.database or f"sqlite:///{self.data / 'spondyl.sqlite'}"

    @property
    def bundle_dir(self) -> Path:
        """The caller's own bundles, searched before those that ship."""
        return self.bundles or self.data / "bundles"
