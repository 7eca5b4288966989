"""One file a layout: reads the real thing, and writes a miniature of it from the phantom. Part of the laboratory; no torch."""

from spondyl.datasets import sources
from spondyl.datasets.records import DiscGrades, DiscSlice

__all__ = ["DiscGrades", "DiscSlice", "sources"]
