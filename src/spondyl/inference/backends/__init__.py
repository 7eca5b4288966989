"""Runtimes that can run a bundle's graphs. One file each; the registry below is the whole list."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib.util import find_spec

from spondyl.core import InputError
from spondyl.core.errors import describe_unknown
from spondyl.inference.backends.port import Backend, Network


def _openvino() -> Backend:
    from spondyl.inference.backends.openvino import OpenVinoBackend

    return OpenVinoBackend()


def _onnxruntime() -> Backend:
    from spondyl.inference.backends.onnxruntime import OnnxRuntimeBackend

    return OnnxRuntimeBackend()


BACKENDS: Mapping[str, Callable[[], Backend]] = {"openvino": _openvino, "onnxruntime": _onnxruntime}
"""Name (also of the library it needs) -> opener. The library is imported only when opened."""


def open_backend(name: str = "auto") -> Backend:
    """The runtime of that name. "auto": OpenVINO on x86 where it is installed, else ONNX Runtime.

    Raises:
        InputError: If there is no such runtime, or its library is not installed.
    """
    chosen = _automatic() if name == "auto" else name
    if chosen not in BACKENDS:
        raise InputError("unknown-backend", describe_unknown("backend", chosen, ["auto", *BACKENDS]))
    if find_spec(chosen) is None:
        raise InputError("backend-missing", f"networks need the library {chosen!r}, which is not installed", f"pip install {chosen}")
    return BACKENDS[chosen]()


def _automatic() -> str:
    on_x86 = platform.machine().lower() in {"x86_64", "amd64", "i386", "i686"}
    return "openvino" if on_x86 and find_spec("openvino") else "onnxruntime"


__all__ = ["BACKENDS", "Backend", "Network", "open_backend"]
