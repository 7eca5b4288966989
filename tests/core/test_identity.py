"""Pseudonyms are linked by the key's holder only; a picture's id is its content."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
import pytest

from spondyl.core.identity import content_hash, pixel_hash, pseudonym

KEY, OTHER = b"0123456789abcdef", b"fedcba9876543210"


def test_a_pseudonym_is_stable_for_a_key_and_another_for_another_key_or_text():
    assert pseudonym(KEY, "1.2.3") == pseudonym(KEY, "1.2.3")
    assert len({pseudonym(KEY, "1.2.3"), pseudonym(OTHER, "1.2.3"), pseudonym(KEY, "1.2.4"), pseudonym(KEY, "")}) == 4


def test_a_pseudonym_is_the_start_of_a_keyed_hash_and_holds_nothing_of_the_text():
    name = pseudonym(KEY, "Doe^Jane")
    assert name == hmac.new(KEY, b"Doe^Jane", hashlib.sha256).hexdigest()[:20]
    assert "doe" not in name.lower()


def test_text_that_is_no_valid_unicode_has_a_pseudonym_too():
    assert len(pseudonym(KEY, "broken \udcff name")) == 20


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="at least 16 bytes, this one has 15"):
        pseudonym(KEY[:15], "1.2.3")


def test_a_picture_s_id_depends_on_values_shape_and_type_and_on_nothing_else():
    pixels = np.arange(12, dtype=np.float32).reshape(3, 4)
    changed = pixels.copy()
    changed[2, 3] += 1e-3
    ids = [pixel_hash(p) for p in (pixels, changed, pixels.reshape(4, 3), pixels.astype(np.float64), pixels.T)]
    assert len(set(ids)) == 5
    assert pixel_hash(pixels[:, ::-1][:, ::-1]) == ids[0]
    assert pixel_hash(np.asfortranarray(pixels)) == ids[0]
    assert len(ids[0]) == 32


def test_a_file_s_hash_is_its_sha256():
    assert content_hash(b"abc") == hashlib.sha256(b"abc").hexdigest()
