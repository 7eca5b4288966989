"""Alignment of the whole spine: what its angles are worth."""
