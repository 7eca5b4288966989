"""A bundle: weights and everything they need, in one folder, checked before anything is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spondyl.core import BundleError, BundleNote, InputError, NotFoundError
from spondyl.core.errors import describe_unknown
from spondyl.core.identity import content_hash
from spondyl.inference.manifest import CARD_FILE, MANIFEST_FILE, Manifest, NetworkFile, check_file_name, parse_manifest


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A folder whose files have been checked against its `bundle.json`.

    Attributes:
        folder: Where it lies. Not for logs.
        manifest: The contents of `bundle.json`.
        sha256: Of the bytes of `bundle.json`; as these name every file's checksum, it names the whole bundle.
        card: The model card, Markdown.
    """

    folder: Path
    manifest: Manifest
    sha256: str
    card: str

    @property
    def note(self) -> BundleNote:
        """What result.json says about the weights."""
        about = self.manifest
        return BundleNote(about.name, about.version, self.sha256, about.evidence, about.trained_on, about.licence)

    @property
    def task(self) -> str:
        """The task it serves."""
        return self.manifest.task

    @property
    def settings(self) -> Mapping[str, Any]:
        """Preprocessing, labels, calibration, thresholds: read by the task."""
        return self.manifest.settings

    @property
    def networks(self) -> Mapping[str, NetworkFile]:
        """Graphs by name."""
        return self.manifest.networks

    @property
    def training_images(self) -> Mapping[str, int]:
        """Ids of the images the weights have seen, with their folds."""
        return self.manifest.training_images

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Published figures with their intervals."""
        return self.manifest.metrics

    def network(self, name: str) -> NetworkFile:
        """The graph of that name.

        Raises:
            NotFoundError: If there is none; the sentence offers the nearest.
        """
        try:
            return self.networks[name]
        except KeyError:
            raise NotFoundError("unknown-network", describe_unknown("network", name, self.networks)) from None

    def read(self, file: str) -> bytes:
        """The bytes of one listed file, checked again: what is returned is what was checked.

        Raises:
            BundleError: If it is not listed, missing, or not what was packed.
        """
        return _read_checked(self.folder, file, self.manifest.files)


def read_bundle(folder: Path) -> Bundle:
    """The bundle in that folder, every file verified.

    Raises:
        BundleError: If `bundle.json` is missing or wrong, a file is missing, damaged, of a refused type, or not listed.
    """
    try:
        data = (folder / MANIFEST_FILE).read_bytes()
    except OSError:
        raise BundleError("bundle-missing", "the folder has no readable bundle.json", "Name a folder that holds a bundle") from None
    manifest = parse_manifest(data)
    for name in (*manifest.files, *(network.file for network in manifest.networks.values()), CARD_FILE):
        check_file_name(name)
        if name not in manifest.files:
            raise BundleError("bundle-file-unlisted", f"{name!r} has no checksum in bundle.json", "Export the bundle again")
    for path in sorted(folder.iterdir()):
        if path.name != MANIFEST_FILE and path.name not in manifest.files:
            raise BundleError("bundle-file-unlisted", f"{path.name!r} is in the folder but not in bundle.json", "Remove it")
    contents = {name: _read_checked(folder, name, manifest.files) for name in manifest.files}
    return Bundle(folder, manifest, content_hash(data), contents[CARD_FILE].decode("utf-8", "replace"))


def write_bundle(folder: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> Bundle:
    """Pack a bundle and read it back. The same arguments give the same bytes.

    Args:
        folder: New or empty.
        manifest: Its `files` are replaced by the checksums of `contents`.
        contents: File name -> bytes: every network's ONNX file, `card.md`, and the recipe if there is one.

    Raises:
        InputError: If the folder holds something already.
        BundleError: If the bundle would not be readable: a network without its file, a refused name or type.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InputError("bundle-folder-not-empty", "the folder for the bundle is not empty", "Name a new folder, or empty it")
    for name in contents:
        check_file_name(name)
    files = {name: content_hash(contents[name]) for name in sorted(contents)}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    (folder / MANIFEST_FILE).write_bytes(replace(manifest, files=files).to_bytes())
    return read_bundle(folder)


def _read_checked(folder: Path, name: str, files: Mapping[str, str]) -> bytes:
    if name not in files:
        raise BundleError("bundle-file-unlisted", f"{name!r} has no checksum in bundle.json", "Export the bundle again")
    try:
        data = (folder / name).read_bytes()
    except OSError:
        raise BundleError("bundle-file-missing", f"{name!r} is listed in bundle.json but cannot be read", "Fetch it again") from None
    if content_hash(data) != files[name]:
        raise BundleError("bundle-damaged", f"{name!r} is not the file that was packed: its checksum differs", "Fetch it again")
    return data
