"""A server for tests: real reader, real store, the task of `doubles`, and a shelf that has a bundle for anything."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pydicom
from fastapi.testclient import TestClient
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from doubles import BrightnessTask
from spondyl.apps import wiring
from spondyl.apps.api import create_app
from spondyl.apps.settings import Settings
from spondyl.core import BundleNote, Image
from spondyl.reports import slice_png
from spondyl.store import Store, load_or_create_key

NAME = "Featherstonehaugh^Ermintrude"
"""A name that must turn up nowhere."""


class AnyShelf:
    """Opens an engine that runs nothing."""

    def open(self, task: str) -> Any:
        note = BundleNote(task, "0", "0" * 64, "in-silico", "nothing", "MIT")
        manifest = SimpleNamespace(research_only=False)
        bundle = SimpleNamespace(note=note, manifest=manifest, sha256=note.sha256, card=f"# {task} 0\n")
        return SimpleNamespace(bundle=bundle, software={"spondyl": "test"}, warm=lambda: None)


def png(level: float = 0.5, shape: tuple[int, int] = (64, 48)) -> bytes:
    """A grey picture with a gradient."""
    ramp = np.linspace(0, 0.1, shape[1], dtype=np.float32)
    return slice_png(Image("0" * 32, np.clip(np.full(shape, level, np.float32) + ramp, 0, 1)))


def dicom(
    level: float = 0.5, *, study: str = "1.2.3.4", series: str = "1.2.3.4.5", instance: str | None = None, preamble: bytes = b"\0" * 128,
    shape: tuple[int, int] = (64, 48),
) -> bytes:
    """A sagittal MR slice of a named patient."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = instance or generate_uid(entropy_srcs=[str(level), study, series])
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    data.PatientName, data.PatientID, data.PatientBirthDate = NAME, "FEATHER-4711", "19310417"
    data.StudyInstanceUID, data.SeriesInstanceUID, data.Modality = study, series, "MR"
    data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = *shape, 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelSpacing, data.ImagePositionPatient, data.ImageOrientationPatient = [0.6, 0.7], [0, 0, 0], [0, 1, 0, 0, 0, -1]
    data.WindowCenter, data.WindowWidth = 500, 1000
    pixels = np.full(shape, level * 1000, np.uint16) + np.arange(shape[1], dtype=np.uint16)
    data.PixelData = pixels.tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, data, enforce_file_format=True)
    return preamble + buffer.getvalue()[128:]


def finished(client: httpx.Client, job: str, patience_s: float = 90.0) -> Mapping[str, Any]:
    """The job once nothing more will happen to it."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        body: Mapping[str, Any] = client.get(f"/api/v1/jobs/{job}").json()
        if body["state"] in ("done", "failed"):
            return body
        time.sleep(0.05)
    raise AssertionError(f"the job is still {body['state']} after {patience_s} s")


def send(client: httpx.Client, *files: tuple[str, bytes], **fields: str) -> httpx.Response:
    """Upload files of (name, bytes)."""
    return client.post("/api/v1/studies", files=[("files", file) for file in files], data=fields)


@contextmanager
def served(folder: Path, tasks: Mapping[str, Any] | None = None, shelf: Any = None, **values: Any) -> Iterator[httpx.Client]:
    """A client of the application in this process, with its data in this folder."""
    chosen_tasks = tasks or {"brightness": BrightnessTask()}
    chosen = Settings(data=folder, readers=1, **values)
    with wiring.reader(chosen, load_or_create_key(chosen.data)) as reader, Store(chosen.database_url, chosen.data) as store:
        app = create_app(chosen, tasks=chosen_tasks, shelf=shelf or AnyShelf(), reader=reader, store=store)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            yield client


@contextmanager
def process(folder: Path, delay_s: float) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """The server of `slow_server` in a process of its own; killed at the end if it still runs."""
    script = Path(__file__).with_name("slow_server.py")
    environment = {**os.environ, "PYTHONPATH": str(script.parents[1])}
    server = subprocess.Popen([sys.executable, str(script), str(folder), str(delay_s)], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert address.startswith("http"), "the server did not start"
        with httpx.Client(base_url=address, timeout=60) as client:
            yield server, client
    finally:
        if server.poll() is None:
            server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()
