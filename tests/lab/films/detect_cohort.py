"""A small cache of drawn films: bright squares (class 0) and bright bars (class 1) on noise."""

from __future__ import annotations

import numpy as np

from spondyl.imaging import invert
from spondyl.lab.films.cache import FilmCache
from spondyl.lab.films.records import FilmRecord, LabelledBox
from spondyl.tasks.films.framing import FilmFrame, frame_film

SIZES = ((12, 12), (30, 14))


def drawn_cache(folder, films=24, frame=(64, 64), seed=0, val=8):
    """The last `val` films are validation; every fourth film is normal. Films are 150 x 130 pixels, not the frame's shape."""
    rng = np.random.default_rng(seed)
    own = FilmFrame(*frame, 0.0, 100.0)
    pixels, maps, records = [], [], []
    for number in range(films):
        film = rng.uniform(0, 0.3, (150, 130)).astype(np.float32)
        boxes = []
        for label in range(2) if number % 4 else ():
            width, height = np.array(SIZES[label]) * rng.uniform(1.5, 2.2)
            x, y = rng.uniform(4, 126 - width), 10 + 70 * label + rng.uniform(0, 20)
            film[int(y) : int(y + height), int(x) : int(x + width)] = 0.9
            boxes.append(LabelledBox(label, (float(int(x)), float(int(y)), float(int(x + width)), float(int(y + height)))))
        framed = frame_film(film, own)
        pixels.append(np.rint(framed.pixels * 65535).astype(np.uint16))
        maps.append(invert(framed.box.to_source))
        split = "val" if number >= films - val else "train"
        name, path = f"film {number}", folder / f"{number}.png"
        records.append(FilmRecord(name, path, "drawn", f"p{number}", f"s{number}", split, None, int(bool(boxes)), tuple(boxes)))
    file = folder / "films.u16"
    np.stack(pixels).tofile(file)
    return FilmCache(
        films=tuple(records), frame=own, pixels=np.memmap(file, np.uint16, "r", shape=(films, *frame)), to_frame=np.stack(maps),
        shapes=np.full((films, 2), (150, 130), np.int64), image_ids=tuple(map(str, range(films))), files=tuple(map(str, range(films))),
        skipped=(), file=file,
    )
