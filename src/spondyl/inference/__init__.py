"""Bundles, the engine that runs them, and what turns their numbers into calibrated answers and sets."""

from spondyl.inference.bundle import Bundle, read_bundle, write_bundle
from spondyl.inference.engine import Engine, open_engine
from spondyl.inference.manifest import Manifest, NetworkFile
from spondyl.inference.shelf import Shelf

__all__ = ["Bundle", "Engine", "Manifest", "NetworkFile", "Shelf", "open_engine", "read_bundle", "write_bundle"]
