"""Names of discs and vertebrae, counted from the bottom."""

from __future__ import annotations

from spondyl.core.errors import InputError

VERTEBRAE_UP = ("S1", *(f"L{i}" for i in range(5, 0, -1)), *(f"T{i}" for i in range(12, 0, -1)))
"""Vertebrae from the sacrum up, in ordinary anatomy (five lumbar, twelve thoracic)."""


def disc_name(from_bottom: int, lumbar: int = 5) -> str:
    """The disc that is `from_bottom`-th from the sacrum: 1 is "L5/S1" with five lumbar vertebrae.

    Args:
        from_bottom: 1 for the lowest disc.
        lumbar: Number of lumbar vertebrae, 4 to 6 (transitional anatomy).

    Raises:
        InputError: If there is no such disc below T1, or the number of lumbar vertebrae is not 4 to 6.
    """
    if not 4 <= lumbar <= 6:
        raise InputError("level-out-of-range", f"{lumbar} lumbar vertebrae were asked for; people have 4 to 6")
    up = ("S1", *(f"L{i}" for i in range(lumbar, 0, -1)), *(f"T{i}" for i in range(12, 0, -1)))
    if not 1 <= from_bottom < len(up):
        raise InputError("level-out-of-range", f"disc {from_bottom} from the bottom was asked for; there are {len(up) - 1}")
    return f"{up[from_bottom]}/{up[from_bottom - 1]}"
