"""`make bench`: every measurement, one table."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.samples import NotMeasuredError, make_slice
from bench.table import HEAD, Row, line


def main() -> None:
    """Measure and print, row by row as they come."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--bundles", type=Path, help="folder with your own bundles")
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="measure this part only; may be given again")
    options = parser.parse_args()
    print(_machine())
    print("Machines are noisy: trust the ratios, and run it again on a quiet one.\n")
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        for name, part in PARTS.items():
            if not options.only or name in options.only:
                _print(name, lambda part=part: part(Path(folder), options.bundles))  # type: ignore[misc]


def analysis_and_networks(folder: Path, bundles: Path | None) -> list[Row]:
    """One slice, and then its networks beside PyTorch."""
    from bench.analysis import TASK, one_slice
    from bench.networks import networks
    from spondyl.core import SpondylError
    from spondyl.inference import Shelf

    try:
        shelf = Shelf([bundles] if bundles else [])
        rows, calls = one_slice(make_slice(folder / "one"), shelf)
        for row in rows:
            print(line(row), flush=True)
        return networks(calls, shelf.open(TASK).bundle)
    except SpondylError as error:
        raise NotMeasuredError(error.message) from None


def command_line(folder: Path, bundles: Path | None) -> list[Row]:
    """`spondyl --help` and `spondyl info`."""
    from bench.commands import commands

    return commands()


def stenosis(folder: Path, bundles: Path | None) -> list[Row]:
    """A whole MR study."""
    from bench.stenosis import study_speed
    from spondyl.core import SpondylError

    try:
        return study_speed(folder / "studies", bundles)
    except SpondylError as error:
        raise NotMeasuredError(error.message) from None


def density(folder: Path, bundles: Path | None) -> list[Row]:
    """A density picture, and the student on one core."""
    from bench.density import density_speed
    from spondyl.core import SpondylError

    try:
        return density_speed(folder / "scans", bundles)
    except SpondylError as error:
        raise NotMeasuredError(error.message) from None


def alignment(folder: Path, bundles: Path | None) -> list[Row]:
    """A whole-spine film, and the memory of a large one."""
    from bench.alignment import alignment_speed
    from spondyl.core import SpondylError

    try:
        return alignment_speed(folder / "whole-spines", bundles)
    except SpondylError as error:
        raise NotMeasuredError(error.message) from None


def memory(folder: Path, bundles: Path | None) -> list[Row]:
    """The server after many analyses."""
    from bench.memory import server_memory

    return server_memory(make_slice(folder / "server"), folder, bundles)


def digital_spine(folder: Path, bundles: Path | None) -> list[Row]:
    """Films and MR studies of the phantom."""
    from bench.spine import phantom_speed

    return phantom_speed()


def radiographs(folder: Path, bundles: Path | None) -> list[Row]:
    """The reference pipeline for films and what ships, beside PyTorch."""
    from bench.films import film_speed

    return film_speed(folder / "films", bundles)


PARTS: dict[str, Callable[[Path, Path | None], list[Row]]] = {
    "analysis": analysis_and_networks,
    "stenosis": stenosis,
    "density": density,
    "alignment": alignment,
    "command-line": command_line,
    "memory": memory,
    "digital-spine": digital_spine,
    "radiographs": radiographs,
}


def _print(name: str, part: Callable[[], list[Row]]) -> None:
    try:
        rows = part()
    except NotMeasuredError as reason:
        rows = [Row(name, "not measured", note=str(reason))]
    for row in rows:
        print(line(row), flush=True)


def _machine() -> str:
    from spondyl.inference.backends import open_backend
    from spondyl.inference.engine import available_cores, cpu_model

    backend = open_backend()
    return f"{cpu_model()}, {available_cores()} cores, {backend.name} ({', '.join(backend.precisions)})"


if __name__ == "__main__":
    main()
