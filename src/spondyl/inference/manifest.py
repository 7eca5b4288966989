"""`bundle.json` (`spondyl.bundle/1`): what travels with the weights, read strictly and written deterministically."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from spondyl.core import BundleError
from spondyl.core.errors import describe_unknown

SCHEMA = "spondyl.bundle/1"
PRECISIONS = ("f32", "bf16")
EVIDENCE = ("real", "in-silico")
FILE_TYPES = (".onnx", ".md", ".toml", ".json")
"""What a bundle may hold: graphs, words and tables. No pickle, no archive, no program."""
MANIFEST_FILE = "bundle.json"
CARD_FILE = "card.md"
TOP_KEYS = (
    "schema", "task", "name", "version", "evidence", "trained_on", "licence", "attribution", "research_only",
    "networks", "settings", "training_images", "metrics", "files",
)
NETWORK_KEYS = ("file", "precisions", "unseen_folds")
_TEXTS = ("task", "name", "version", "evidence", "trained_on", "licence")


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """One graph of a bundle.

    Attributes:
        file: Name of the ONNX file in the bundle's folder.
        precisions: Arithmetic its parity check passed with; "f32" is always among them.
        unseen_folds: Folds of patients it never saw, or empty.
    """

    file: str
    precisions: tuple[str, ...] = ("f32",)
    unseen_folds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_file_name(self.file)
        if not self.file.endswith(".onnx"):
            raise BundleError("bundle-file-type", f"a network is an ONNX file, not {self.file!r}", "Export the bundle again")
        for precision in self.precisions:
            if precision not in PRECISIONS:
                raise BundleError("bundle-field", describe_unknown("precision", precision, PRECISIONS), "Correct bundle.json")
        if "f32" not in self.precisions:
            raise BundleError("bundle-field", f"{self.file} does not allow f32, which every network must", "Correct bundle.json")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of `bundle.json`.

    Attributes:
        settings: Preprocessing, labels, weights, calibration, thresholds, conformal quantiles: read by the task.
        training_images: Image id -> fold, of every image the weights have seen.
        files: File name -> SHA-256 of its bytes; filled in by `write_bundle`.
    """

    task: str
    name: str
    version: str
    evidence: str
    trained_on: str
    licence: str
    networks: Mapping[str, NetworkFile]
    attribution: str = ""
    research_only: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    training_images: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in _TEXTS:
            if not isinstance(getattr(self, key), str) or not getattr(self, key):
                raise BundleError("bundle-field", f"bundle.json: {key!r} must be a text, got {getattr(self, key)!r}", "Export it again")
        if not isinstance(self.research_only, bool) or not isinstance(self.attribution, str):
            raise BundleError("bundle-field", "bundle.json: 'research_only' is true or false and 'attribution' a text", "Correct it")
        if self.evidence not in EVIDENCE:
            raise BundleError("bundle-field", describe_unknown("evidence", self.evidence, EVIDENCE), "Correct bundle.json")
        if not self.networks:
            raise BundleError("bundle-field", "bundle.json names no network", "Export the bundle again")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, in the documented order."""
        body: dict[str, Any] = {"schema": SCHEMA}
        body.update({key: getattr(self, key) for key in TOP_KEYS[1:] if key != "networks"})
        body["networks"] = {name: _network_dict(network) for name, network in self.networks.items()}
        return {key: body[key] for key in TOP_KEYS}

    def to_bytes(self) -> bytes:
        """UTF-8 JSON. The same manifest is the same bytes; the order of the keys of `settings` is kept.

        Raises:
            ValueError: If a number is not finite, which JSON cannot say.
        """
        text = json.dumps(self.as_dict(), ensure_ascii=False, indent=1, allow_nan=False, default=_plain_number)
        return (text + "\n").encode()


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in the bytes of a `bundle.json`.

    Raises:
        BundleError: If it is not JSON, is of another schema, or has a key that is unknown, missing or of the wrong type.
    """
    try:
        body = json.loads(data)
    except ValueError as error:
        raise BundleError("bundle-unreadable", f"bundle.json is not JSON: {error}", "Fetch or export the bundle again") from None
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        seen = body.get("schema") if isinstance(body, dict) else type(body).__name__
        raise BundleError("bundle-schema", f"bundle.json has schema {seen!r}; this version reads {SCHEMA!r}", "Use a matching version")
    check_keys("key of bundle.json", body, TOP_KEYS, required=(*_TEXTS, "networks", "files"))
    networks = {name: _parse_network(name, row) for name, row in _mapping(body, "networks").items()}
    mappings = {key: _mapping(body, key) for key in ("settings", "training_images", "metrics", "files")}
    rest: dict[str, Any] = {key: body[key] for key in TOP_KEYS[1:] if key in body}
    return Manifest(**{**rest, **mappings, "networks": networks})


def check_keys(kind: str, body: Mapping[str, Any], known: Iterable[str], required: Iterable[str]) -> None:
    """Nothing misspelt and nothing missing.

    Raises:
        BundleError: With the nearest known key, or with the missing one.
    """
    for key in body:
        if key not in known:
            raise BundleError("bundle-key", describe_unknown(kind, key, known), "Correct the key, or use the version that wrote it")
    for key in required:
        if key not in body:
            raise BundleError("bundle-key", f"the {kind} {key!r} is missing", "Export the bundle again")


def check_file_name(name: object) -> None:
    """A plain name in the bundle's own folder, of a type that holds no program.

    Raises:
        BundleError: For a path, a hidden file or a type such as .pkl or .pt.
    """
    if not isinstance(name, str) or not name or PurePosixPath(name).name != name or "\\" in name or name.startswith("."):
        raise BundleError("bundle-file-name", f"a file of a bundle has a plain name, not {name!r}", "Correct bundle.json")
    if not name.endswith(FILE_TYPES) or name == MANIFEST_FILE:
        raise BundleError("bundle-file-type", f"{name!r} cannot be in a bundle: only {', '.join(FILE_TYPES)}", "Leave it out")


def _parse_network(name: str, row: object) -> NetworkFile:
    if not isinstance(row, dict):
        raise BundleError("bundle-field", f"network {name!r} must be an object, got {type(row).__name__}", "Correct bundle.json")
    check_keys(f"key of network {name!r}", row, NETWORK_KEYS, required=("file", "precisions"))
    return NetworkFile(row["file"], tuple(row["precisions"]), tuple(row.get("unseen_folds", ())))


def _network_dict(network: NetworkFile) -> dict[str, Any]:
    row: dict[str, Any] = {"file": network.file, "precisions": list(network.precisions)}
    return {**row, "unseen_folds": list(network.unseen_folds)} if network.unseen_folds else row


def _mapping(body: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key, {})
    if not isinstance(value, dict):
        raise BundleError("bundle-field", f"bundle.json: {key!r} must be an object, got {type(value).__name__}", "Correct bundle.json")
    return value


def _plain_number(value: object) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written to bundle.json")
