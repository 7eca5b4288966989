"""Spondyl reads spine images and answers level by level. Research software. Not a diagnosis."""

__version__ = "0.1.0"
