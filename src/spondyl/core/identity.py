"""Keyed pseudonyms and content hashes: what stands in for a name wherever something is kept or logged."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
from numpy.typing import NDArray


def pseudonym(key: bytes, text: str) -> str:
    """A name for `text` that only the holder of `key` can link to it: 20 hex digits of HMAC-SHA256.

    Raises:
        ValueError: If the key is shorter than 16 bytes, which could be guessed.
    """
    if len(key) < 16:
        raise ValueError(f"a pseudonym key needs at least 16 bytes, this one has {len(key)}")
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:20]


def content_hash(data: bytes) -> str:
    """SHA-256 of the bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def pixel_hash(pixels: NDArray[np.generic]) -> str:
    """SHA-256 (first 32 hex digits) of the shape, the type and the values: the image id of result.json.

    It names what was looked at, so the same picture in another file, or with other tags, has the same id.
    """
    array = np.ascontiguousarray(pixels)
    digest = hashlib.sha256(f"{array.shape}{array.dtype.str}".encode())
    digest.update(array.tobytes())
    return digest.hexdigest()[:32]
