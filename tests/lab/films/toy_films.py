"""Films of noise with a bright square on every other one: something that a small network can learn in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spondyl.lab.films.cache import FilmCache
from spondyl.lab.films.records import FilmRecord, LabelledBox
from spondyl.tasks.films.framing import FilmFrame

SQUARE = 12


def toy_cache(folder: Path, count: int = 48, shape: tuple[int, int] = (64, 48), task: str = "xray-lesions", seed: int = 0) -> FilmCache:
    """Films of one patient each, every third or so for validation. Their squares are boxed: osteophytes, or discs of the film's grade."""
    rng = np.random.default_rng(seed)
    rows, columns = shape
    pixels = rng.integers(8000, 30000, (count, rows, columns)).astype(np.uint16)
    films = []
    for number in range(count):
        target = number // 2 % 2 if task == "xray-lesions" else number % 5
        boxes: tuple[LabelledBox, ...] = ()
        if target:
            x, y = int(rng.integers(0, columns - SQUARE)), int(rng.integers(0, rows - SQUARE))
            pixels[number, y : y + SQUARE, x : x + SQUARE] = 30000 + 8000 * target if task == "xray-grade" else 60000
            boxes = (LabelledBox(target if task == "xray-grade" else 0, (float(x), float(y), float(x + SQUARE), float(y + SQUARE))),)
        name = f"film-{number}"
        split = "val" if number % 4 == 3 or number % 8 == 1 else "train"
        films.append(FilmRecord(name, Path(f"{name}.png"), "the toy set", name, name, split, None, target, boxes))
    file = folder / "rows.u16"
    pixels.tofile(file)
    return FilmCache(
        films=tuple(films), frame=FilmFrame(rows, columns), pixels=np.memmap(file, np.uint16, "r", shape=pixels.shape),
        to_frame=np.tile(np.eye(2, 3), (count, 1, 1)), shapes=np.tile([rows, columns], (count, 1)),
        image_ids=tuple(film.name for film in films), files=tuple(film.name for film in films), skipped=(), file=file,
    )  # fmt: skip
