"""Identifiers of made-up subjects: they look like the real set's, say nothing, and never collide within a cohort."""

from __future__ import annotations

import hashlib


def hex_id(*parts: object) -> str:
    """32 hexadecimal characters that those parts alone decide."""
    return hashlib.sha256("/".join(str(part) for part in ("spondyl", *parts)).encode()).hexdigest()[:32]


def number_id(cohort: str, index: int) -> int:
    """Nine digits: four from the cohort, five from the subject."""
    return (1000 + int(hex_id(cohort)[:8], 16) % 9000) * 100_000 + index
