"""The processes that decode: limited, replaced, and gone when the reader is closed."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil
import pytest

from dicom.dicom_files import KEY, PNG, SECRETS, UID, code_of, compressed, dataset, plasma, read, written
from spondyl.core import Image, SpondylError
from spondyl.dicom import Limits, Reader, Source, sniff, zero_preamble
from spondyl.dicom.shelf import Shelf
from spondyl.dicom.studies import ReadFile

STORED = plasma()
GOOD = written(dataset(STORED))


def descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def new_workers(before: set[int]) -> list[psutil.Process]:
    """Workers (children of the nursery) started since."""
    return [process for process in descendants() if process.pid not in before and process.ppid() != os.getpid()]


def slow_file() -> bytes:
    """Many small elements: legal, and slow to follow."""
    element = b"\x09\x00\x10\x10LO\x02\x00ab"
    start = GOOD.index(b"\x10\x00\x10\x00PN", 132)
    return GOOD[:start] + element * 2_000_000 + GOOD[start:]


def test_a_killed_worker_loses_only_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "slow").write_bytes(slow_file())
    (tmp_path / "good").write_bytes(GOOD)
    before = {process.pid for process in descendants()}
    with Reader(KEY, Limits(), workers=1) as one:
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(one.read, [Source(tmp_path / "slow", "slow"), Source(tmp_path / "good", "good")])
            deadline = time.monotonic() + 20
            while not (found := new_workers(before)) and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.2)
            os.kill(found[0].pid, signal.SIGKILL)
            report = waiting.result()
        assert [(row.source, row.code) for row in report.skipped] == [("slow", "decoder-crashed")]
        assert list(report.sources.values()) == [("good",)]


def test_a_slow_file_is_stopped_at_the_time_limit(tmp_path: Path) -> None:
    with Reader(KEY, Limits(timeout_s=0.5), workers=1) as hasty:
        assert read(hasty, tmp_path, GOOD).studies  # the codecs are loaded now
        began = time.monotonic()
        assert code_of(read(hasty, tmp_path, slow_file())) == "decode-timeout"
        assert time.monotonic() - began < 5
        assert read(hasty, tmp_path, GOOD).studies


def test_a_dead_nursery_is_replaced(tmp_path: Path) -> None:
    before = {process.pid for process in descendants()}
    with Reader(KEY, Limits(files_per_worker=1), workers=1) as one:
        assert read(one, tmp_path, GOOD).studies
        for process in descendants():
            if process.pid not in before:
                process.kill()
        assert read(one, tmp_path, GOOD).studies


def test_a_worker_that_died_while_idle_takes_no_file_with_it(tmp_path: Path) -> None:
    before = {process.pid for process in descendants()}
    with Reader(KEY, Limits(), workers=1) as one:
        assert read(one, tmp_path, GOOD).studies
        (worker,) = new_workers(before)
        worker.kill()
        time.sleep(0.05)
        assert read(one, tmp_path, GOOD).studies


def test_large_reads_lie_on_disk_and_look_the_same(tmp_path: Path) -> None:
    images = tuple(Image("0" * 32, (plasma(seed=seed) / 4095).astype(np.float32), (1, 1), "PixelSpacing") for seed in range(3))
    file = ReadFile("a", "0" * 64, "s", "s", "s", 1, "MR", None, None, images)
    on_disk = Shelf(in_memory=100).put(file)
    for image, same in zip(images, on_disk.images, strict=True):
        assert same.pixels.base is not None  # a view of the mapping
        np.testing.assert_array_equal(same.pixels, image.pixels)
        assert same.spacing_mm == image.spacing_mm
    assert Shelf(in_memory=10**6).put(file) is file


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(("most", "kept"), [(2 * 24 * 20 * 4, 2), (3 * 24 * 20 * 4 - 1, 2), (24 * 20 * 4 - 1, 0)])
def test_a_read_is_limited_as_a_whole(tmp_path: Path, workers: int, most: int, kept: int) -> None:
    with Reader(KEY, Limits(max_read_bytes=most), workers=workers) as small:
        report = read(small, tmp_path, *(PNG(plasma(24, 20, seed=seed)) for seed in range(9)))
    assert sum(image.pixels.nbytes for study in report.studies for image in study.images) <= most
    assert list(report.sources.values()) == [(f"case {index}",) for index in range(kept)]
    assert [(row.source, row.code) for row in report.skipped] == [(f"case {index}", "read-too-large") for index in range(kept, 9)]


def test_a_read_holds_four_gigabytes_unless_told_otherwise() -> None:
    assert Limits().max_read_bytes == 2**32


def test_memory_is_limited_in_the_worker(tmp_path: Path) -> None:
    big = np.zeros((5000, 5000), np.uint16)
    with Reader(KEY, Limits(worker_memory_bytes=120 * 2**20), workers=1) as small:
        assert code_of(read(small, tmp_path, written(dataset(big)))) == "needs-too-much-memory"
        assert read(small, tmp_path, GOOD).studies


def test_workers_are_replaced_after_a_number_of_files(tmp_path: Path) -> None:
    before = {process.pid for process in descendants()}
    seen: set[int] = set()
    with Reader(KEY, Limits(files_per_worker=2), workers=1) as frugal:
        for seed in range(6):
            assert read(frugal, tmp_path, written(dataset(plasma(seed=seed)))).studies
            seen |= {process.pid for process in new_workers(before)}
    assert len(seen) == 3


def test_nothing_is_left_after_closing(tmp_path: Path) -> None:
    before = {process.pid for process in descendants()}
    with Reader(KEY, Limits(), workers=2) as opened:
        opened.start()
        read(opened, tmp_path, *(written(dataset(plasma(seed=seed))) for seed in range(6)))
        assert len(new_workers(before)) in (1, 2)
    opened.close()
    assert {process.pid for process in descendants()} <= before
    with pytest.raises(SpondylError) as error:
        read(opened, tmp_path, GOOD)
    assert error.value.code == "reader-closed"


def test_closing_a_reader_that_never_read_does_nothing() -> None:
    with Reader(KEY):
        pass


def test_many_threads_share_one_reader(reader: Reader, tmp_path: Path) -> None:
    files = [PNG(plasma(seed=seed)) for seed in range(8)]

    def work(index: int) -> bool:
        folder = tmp_path / str(index)
        folder.mkdir()
        report = read(reader, folder, *files[index % 4 : index % 4 + 4])
        wanted = [plasma(seed=seed) / 65535 for seed in range(index % 4, index % 4 + 4)]
        return all(np.allclose(study.images[0].pixels, want, atol=1e-6) for study, want in zip(report.studies, wanted, strict=True))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(24)))
    assert threading.active_count() < 20


def test_a_process_that_is_killed_leaves_no_workers(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(GOOD)
    script = (
        "import time; from pathlib import Path; from spondyl.dicom import Reader, Source\n"
        f"reader = Reader({KEY!r})\nreader.read([Source(Path({str(tmp_path / 'good')!r}), 'x')])\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "ready\n"
        family = psutil.Process(host.pid).children(recursive=True)
        assert len(family) == 2
        host.kill()
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert len(gone) == 2
    assert not alive


def test_the_reading_process_never_loads_a_codec() -> None:
    script = "import spondyl.dicom, sys; print(sorted({'pydicom', 'imagecodecs', 'PIL', 'torch'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_what_a_file_says_of_its_patient_appears_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd, recwarn) -> None:
    caplog.set_level(logging.DEBUG)
    odd = dataset(
        STORED, Modality="SR", PatientSex="Wunderlich", PatientAge="Zebedeus", SeriesDescription=SECRETS[0], ViewPosition=SECRETS[1]
    )
    place = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1], "ImagePositionPatient": [0, 0, 0], "FrameOfReferenceUID": UID}
    files = [
        GOOD,
        written(dataset(plasma(seed=1), **place)),
        written(dataset(plasma(seed=2), PatientName=SECRETS[1], PatientID=SECRETS[2] + "9")),
        GOOD[:-100],
        written(odd),
        written(compressed(dataset(STORED), "1.2.840.10008.1.2.4.90", [b"Wunderlich" * 9])),
        written(dataset(STORED, BitsAllocated=77, StudyDescription=SECRETS[2])),
    ]
    with Reader(KEY, Limits(), workers=1) as private:
        report = read(private, tmp_path, *files)
    assert report.studies
    assert report.skipped
    out, err = capfd.readouterr()
    fields = [asdict(study, dict_factory=lambda pairs: {k: v for k, v in pairs if k != "pixels"}) for study in report.studies]
    everything = " ".join(map(str, (repr(report), fields, caplog.text, out, err, [str(w.message) for w in recwarn])))
    for secret in SECRETS:
        assert secret.lower() not in everything.lower()


def test_a_short_key_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Reader(b"short")


def test_the_preamble_is_blanked_and_nothing_else() -> None:
    data = b"MZ" + b"x" * 126 + GOOD[128:]
    assert zero_preamble(data) == bytes(128) + GOOD[128:]
    assert zero_preamble(b"no dicom" * 40) == b"no dicom" * 40


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (GOOD, "dicom"),
        (GOOD[132:], "dicom"),
        (PNG(STORED), "png"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"II*\0", "tiff"),
        (b"PK\x03\x04", "zip"),
        (b"%PDF-1.7", "pdf"),
        (b"hello world, this is text", "unknown"),
        (b"", "unknown"),
        (b"\x08", "unknown"),
    ],
)
def test_a_file_is_known_by_its_first_bytes(data: bytes, kind: str) -> None:
    assert sniff(data) == kind


def test_a_worker_can_neither_write_nor_keep_its_parents_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPONDYL_DATABASE", "postgresql://secret")
    before = {process.pid for process in descendants()}
    with Reader(KEY, Limits(), workers=1) as one:
        assert read(one, tmp_path, GOOD).studies
        (worker,) = new_workers(before)
        assert "SPONDYL_DATABASE" not in worker.environ()
        if hasattr(worker, "rlimit"):
            assert worker.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
            assert worker.rlimit(psutil.RLIMIT_CORE) == (0, 0)
            assert 0 < worker.rlimit(psutil.RLIMIT_AS)[0] < 2**36
