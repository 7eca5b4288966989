"""The child process with torch in it: the reference pipeline for films in PyTorch eager, its graphs, and the training's loader.

Reads one word a line from stdin and answers one JSON line: "all" (three classifiers and the detector), "classify" (without the detector),
"dicom" (pydicom's default decoder, then all), "answers" (what the networks say of the film), "loader" (films a second).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

CLASSIFIERS = ("densenet121", "resnet50", "tf_efficientnetv2_s")
DETECTOR = "spondyl_large"
SIDES = {**dict.fromkeys(CLASSIFIERS, 224), DETECTOR: 640}
OUTPUTS = {**dict.fromkeys(CLASSIFIERS, ("logits", "cam")), DETECTOR: ("boxes", "scores")}
CACHED, CACHED_SIDE = 600, 384


def main() -> None:
    """`python -m bench.film_eager FOLDER THREADS`: FOLDER holds film.npy and film.dcm, and gets a graph for each network."""
    import torch

    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    networks = _networks()
    _export(networks, folder)
    film = torch.from_numpy(np.load(folder / "film.npy"))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        with torch.inference_mode():
            print(json.dumps(_answer(line.strip(), networks, film, folder)), flush=True)


def _answer(word: str, networks: dict[str, Any], film: Any, folder: Path) -> dict[str, Any]:
    if word == "loader":
        return {"rate": _loader_rate(folder)}
    began = time.perf_counter()
    if word == "dicom":
        film = _decoded(folder / "film.dcm")
    said = _run(networks, film, CLASSIFIERS if word == "classify" else tuple(networks))
    if word == "answers":
        for side, frame in _frames(film, tuple(networks)).items():
            np.save(folder / f"{side}.npy", frame.numpy())
        return {"said": {name: [float(v) for v in first.ravel()[:200]] for name, first in said.items()}}
    return {"ms": (time.perf_counter() - began) * 1000}


def _networks() -> dict[str, Any]:
    from spondyl.models import detectors, film_nets

    made: dict[str, Any] = {name: film_nets.create(name, 8).eval() for name in CLASSIFIERS}
    return {**made, DETECTOR: detectors.create(DETECTOR, 7).eval()}


def _export(networks: dict[str, Any], folder: Path) -> None:
    import torch

    from spondyl.lab.onnx_export import to_onnx

    for name, network in networks.items():
        graph = to_onnx(network, torch.zeros(1, 1, SIDES[name], SIDES[name]), "film", OUTPUTS[name])
        (folder / f"{name}.onnx").write_bytes(graph)


def _run(networks: dict[str, Any], film: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The first output of each, from a film (rows, columns), 0..1."""
    frames = _frames(film, names)
    return {name: networks[name](frames[SIDES[name]])[0] for name in names}


def _frames(film: Any, names: tuple[str, ...]) -> dict[int, Any]:
    """The film as squares of the sides that those networks see."""
    from torch.nn.functional import interpolate

    return {side: interpolate(film[None, None], (side, side), mode="bilinear") for side in {SIDES[name] for name in names}}


def _decoded(path: Path) -> Any:
    """The pixels as pydicom gives them by default, between their ends."""
    import pydicom
    import torch

    pixels = torch.from_numpy(pydicom.dcmread(path).pixel_array.astype(np.float32))
    return (pixels - pixels.min()) / (pixels.max() - pixels.min())


def _loader_rate(folder: Path) -> float:
    """Of films of CACHED_SIDE pixels a side, as the training takes them."""
    from spondyl.lab.films.cache import FilmCache
    from spondyl.lab.films.loading import loader_rate
    from spondyl.lab.films.records import FilmRecord, LabelledBox
    from spondyl.tasks.films.framing import FilmFrame

    box = LabelledBox(0, (100.0, 100.0, 140.0, 130.0))
    films = tuple(FilmRecord(f"f{k}", folder, "", f"p{k}", f"s{k}", "train", "frontal", k % 2, (box,) * (k % 2)) for k in range(CACHED))
    shape = (CACHED, CACHED_SIDE, CACHED_SIDE)
    pixels = np.memmap(folder / "rows.u16", np.uint16, "w+", shape=shape)
    pixels[:] = np.random.default_rng(0).integers(0, 65536, (1, *shape[1:]), dtype=np.uint16)
    maps = np.tile(np.array([[1.0, 0, 0], [0, 1.0, 0]]), (CACHED, 1, 1))
    ids = tuple(film.name for film in films)
    frame = FilmFrame(CACHED_SIDE, CACHED_SIDE)
    cache = FilmCache(films, frame, pixels, maps, np.full((CACHED, 2), CACHED_SIDE), ids, ids, (), folder / "rows.u16")
    return loader_rate(cache)


if __name__ == "__main__":
    main()
